"""Tickets, and what is sold of a round, as rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rooms.contexts.keno.api import Purchase
from rooms.contexts.keno.domain import read_picks
from rooms.contexts.keno.events import TicketsSold
from rooms.contexts.keno.storage.covering import covering
from rooms.kernel.ids import AccountId, GameId, PlayerId, TicketId
from rooms.kernel.money import Asset
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx, array

RoundKey = tuple[GameId, int]


class NewPurchase(NamedTuple):
    """A purchase in the order of the insert's arrays: a ticket for each of its rounds."""

    first_ticket: TicketId
    game: GameId
    first_round: int
    rounds: int
    player: PlayerId
    account: AccountId
    stake: int
    spots: int
    quick: bool
    picks: str
    key: str


class PlainPurchase(NamedTuple):
    """A purchase in the order of the arrays of ``sell``: all of its rounds are of one chain.

    ``top`` is the top prize of each of its tickets, ``limit`` that of each of its rounds.
    """

    game: GameId
    name: str
    first_round: int
    rounds: int
    player: PlayerId
    account: AccountId
    stake: int
    top: int
    limit: int
    spots: int
    quick: bool
    picks: str
    key: str


class Guess(NamedTuple):
    """What purchases were judged by: games of one operator and asset that are running.

    Of each so many chains were known, and one round was the first that is not locked: of all of
    them from ``since`` on and before ``until``.
    """

    operator: str
    asset: Asset
    since: Instant
    until: Instant
    games: tuple[GameId, ...]
    chains: tuple[int, ...]
    first_open: tuple[int, ...]


class SoldTogether(NamedTuple):
    """When purchases were accepted, and the first ticket of each."""

    at: Instant
    first_tickets: list[TicketId]


class Sold(NamedTuple):
    """How much of a round is sold by a batch, or was by a ticket that is cancelled."""

    tickets: int
    handle: int
    exposure: int


