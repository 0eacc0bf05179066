"""How many times faster than they would have been played are rounds caught up after a downtime?"""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from benchmarks.figures import Figure, Target
from benchmarks.lab import Extent, Lab
from rooms.contexts.keno.service.keno import KenoService

if TYPE_CHECKING:
    from benchmarks.keno import Table

NAME: Final = "keno/catch_up"
TARGETS: Final = {NAME: Target(unit="x real time", floor=20)}
GAMES: Final = 100
INTERVAL: Final = timedelta(seconds=5)
AWAY: Final = timedelta(hours=1)
# So many purchases of each game, for some of the rounds that lock while nobody is there.
PURCHASES: Final = 10
ROUNDS: Final = 10

# Everything that is fixed in time lies further back, as if nobody had been there since. Heads of
# the log too: tickets were bound before their rounds locked.
PASS: Final = (
    (
        "UPDATE keno.terms AS terms SET epoch_ms = epoch_ms - $2 "
        "FROM keno.games AS game WHERE game.id = terms.game_id AND game.game = ANY ($1)"
    ),
    "UPDATE keno.games SET locks_next = locks_next - $2 * interval '1 ms' WHERE game = ANY ($1)",
    (
        "UPDATE keno.tickets SET accepted_at = accepted_at - $2 * interval '1 ms' "
        "WHERE game_id IN (SELECT id FROM keno.games WHERE game = ANY ($1))"
    ),
)
PASS_LOG: Final = (
    "UPDATE fairness.pending SET at = at - $1 * interval '1 ms'",
    "UPDATE fairness.heads SET at = at - $1 * interval '1 ms'",
)
ENDED: Final = """
    SELECT min(game.locked_to) AS locked, max(game.locked_to - game.settled_to) AS left,
           sum(result.drawn)::bigint AS drawn, sum(result.skipped)::bigint AS skipped,
           bool_and(result.drawn + result.skipped = game.locked_to) AS once
    FROM keno.games AS game
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE fate = 'DRAWN') AS drawn,
               count(*) FILTER (WHERE fate = 'SKIPPED') AS skipped
        FROM keno.results WHERE game_id = game.id
    ) AS result
    WHERE game.game = ANY ($1)
"""


def names(extent: Extent) -> list[str]:
    """Name the games."""
    return [f"away-{number}" for number in range(extent.of(GAMES))]


async def catch_up(lab: Lab, table: "Table") -> Figure:
    """Sell tickets ahead, let an hour pass without a clock, and bring all rounds to their end."""
    games = names(lab.extent)
    await table.play(games)
    opens_at = (await table.house.keno.round(games[0], 1)).opens_at
    await table.until(opens_at.timestamp())
    await table.clock.tick()
    first = (await table.house.keno.game(games[0])).round + 2
    await table.sell(
        [
            table.command(game, place * PURCHASES + number, ROUNDS, first + number)
            for place, game in enumerate(games)
            for number in range(PURCHASES)
        ]
    )
    await _pass(table, games)
    begun = time.perf_counter()
    await table.process()
    seconds = time.perf_counter() - begun
    async with table.admin.snapshot() as tx:
        ended = await tx.row(ENDED, games)
    assert ended is not None
    assert ended["once"], "every round has ended once"
    assert not ended["left"], "and its tickets are paid"
    assert ended["locked"] >= AWAY // INTERVAL, "all rounds of the downtime have locked"
    details = {"ms": seconds * 1000, "drawn": float(ended["drawn"])}
    details["skipped"] = float(ended["skipped"])
    return lab.figure(NAME, [AWAY.total_seconds() / seconds], details=[details])


async def _pass(table: "Table", games: Sequence[str]) -> None:
    """Let the downtime pass once the log has a head over all tickets."""
    away = AWAY // timedelta(milliseconds=1)
    while await _waiting(table):
        await table.until(time.time() + 0.05)
    async with table.admin.transaction() as tx:
        for statement in PASS:
            await tx.execute(statement, list(games), away)
        for statement in PASS_LOG:
            await tx.execute(statement, away)
    cast("KenoService", table.house.keno).showing.schedules.forget()


async def _waiting(table: "Table") -> bool:
    """Say whether something that was accepted waits for the log."""
    async with table.admin.snapshot() as tx:
        return bool(
            await tx.value(
                "SELECT EXISTS (SELECT FROM fairness.pending AS waiting WHERE NOT EXISTS "
                "(SELECT FROM fairness.sequenced WHERE pending_id = waiting.id))"
            )
        )
