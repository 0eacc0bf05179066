"""What happens in the transaction of bets that are looked at: lock, judge each, write the accepted.

Most bets need no look: see ``lean``. Here come those of which one might be refused, was placed
before, opens its room, or has to wait; each gets its own answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rooms.contexts.fairness.api import Accepted, Recorder
from rooms.contexts.identity.api import Bearer, Identity, Standing
from rooms.contexts.ledger.api import Ledger, Payment
from rooms.contexts.oracle.api import Basis, Newest, Oracle
from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet, RoomStatus
from rooms.contexts.parimutuel.domain import (
    Limits,
    Room,
    require_depth,
    require_fresh,
    require_stake,
    require_unmet,
)
from rooms.contexts.parimutuel.events import BetsPlaced, RoomMoved
from rooms.contexts.parimutuel.service.seen import BETTING, Seen
from rooms.contexts.parimutuel.storage import BetStorage, KnownBet, NewBet, RoomStorage
from rooms.contexts.referral.api import Member
from rooms.kernel.ids import AccountId, BetId, PlayerId, RoomId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant
from rooms.platform.commands import Answered
from rooms.platform.database import Tx
from rooms.platform.metrics import count_bets

Place = tuple[RoomId, PlayerId]
Key = tuple[PlayerId, str]


class Asked(NamedTuple):
    """A bet that somebody wants to place, and who that is."""

    command: PlaceBet
    member: Member


class Busy(NamedTuple):
    """Somebody else has this room, account or player's token locked: the bet has to wait for it."""

    what: str
    number: int


class KnownAlreadyError(Exception):
    """Somebody else has just placed a bet of the batch; nothing of the batch was written."""


Answer = Answered[BetReceipt] | Refusal | Busy


@dataclass(slots=True)
class Counter:
    """What the bets of a batch are judged by.

    ``closed`` says of each room that takes no bet why. ``available`` is what the locked accounts
    can still pay, ``handles`` the stakes in rooms whose depth is limited. ``barred`` says of each
    token that may be revoked before the bets are accepted what its bearer is told.
    """

    at: Instant
    rooms: Mapping[RoomId, Room]
    closed: Mapping[RoomId, Refusal | Busy]
    newest: Mapping[Basis, Newest]
    handles: dict[RoomId, int]
    available: dict[AccountId, int]
    barred: Mapping[Standing, Refusal | Busy]
    known_keys: dict[Key, BetReceipt] = field(default_factory=dict)
    known_places: dict[Place, BetReceipt] = field(default_factory=dict)
    keys: dict[Key, Asked] = field(default_factory=dict)
    accepted: dict[Place, Asked] = field(default_factory=dict)

    def recall(self, bets: Iterable[KnownBet]) -> None:
        """Take note of bets that were accepted before."""
        for bet in bets:
            self.known_keys[bet.player, bet.key] = bet.receipt
            self.known_places[bet.receipt.room_id, bet.player] = bet.receipt


