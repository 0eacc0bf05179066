"""How far a game's rounds are, by two transactions at once."""

import asyncio

from rooms.contexts.keno.storage.rounds import Decided, RoundStorage, Skip
from rooms.kernel.ids import GameId
from tests.keno_houses import GAME, KenoHouse


async def pointers(keno: KenoHouse) -> tuple[int, int]:
    async with keno.database.snapshot() as tx:
        row = await tx.row("SELECT drawn_to, settled_to FROM keno.games WHERE game = $1", GAME)
    assert row is not None
    return row[0], row[1]


async def until_one_waits(keno: KenoHouse) -> None:
    waiting = 0
    while not waiting:
        async with keno.database.statement() as tx:
            waiting = await tx.value("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def test_who_moves_the_pointers_while_another_does_never_moves_them_back(
    keno: KenoHouse,
) -> None:
    await keno.open_game()
    await keno.let_pass(milliseconds=300_000)
    await keno.clock.lead()
    await keno.clock.lock()
    rounds = RoundStorage()
    async with keno.database.snapshot() as tx:
        (standing,) = await tx.fetch("SELECT id, locked_to FROM keno.games WHERE game = $1", GAME)
    game, locked = standing
    before = await pointers(keno)
    assert before[0] < locked

    async def advance() -> None:
        async with keno.database.transaction() as tx:
            await rounds.advance(tx, [GameId(game)])

    async with keno.database.transaction() as tx:
        now = await tx.value("SELECT clock_timestamp()")
        await rounds.skip(tx, [Skip(game, before[0] + 1, locked)], "downtime", now)
        moved = await rounds.pass_over(tx, [Decided(game, before[0] + 1, locked, locked + 1)])
        assert moved == 1
        later = asyncio.create_task(advance())
        await until_one_waits(keno)
    await later

    assert await pointers(keno) == (locked, locked)
