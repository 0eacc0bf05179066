"""What came of a scene, without any number that another run would give out anew.

Two runs of a command came to the same if their pictures are equal: every balance to the lamport,
and each bet, entry, hold, settlement and fact as often as in the other.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from rooms.contexts.keno.api import RoundView
from rooms.contexts.ledger.checks import check_books
from rooms.platform.database import Database, Row, Tx
from rooms.processes.compose import House
from rooms.proof.draw import commit, draw
from rooms.proof.evidence import verify_room
from rooms.proof.merkle import root_of
from tests.houses import POOLS
from tests.keno_books import wrong_with_keno
from tests.torture.crash_scene import Scene

Picture = dict[str, Any]

PLAYERS: Final = """
    SELECT player.id, player.name, member.account_id, account.balance, account.held,
           ARRAY[member.upline_1, member.upline_2, member.upline_3] AS uplines,
           (SELECT count(*) FROM identity.tokens AS token WHERE token.player_id = player.id)
             AS tokens
    FROM identity.players AS player
    LEFT JOIN referral.members AS member ON member.player_id = player.id
    LEFT JOIN ledger.accounts AS account ON account.id = member.account_id
    WHERE starts_with(player.name, $1)
"""
ENTRIES: Final = """
    SELECT entry.account_id, account.kind AS account_kind, entry.kind, entry.amount
    FROM ledger.entries AS entry JOIN ledger.accounts AS account ON account.id = entry.account_id
    WHERE entry.id > $1
"""
HOLDS: Final = "SELECT account_id, amount, state FROM ledger.holds WHERE starts_with(key, $1)"
EARNINGS: Final = (
    "SELECT account_id, level, earned FROM referral.earnings WHERE account_id = ANY ($1)"
)
ROOMS: Final = """
    SELECT room.id, room.status, watch.ended_at IS NOT NULL AS unwatched,
           (SELECT array_agg(status || ': ' || cause ORDER BY at, status)
            FROM parimutuel.transitions AS move WHERE move.room_id = room.id) AS moves
    FROM parimutuel.rooms AS room
    JOIN oracle.watches AS watch ON watch.subject = 'room:' || room.id
    WHERE room.host_id = ANY ($1)
"""
BETS: Final = """
    SELECT account_id, side, stake, by_host, ARRAY[upline_1, upline_2, upline_3] AS uplines
    FROM parimutuel.bets WHERE room_id = ANY ($1)
"""
DECISIONS: Final = (
    "SELECT outcome, reason, trigger FROM parimutuel.decisions WHERE room_id = ANY ($1)"
)
SETTLEMENTS: Final = """
    SELECT outcome, reason, handle, winning, net, takeout, host_fee, protocol_fee, breakage,
           rewards, scratched, bets, journal_id IS NOT NULL AS posted
    FROM parimutuel.settlements WHERE room_id = ANY ($1)
"""
# Bets that were taken together are told together: how many at a time is nobody's business.
FACTS: Final = """
    SELECT told.kind, member.account_id, told.side, told.stake
    FROM (SELECT fact.kind, bet.player_id::bigint AS player_id, bet.side, bet.stake
          FROM platform.outbox AS fact
          LEFT JOIN ROWS FROM (
            jsonb_array_elements_text(
              CASE fact.kind WHEN 'BetsPlaced' THEN fact.body -> 'players' END),
            jsonb_array_elements_text(
              CASE fact.kind WHEN 'BetsPlaced' THEN fact.body -> 'sides' END),
            jsonb_array_elements_text(
              CASE fact.kind WHEN 'BetsPlaced' THEN fact.body -> 'stakes' END)
          ) AS bet (player_id, side, stake) ON true
          WHERE fact.id > $1 AND NOT fact.body ?| ARRAY['purchases', 'rounds']) AS told
    LEFT JOIN referral.members AS member USING (player_id)
"""
# So are tickets, and rounds: (game, number) or (game, first, last).
KENO_FACTS: Final = """
    SELECT fact.kind, told.each ->> 1 AS number, told.each ->> 2 AS last
    FROM platform.outbox AS fact, jsonb_array_elements(fact.body -> 'rounds') AS told (each)
    WHERE fact.id > $1
    UNION ALL
    SELECT fact.kind, told.each ->> 2, told.each ->> 3
    FROM platform.outbox AS fact, jsonb_array_elements(fact.body -> 'purchases') AS told (each)
    WHERE fact.id > $1
