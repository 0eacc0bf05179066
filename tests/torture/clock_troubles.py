"""What befalls the candidates of a ring, and what must be true of its rounds afterwards."""

import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from random import Random
from typing import Final

from rooms.contexts.ledger.checks import check_books
from rooms.platform.database import Tx
from tests.keno_books import wrong_with_keno
from tests.torture.clock_log import wrong_with_the_log
from tests.torture.clock_ring import CLOCK, GAMES, LOG, Ring
from tests.torture.crash_picture import drawn_wrongly

SHORTEST_STOP, LONGEST_STOP = 0.05, 0.6


async def kill_leader(ring: Ring, of: str = CLOCK) -> None:
    """Whoever leads is killed; another one follows."""
    leader = await ring.leader(of)
    os.kill(leader.pid, signal.SIGKILL)
    await ring.taken_over(leader)
    await ring.start(leader.candidate)


async def stop_leader(ring: Ring, of: str = CLOCK) -> None:
    """Whoever leads is stopped until another one leads, then goes on as if nothing had been."""
    leader = await ring.leader(of)
    os.kill(leader.pid, signal.SIGSTOP)
    await ring.taken_over(leader)
    os.kill(leader.pid, signal.SIGCONT)


async def stop_leader_shortly(ring: Ring) -> None:
    """Whoever leads is stopped for less than its lease."""
    await _stop_shortly(ring, (await ring.leader()).pid)


async def stop_standby(ring: Ring) -> None:
    """Somebody who stands by is stopped, while the leader may go."""
    await _stop_shortly(ring, ring.living[ring.standby(await ring.leader())])


async def _stop_shortly(ring: Ring, pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    await ring.moment(ring.dice.uniform(SHORTEST_STOP, LONGEST_STOP))
    os.kill(pid, signal.SIGCONT)


async def kill_standby(ring: Ring) -> None:
    """Somebody who stands by is killed."""
    candidate = ring.standby(await ring.leader())
    os.kill(ring.living[candidate], signal.SIGKILL)
    await ring.start(candidate)


Trouble = Callable[[Ring], Awaitable[None]]
TROUBLES: Final[Mapping[str, Trouble]] = {
    "leader killed": kill_leader,
    "leader stopped past its lease": stop_leader,
    "sequencer killed": partial(kill_leader, of=LOG),
    "sequencer stopped past its lease": partial(stop_leader, of=LOG),
    "leader stopped shortly": stop_leader_shortly,
    "standby stopped": stop_standby,
    "standby killed": kill_standby,
}
CANDIDATE_CLOCK: Final = "a candidate's clock is set"
DATABASE_CLOCK: Final = "the database's clock is set"
WEIGHTS: Final = {"leader killed": 3, "leader stopped past its lease": 3}


def drawn(dice: Random, *, clocks: bool) -> str:
    """Draw the next trouble."""
    names: list[str] = [*TROUBLES, *((CANDIDATE_CLOCK, DATABASE_CLOCK) if clocks else ())]
    name: str = dice.choices(names, [WEIGHTS.get(each, 1) for each in names])[0]
    return name


async def audit(ring: Ring) -> None:
    """Wait until every ticket is paid, then look at every round, ticket and book."""
    try:
        await ring.all_paid()
    except TimeoutError:
        ring.wrong.append("tickets are not paid, or not in the log, long after their rounds")
    await ring.look_at_results()
    ring.end()
    for game in GAMES:
        ring.wrong += await drawn_wrongly(ring.house, game)
    ring.wrong += await wrong_with_the_log(ring)
    async with ring.owner.transaction() as tx:
        ring.wrong += [f"{each.name}: {each.wrong}" for each in await check_books(tx) if each.wrong]
        ring.wrong += await wrong_with_keno(tx)
        ring.wrong += await _twice_or_missing(tx)
        ring.wrong += await _lost(ring, tx)
        ring.wrong += await _written_by_others(ring, tx)


async def _twice_or_missing(tx: Tx) -> list[str]:
    """Each locked round ended once, is told once and paid once."""
    return [
        f"{row['what']}: round {row['number']} of {row['game']}" for row in await tx.fetch(NOT_ONCE)
    ]


async def _lost(ring: Ring, tx: Tx) -> list[str]:
    """Every ticket that was acknowledged is there, as it was sold, and no other."""
    rows = await tx.fetch(TICKETS)
    found = {row["id"]: (row["game"], row["number"], row["player_id"]) for row in rows}
    sold = ring.tickets()
    return [
        f"ticket {each}: sold as {sold.get(each)}, there as {found.get(each)}"
        for each in sorted(sold.keys() | found.keys())
        if sold.get(each) != found.get(each)
    ]


async def _written_by_others(ring: Ring, tx: Tx) -> list[str]:
    """Whoever wrote as the clock, or as the sequencer, held its lease when that was committed."""
    rows = await tx.fetch("SELECT lease, who, holder, epoch FROM public.witness")
    wrong = [
        f"nobody saw {lease} write anything"
        for lease in {CLOCK, LOG} - {row["lease"] for row in rows}
    ]
    for row in rows:
        holder = ring.candidate_of[int(row["holder"].split(":")[1])]
        if row["who"] != f"candidate_{holder}":
            wrong.append(
                f"{row['who']} wrote while candidate {holder} led {row['lease']} ({row['epoch']})"
            )
    return wrong


TICKETS: Final = """
    SELECT ticket.id, game.game, ticket.number, ticket.player_id
    FROM keno.tickets AS ticket JOIN keno.games AS game ON game.id = ticket.game_id
"""
NOT_ONCE: Final = """
    WITH told AS (
        SELECT fact.kind, each ->> 0 AS game, (each ->> 1)::bigint AS number, count(*) AS times
        FROM platform.outbox AS fact, jsonb_array_elements(fact.body -> 'rounds') AS each
        WHERE fact.kind IN ('RoundsDrawn', 'RoundsSettled', 'RoundsVoided')
        GROUP BY 1, 2, 3
    )
    SELECT 'told more than once as ' || kind AS what, game, number FROM told WHERE times > 1
    UNION ALL
    SELECT 'locked and without an end', game.game, round
    FROM keno.games AS game, generate_series(1, game.drawn_to) AS round
    WHERE NOT EXISTS (SELECT FROM keno.results AS result
                      WHERE result.game_id = game.id AND result.number = round)
    UNION ALL
    SELECT 'drawn and not told', game.game, result.number
    FROM keno.results AS result JOIN keno.games AS game ON game.id = result.game_id
    WHERE result.fate = 'DRAWN' AND NOT EXISTS (
        SELECT FROM told WHERE kind = 'RoundsDrawn' AND told.game = game.game
          AND told.number = result.number)
"""
