import asyncio

import pytest

from rooms.kernel.ids import TicketId
from rooms.kernel.refusal import Refusal
from tests.houses import ONE
from tests.keno_houses import KenoHouse

STAKE = 1_000_000


async def test_a_ticket_of_a_later_round_is_given_back_with_its_stake(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player(10 * ONE)
    bought = await keno.buy(ada, (1, 2), rounds=3)

    view = await keno.keno.cancel(TicketId(bought.first_ticket + 2), ada.id)

    assert (view.status, view.reason, view.prize) == ("CANCELLED", "CANCELLED", None)
    assert await keno.house.balance(ada) == 10 * ONE - 2 * STAKE
    (bankroll,) = await keno.keno.bankrolls()
    assert bankroll.exposure == 19 * STAKE
    assert (await keno.round(3)).tickets == 0
    await keno.books_are_right()


async def test_a_cancelled_ticket_stays_cancelled_and_is_paid_back_once(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player(10 * ONE)
    ticket = (await keno.buy(ada, first_round=2)).first_ticket

    answers = await asyncio.gather(*(keno.keno.cancel(ticket, ada.id) for _ in range(8)))

    assert {each.status for each in answers} == {"CANCELLED"}
    assert await keno.house.balance(ada) == 10 * ONE
    await keno.pass_rounds(3)
    assert (await keno.keno.ticket(ticket, None)).status == "CANCELLED"
    assert await keno.house.balance(ada) == 10 * ONE
    await keno.books_are_right()


async def test_a_ticket_whose_round_has_opened_is_kept(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player(10 * ONE)
    bought = await keno.buy(ada, rounds=2)

    with pytest.raises(Refusal, match="E-TICKET-LATE"):
        await keno.keno.cancel(bought.first_ticket, ada.id)
    await keno.let_pass(milliseconds=5_000)
    with pytest.raises(Refusal, match="E-TICKET-LATE"):
        await keno.keno.cancel(TicketId(bought.first_ticket + 1), ada.id)

    assert await keno.house.balance(ada) == 10 * ONE - 2 * STAKE


async def test_nobody_cancels_the_ticket_of_another(keno: KenoHouse) -> None:
    await keno.open_game()
    ada, bob = await keno.player(), await keno.player()
    ticket = (await keno.buy(ada, first_round=2)).first_ticket

    with pytest.raises(Refusal, match="E-TICKET-UNKNOWN"):
        await keno.keno.cancel(ticket, bob.id)
    with pytest.raises(Refusal, match="E-TICKET-UNKNOWN"):
        await keno.keno.cancel(TicketId(ticket + 1), ada.id)