"""
GAMES: Final = (
    "SELECT status, locked_to, drawn_to, settled_to, chains FROM keno.games WHERE game = $1"
)
OF_GAME: Final = "game_id = (SELECT id FROM keno.games WHERE game = $1)"
TICKETS: Final = f"""
    SELECT ticket.account_id, ticket.number, ticket.stake, ticket.spots, ticket.rounds,
           refund.reason
    FROM keno.tickets AS ticket LEFT JOIN keno.refunds AS refund ON refund.ticket_id = ticket.id
    WHERE ticket.{OF_GAME}
"""
SOLD: Final = f"SELECT number, tickets, handle, exposure FROM keno.rounds WHERE {OF_GAME}"
RESULTS: Final = f"""
    SELECT number, fate, tickets, handle, reason, server_seed IS NOT NULL AS revealed
    FROM keno.results WHERE {OF_GAME}
"""
PAID: Final = f"""
    SELECT number, paid, refunded, journal_id IS NOT NULL AS posted
    FROM keno.settlements WHERE {OF_GAME}
"""
SKIPS: Final = f"SELECT first, last, reason FROM keno.skips WHERE {OF_GAME}"
AUDIT: Final = "SELECT action FROM identity.audit WHERE id > $1"
COMMANDS: Final = (
    "SELECT answer IS NOT NULL AS answered FROM platform.commands WHERE starts_with(key, $1)"
)
# What waits for the log, each thing by itself, and whether it is there; and what the log says.
# A paytable is noted by the first scene of a database that has a game.
NOTED: Final = """
    SELECT noted.kind, coalesce(bet.account_id, ticket.account_id) AS account_id,
           done.leaf IS NOT NULL AS logged
    FROM fairness.pending AS noted
    LEFT JOIN LATERAL unnest(noted.ids) AS id ON true
    LEFT JOIN parimutuel.bets AS bet ON bet.id = id.id AND noted.kind = 'bet'
    LEFT JOIN keno.tickets AS ticket ON ticket.id = id.id AND noted.kind = 'ticket'
    LEFT JOIN fairness.sequenced AS done ON done.pending_id = noted.id
    WHERE noted.kind <> 'keno.paytable'
"""
LEAVES: Final = """
    SELECT entry::jsonb ->> 'kind' AS kind, entry::jsonb ->> 'count' AS bets FROM fairness.leaves
