"""Games, their terms and their paytables, as rows."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from rooms.contexts.keno.api import GameStatus
from rooms.contexts.keno.domain import Limits, Terms
from rooms.contexts.keno.storage.covering import covering
from rooms.kernel.ids import AccountId, GameId, StaffId
from rooms.kernel.money import Asset
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx, array
from rooms.proof.chain import ChainTerms
from rooms.proof.paytable import Paytable, parse_spots, spots_json

STATUSES: Final = {status.value: status for status in GameStatus}
NOW: Final = "SELECT date_trunc('milliseconds', clock_timestamp())"


class Game(NamedTuple):
    """What never changes of a game."""

    id: GameId
    name: str
    operator: str
    asset: Asset


class Standing(NamedTuple):
    """A game in whose line one stands: how far its rounds are, and the time after all lines.

    ``chains`` says how many terms it has.
    """

    id: GameId
    status: GameStatus
    chains: int
    locked_to: int
    drawn_to: int
    settled_to: int
    at: Instant


class GameStorage:
    """One method is one statement."""

    async def now(self, tx: Tx) -> Instant:
        """Give the database's time at this moment, not the transaction's start."""
        instant: Instant = await tx.value(NOW)
        return instant

    async def add_game(
        self, tx: Tx, name: str, operator: str, asset: Asset, locks_next: Instant
    ) -> Game | None:
        """Make a game that nobody has made yet, else give None."""
        number = await tx.value(
            """
            INSERT INTO keno.games
                (game, operator, asset, status, locked_to, drawn_to, settled_to, locks_next)
            VALUES ($1, $2, $3, 'RUNNING', 0, 0, 0, $4)
            ON CONFLICT DO NOTHING RETURNING id
            """,
            name,
            operator,
            asset,
            locks_next,
        )
        return None if number is None else Game(GameId(number), name, operator, asset)

    async def games(self, tx: Tx, names: Collection[str]) -> list[Game]:
        rows = await tx.fetch(
            "SELECT id, game, operator, asset FROM unnest($1::text[]) AS asked (game) "
            "JOIN keno.games USING (game)",
            list(names),
        )
        return [_game(row) for row in rows]

    async def games_by_id(self, tx: Tx, ids: Collection[GameId]) -> list[Game]:
        rows = await tx.fetch(
            "SELECT id, game, operator, asset FROM unnest($1::integer[]) AS asked (id) "
            "JOIN keno.games USING (id)",
            list(ids),
        )
        return [_game(row) for row in rows]

    async def all_games(self, tx: Tx) -> list[Game]:
        rows = await tx.fetch("SELECT id, game, operator, asset FROM keno.games ORDER BY game")
        return [_game(row) for row in rows]

    async def standings_of(self, tx: Tx, games: Collection[GameId]) -> list[Standing]:
        """Tell how far games are, outside of their lines: they may be further by now."""
        rows = await tx.fetch(
            "SELECT id, status, chains, locked_to, drawn_to, settled_to, "
            "date_trunc('milliseconds', clock_timestamp()) "
            "FROM unnest($1::text::integer[]) AS asked (id) JOIN keno.games USING (id)",
            array(list(games)),
        )
        return [_standing(row) for row in rows]

    async def join_lines(
        self, tx: Tx, games: Collection[GameId], *, alone: bool = False, wait: bool = True
    ) -> list[Standing]:
        """Stand in the games' lines until the transaction ends: no round locks meanwhile.

        Who stands there ``alone`` is who locks. Without ``wait`` games whose line is taken are
        left out.
        """
        rows = await tx.fetch(
            "SELECT game_id, status, chains, locked_to, drawn_to, settled_to, at "
            "FROM keno.join_lines($1::text::integer[], $2, $3)",
            array(list(games)),
            alone,
            wait,
        )
        return [_standing(row) for row in rows]

    async def move(
        self, tx: Tx, game: GameId, status: GameStatus, at: Instant, by: StaffId | None
    ) -> None:
        """Write a game's next status; one stands alone in its line."""
        await tx.execute(
            """
            WITH moved AS (
                UPDATE keno.games SET status = $2 WHERE id = $1 RETURNING locked_to
            )
            INSERT INTO keno.game_moves (game_id, status, locked_to, at, staff_id)
            SELECT $1, $2, locked_to, $3, $4 FROM moved
            """,
            game,
            status,
            at,
            by,
        )

    async def terms(self, tx: Tx, games: Collection[GameId]) -> dict[GameId, list[Terms]]:
        """Give the terms of games in the order of their rounds."""
        rows = await tx.fetch(
            """
            SELECT game.game, terms.*, paytable.hash AS paytable_hash, paytable.spots AS paytable
            FROM unnest($1::integer[]) AS asked (id)
            JOIN keno.terms AS terms ON terms.game_id = asked.id
            JOIN keno.games AS game ON game.id = asked.id
            JOIN keno.paytables AS paytable ON paytable.id = terms.paytable_id
            ORDER BY terms.game_id, terms.first_round
            """,
            list(games),
        )
        found: dict[GameId, list[Terms]] = {game: [] for game in games}
        for row in rows:
            found[GameId(row["game_id"])].append(_terms(row))
        return found

    async def ending(self, tx: Tx, rounds: int) -> list[GameId]:
        """Give the games that have no more than so many rounds before their seeds end."""
        rows = await tx.fetch(
            """
            SELECT game.id
            FROM keno.games AS game
            CROSS JOIN LATERAL (
                SELECT first_round + length - 1 AS last FROM keno.terms
                WHERE game_id = game.id ORDER BY first_round DESC LIMIT 1
            ) AS newest
            WHERE newest.last - game.locked_to <= $1 ORDER BY game.id
            """,
            rounds,
        )
        return [GameId(row[0]) for row in rows]

    async def add_terms(self, tx: Tx, game: GameId, terms: Terms) -> None:
        """Write terms that begin after those before them; one stands alone in the game's line."""
        chain, limits = terms.chain, terms.limits
        await tx.execute(
            """
            WITH counted AS (
                UPDATE keno.games SET chains = chains + 1 WHERE id = $1
            )
            INSERT INTO keno.terms
                (game_id, chain, first_round, length, terminal, epoch_ms, interval_ms, lead_ms,
                 guard_ms, numbers, drawn, entropy, paytable_id, spots, stake_min, stake_max,
                 stake_step, max_win, round_limit)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                    $18, $19)
            """,
            game,
            *(chain.chain, chain.first_round, chain.length, chain.terminal, chain.epoch_ms),
            *(chain.interval_ms, chain.lead_ms, chain.guard_ms, chain.numbers, chain.drawn),
            *(chain.entropy, terms.paytable_id, list(limits.spots), limits.stake_min),
            *(limits.stake_max, limits.stake_step, limits.max_win, limits.round_limit),
        )

    async def add_paytable(self, tx: Tx, paytable: Paytable) -> int | None:
        """Write a paytable that is not known yet, else give None."""
        number: int | None = await tx.value(
            "INSERT INTO keno.paytables (hash, spots) VALUES ($1, $2) "
            "ON CONFLICT DO NOTHING RETURNING id",
            paytable.hash,
            spots_json(paytable),
        )
        return number

    async def add_multipliers(self, tx: Tx, number: int, paytable: Paytable) -> None:
        """Write what a new paytable pays, for the database's own arithmetic."""
        paying = [
            (spots, catches, each.units, 10**each.places)
            for spots, row in paytable.multipliers.items()
            for catches, each in enumerate(row)
            if each.units
        ]
        columns: Sequence[Sequence[int]] = list(zip(*paying, strict=True)) or [[]] * 4
        await tx.execute(
            "INSERT INTO keno.multipliers (paytable_id, spots, catches, units, scale) "
            "SELECT $1, * FROM unnest($2::smallint[], $3::smallint[], $4::bigint[], $5::bigint[])",
            number,
            *map(list, columns),
        )

    async def paytable(self, tx: Tx, digest: bytes) -> tuple[int, Paytable] | None:
        row = await tx.row("SELECT id, spots FROM keno.paytables WHERE hash = $1", digest)
        return None if row is None else (row["id"], parse_spots(row["spots"]))