@dataclass(frozen=True, slots=True)
class Placing:
    """Judges and writes batches of bets whose stakes go to one account of the pools."""

    rooms: RoomStorage
    bets: BetStorage
    identity: Identity
    ledger: Ledger
    oracle: Oracle
    log: Recorder
    limits: Limits
    seen: Seen

    async def place(
        self, tx: Tx, batch: Sequence[Asked], pool: AccountId, *, wait: bool
    ) -> list[Answer]:
        """Give each bet its answer; what is accepted is written when the transaction commits.

        Raises KnownAlreadyError where a bet is placed by somebody else between look and insert.
        ``wait`` waits for locks that others have, rather than answering ``Busy``.
        """
        counter = await self._open_counter(tx, batch, wait=wait)
        counter.recall(await self.bets.earlier(tx, [asked.command for asked in batch]))
        answers = [self._judge(counter, asked) for asked in batch]
        ids = await self._write(tx, counter, pool) if counter.accepted else {}
        return [
            _receipt(counter, ids, asked) if answer is None else answer
            for asked, answer in zip(batch, answers, strict=True)
        ]

    async def _open_counter(self, tx: Tx, batch: Sequence[Asked], *, wait: bool) -> Counter:
        wanted = {asked.command.room for asked in batch}
        barred = await self._barred(tx, batch, wait=wait)
        seen = await self._look(tx, wanted)
        rooms, at = await self._lock(tx, seen, wait=wait)
        newest = await self.oracle.newest(tx, {b for room in rooms.values() for b in room.bases})
        self.seen.note_prices(newest)
        closed: dict[RoomId, Refusal | Busy] = {}
        for number in wanted:
            reason = self._closed(number, seen, rooms, newest, at)
            if reason is not None:
                closed[number] = reason
        return Counter(
            at=at,
            rooms=rooms,
            closed=closed,
            newest=newest,
            handles={
                room.id: await self.bets.handle(tx, room.id)
                for room in rooms.values()
                if room.has_tokens
            },
            available=await self._spendable(tx, batch, closed, wait=wait),
            barred=barred,
        )

    async def _barred(
        self, tx: Tx, batch: Sequence[Asked], *, wait: bool
    ) -> dict[Standing, Refusal | Busy]:
        """Keep the tokens that were shown from being revoked; say whose cannot be kept."""
        commands = [asked.command for asked in batch]
        shown = {Bearer(each.player, each.standing) for each in commands if each.standing}
        kept = await self.identity.keep(tx, shown, wait=wait) if shown else set()
        return {
            bearer.standing: Refusal("E-AUTH") if wait else Busy("token", bearer.player_id)
            for bearer in shown
            if bearer.standing not in kept
        }

    async def _look(self, tx: Tx, wanted: set[RoomId]) -> dict[RoomId, Room]:
        """Give the rooms that exist, as they were last seen."""
        unseen = wanted - self.seen.rooms.keys()
        if unseen:
            found = await self.rooms.rooms_of(tx, unseen)
            terms = await self.oracle.terms_of(tx, [room.subject for room in found])
            for room in found:
                self.seen.note_room(replace(room, priced_on=terms[room.subject]))
        seen = {room: self.seen.rooms[room] for room in wanted if room in self.seen.rooms}
        self.seen.forget_oldest()
        return seen

    async def _lock(
        self, tx: Tx, seen: Mapping[RoomId, Room], *, wait: bool
    ) -> tuple[dict[RoomId, Room], Instant]:
        """Lock the rooms that may take bets; give those that could be locked, and the time."""
        alone = {
            # The bettors who open a room are counted one after the other, and those whose stakes
            # a token's depth limits must see each other.
            room.id: room.status is RoomStatus.QUEUING or room.has_tokens
            for room in seen.values()
            if room.status in BETTING
        }
        rows = await self.rooms.lock_for_bets(tx, alone, wait=wait) if alone else []
        locked = {}
        for number, status, locks_at, _ in rows:
            room = seen[number]
            if (room.status, room.locks_at) != (status, locks_at):
                room = replace(room, status=status, locks_at=locks_at)
                self.seen.note_room(room)
            locked[number] = room
        return locked, rows[0].at if rows else await self.rooms.now(tx)

    def _closed(
        self,
        number: RoomId,
        seen: Mapping[RoomId, Room],
        rooms: Mapping[RoomId, Room],
        newest: Mapping[Basis, Newest],
        at: Instant,
    ) -> Refusal | Busy | None:
        """Say why a room takes no bet at this instant."""
        room = rooms.get(number) or seen.get(number)
        if room is None:
            return Refusal("E-ROOM-UNKNOWN", room=number)
        if number not in rooms and room.status in BETTING:
            return Busy("room", number)
        try:
            room.admit(at)
            require_fresh(room, newest, at, self.limits)
            require_unmet(room, newest)
        except Refusal as refusal:
            return refusal
        return None

    async def _spendable(
        self,
        tx: Tx,
        batch: Sequence[Asked],
        closed: Mapping[RoomId, Refusal | Busy],
        *,
        wait: bool,
    ) -> dict[AccountId, int]:
        accounts = {asked.member.account_id for asked in batch if asked.command.room not in closed}
        return await self.ledger.spendable(tx, accounts, wait=wait) if accounts else {}

    def _judge(self, counter: Counter, asked: Asked) -> Answer | None:
        """Accept a bet, or the twin of one just accepted, by None; else say what it is told."""
        try:
            return self._decide(counter, asked)
        except Refusal as refusal:
            return refusal

    def _decide(self, counter: Counter, asked: Asked) -> Answer | None:
        command = asked.command
        barred = counter.barred.get(command.standing) if command.standing else None
        if barred is not None:
            return barred
        key, place = (command.player, command.key), (command.room, command.player)
        known = counter.known_keys.get(key)
        if known is not None:
            return Answered(_same_command(known, command), replayed=True)
        twin = counter.keys.get(key)
        if twin is not None:
            _require_same(twin.command, command)
            return None
        require_stake(command.stake, self.limits)
        _require_first(counter, place)
        closed = counter.closed.get(command.room)
        if closed is not None:
            return closed
        account = asked.member.account_id
        if account not in counter.available:
            return Busy("account", account)
        self._require_money(counter, command, counter.available[account])
        counter.available[account] -= command.stake
        if command.room in counter.handles:
            counter.handles[command.room] += command.stake
        counter.keys[key] = counter.accepted[place] = asked
        return None

    def _require_money(self, counter: Counter, command: PlaceBet, available: int) -> None:
        if command.room in counter.handles:
            handle = counter.handles[command.room] + command.stake
            require_depth(counter.rooms[command.room], counter.newest, handle, self.limits)
        if available < command.stake:
            raise Refusal("E-BAL-LOW", available=available, needed=command.stake)

    async def _write(self, tx: Tx, counter: Counter, pool: AccountId) -> dict[Place, BetId]:
        accepted = counter.accepted.values()
        ids = await self.bets.add(tx, [_row(counter, asked) for asked in accepted], counter.at)
        if len(ids) < len(accepted):
            raise KnownAlreadyError
        payments = [
            Payment(member.account_id, command.stake, counter.rooms[command.room].subject)
            for command, member in accepted
        ]
        await self.ledger.collect(tx, f"bets:{min(ids.values())}", "stake", payments, pool)
        await tx.publish(_placed(counter, ids))
        await self.log.accept(tx, Accepted.BET, sorted(ids.values()), counter.at)
        staked = sum(command.stake for command, _ in accepted)
        tx.once_committed.append(lambda _: count_bets(len(accepted), staked))
        await self._open_full(tx, counter)
        return ids

    async def _open_full(self, tx: Tx, counter: Counter) -> None:
        """Open the rooms that enough players have come to."""
        for number in {room for room, _ in counter.accepted}:
            room = counter.rooms[number]
            if room.status is not RoomStatus.QUEUING:
                continue
            if await self.bets.count(tx, number) >= room.min_players:
                opened = RoomStatus.OPEN
                await self.rooms.move(tx, room, opened, cause="enough players", at=counter.at)
                await tx.publish(RoomMoved(room_id=number, status=opened))