"""
TREE: Final = "SELECT hash FROM fairness.leaves ORDER BY index"
HEADS: Final = "SELECT size, root FROM fairness.heads"


async def picture_of(database: Database, scene: Scene) -> Picture:
    """Look at everything that a scene's command may have touched, in one snapshot.

    Only one scene at a time plays in a database: what was added since its beginning is its own.
    """
    async with database.snapshot() as tx:
        players = await tx.fetch(PLAYERS, f"{scene.mark} ")
        hosted = await tx.fetch(ROOMS, [row["id"] for row in players])
        rooms = [row["id"] for row in hosted]
        roles = {row["account_id"]: row["name"].removeprefix(scene.mark) for row in players}
        return {
            **_split(await tx.fetch(ENTRIES, scene.since["entries"]), roles),
            "players": _listed(players, roles, leave_out={"id", "name"}),
            "holds": _listed(await tx.fetch(HOLDS, f"{scene.mark} "), roles),
            "earnings": _listed(await tx.fetch(EARNINGS, list(roles)), roles),
            "rooms": _listed(hosted, roles, leave_out={"id"}),
            "bets": _listed(await tx.fetch(BETS, rooms), roles),
            "decisions": _listed(await tx.fetch(DECISIONS, rooms), roles),
            "settlements": _listed(await tx.fetch(SETTLEMENTS, rooms), roles),
            "facts": _listed(await tx.fetch(FACTS, scene.since["facts"]), roles),
            "keno facts": _listed(await tx.fetch(KENO_FACTS, scene.since["facts"]), roles),
            "game": _listed(await tx.fetch(GAMES, scene.game), roles),
            "tickets": _listed(await tx.fetch(TICKETS, scene.game), roles),
            "sold": _listed(await tx.fetch(SOLD, scene.game), roles),
            "results": _listed(await tx.fetch(RESULTS, scene.game), roles),
            "paid": _listed(await tx.fetch(PAID, scene.game), roles),
            "skips": _listed(await tx.fetch(SKIPS, scene.game), roles),
            "audit": _listed(await tx.fetch(AUDIT, scene.since["audit"]), roles),
            "noted": _listed(await tx.fetch(NOTED), roles),
            "leaves": _listed(await tx.fetch(LEAVES), roles),
            "commands": _listed(await tx.fetch(COMMANDS, f"{scene.mark} "), roles),
        }


def _split(entries: list[Row], roles: Mapping[int, str]) -> Picture:
    """List the players' entries one by one; of the house's accounts only the sums.

    Stakes that were taken together reach a pool together, however many there were.
    """
    sums: Counter[str] = Counter()
    for row in entries:
        if row["account_id"] not in roles:
            sums[f"{row['account_kind']}, {row['kind']}"] += row["amount"]
    own = [row for row in entries if row["account_id"] in roles]
    return {
        "entries": _listed(own, roles, leave_out={"account_kind"}),
        "house": sorted(sums.items()),
    }


def _listed(
    rows: list[Row], roles: Mapping[int, str], leave_out: frozenset[str] | set[str] = frozenset()
) -> list[str]:
    """Write each row in words, accounts by their owners' roles, in an order of its own."""
    shown = []
    for row in rows:
        values = {name: value for name, value in row.items() if name not in leave_out}
        if "account_id" in values:
            values["account_id"] = roles.get(values["account_id"])
        if "uplines" in values:
            values["uplines"] = [roles.get(each) for each in values["uplines"]]
        shown.append(", ".join(f"{name} {value}" for name, value in values.items()))
    return sorted(shown)


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Say in words where a picture, or answers, differ from those of an undisturbed run."""
    return [
        f"{name}: {found.get(name)} instead of {wanted.get(name)}"
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name) != wanted.get(name)
    ]


async def unverified(house: House, database: Database, scene: Scene) -> list[str]:
    """Derive what has ended in the scene again, rooms and rounds; say what does not follow."""
    async with database.snapshot() as tx:
        wrong = await wrong_with_keno(tx) + await wrong_heads(tx)
        has_game = await tx.fetch(GAMES, scene.game)
    if has_game:
        wrong += await drawn_wrongly(house, scene.game)
    for room in scene.rooms:
        if (await house.rooms.room(room)).status in {"SETTLED", "VOIDED"}:
            report = verify_room([line async for line in house.rooms.settlement_file(room)])
            if report.verdict != "verified":
                wrong.append(f"the file of room {room} does not verify: {report.steps}")
    return wrong


async def wrong_heads(tx: Tx) -> list[str]:
    """Say which heads were signed over something else than the log's leaves."""
    tree = [row["hash"] for row in await tx.fetch(TREE)]
    return [
        f"the head of {head['size']} leaves is not that of the log"
        for head in await tx.fetch(HEADS)
        if head["root"] != root_of(tree[: head["size"]])
    ]


async def drawn_wrongly(house: House, game: str) -> list[str]:
    """Draw a game's latest rounds again from what was revealed of them; say what is wrong."""
    wrong = []
    terms = (await house.keno.game(game)).terms
    sizes = {name: terms[name] for name in ("numbers", "drawn")}

    def again(view: RoundView, seed: bytes) -> tuple[int, ...]:
        return draw(seed, view.game, view.number, view.entropy or "", **sizes)

    for view in await house.keno.rounds(game, None, 100):
        seed = bytes.fromhex(view.server_seed or "")
        if seed and commit(seed).hex() != view.commit:
            wrong.append(f"round {view.number} was drawn by another seed than was promised")
        if view.draw is not None and view.draw != again(view, seed):
            wrong.append(f"round {view.number} has a draw that does not follow from its seed")
    return wrong


async def unbalanced(tx: Tx) -> list[str]:
    """Re-sum all books of a database; say what is wrong."""
    findings = await check_books(tx)
    wrong = [f"{each.name}: {each.wrong}" for each in findings if each.wrong]
    wrong += await wrong_with_keno(tx)
    pools = await tx.row(POOLS)
    assert pools is not None
    if pools["held"] != pools["staked"]:
        wrong.append(f"the pools hold {pools['held']} of {pools['staked']} staked")
    return wrong
