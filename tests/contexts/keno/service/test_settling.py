from dataclasses import replace

from rooms.contexts.fairness.api import Accepted
from rooms.contexts.fairness.module import sequencing
from rooms.contexts.keno.module import ticket_entries
from rooms.platform.lease import Lease
from rooms.proof.paytable import parse_spots
from rooms.proof.records import ref, ticket_entry
from tests.houses import LOG
from tests.keno_houses import GAME, SPOTS, KenoHouse

STAKE = 1_000_000
PAYTABLE = parse_spots(SPOTS)
REF_KEY = b"a key for references in tests..."


async def append(keno: KenoHouse) -> None:
    """Let the sequencer sign a head over what waits."""
    wiring = replace(LOG, sources={**LOG.sources, Accepted.TICKET: ticket_entries(REF_KEY)})
    lease = Lease(keno.database, "log", "test")
    assert await lease.acquire()
    await sequencing(keno.database, wiring).append(lease)


async def test_what_is_paid_is_what_picks_draw_and_paytable_give(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player()
    before = await keno.house.balance(ada)
    bought = [await keno.buy(ada, spots, stake=3 * STAKE, rounds=20) for spots in (1, 2, 10)]

    await keno.pass_rounds(25)

    paid = 0
    for purchase in bought:
        for ticket in await keno.tickets(purchase):
            draw = (await keno.round(ticket.number)).draw
            assert draw is not None
            caught = len(set(ticket.picks) & set(draw))
            prize = PAYTABLE.prize(3 * STAKE, len(ticket.picks), caught)
            assert (ticket.catches, ticket.prize) == (caught, prize)
            paid += prize
    assert await keno.house.balance(ada) == before - 60 * 3 * STAKE + paid
    (bankroll,) = await keno.keno.bankrolls()
    assert bankroll.exposure == 0
    await keno.books_are_right()


async def test_a_round_is_paid_once_whoever_turns_the_clock_again(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player()
    await keno.buy(ada, (1, 2), rounds=5)
    await keno.pass_rounds(8)
    after = await keno.house.balance(ada)

    for _ in range(3):
        await keno.clock.tick()

    assert await keno.house.balance(ada) == after
    await keno.books_are_right()


async def test_a_ticket_that_the_log_did_not_have_in_time_is_refunded_whatever_was_drawn(
    keno: KenoHouse,
) -> None:
    await keno.open_game()
    await append(keno)  # the log has begun
    ada = await keno.player()
    before = await keno.house.balance(ada)
    late = await keno.buy(ada, (1, 2), rounds=2)

    await keno.pass_rounds(3)

    for ticket in await keno.tickets(late):
        assert (ticket.status, ticket.reason) == ("REFUNDED", "LATE_BINDING")
        assert ticket.prize is None
    assert await keno.house.balance(ada) == before
    assert (await keno.round(1)).refunded == STAKE
    await keno.books_are_right()


async def test_entries_of_the_log_are_those_of_the_specification(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player()
    bought = await keno.buy(ada, (80, 1), rounds=2)
    ids = [bought.first_ticket + 1, bought.first_ticket]

    async with keno.database.snapshot() as tx:
        entries = await ticket_entries(REF_KEY).entries(tx, ids)

    at = round(bought.accepted_at.timestamp() * 1000)
    assert entries == [
        ticket_entry(ref(REF_KEY, "ticket", number), at, STAKE, place, (1, 80), GAME)
        for number, place in zip(ids, (2, 1), strict=True)
    ]


async def test_tickets_are_looked_up_by_their_index_however_few_there_were_once(
    keno: KenoHouse,
) -> None:
    async with keno.database.snapshot() as tx:
        settings = await tx.value("SELECT proconfig FROM pg_proc WHERE proname = 'sold_tickets'")

    assert "enable_seqscan=off" in settings