def _require_first(counter: Counter, place: Place) -> None:
    twin = counter.accepted.get(place)
    first = twin.command if twin is not None else counter.known_places.get(place)
    if first is not None:
        raise Refusal("E-BET-DUP", room=place[0], side=first.side, stake=first.stake)


def _same_command(earlier: BetReceipt, command: PlaceBet) -> BetReceipt:
    asked = (command.room, command.side, command.stake)
    if (earlier.room_id, earlier.side, earlier.stake) != asked:
        raise Refusal("E-KEY-REUSED")
    return earlier


def _require_same(twin: PlaceBet, command: PlaceBet) -> None:
    if (twin.room, twin.side, twin.stake) != (command.room, command.side, command.stake):
        raise Refusal("E-KEY-REUSED")


def _row(counter: Counter, asked: Asked) -> NewBet:
    command, member = asked
    return NewBet(
        command.room,
        command.player,
        member.account_id,
        command.side,
        command.stake,
        command.player == counter.rooms[command.room].host_id,
        *member.uplines,
        command.key,
    )


def _placed(counter: Counter, ids: Mapping[Place, BetId]) -> BetsPlaced:
    commands = [counter.accepted[place].command for place in ids]
    return BetsPlaced(
        bets=list(ids.values()),
        rooms=[command.room for command in commands],
        players=[command.player for command in commands],
        sides=[command.side for command in commands],
        stakes=[command.stake for command in commands],
    )


def _receipt(counter: Counter, ids: Mapping[Place, BetId], asked: Asked) -> Answered[BetReceipt]:
    command = asked.command
    place = (command.room, command.player)
    receipt = BetReceipt(
        id=ids[place],
        room_id=command.room,
        side=command.side,
        stake=command.stake,
        placed_at=counter.at,
    )
    return Answered(receipt, replayed=counter.accepted[place] is not asked)
