"""A small house for tests: the real contexts over one database, with an oracle driven by hand."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final

import pytest

from rooms.contexts.fairness.api import Accepted, Log, RecordKind
from rooms.contexts.fairness.module import (
    LogWiring,
    log_service,
    sequencing,
    solvency_service,
    staff_acts,
)
from rooms.contexts.fairness.service.solvency import SolvencyService
from rooms.contexts.identity.api import Administrator, Identity
from rooms.contexts.identity.module import identity_module
from rooms.contexts.keno.module import ticket_entries
from rooms.contexts.ledger.api import Ledger
from rooms.contexts.ledger.checks import check_books
from rooms.contexts.ledger.module import ledger_module
from rooms.contexts.parimutuel.api import BetReceipt, OpenRoom, PlaceBet, RoomStatus, RoomView
from rooms.contexts.parimutuel.domain import Limits
from rooms.contexts.parimutuel.module import (
    Neighbours,
    bet_entries,
    parimutuel_module,
    settled_rooms,
)
from rooms.contexts.parimutuel.service.rooms import RoomsService
from rooms.contexts.parimutuel.workers import RoomClock
from rooms.contexts.referral.api import Referral, SignUp
from rooms.contexts.referral.module import referral_module
from rooms.kernel.ids import AccountId, BetId, CommandKey, PlayerId, RoomId
from rooms.kernel.money import SOL, lamports
from rooms.kernel.time import Instant
from rooms.platform.clock import SystemClock
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.lease import Lease
from rooms.platform.module import Consumer
from rooms.platform.outbox import Delivery
from rooms.platform.postgres import Dsn
from rooms.proof.checkpoint import WITNESS_KEY, NoteKey
from rooms.proof.evidence import verify_room
from rooms.proof.findings import Report
from rooms.proof.pool import Side, Terms
from rooms.proof.signature import Signer
from rooms.proof.terms import OracleTerms, RoomTerms, SourceTerms
from tests.hand_oracle import HandOracle

ONE: Final = 1_000_000_000
MINT: Final = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"
TARGET: Final = "165.00"
TOUCH_SOL: Final = {
    "type": "coin_price",
    "asset": "SOL",
    "direction": "at_or_above",
    "target": TARGET,
}
LIMITS: Final = Limits(
    duration_min=timedelta(minutes=15),
    duration_max=timedelta(hours=24),
    lock_fraction=Decimal("0.5"),
    min_players=2,
    stake_min=1_000_000,
    stake_max=1_000 * ONE,
    rooms_per_host=10,
    new_assets_per_host=1_000,
    new_assets=1_000,
    admin_void_delay=timedelta(minutes=10),
    stale_after=timedelta(seconds=10),
    token_depth_bps=200,
    token_liquidity_floor=50 * ONE,
)


def source(role: str, origin: str, weight: int = 1) -> SourceTerms:
    return SourceTerms(weight=weight, origin=origin, max_age=timedelta(minutes=2), role=role)


TERMS: Final = RoomTerms(
    pool=Terms(protocol_bps=200, host_bps=100),
    past_post=timedelta(seconds=3),
    settle_grace=timedelta(minutes=15),
    confirmations=2,
    token_window=timedelta(minutes=5),
    oracle=OracleTerms(
        quorum_coin=3,
        quorum_token=2,
        spread_coin=Decimal("0.005"),
        spread_token=Decimal("0.03"),
        sources={
            "binance": source("coin", "binance", 3),
            "coinbase": source("coin", "coinbase", 2),
            "kraken": source("coin", "kraken", 2),
            "coingecko": source("bound", "coingecko"),
            "dexscreener": source("token", "dexscreener"),
            "coingecko_onchain": source("token", "coingecko"),
        },
    ),
)

REF_KEY: Final = b"a key for references in tests..."
LOG: Final = LogWiring(
    origin="rooms.example/log",
    log_seed=b"\1" * 32,
    receipt_seed=b"\2" * 32,
    witnesses=(NoteKey("witness.example", WITNESS_KEY, Signer(b"\3" * 32).public),),
    sources={Accepted.BET: bet_entries(REF_KEY), Accepted.TICKET: ticket_entries(REF_KEY)},
    completions={RecordKind.ROOM_SETTLED: settled_rooms(REF_KEY)},
    holder="the test",
    interval=timedelta(milliseconds=500),
)


@dataclass(frozen=True, slots=True)
class Person:
    """A player with the ledger account and the referral code that came with the sign-up."""

    id: PlayerId
    account: AccountId
    code: str
    token: str = field(repr=False)


_numbers = count(1)


def a_key(scope: str = "test", key: str | None = None, body: bytes = b"body") -> CommandKey:
    """A key of its own, unless one is given."""
    return CommandKey(scope, key or f"key-{next(_numbers)}", body)


@dataclass(frozen=True, slots=True)
class House:
    """The contexts by their real wiring. ``owner`` may change what the application may not."""

    database: Database
    owner: Database
    oracle: HandOracle
    ledger: Ledger
    identity: Identity
    referral: Referral
    rooms: RoomsService
    log: Log
    clock: RoomClock
    decide: Consumer

    async def player(self, fund: int = 100 * ONE, referrer: Person | None = None) -> Person:
        """Sign somebody up with play money."""
        token = f"token-{next(_numbers)}"
        signed = await self.referral.sign_up(
            SignUp(
                name="Somebody",
                referrer=referrer.code if referrer else None,
                fund=lamports(fund),
                token=token,
                key=a_key("sign-up"),
            )
        )
        async with self.database.transaction() as tx:
            member = await self.referral.member(tx, signed.value.player_id)
        code = signed.value.referral_code
        return Person(member.player_id, member.account_id, code, token)

    async def administrator(self, name: str, person: Person | None = None) -> Administrator:
        """Appoint somebody."""
        token = await self.identity.appoint(name, person.id if person else None)
        return await self.identity.administrator_of(token)

    async def open_room(
        self, host: Person, *, key: CommandKey | None = None, **changes: Any
    ) -> RoomView:
        """Open a room about SOL at 165, by touch, for an hour, unless something is changed."""
        asked: dict[str, Any] = {
            "title": "SOL touches 165 within the hour",
            "market": TOUCH_SOL,
            "resolve": "touch",
            "settles_in": timedelta(hours=1),
            "settles_at": None,
            "lock_fraction": None,
            "min_players": None,
        }
        command = OpenRoom(host=host.id, key=key or a_key(), **{**asked, **changes})
        return (await self.rooms.open_room(command)).value

    async def bet(
        self, room: RoomId, person: Person, side: Side, stake: int = ONE, *, key: str | None = None
    ) -> BetReceipt:
        """Place a bet at the price as it is said now."""
        command = PlaceBet(
            room=room, player=person.id, side=side, stake=stake, key=key or f"bet-{next(_numbers)}"
        )
        return (await self.rooms.place_bet(command)).value

    async def look(self, price: str | None = None, *, at: Instant | None = None) -> int:
        """Let the oracle see SOL, at another price if one is given; give the tick."""
        if price is not None:
            self.oracle.say("SOL", price)
        return await self.oracle.look("SOL", at=at)

    async def touched(self, room: RoomId, t_hit: Instant, t_clear: Instant) -> None:
        """Let the target be touched at ``t_hit``, clear until ``t_clear``, and the room hear it."""
        ticks = [
            await self.look("164", at=t_clear),
            await self.look("165", at=t_hit),
            await self.look("165", at=t_hit + timedelta(seconds=3)),
        ]
        await self.oracle.tell_touched(room, ticks, t_hit=t_hit, t_clear=t_clear)
        await self.deliver()

    async def closed(self, room: RoomId, outcome: Side, *, at: Instant | None = None) -> None:
        """Let the price be seen at the settle time (or ``at``) and the room hear it."""
        settles_at = (await self.rooms.room(room)).settles_at
        tick = await self.look("165" if outcome is Side.YES else "164", at=at or settles_at)
        await self.oracle.tell_closed(room, [tick], met=outcome is Side.YES)
        await self.deliver()

    async def deliver(self) -> int:
        """Bring the oracle's facts to parimutuel, as its own loop would."""
        return await Delivery(self.database, self.decide).deliver_batch()

    async def settle(self, room: RoomId, outcome: Side) -> RoomView:
        """Take a room past its settle time, decide it there, and pay."""
        await self.let_pass(room, until="settles_at")
        await self.clock.tick()
        await self.closed(room, outcome)
        await self.clock.tick()
        return await self.rooms.room(room)

    async def let_pass(
        self, room: RoomId, *, until: str, more: timedelta = timedelta()
    ) -> timedelta:
        """Let time pass for one room until its ``locks_at`` or ``settles_at`` (and ``more``).

        The database's clock cannot be set, so everything that has happened in the room is moved
        into the past instead, by the owner of the tables; the application could not do it.
        """
        async with self.owner.transaction() as tx:
            passed = await tx.value(
                f"SELECT {until} - clock_timestamp() + interval '1 ms' FROM parimutuel.rooms "
                f"WHERE id = $1",
                room,
            )
        return await self.let_pass_for(room, passed + more)

    async def let_pass_for(self, room: RoomId, passed: timedelta) -> timedelta:
        """Move everything that has happened in a room into the past; give by how much."""
        whole = passed - passed % timedelta(milliseconds=1) + timedelta(milliseconds=1)
        async with self.owner.transaction() as tx:
            for table, key, columns in HAPPENED:
                moved = ", ".join(f"{column} = {column} - $2::interval" for column in columns)
                await tx.execute(
                    f"UPDATE {table} SET {moved} WHERE {key} = $1",
                    f"room:{room}" if key == "subject" else room,
                    whole,
                )
            await tx.execute(
                "UPDATE fairness.pending SET at = at - $2::interval WHERE kind = 'bet' "
                "AND ids && ARRAY(SELECT id FROM parimutuel.bets WHERE room_id = $1)",
                room,
                whole,
            )
        return whole

    async def date_bet(self, bet: BetId, at: Instant) -> None:
        """Let a bet have been accepted at this instant: only the owner of the tables can."""
        async with self.owner.transaction() as tx:
            await tx.execute("UPDATE parimutuel.bets SET accepted_at = $2 WHERE id = $1", bet, at)
            await tx.execute(
                "UPDATE fairness.pending SET at = $2 WHERE ids = ARRAY[$1::bigint]", bet, at
            )

    async def append(self) -> None:
        """Append to the log what waits, as its sequencer would."""
        lease = Lease(self.database, "log", "the test")
        assert await lease.acquire()
        appending = sequencing(self.database, LOG)
        while await appending.append(lease):
            pass
        await appending.completing.settle()
        await appending.append(lease)
        await lease.release()

    async def entries(self) -> list[dict[str, Any]]:
        """Read the whole log."""
        size = (await self.log.head()).size
        return [json.loads(entry) for entry in await self.log.entries(0, size)] if size else []

    async def date_heads(self, by: timedelta) -> None:
        """Let every head have been signed earlier by so much: only the tables' owner can."""
        async with self.owner.transaction() as tx:
            await tx.execute("UPDATE fairness.heads SET at = at - $1::interval", by)

    async def verified(self, room: RoomId) -> Report:
        """Derive a settled room again from its file, as anybody can."""
        return verify_room([line async for line in self.rooms.settlement_file(room)])

    async def balance(self, person: Person) -> int:
        """What a person can spend."""
        balances = await self.ledger.balances(person.id)
        return sum(balance.available for balance in balances if balance.asset == SOL)

    async def balances_of(self, kind: str) -> int:
        """What all accounts of a kind have together."""
        async with self.database.snapshot() as tx:
            return int(
                await tx.value(
                    "SELECT coalesce(sum(balance), 0) FROM ledger.accounts WHERE kind = $1", kind
                )
            )

    async def status(self, room: RoomId) -> RoomStatus:
        """Where a room is in its life."""
        return (await self.rooms.room(room)).status

    async def books_are_right(self) -> None:
        """Re-sum everything, and hold no more in pools than unsettled rooms have been staked."""
        async with self.database.snapshot() as tx:
            wrong = {each.name: each.wrong for each in await check_books(tx) if each.wrong}
            assert wrong == {}
            pools = await tx.row(POOLS)
        assert pools is not None
        assert pools["held"] == pools["staked"]