class BankrollStorage:
    """What operators can pay prizes from."""

    async def free(self, tx: Tx) -> dict[tuple[str, Asset], int]:
        """Give what each bankroll can still stand for; it may be less when it is written."""
        rows = await tx.fetch("SELECT operator, asset, funds - exposure FROM keno.bankrolls")
        return {(row[0], Asset(row[1])): row[2] for row in rows}

    async def add(self, tx: Tx, operator: str, asset: Asset, account: AccountId) -> None:
        await tx.execute(
            "INSERT INTO keno.bankrolls (operator, asset, account_id) VALUES ($1, $2, $3) "
            "ON CONFLICT DO NOTHING",
            operator,
            asset,
            account,
        )

    async def bankrolls(self, tx: Tx) -> list[Row]:
        """Give operator, asset, account_id, funds and exposure of each."""
        return await tx.fetch(
            "SELECT operator, asset, account_id, funds, exposure FROM keno.bankrolls "
            "ORDER BY operator, asset"
        )

    async def change(self, tx: Tx, changes: Mapping[tuple[str, Asset], tuple[int, int]]) -> None:
        """Add to funds and exposure of bankrolls: last, for every sale of an operator waits here.

        Raises Uncovered where the exposure would be more than the funds.
        """
        rows: list[Any] = [(*key, *change) for key, change in sorted(changes.items())]
        async with covering():
            await self._change(tx, rows)

    async def _change(self, tx: Tx, rows: list[Any]) -> None:
        await tx.execute(
            """
            UPDATE keno.bankrolls AS bankroll
            SET funds = bankroll.funds + changed.funds,
                exposure = bankroll.exposure + changed.exposure
            FROM (SELECT b.operator, b.asset, c.funds, c.exposure
                  FROM keno.bankrolls AS b
                  JOIN unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
                    AS c (operator, asset, funds, exposure) USING (operator, asset)
                  ORDER BY b.operator, b.asset FOR NO KEY UPDATE OF b) AS changed
            WHERE bankroll.operator = changed.operator AND bankroll.asset = changed.asset
            """,
            *map(list, zip(*rows, strict=True)),
        )


def _game(row: Row) -> Game:
    return Game(GameId(row[0]), row[1], row[2], Asset(row[3]))


def _standing(row: Row) -> Standing:
    number, status, *rest = row
    return Standing(number, STATUSES[status], *rest)


def _terms(row: Row) -> Terms:
    chain = ChainTerms(
        **{
            name: row[name]
            for name in (
                *("game", "chain", "length", "terminal", "first_round", "epoch_ms"),
                *("interval_ms", "lead_ms", "guard_ms", "numbers", "drawn", "entropy"),
                "paytable_hash",
            )
        }
    )
    limits = Limits(
        spots=tuple(row["spots"]),
        **{
            name: row[name]
            for name in ("stake_min", "stake_max", "stake_step", "max_win", "round_limit")
        },
    )
    return Terms(chain, row["paytable_id"], parse_spots(row["paytable"]), limits)
