"""After the trouble: what was acknowledged is there once, nothing else is, the books are right."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rooms.contexts.ledger.checks import check_books
from rooms.platform.database import READER, Database
from rooms.platform.doorbell import Doorbell
from rooms.proof.evidence import verify_room
from tests.houses import POOLS
from tests.stories.running import Api
from tests.torture.database_crew import FUND, Crew

ENDED: Final = ("SETTLED", "VOIDED")


async def audit(crew: Crew, reader: str) -> list[str]:
    """Compare what the crew was told with the tables; wait first until all rooms have ended."""
    api = crew.gates[0]
    wrong = [problem for room in crew.rooms for problem in await _room(api, room)]
    database = Database(reader, Doorbell(), role=READER, size=1)
    await database.open()
    try:
        async with database.snapshot() as tx:
            for check in await check_books(tx):
                wrong += [f"the books: {check.name}: {each}" for each in check.wrong]
            pools = await tx.row(POOLS)
            bets = await tx.fetch("SELECT id, room_id, player_id, side, stake FROM parimutuel.bets")
            rooms = await tx.fetch("SELECT id FROM parimutuel.rooms")
            funds = await tx.fetch(FUNDS)
    finally:
        await database.close()
    assert pools is not None
    if pools["held"] != pools["staked"]:
        wrong.append(f"the pools hold {pools['held']} of {pools['staked']} staked")
    there = [
        (*(str(row[name]) for name in ("id", "room_id", "player_id", "side")), int(row["stake"]))
        for row in bets
    ]
    told = [
        (bet, body["room_id"], player, body["side"], int(body["stake"]["amount"]))
        for bet, (player, body) in crew.bets.items()
    ]
    wrong += _differences("bet", told, there)
    wrong += _differences("room", list(crew.rooms), [str(row["id"]) for row in rooms])
    funded = [(str(row["owner"]), int(row["units"])) for row in funds]
    wrong += _differences("player", [(player, FUND) for player in crew.players], funded)
    return wrong


FUNDS: Final = """
    SELECT account.owner, sum(entry.amount) AS units FROM ledger.accounts AS account
    JOIN ledger.entries AS entry ON entry.account_id = account.id AND entry.kind = 'fund'
    WHERE account.kind = 'player' GROUP BY account.owner
"""


def _differences(what: str, told: Sequence[object], there: Sequence[object]) -> list[str]:
    lost, unheard = Counter(told) - Counter(there), Counter(there) - Counter(told)
    return [f"{what} {each} was acknowledged and is lost" for each in lost] + [
        f"{what} {each} is there and was never acknowledged" for each in unheard
    ]


async def _room(api: Api, room: str) -> list[str]:
    await api.until(room, *ENDED)
    text = await api.settlement_file(room)
    report = verify_room(text.splitlines())
    return [f"the file of room {room}: {step}" for step in report.steps if not step.ok]
