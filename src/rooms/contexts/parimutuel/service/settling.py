"""Settle rooms in two transactions: decide and close betting, then divide the money.

Every step looks at the room under its lock and does nothing where it was done already, so timer,
touch, staff and a restart after a crash may all call it at once.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from rooms.contexts.fairness.api import Accepted, Recorder, RecordKind
from rooms.contexts.ledger.api import (
    BREAKAGE,
    PLATFORM,
    PROTOCOL_REVENUE,
    ROOM_POOLS,
    Ledger,
    Movement,
)
from rooms.contexts.oracle.api import Oracle
from rooms.contexts.oracle.events import ConditionMet, ConditionNotMet
from rooms.contexts.parimutuel.api import RoomStatus, VoidReason
from rooms.contexts.parimutuel.domain import Room
from rooms.contexts.parimutuel.events import RoomMoved, RoomSettled, RoomVoided
from rooms.contexts.parimutuel.settlement_storage import (
    RoomDecision,
    Settled,
    SettlementStorage,
    Totals,
)
from rooms.contexts.parimutuel.storage import RoomStorage
from rooms.contexts.referral.api import Referral
from rooms.kernel.ids import JournalId, RoomId
from rooms.kernel.money import SOL
from rooms.kernel.time import Instant, from_millis, parse_rfc3339
from rooms.platform.database import Database, Tx
from rooms.platform.metrics import count_settlement
from rooms.proof.pool import Fees, Side, cutoff, fees

# A room of a million bets is paid in seconds; one that takes minutes has something wrong with it.
PAYOUT_TIME_OUT: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Settling:
    """Brings rooms from betting to SETTLED or VOIDED."""

    database: Database
    rooms: RoomStorage
    settlements: SettlementStorage
    ledger: Ledger
    oracle: Oracle
    referral: Referral
    log: Recorder

    async def condition_met(self, tx: Tx, fact: ConditionMet) -> None:
        """Take the oracle's word that a room's condition came true."""
        room = await self._undecided(tx, fact.subject)
        if room is None:
            return
        t_hit = from_millis(fact.t_hit) if fact.t_hit is not None else None
        t_clear = from_millis(fact.t_clear) if fact.t_clear is not None else None
        evidence = await self.oracle.evidence(tx, fact.ticks, room.assets)
        if not _came_late(room, evidence) and await self._was_queuing(tx, room, t_hit):
            # Met at close means that the room's clock was away at lock time.
            touched = fact.trigger == "touch"
            reason = VoidReason.TARGET_MET_QUEUING if touched else VoidReason.MIN_PLAYERS
            await self.void(tx, room, reason, fact.trigger, evidence)
            return
        decision = RoomDecision(
            outcome=Side.YES,
            reason=None,
            trigger=fact.trigger,
            t_hit=t_hit,
            t_clear=t_clear,
            cutoff=cutoff(t_hit, t_clear, room.terms.past_post) if t_hit and t_clear else None,
        )
        await self._decide(tx, room, decision, evidence)

    async def _was_queuing(self, tx: Tx, room: Room, t_hit: Instant | None) -> bool:
        """Say whether too few had bet at the touch: who saw it does not open the room."""
        if t_hit is None or room.status is RoomStatus.QUEUING:
            return room.status is RoomStatus.QUEUING
        return await self.settlements.players_before(tx, room.id, t_hit) < room.min_players

    async def condition_not_met(self, tx: Tx, fact: ConditionNotMet) -> None:
        """Take the oracle's word that a room's settle time passed without its condition."""
        room = await self._undecided(tx, fact.subject)
        if room is None:
            return
        decision = RoomDecision(outcome=Side.NO, reason=None, trigger=fact.trigger)
        evidence = await self.oracle.evidence(tx, fact.ticks, room.assets)
        await self._decide(tx, room, decision, evidence)

    async def _undecided(self, tx: Tx, subject: str) -> Room | None:
        room = await self.rooms.room_alone(tx, RoomId(int(subject.removeprefix("room:"))))
        if room is None or room.status in (RoomStatus.SETTLED, RoomStatus.VOIDED):
            return None
        if await self.settlements.decision(tx, room.id) is not None:
            return None
        return room

    async def _decide(
        self, tx: Tx, room: Room, decision: RoomDecision, evidence: Sequence[dict[str, Any]]
    ) -> None:
        """Store the decision with its evidence and close betting; the money moves next."""
        if room.status is RoomStatus.QUEUING:
            await self.void(tx, room, VoidReason.MIN_PLAYERS, decision.trigger, evidence)
            return
        if _came_late(room, evidence):
            await self.void(tx, room, VoidReason.NO_CONSENSUS, decision.trigger, evidence)
            return
        now = await self.rooms.now(tx)
        late = await self._scratch_unbound(tx, room, decision)
        decision = replace(decision, evidence=evidence, unbound=late)
        await self.settlements.add_decision(tx, room.id, decision, now)
        if room.status is not RoomStatus.SETTLING:
            cause = "the target was touched" if decision.trigger == "touch" else "settle time"
            await self._move(tx, room, RoomStatus.SETTLING, cause, now)
        else:
            await tx.publish(RoomMoved(room_id=room.id, status=RoomStatus.SETTLING))

    async def _scratch_unbound(self, tx: Tx, room: Room, decision: RoomDecision) -> int:
        """Remember the bets that no head of the log covered before the outcome; give how many."""
        late = await self.log.unbound(
            tx,
            Accepted.BET,
            accepted_before=decision.cutoff or room.locks_at,
            deadline=decision.t_hit or room.settles_at,
        )
        return await self.settlements.add_unbound(tx, room.id, late) if late else 0

    async def close_betting(self, room_id: RoomId) -> None:
        """Lock a room whose lock time has come; void it where too few players came."""
        async with self.database.transaction() as tx:
            room = await self.rooms.room_alone(tx, room_id)
            now = await self.rooms.now(tx)
            if room is None or now < room.locks_at:
                return
            if room.status is RoomStatus.QUEUING:
                await self.void(tx, room, VoidReason.MIN_PLAYERS, "lock")
            elif room.status is RoomStatus.OPEN:
                await self._move(tx, room, RoomStatus.LOCKED, "lock time", now)

    async def await_outcome(self, room_id: RoomId) -> None:
        """Bring a locked room whose settle time has come to SETTLING: it waits for prices."""
        async with self.database.transaction() as tx:
            room = await self.rooms.room_alone(tx, room_id)
            now = await self.rooms.now(tx)
            if room is not None and room.status is RoomStatus.LOCKED and now >= room.settles_at:
                await self._move(tx, room, RoomStatus.SETTLING, "settle time", now)

    async def give_up(self, room_id: RoomId) -> None:
        """Void a room whose grace period has passed without a consensus."""
        async with self.database.transaction() as tx:
            room = await self._undecided(tx, f"room:{room_id}")
            now = await self.rooms.now(tx)
            if room is None or now < room.settles_at + room.terms.settle_grace:
                return
            if await self.oracle.end_watch(tx, room.subject):
                await self.void(tx, room, VoidReason.NO_CONSENSUS, "grace")

    async def pay(
        self, room_id: RoomId, also: Callable[[Tx, Room], Awaitable[None]] | None = None
    ) -> bool:
        """Divide a decided room's money, and do ``also``, in one transaction.

        False where there is nothing (more) to do.
        """
        # The database ends a statement before the connection does, and then says so.
        patience = PAYOUT_TIME_OUT + timedelta(minutes=1)
        async with self.database.transaction(statement_time_out=patience) as tx:
            await self.settlements.make_room(tx, PAYOUT_TIME_OUT)
            room = await self.rooms.room_alone(tx, room_id)
            decision = await self.settlements.decision(tx, room_id)
            if room is None or decision is None or room.status is not RoomStatus.SETTLING:
                return False
            totals = await self.settlements.totals(tx, room.id, decision)
            if totals.winning == 0:
                await self._refund(tx, room, decision, totals, VoidReason.NO_WINNER)
            else:
                await self._divide(tx, room, decision, totals)
            if also is not None:
                await also(tx, room)
        return True

    async def void(
        self,
        tx: Tx,
        room: Room,
        reason: VoidReason,
        trigger: str,
        evidence: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Give every stake back, in the caller's transaction, which holds the room's lock."""
        await self.oracle.end_watch(tx, room.subject)
        decision = RoomDecision(outcome=None, reason=reason, trigger=trigger, evidence=evidence)
        await self.settlements.add_decision(tx, room.id, decision, await self.rooms.now(tx))
        totals = await self.settlements.totals(tx, room.id, decision)
        await self._refund(tx, room, decision, totals, reason)

    async def _divide(self, tx: Tx, room: Room, decision: RoomDecision, totals: Totals) -> None:
        terms = room.terms.pool
        taken = fees(totals.handle, totals.winning, terms)
        await self.ledger.open_movements(tx)
        await self.referral.open_rewards(tx)
        await self.settlements.pay_bets(tx, room.id, decision, taken, totals.winning)
        await self.settlements.reward_uplines(
            tx,
            room.id,
            decision,
            takeout=taken.takeout,
            handle=totals.handle,
            bps=terms.reward_bps,
        )
        await self.settlements.bets_are_read(tx)
        rewards = await self.settlements.pay_rewards(tx, room.id)
        await self.referral.accrue(tx, SOL)
        breakage = taken.net - await self.settlements.paid_out(tx)
        settled = Settled(
            outcome=decision.outcome,
            reason=None,
            cutoff=decision.cutoff,
            totals=totals,
            fees=taken,
            breakage=breakage,
            rewards=rewards,
            journal=await self._post(
                tx, room, totals, await self._taken(tx, room, taken, rewards, breakage)
            ),
        )
        await self._end(tx, room, settled)

    async def _taken(
        self, tx: Tx, room: Room, taken: Fees, rewards: int, breakage: int
    ) -> list[Movement]:
        """Say what is not paid out: the host's fee, the protocol's, and what rounding leaves."""
        revenue = await self.ledger.open_account(tx, SOL, PROTOCOL_REVENUE, PLATFORM)
        left_over = await self.ledger.open_account(tx, SOL, BREAKAGE, PLATFORM)
        return [
            Movement(room.host_account, taken.host_fee, "host_fee", room.subject),
            Movement(revenue, taken.protocol_fee - rewards, "protocol_fee", room.subject),
            Movement(left_over, breakage, "breakage", room.subject),
        ]

    async def _refund(
        self, tx: Tx, room: Room, decision: RoomDecision, totals: Totals, reason: VoidReason
    ) -> None:
        await self.ledger.open_movements(tx)
        await self.settlements.pay_bets(tx, room.id, decision, None, 0)
        await self.settlements.bets_are_read(tx)
        settled = Settled(
            outcome=None,
            reason=reason,
            cutoff=decision.cutoff,
            totals=totals,
            fees=Fees(takeout=0, host_fee=0, protocol_fee=0, net=totals.handle),
            breakage=0,
            rewards=0,
            journal=await self._post(tx, room, totals, []),
        )
        await self._end(tx, room, settled)

    async def _post(
        self, tx: Tx, room: Room, totals: Totals, taken: Sequence[Movement]
    ) -> JournalId | None:
        """Take the room's stakes out of the pools and post all its movements as one journal."""
        if not totals.bets:
            return None
        pools = [
            Movement(
                await self.ledger.open_account(tx, SOL, ROOM_POOLS, str(shard)),
                -staked,
                "settle",
                room.subject,
            )
            for shard, staked in enumerate(totals.shards)
        ]
        moved = [movement for movement in (*taken, *pools) if movement.amount]
        return await self.ledger.post(tx, f"settle:{room.id}", moved)

    async def _end(self, tx: Tx, room: Room, settled: Settled) -> None:
        """Store the settlement, move the room to its end, tell."""
        now = await self.rooms.now(tx)
        await self.settlements.add_settlement(tx, room.id, settled, now)
        await self.log.record(tx, RecordKind.ROOM_SETTLED, now, {"room": str(room.id)})
        bets = settled.totals.bets
        counted = partial(
            count_settlement,
            outcome=settled.outcome,
            bets=bets,
            handle=settled.totals.handle,
            takeout=settled.fees.takeout,
        )
        tx.once_committed.append(counted)
        if settled.reason is not None:
            await self.rooms.move(tx, room, RoomStatus.VOIDED, cause=settled.reason, at=now)
            await tx.publish(RoomVoided(room_id=room.id, reason=settled.reason, bets=bets))
            return
        assert settled.outcome is not None
        await self.rooms.move(tx, room, RoomStatus.SETTLED, cause=settled.outcome, at=now)
        await tx.publish(
            RoomSettled(
                room_id=room.id,
                outcome=settled.outcome,
                handle=settled.totals.handle,
                takeout=settled.fees.takeout,
                bets=bets,
            )
        )

    async def _move(self, tx: Tx, room: Room, status: RoomStatus, cause: str, at: Instant) -> None:
        await self.rooms.move(tx, room, status, cause=cause, at=at)
        await tx.publish(RoomMoved(room_id=room.id, status=status))


def _came_late(room: Room, evidence: Sequence[dict[str, Any]]) -> bool:
    """Say whether the deciding observation is of a time when the room's grace had passed."""
    return _decided_at(evidence) > room.settles_at + room.terms.settle_grace


def _decided_at(evidence: Sequence[dict[str, Any]]) -> Instant:
    """Give the time of the deciding observation: the earliest of its assets' at the last tick."""
    last = max(each["tick"] for each in evidence)
    return min(parse_rfc3339(each["at"]) for each in evidence if each["tick"] == last)
