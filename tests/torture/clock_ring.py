"""A database with two games of keno, five who want to lead their clock, and players who buy."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from rooms.contexts.keno.api import BuyTickets, Purchase
from rooms.contexts.referral.api import SignUp
from rooms.kernel.ids import CommandKey, PlayerId, TicketId
from rooms.kernel.money import SOL, lamports
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database, NotDone, Unavailable
from rooms.platform.doorbell import Doorbell
from rooms.processes.compose import House, open_house
from tests.addresses import of_database
from tests.torture import crash_keno
from tests.torture.clock_candidates import LEASE, Forge, settings
from tests.torture.crash_scene import ONE
from tests.torture.running import Server

CANDIDATES: Final = 5
GAMES: Final = ("keno-one", "keno-two")
TERMS: Final = replace(
    crash_keno.TERMS,
    interval=timedelta(seconds=2),
    lead=timedelta(milliseconds=500),
    guard=timedelta(milliseconds=900),
)
PLAYERS: Final = 4
RICH: Final = 10_000 * ONE
PACE: Final = 0.08
PATIENCE: Final = 30.0
LOOK_EVERY: Final = 0.02
CLOCK: Final = "keno.clock.0"
LOG: Final = "log"
PASSWORD: Final = "candidate"

_numbers = count(1)

# Who wrote what the clock or the sequencer alone writes, and who held the lease when that was
# committed: a trigger that is deferred looks once nobody can take over any more before the commit.
WITNESS: Final = """
    CREATE TABLE public.witness (
        lease text, who text, holder text, epoch bigint, PRIMARY KEY (lease, who, holder));
    CREATE FUNCTION public.witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO public.witness SELECT name, session_user, holder, epoch FROM platform.leases
        WHERE name = TG_ARGV[0] AND session_user <> 'rooms_app' ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER witness AFTER INSERT OR UPDATE ON keno.games
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.witness('keno.clock.0');
    CREATE CONSTRAINT TRIGGER witness AFTER INSERT ON keno.results
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.witness('keno.clock.0');
    CREATE CONSTRAINT TRIGGER witness AFTER INSERT ON keno.settlements
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.witness('keno.clock.0');
    CREATE CONSTRAINT TRIGGER witness AFTER INSERT ON fairness.heads
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.witness('log');
"""


@dataclass(frozen=True, slots=True)
class Leader:
    """Who holds a lease: of what, which candidate, its process, and the epoch."""

    of: str
    candidate: int
    pid: int
    epoch: int


@dataclass(slots=True)
class Ring:
    """Candidates and players over one database, and what was found wrong."""

    urls: Mapping[int, str]
    house: House
    owner: Database
    forges: Mapping[int, Forge]
    dice: Random
    sandbox: str
    entropy: str
    players: Sequence[PlayerId] = ()
    living: dict[int, int] = field(default_factory=dict)
    candidate_of: dict[int, int] = field(default_factory=dict)
    sold: list[tuple[BuyTickets, Purchase]] = field(default_factory=list)
    seen: dict[tuple[int, int], tuple[Any, ...]] = field(default_factory=dict)
    takeovers: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    leaves: int = 0
    stepped: bool = False
    closing: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, candidate: int) -> None:
        """Let a candidate stand, in a process of its own."""
        pid = await self.forges[candidate].candidate(self.urls[candidate], self.sandbox)
        self.living[candidate] = pid
        self.candidate_of[pid] = candidate

    async def leader(self, of: str = CLOCK) -> Leader:
        """Wait until somebody who lives leads."""
        async with asyncio.timeout(PATIENCE):
            while True:
                row = await self._row(LEASED, of, LEASE)
                if row is not None and row["pid"] in self.living.values():
                    return Leader(of, self.candidate_of[row["pid"]], row["pid"], row["epoch"])
                await self.moment(LOOK_EVERY)

    async def taken_over(self, before: Leader) -> None:
        """Wait until somebody leads under a later epoch; note how long that took."""
        time = asyncio.get_running_loop().time
        begun = time()
        while time() < begun + PATIENCE:
            row = await self._row(LEASED, before.of, LEASE)
            if row is not None and row["epoch"] > before.epoch:
                self.takeovers.append(time() - begun)
                return
            await self.moment(LOOK_EVERY)
        self.wrong.append(f"nobody took {before.of} over within {PATIENCE:g} s")

    def standby(self, leader: Leader) -> int:
        """Choose somebody who does not lead."""
        return self.dice.choice([each for each in self.living if each != leader.candidate])

    async def _row(self, sql: str, *values: Any) -> Any:
        async with self.owner.transaction() as tx:
            return await tx.row(sql, *values)

    async def buy(self) -> None:
        """Buy tickets until the ring is closing."""
        while not self.closing:
            player = self.dice.choice(self.players)
            await self._buy(player, self.dice.choice(GAMES), self.dice.randrange(1, 4))
            await self.moment(PACE)

    async def _buy(self, player: PlayerId, game: str, rounds: int) -> None:
        command = BuyTickets(
            game=game,
            player=player,
            picks=(3, 17)[: self.dice.randrange(1, 3)],
            quick_pick=None,
            stake=lamports(crash_keno.STAKE),
            rounds=rounds,
            first_round=None,
            key=f"tickets {next(_numbers)}",
        )
        while True:
            try:
                self.sold.append((command, (await self.house.keno.buy(command)).value))
            except Refusal as refusal:
                if refusal.code not in EXPECTED:
                    self.wrong.append(f"a ticket was refused: {refusal}")
            except (*NotDone, *Unavailable):
                continue  # it is told by its key whether it was done
            return

    async def look_at_results(self) -> None:
        """Remember every result; one that was seen before must still be the same."""
        async with self.owner.transaction() as tx:
            rows = await tx.fetch(RESULTS)
        for row in rows:
            key, value = (row["game_id"], row["number"]), tuple(row.values())
            if self.seen.setdefault(key, value) != value:
                self.wrong.append(f"the result of round {key} changed: {value}")
        gone = self.seen.keys() - {(row["game_id"], row["number"]) for row in rows}
        self.wrong += [f"the result of round {key} is gone" for key in gone]

    async def all_paid(self) -> None:
        """Wait until every ticket's round is settled, and all that was noted is in the log."""
        async with asyncio.timeout(PATIENCE):
            while True:
                row = await self._row(UNPAID)
                if not row["tickets"] and not row["notes"]:
                    return
                await self.moment(LOOK_EVERY)

    async def moment(self, seconds: float) -> None:
        """Let some time pass, unless the ring ends before."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended.wait()

    def end(self) -> None:
        """End all candidates."""
        self.ended.set()
        while self.living:
            with suppress(ProcessLookupError):
                os.kill(self.living.popitem()[1], signal.SIGKILL)

    def tickets(self) -> dict[TicketId, tuple[str, int, PlayerId]]:
        """Give every ticket that was acknowledged: its game, round and player."""
        return {
            TicketId(bought.first_ticket + ahead): (
                command.game,
                bought.first_round + ahead,
                command.player,
            )
            for command, bought in self.sold
            for ahead in range(bought.rounds)
        }


# While the database's clock is set back, beacons are ahead of it and nobody may buy.
EXPECTED: Final = frozenset({"E-ROUND-CLOSED", "E-CLOCK"})
LEASED: Final = """
    SELECT split_part(holder, ':', 2)::integer AS pid, epoch FROM platform.leases
    WHERE name = $1 AND until BETWEEN clock_timestamp() AND clock_timestamp() + $2
