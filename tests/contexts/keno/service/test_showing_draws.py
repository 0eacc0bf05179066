from dataclasses import replace

import pytest

from rooms.kernel.refusal import Refusal
from rooms.proof.draw import draw
from rooms.proof.drawstats import judge
from tests.keno_houses import GAME, TERMS, KenoHouse


async def test_draws_are_given_in_the_order_of_their_rounds(keno: KenoHouse) -> None:
    await keno.open_game()
    await keno.buy(await keno.player(), rounds=6)
    for _ in range(6):
        await keno.pass_rounds(1)

    found = await keno.keno.draws(GAME, 4)

    rounds = [await keno.round(number) for number in range(3, 7)]
    assert found.draws == [each.draw for each in rounds]
    assert (found.numbers, found.drawn) == (80, 20)
    assert found.draws[0] == draw(bytes.fromhex(str(rounds[0].server_seed)), GAME, 3, "")
    assert [each.name for each in judge(found.draws)] == ["singles", "pairs", "gaps", "order"]


async def test_draws_out_of_other_numbers_are_left_out(keno: KenoHouse) -> None:
    await keno.open_game()
    await keno.open_game("small", replace(TERMS, numbers=79, paytable={"1": ["0", "3.7"]}), funds=0)
    await keno.pass_rounds(2)
    await keno.pass_rounds(2, game="small")

    assert {len(each) for each in (await keno.keno.draws("small", 10)).draws} == {20}
    assert (await keno.keno.draws("small", 10)).numbers == 79
    await keno.keno.change_game("small", {"numbers": 78}, by=None)

    assert await keno.keno.draws("small", 10) == replace(
        await keno.keno.draws("small", 10), numbers=78, draws=[]
    )


async def test_a_game_without_draws_has_none_and_an_unknown_one_is_refused(
    keno: KenoHouse,
) -> None:
    await keno.open_game()

    assert (await keno.keno.draws(GAME, 10)).draws == []
    with pytest.raises(Refusal, match="E-GAME-UNKNOWN"):
        await keno.keno.draws("nowhere", 10)