HAPPENED: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("parimutuel.rooms", "id", ("created_at", "locks_at", "settles_at")),
    ("parimutuel.bets", "room_id", ("accepted_at",)),
    ("parimutuel.transitions", "room_id", ("at",)),
    ("parimutuel.void_requests", "room_id", ("at", "effective_at")),
    ("oracle.watches", "subject", ("created_at", "settles_at", "clear_at")),
)
POOLS: Final = """
    SELECT (SELECT coalesce(sum(balance), 0) FROM ledger.accounts WHERE kind = 'room_pools')
               AS held,
           (SELECT coalesce(sum(stake), 0) FROM parimutuel.bets AS bet
            JOIN parimutuel.rooms AS room ON room.id = bet.room_id
            WHERE room.status NOT IN ('SETTLED', 'VOIDED')) AS staked
"""


def solvency_of(house: House) -> SolvencyService:
    """What states what a house owes, with nobody who does it by itself."""
    return solvency_service(house.database, house.ledger, house.log, REF_KEY)


def wire(
    database: Database,
    owner: Database,
    *,
    limits: Mapping[str, Any] | None = None,
    terms: RoomTerms = TERMS,
    depth: int = 3,
) -> House:
    """Wire a house whose limits are the defaults but for those given; SOL is said to be 150."""
    oracle = HandOracle(database, terms.oracle)
    oracle.say("SOL", "150")
    identity = identity_module(database, staff_acts(REF_KEY)).face
    ledger = ledger_module(database).face
    referral = referral_module(database, identity=identity, ledger=ledger, depth=depth).face
    log = log_service(database, LOG)
    module = parimutuel_module(
        database,
        Neighbours(identity, ledger, oracle, referral, log),
        clock=SystemClock(),
        limits=replace(LIMITS, **(limits or {})),
        terms=terms,
        ref_key=REF_KEY,
    )
    rooms = module.face
    assert isinstance(rooms, RoomsService)
    clock = RoomClock(database, rooms.opening.rooms, rooms.settling, rooms.voiding)
    return House(
        database=database,
        owner=owner,
        oracle=oracle,
        ledger=ledger,
        identity=identity,
        referral=referral,
        rooms=rooms,
        log=log,
        clock=clock,
        decide=module.consumers[0],
    )


@pytest.fixture
async def owner(dsn: Dsn) -> AsyncIterator[Database]:
    """Connections of the tables' owner, for what no part of the house may do."""
    opened = Database(dsn.owner, Doorbell(), role="rooms_owner", size=1)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def house(database: Database, owner: Database) -> House:
    """A house over the test's own database, with the default limits and terms."""
    return wire(database, owner)