"""
RESULTS: Final = (
    "SELECT game_id, number, fate, server_seed, draw, tickets, handle, at FROM keno.results"
)
UNPAID: Final = """
    SELECT count(*) AS tickets, (
        SELECT count(*) FROM fairness.pending AS noted WHERE NOT EXISTS (
            SELECT FROM fairness.sequenced AS done WHERE done.pending_id = noted.id)) AS notes
    FROM keno.tickets AS ticket WHERE NOT EXISTS (
        SELECT FROM keno.settlements AS done
        WHERE done.game_id = ticket.game_id AND done.number = ticket.number)
"""


@asynccontextmanager
async def open_ring(
    server: Server, forges: Mapping[int, Forge], dice: Random, sandbox: str, entropy: str
) -> AsyncIterator[Ring]:
    """Make a database with two games, one of this entropy, and five candidates, of whom one leads.

    The other game does without entropy.
    """
    name = f"clock_{next(_numbers)}"
    await _make_database(server, name)
    async with AsyncExitStack() as stack:
        owner = Database(
            of_database(server.dsn.owner, name), Doorbell(), role="rooms_owner", size=2
        )
        await owner.open()
        stack.push_async_callback(owner.close)
        async with owner.transaction() as tx:
            await tx.execute(WITNESS)
        app = of_database(server.dsn.app, name)
        house = await stack.enter_async_context(open_house(settings(sandbox), app))
        urls = {number: _as_user(app, f"candidate_{number}") for number in range(CANDIDATES)}
        ring = Ring(urls, house, owner, forges, dice, sandbox, entropy)
        await _open_games(ring)
        stack.callback(ring.end)
        for candidate in range(CANDIDATES):
            await ring.start(candidate)
        for of in (CLOCK, LOG):
            await ring.leader(of)
        yield ring


async def _make_database(server: Server, name: str) -> None:
    """Make a database, and a login for each candidate, so that it is known who writes."""
    connection = await asyncpg.connect(server.superuser())
    try:
        for number in range(CANDIDATES):
            user = f"candidate_{number}"
            if not await connection.fetchval("SELECT to_regrole($1)", user):
                await connection.execute(
                    f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}' IN ROLE rooms_app"
                )
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE rooms OWNER rooms_owner")
        await connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO rooms_app")
    finally:
        await connection.close()


def _as_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{PASSWORD}@127.0.0.1:{parts.port}"))


async def _open_games(ring: Ring) -> None:
    keno, referral = ring.house.keno, ring.house.referral

    def key(name: str) -> CommandKey:
        return CommandKey("torture", name, name.encode())

    await keno.fund(lamports(1_000 * RICH), by=None, key=key("bankroll"))
    for game, entropy in zip(GAMES, (TERMS.entropy, ring.entropy), strict=True):
        terms = replace(TERMS, entropy=entropy)
        await keno.create_game(game, SOL, terms, starts_in=timedelta(), by=None)
    signed = [
        await referral.sign_up(
            SignUp(
                name=f"player {number}",
                referrer=None,
                fund=lamports(RICH),
                token=f"token {number}",
                key=key(f"player {number}"),
            )
        )
        for number in range(PLAYERS)
    ]
    ring.players = [each.value.player_id for each in signed]
