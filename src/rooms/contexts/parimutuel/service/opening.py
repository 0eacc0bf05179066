"""Open a room: what is asked is checked, priced now, and fixed for its whole life."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from rooms.contexts.fairness.api import Recorder, RecordKind
from rooms.contexts.oracle.api import Oracle, Tick
from rooms.contexts.parimutuel.api import OpenRoom, RoomStatus, RoomView
from rooms.contexts.parimutuel.domain import (
    Limits,
    assets_of,
    clean_title,
    lock_time,
    priced,
    read_market,
    require_open_target,
    require_players,
    room_times,
)
from rooms.contexts.parimutuel.events import RoomOpened
from rooms.contexts.parimutuel.queries import RoomQueries
from rooms.contexts.parimutuel.service.published import opened_fields
from rooms.contexts.parimutuel.storage import NewRoom, RoomStorage, new_watch
from rooms.contexts.referral.api import Referral
from rooms.kernel.ids import PlayerId, RoomId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Clock, Instant, to_millis
from rooms.platform.commands import Answered, once, peek_answer
from rooms.platform.database import Database, Tx
from rooms.platform.limiter import MINUTE, Limiter
from rooms.proof.condition import Condition, leaves, with_supplies
from rooms.proof.consensus import NoConsensus
from rooms.proof.pool import terms_problem
from rooms.proof.records import Salts
from rooms.proof.terms import RoomTerms


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens rooms. ``terms`` are those in force now; each room keeps its own."""

    database: Database
    rooms: RoomStorage
    queries: RoomQueries
    oracle: Oracle
    referral: Referral
    clock: Clock
    limits: Limits
    terms: RoomTerms
    curiosity: "Curiosity"
    log: Recorder
    salts: Salts

    async def open_room(self, command: OpenRoom) -> Answered[RoomView]:
        """Open a room; the price is asked for before the transaction begins."""
        async with self.database.transaction() as tx:
            earlier = await peek_answer(tx, command.key, RoomView)
        if earlier is not None:
            return Answered(earlier, replayed=True)
        asked = self._check(command)
        await self._admit(command, assets_of(asked["condition"]))
        tick = await self.oracle.observe(priced(asked["condition"]))
        asked["condition"] = settled_question(asked["condition"], command.resolve, tick)
        async with self.database.transaction() as tx:
            return await once(
                tx, command.key, RoomView, lambda: self._create(tx, command, asked, tick)
            )

    def _check(self, command: OpenRoom) -> dict[str, Any]:
        if terms_problem(self.terms.pool):
            raise Refusal("E-ROOM-TERMS", why=terms_problem(self.terms.pool))
        if command.resolve not in ("touch", "at_close"):
            raise Refusal("E-ROOM-MARKET", why="resolve is touch or at_close")
        duration, fraction = room_times(
            now=self.clock.now(),
            settles_in=command.settles_in,
            settles_at=command.settles_at,
            lock_fraction=command.lock_fraction,
            limits=self.limits,
        )
        return {
            "title": clean_title(command.title),
            "condition": read_market(command.market),
            "min_players": require_players(command.min_players, self.limits),
            "duration": duration,
            "fraction": fraction,
        }

    async def _admit(self, command: OpenRoom, assets: Collection[str]) -> None:
        """Refuse, before any source is asked, who has all his rooms or asks for too much new."""
        async with self.database.snapshot() as tx:
            await self._require_room_left(tx, command.host)
            known = await self.oracle.ever_priced(tx, assets)
        new = len(set(assets) - known)
        self.curiosity.admit(command.host, new, self.clock.now())

    async def _require_room_left(self, tx: Tx, host: PlayerId) -> None:
        if await self.rooms.open_rooms_of(tx, host) >= self.limits.rooms_per_host:
            raise Refusal("E-ROOM-LIMIT", most=self.limits.rooms_per_host)

    async def _create(
        self, tx: Tx, command: OpenRoom, asked: dict[str, Any], tick: Tick
    ) -> RoomView:
        await self.rooms.lock_host(tx, command.host)
        await self._require_room_left(tx, command.host)
        host = await self.referral.member(tx, command.host)
        created_at = await self.rooms.now(tx)
        settles_at = command.settles_at or created_at + asked["duration"]
        new = NewRoom(
            title=asked["title"],
            condition=asked["condition"],
            assets=assets_of(asked["condition"]),
            resolve=command.resolve,
            host_id=command.host,
            host_account=host.account_id,
            min_players=asked["min_players"],
            terms=self.terms,
            void_delay=self.limits.admin_void_delay,
            first_tick=tick.id,
            created_at=created_at,
            locks_at=lock_time(created_at, settles_at - created_at, asked["fraction"]),
            settles_at=settles_at,
        )
        return await self._store(tx, new)

    async def _store(self, tx: Tx, new: NewRoom) -> RoomView:
        room: RoomId = await self.rooms.add_room(tx, new)
        await self.rooms.add_transition(
            tx, room, RoomStatus.QUEUING, cause="created", at=new.created_at
        )
        await self.oracle.watch(tx, new_watch(room, new))
        await tx.publish(RoomOpened(room_id=room, host_id=new.host_id))
        fields = opened_fields(room, new, self.salts)
        await self.log.record(tx, RecordKind.ROOM_OPENED, new.created_at, fields)
        return await self.queries.room(tx, room)