@dataclass(frozen=True, slots=True)
class KnownPurchase:
    """A purchase that was accepted before, with its key."""

    player: PlayerId
    key: str
    quick: bool
    purchase: Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket as it was sold; ``refunded`` says why its stake went back, if it did."""

    id: TicketId
    game: GameId
    number: int
    player: PlayerId
    account: AccountId
    stake: int
    picks: tuple[int, ...]
    accepted_at: Instant
    refunded: str | None


class TicketStorage:
    """Tickets are inserted and read, never changed."""

    async def exposures(
        self, tx: Tx, rounds: Collection[RoundKey]
    ) -> tuple[dict[RoundKey, int], Instant]:
        """Give the exposure of rounds, and the time; it may be more when it is written."""
        keys = sorted(rounds)
        rows = await tx.fetch(
            """
            SELECT asked.game_id, asked.number, coalesce(round.exposure, 0),
                   date_trunc('milliseconds', clock_timestamp())
            FROM unnest($1::text::integer[], $2::text::bigint[]) AS asked (game_id, number)
            LEFT JOIN keno.rounds AS round
              ON round.game_id = asked.game_id AND round.number = asked.number
            """,
            array([game for game, _ in keys]),
            array([number for _, number in keys]),
        )
        return {(GameId(row[0]), row[1]): row[2] for row in rows}, rows[0][3]

    async def new_purchases(self, tx: Tx, count: int) -> list[TicketId]:
        """Give the numbers of so many purchases' first tickets, rising."""
        rows = await tx.fetch(
            "SELECT nextval('keno.purchases') AS id FROM generate_series(1, $1) ORDER BY id", count
        )
        return [TicketId(row[0]) for row in rows]

    async def add(self, tx: Tx, purchases: Sequence[NewPurchase], accepted_at: Instant) -> int:
        """Insert the tickets; give how many. One with a key that is known already is left out."""
        return await tx.execute(
            """
            INSERT INTO keno.tickets
                (id, game_id, number, player_id, account_id, stake, spots, quick, picks,
                 accepted_at, rounds, key)
            SELECT first_ticket + ahead, game_id, first_round + ahead, player_id, account_id,
                   stake, spots, quick, picks, $1,
                   CASE WHEN ahead = 0 THEN rounds END, CASE WHEN ahead = 0 THEN key END
            FROM unnest($2::text::bigint[], $3::text::integer[], $4::text::bigint[],
                        $5::text::smallint[], $6::text::bigint[], $7::text::bigint[],
                        $8::text::bigint[], $9::text::smallint[], $10::text::boolean[],
                        $11::text::bit(80)[], $12::text::text[])
              AS purchase (first_ticket, game_id, first_round, rounds, player_id, account_id,
                           stake, spots, quick, picks, key),
            LATERAL generate_series(0, rounds - 1) AS ahead
            ORDER BY game_id, first_round + ahead
            ON CONFLICT DO NOTHING
            """,
            accepted_at,
            *map(array, zip(*purchases, strict=True)),
        )

    async def add_sold(
        self, tx: Tx, sold: Mapping[RoundKey, Sold], limits: Mapping[RoundKey, int]
    ) -> None:
        """Count what was sold into the rounds: late, for every sale of a round waits here.

        Raises Uncovered where a round's exposure would be above its limit.
        """
        rows = [(*key, *sold[key], limits[key]) for key in sorted(sold)]
        async with covering():
            await self._add_sold(tx, rows)

    async def _add_sold(self, tx: Tx, rows: Sequence[tuple[int, ...]]) -> None:
        await tx.execute(
            """
            INSERT INTO keno.rounds AS known
                (game_id, number, tickets, handle, exposure, round_limit)
            SELECT * FROM unnest($1::text::integer[], $2::text::bigint[], $3::text::integer[],
                                 $4::text::bigint[], $5::text::bigint[], $6::text::bigint[])
              AS sold (game_id, number, tickets, handle, exposure, round_limit)
            ORDER BY sold.game_id, sold.number
            ON CONFLICT (game_id, number) DO UPDATE
            SET tickets = known.tickets + excluded.tickets,
                handle = known.handle + excluded.handle,
                exposure = known.exposure + excluded.exposure
            """,
            *map(array, zip(*rows, strict=True)),
        )

    async def sell(
        self,
        tx: Tx,
        purchases: Sequence[PlainPurchase],
        stakes: Sequence[AccountId],
        guess: Guess,
    ) -> SoldTogether | None:
        """Sell to different accounts at once, each one's stakes into an account, and tell of it.

        None, and nothing done, where the guess was wrong or somebody has a lock. Raises Violation
        where a purchase is in the books already, its player has too little, or nothing would
        cover its prizes.
        """
        row = await tx.row(
            "SELECT accepted_at, purchases FROM keno.sell_tickets($1, $2, $3::text::bigint[], "
            "$4, $5, $6::text::integer[], $7::text::integer[], $8::text::bigint[], "
            "$9::text::integer[], $10::text::text[], $11::text::bigint[], $12::text::smallint[], "
            "$13::text::bigint[], $14::text::bigint[], $15::text::bigint[], $16::text::bigint[], "
            "$17::text::bigint[], $18::text::smallint[], $19::text::boolean[], "
            "$20::text::bit(80)[], $21::text::text[])",
            *(guess.operator, guess.asset, array(stakes), guess.since, guess.until),
            *map(array, (guess.games, guess.chains, guess.first_open)),
            *map(array, zip(*purchases, strict=True)),
        )
        if row is None:
            return None
        tx.told.add(TicketsSold.__name__)
        return SoldTogether(row[0], row[1])

    async def take_back(self, tx: Tx, key: RoundKey, sold: Sold) -> None:
        """Count a cancelled ticket out of its round."""
        await tx.execute(
            "UPDATE keno.rounds SET tickets = tickets - $3, handle = handle - $4, "
            "exposure = exposure - $5 WHERE game_id = $1 AND number = $2",
            *key,
            *sold,
        )

    async def earlier(self, tx: Tx, keys: Collection[tuple[PlayerId, str]]) -> list[KnownPurchase]:
        """Give the purchases that these keys were used for."""
        rows = await tx.fetch(
            """
            SELECT ticket.id, game.game, game.asset, ticket.number, ticket.rounds,
                   ticket.player_id, ticket.key, ticket.quick, ticket.stake, ticket.picks,
                   ticket.accepted_at
            FROM unnest($1::bigint[], $2::text[]) AS asked (player_id, key)
            JOIN keno.tickets AS ticket USING (player_id, key)
            JOIN keno.games AS game ON game.id = ticket.game_id
            """,
            [player for player, _ in keys],
            [key for _, key in keys],
        )
        return [_known(row) for row in rows]

    async def ticket(self, tx: Tx, ticket: TicketId) -> Ticket | None:
        row = await tx.row(
            """
            SELECT ticket.id, ticket.game_id AS game, ticket.number, ticket.player_id AS player,
                   ticket.account_id AS account, ticket.stake, ticket.picks, ticket.accepted_at,
                   refund.reason AS refunded
            FROM keno.tickets AS ticket
            LEFT JOIN keno.refunds AS refund ON refund.ticket_id = ticket.id
            WHERE ticket.id = $1
            """,
            ticket,
        )
        return None if row is None else Ticket(**{**row, "picks": read_picks(row["picks"].bytes)})

    async def add_late(
        self, tx: Tx, tickets: Collection[int], rounds: Collection[RoundKey], at: Instant
    ) -> int:
        """Note which of these tickets, of these rounds, were not in the log in time."""
        return await tx.execute(
            """
            INSERT INTO keno.refunds (ticket_id, game_id, number, reason, at)
            SELECT ticket.id, ticket.game_id, ticket.number, 'LATE_BINDING', $4
            FROM unnest($1::text::bigint[]) AS late (id)
            JOIN keno.tickets AS ticket ON ticket.id = late.id
            WHERE EXISTS (SELECT FROM unnest($2::text::integer[], $3::text::bigint[])
                            AS due (game_id, number)
                          WHERE due.game_id = ticket.game_id AND due.number = ticket.number)
            ON CONFLICT DO NOTHING
            """,
            array(list(tickets)),
            array([game for game, _ in rounds]),
            array([number for _, number in rounds]),
            at,
        )

    async def add_refund(self, tx: Tx, ticket: Ticket, reason: str, at: Instant) -> bool:
        """Note that a ticket's stake goes back; False where somebody noted it before."""
        return bool(
            await tx.execute(
                "INSERT INTO keno.refunds (ticket_id, game_id, number, reason, at) "
                "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                ticket.id,
                ticket.game,
                ticket.number,
                reason,
                at,
            )
        )


def _known(row: Row) -> KnownPurchase:
    purchase = Purchase(
        first_ticket=TicketId(row["id"]),
        game=row["game"],
        first_round=row["number"],
        rounds=row["rounds"],
        picks=read_picks(row["picks"].bytes),
        stake=row["stake"],
        asset=Asset(row["asset"]),
        accepted_at=row["accepted_at"],
    )
    return KnownPurchase(PlayerId(row["player_id"]), row["key"], row["quick"], purchase)
