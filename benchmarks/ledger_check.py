"""How many entries a second does ``rooms ledger check`` re-sum?"""

import time
from typing import Final

from benchmarks.bets import Bets
from benchmarks.feeds import price_feeds
from benchmarks.figures import Figure, Target
from benchmarks.lab import Lab
from benchmarks.settings import settings_for
from benchmarks.stage import FAR_AWAY, OWNER, open_rooms
from benchmarks.stock import stock_bets, stock_players, tidy
from rooms.contexts.ledger.checks import check_books
from rooms.platform.database import READER
from rooms.processes.compose import open_house

ASKS: Final = "entries/s that the check of all books re-sums"
PLAYERS: Final = 250_000
BETS: Final = 750_000
ROOMS: Final = 10
TARGETS: Final = {"ledger_check": Target(unit="entries/s", ratio=True)}
DATABASE: Final = "ledger_check"


async def measure(lab: Lab) -> list[Figure]:
    """Check books of a million entries as the command does: as the reader, in a snapshot."""
    await lab.prepare_reference()
    await lab.server.make_database(DATABASE)
    async with lab.connected(DATABASE, OWNER) as owner, price_feeds(lab.folder) as feeds:
        lab.say("filling the books")
        first = await stock_players(owner, lab.extent.of(PLAYERS, least=20))
        settings = settings_for(lab.folder, feeds)
        async with open_house(settings, lab.server.url(DATABASE)) as house:
            rooms = await open_rooms(house, first, [FAR_AWAY] * ROOMS)
        bets = Bets(first, lab.extent.of(PLAYERS, least=20), rooms)
        await stock_bets(owner, bets, range(lab.extent.of(BETS, least=60)))
        await tidy(owner)
    async with lab.connected(DATABASE, READER) as reader:

        async def run() -> float:
            began = time.perf_counter()
            async with reader.snapshot() as tx:
                findings = await check_books(tx)
                entries = await tx.value("SELECT count(*) FROM ledger.entries")
            took = time.perf_counter() - began
            assert not [finding for finding in findings if finding.wrong], findings
            return float(entries / took)

        answers = await lab.runs(run)
    return [
        lab.figure("ledger_check", [rate for rate, _ in answers], [ref8 for _, ref8 in answers])
    ]