@dataclass(frozen=True, slots=True)
class Curiosity:
    """How many assets that were never priced may be asked for: of one host, and of all together.

    Each process counts for itself, in memory.
    """

    per_host: Limiter
    of_all: Limiter

    def admit(self, host: PlayerId, assets: int, now: Instant) -> None:
        """Refuse E-ROOM-RATE where that is too many."""
        for _ in range(assets):
            for limiter, who in ((self.per_host, str(host).encode()), (self.of_all, b"")):
                seconds = limiter.wait(who, to_millis(now))
                if seconds:
                    raise Refusal("E-ROOM-RATE", rate=limiter.rate, seconds=seconds)


def curiosity(limits: Limits) -> Curiosity:
    """Give what the house allows its hosts in a minute."""
    return Curiosity(
        Limiter(limits.new_assets_per_host, period=MINUTE),
        Limiter(limits.new_assets, period=MINUTE),
    )


def settled_question(condition: Condition, resolve: str, tick: Tick) -> Condition:
    """Fix a question by its first observation; refuses what cannot be priced or is answered.

    Refuses E-ASSET-UNKNOWN where the sources do not know the asset, E-ASSET-UNPRICED where too few
    agree now, E-ROOM-TARGET where a touch room's target is already met.
    """
    for leaf in leaves(condition):
        missing = tick.missing.get(leaf.asset)
        if missing is not None:
            code = "E-ASSET-UNKNOWN" if _unheard_of(missing) else "E-ASSET-UNPRICED"
            raise Refusal(code, asset=leaf.asset, why=missing.reason)
    supplies = {
        asset: observation.supply
        for asset, observation in tick.observations.items()
        if observation.supply is not None
    }
    for leaf in leaves(condition):
        if leaf.type == "token_market_cap" and leaf.asset not in supplies:
            raise Refusal("E-ASSET-UNPRICED", asset=leaf.asset, why="its supply is not known")
    fixed = with_supplies(condition, supplies)
    prices = {asset: observation.price for asset, observation in tick.observations.items()}
    require_open_target(fixed, resolve, prices)
    return fixed


def _unheard_of(missing: NoConsensus) -> bool:
    """Whether nobody has a price and most sources say that they do not know the asset.

    Not all of them need to: one may be silent at the moment, or refuse without saying why.
    """
    quotes = [judged.quote for judged in missing.quotes]
    unknown = [quote for quote in quotes if quote.failure == "unknown"]
    return all(quote.price is None for quote in quotes) and 2 * len(unknown) > len(quotes)
