import asyncio
from typing import Any

import pytest

from rooms.platform.lease import LeadershipLost
from rooms.platform.metrics import KENO_WITHOUT_KEY
from tests.keno_houses import GAME, KenoHouse, wire_keno_house


async def records(keno: KenoHouse, kind: str) -> list[dict[str, Any]]:
    """What waits to be written into the log."""
    async with keno.database.snapshot() as tx:
        rows = await tx.fetch(
            "SELECT fields FROM fairness.pending WHERE kind = $1 ORDER BY id", kind
        )
    return [row["fields"] for row in rows]


async def test_an_empty_round_that_is_on_time_is_drawn(keno: KenoHouse) -> None:
    await keno.open_game()

    await keno.pass_rounds(1)

    first, second = await keno.round(1), await keno.round(2)
    assert (first.status, first.tickets, first.paid) == ("SETTLED", 0, 0)
    assert first.draw is not None
    assert second.status == "OPEN"
    assert second.server_seed is None


async def test_rounds_that_nobody_missed_in_a_downtime_are_skipped_once_and_on_record(
    keno: KenoHouse,
) -> None:
    await keno.open_game()
    ada = await keno.player()
    bought = await keno.buy(ada, first_round=4)

    await keno.pass_rounds(9)
    await keno.clock.tick()

    statuses = [(await keno.round(number)).status for number in range(1, 10)]
    assert statuses == [
        *("SKIPPED", "SKIPPED", "SKIPPED", "SETTLED", "SKIPPED", "SKIPPED", "SKIPPED"),
        *("SKIPPED", "SETTLED"),
    ]
    assert await records(keno, "keno.skipped") == [
        {"game": GAME, "from": 1, "to": 3, "reason": "downtime"},
        {"game": GAME, "from": 5, "to": 8, "reason": "downtime"},
    ]
    (ticket,) = await keno.tickets(bought)
    assert ticket.status in ("WON", "LOST")
    assert (await keno.round(1)).reason == "downtime"
    assert (await keno.round(1)).server_seed is None
    await keno.books_are_right()


async def test_every_round_of_a_long_downtime_ends_exactly_once(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player()
    await keno.buy(ada, rounds=100)

    await keno.pass_rounds(400)

    async with keno.database.snapshot() as tx:
        fates = await tx.fetch("SELECT fate, count(*) FROM keno.results GROUP BY fate ORDER BY 1")
        game = await tx.row("SELECT locked_to, drawn_to, settled_to FROM keno.games")
    assert [tuple(each) for each in fates] == [("DRAWN", 101), ("SKIPPED", 299)]
    assert game is not None
    assert set(game.values()) == {400}
    await keno.books_are_right()


async def test_a_buyer_in_the_line_is_waited_for_and_the_ticket_counts(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player()
    bought = await keno.buy(ada)
    await keno.let_pass(milliseconds=5_000)
    await keno.clock.lead()
    async with keno.database.transaction() as tx:
        games = await keno.keno.showing.schedules.named(tx, [GAME])
        await keno.keno.showing.schedules.games.join_lines(tx, [games[GAME].id])
        await keno.clock.lock()
        assert (await keno.round(1)).draw is None
    await asyncio.gather(*keno.clock.waiting)
    await keno.let_pass(milliseconds=2_000)  # until it is too late to come into the log
    await keno.clock.tick()

    assert (await keno.round(1)).status == "SETTLED"
    assert (await keno.tickets(bought))[0].status in ("WON", "LOST")


async def test_a_stale_leader_writes_nothing(keno: KenoHouse) -> None:
    await keno.open_game()
    await keno.clock.lead()
    other = wire_keno_house(keno.database, keno.house.owner, holder="other")
    async with keno.house.owner.transaction() as tx:
        await tx.execute("UPDATE platform.leases SET until = '-infinity'")
    await other.clock.lead()
    assert other.clock.lease.epoch == 2
    await keno.let_pass(milliseconds=5_000)

    with pytest.raises(LeadershipLost):
        await keno.clock.lock()

    async with keno.database.snapshot() as tx:
        assert await tx.value("SELECT locked_to FROM keno.games") == 0


async def test_a_stale_leader_neither_draws_nor_pays(keno: KenoHouse) -> None:
    await keno.open_game()
    await keno.buy(await keno.player())
    other = wire_keno_house(keno.database, keno.house.owner, holder="other")
    other.seeds.chains = keno.seeds.chains
    await keno.clock.lead()
    await keno.let_pass(milliseconds=10_000)
    await keno.clock.lock()
    async with keno.house.owner.transaction() as tx:
        await tx.execute("UPDATE platform.leases SET until = '-infinity'")
    await other.clock.lead()

    with pytest.raises(LeadershipLost):
        await keno.clock.draw()
    assert (await keno.round(1)).status == "LOCKED"
    await other.clock.draw()
    with pytest.raises(LeadershipLost):
        await keno.clock.pay()
    assert (await keno.round(1)).status == "DRAWN"

    await other.clock.pay()
    assert (await keno.round(1)).status == "SETTLED"
    await keno.books_are_right()


async def test_who_does_not_lead_does_nothing(keno: KenoHouse) -> None:
    await keno.open_game()
    await keno.clock.lead()
    other = wire_keno_house(keno.database, keno.house.owner, holder="other")
    await keno.let_pass(milliseconds=5_000)

    await other.clock.tick()

    assert other.clock.lease.epoch is None
    async with keno.database.snapshot() as tx:
        assert await tx.value("SELECT locked_to FROM keno.games") == 0


async def test_who_has_not_the_master_key_neither_leads_nor_goes_on_leading(
    keno: KenoHouse,
) -> None:
    await keno.open_game()
    other = wire_keno_house(keno.database, keno.house.owner, holder="other")
    keno.seeds.able = False
    await keno.clock.lead()
    assert keno.clock.lease.epoch is None
    assert KENO_WITHOUT_KEY.labels(0)._value.get() == 1
    other.seeds.chains = keno.seeds.chains
    await other.clock.lead()
    assert other.clock.lease.epoch == 1

    other.seeds.able, keno.seeds.able = False, True
    await other.clock.lead()
    await keno.pass_rounds(1)

    epochs = [each.clock.lease.epoch for each in (other, keno)]
    assert epochs == [None, 2]
    assert KENO_WITHOUT_KEY.labels(0)._value.get() == 0
    assert (await keno.round(1)).status == "SETTLED"


async def test_the_end_of_a_chain_is_told_when_its_last_round_is_locked(keno: KenoHouse) -> None:
    keno.seeds.length = 300
    await keno.open_game()

    await keno.pass_rounds(299)
    assert keno.seeds.ended == []
    await keno.pass_rounds(1)

    assert keno.seeds.ended == [(GAME, 0, 300)]
    assert len(keno.seeds.chains[GAME]) == 2
    assert (await keno.round(301)).status == "OPEN"
