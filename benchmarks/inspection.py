"""What is looked at after a benchmark: every acknowledged bet is there, and the books are right."""

from array import array
from typing import Final

from benchmarks.bets import BET_OF_NUMBER, Bets
from benchmarks.figures import Figure, Target
from benchmarks.lab import Lab
from rooms.contexts.ledger.checks import check_books
from rooms.platform.database import READER

LOST: Final = f"""
    SELECT count(*) FROM unnest($4::bigint[]) AS n CROSS JOIN LATERAL ({BET_OF_NUMBER}) AS told
    LEFT JOIN parimutuel.bets AS bet USING (room_id, player_id)
    WHERE (bet.side, bet.stake, bet.key) IS DISTINCT FROM (told.side, told.stake, told.key)
"""
# What the pools hold is what unsettled rooms have been staked.
ASTRAY: Final = """
    SELECT (SELECT coalesce(sum(balance), 0) FROM ledger.accounts WHERE kind = 'room_pools')
         - (SELECT coalesce(sum(stake), 0) FROM parimutuel.bets AS bet
            JOIN parimutuel.rooms AS room ON room.id = bet.room_id
            WHERE room.status NOT IN ('SETTLED', 'VOIDED'))
"""


def lost_bets(name: str) -> dict[str, Target]:
    """Give the target of ``count_lost`` in a benchmark of this name."""
    return {
        f"{name}/lost": Target(unit="acknowledged bets", floor=0, aim=0, least=True, exact=True)
    }


def wrong_books(name: str) -> dict[str, Target]:
    """Give the target of ``count_wrong`` in a benchmark of this name."""
    return {f"{name}/books": Target(unit="wrong checks", floor=0, aim=0, least=True, exact=True)}


async def count_lost(lab: Lab, name: str, database: str, bets: Bets, told: "array[int]") -> Figure:
    """Look for the bets of these numbers, each with its player, room, side, stake and key."""
    assert told, "without an acknowledged bet nothing is shown"
    lab.say(f"looking for {len(told):,} acknowledged bets")
    async with lab.connected(database, READER) as opened, opened.snapshot() as tx:
        lost = await tx.value(LOST, bets.first_player, bets.players, list(bets.rooms), list(told))
    return lab.figure(f"{name}/lost", [lost], details=[{"acknowledged": float(len(told))}])


async def count_wrong(lab: Lab, name: str, database: str) -> Figure:
    """Re-sum the books, and compare the pools with the bets."""
    lab.say("checking the books")
    async with lab.connected(database, READER) as opened, opened.snapshot() as tx:
        wrong = [finding for finding in await check_books(tx) if finding.wrong]
        astray = await tx.value(ASTRAY)
    return lab.figure(f"{name}/books", [len(wrong) + bool(astray)])
