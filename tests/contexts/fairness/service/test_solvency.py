from datetime import timedelta

import pytest

from rooms.contexts.fairness.service import solvency as module
from rooms.contexts.fairness.workers import SolvencyClock
from rooms.kernel.money import SOL, Asset
from rooms.kernel.refusal import Refusal
from rooms.platform.lease import LeadershipLost, Lease
from rooms.proof.leaves import PublishedKeys, Signers
from rooms.proof.pool import Side
from rooms.proof.solvency import verify_solvency
from tests.houses import ONE, House, house, owner, solvency_of

__all__ = ["house", "owner"]

HOUR = timedelta(hours=1)


def clock_of(house: House, holder: str = "one", interval: timedelta = HOUR) -> SolvencyClock:
    lease = Lease(house.database, "solvency", holder, timedelta(minutes=1))
    return SolvencyClock(solvency_of(house), lease, interval)


async def signers(house: House) -> Signers:
    keys = await house.log.keys()
    return Signers(PublishedKeys(origin=keys.head.name, head=keys.head, receipts=keys.receipts))


async def owed(house: House) -> int:
    kinds = ("player", "room_pools", "keno_stakes")
    return sum([await house.balances_of(kind) for kind in kinds])


async def test_every_player_finds_the_balance_in_the_sum_of_all_that_is_owed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART", 4)
    people = [await house.player(fund=(n + 1) * ONE) for n in range(11)]
    room = (await house.open_room(people[0])).id
    await house.bet(room, people[3], Side.YES, 2 * ONE)
    await clock_of(house).look()
    await house.append()
    solvency = solvency_of(house)

    said = await solvency.statement(SOL)

    assert said.statement.liabilities == await owed(house) == sum(range(1, 12)) * ONE
    assert said.record is not None
    known = await signers(house)
    for number, person in enumerate(people):
        proof = await solvency.balance(person.id, SOL)
        # What is staked is owed as well, but not to one player.
        assert proof.balance == (number + 1) * ONE - (2 * ONE if number == 3 else 0)
        assert verify_solvency(proof, known).verdict == "verified"


async def test_what_is_owed_is_stated_once_an_hour_whoever_leads(house: House) -> None:
    person = await house.player(fund=ONE)
    clocks = [clock_of(house, "one"), clock_of(house, "one"), clock_of(house, "two")]
    for clock in (*clocks, *clocks):
        await clock.look()

    async with house.database.snapshot() as tx:
        records = await tx.fetch("SELECT fields FROM fairness.pending WHERE kind = 'solvency'")
    assert [row["fields"]["liabilities"] for row in records] == [str(ONE)]
    with pytest.raises(Refusal, match="E-PROOF-WAITS"):
        await solvency_of(house).balance(person.id, SOL)


async def test_a_leader_whose_time_has_passed_states_nothing(house: House) -> None:
    await house.player()
    stale = clock_of(house, "stale")
    assert await stale.lease.acquire()
    await stale.lease.release()
    assert await clock_of(house, "next").lease.acquire()
    due, _ = await stale.solvency.missing(HOUR, None)

    with pytest.raises(LeadershipLost):
        await stale.solvency.state(stale.lease, SOL, due)

    async with house.database.snapshot() as tx:
        assert await tx.value("SELECT count(*) FROM fairness.statements") == 0
        assert await tx.value("SELECT count(*) FROM fairness.statement_parts") == 0


async def test_who_came_after_the_statement_is_told_when_to_ask_again(house: House) -> None:
    with pytest.raises(Refusal, match="E-NOT-STATED"):
        await solvency_of(house).statement(SOL)
    await house.player()
    await clock_of(house).look()
    late = await house.player()

    with pytest.raises(Refusal, match="E-NOT-STATED"):
        await solvency_of(house).balance(late.id, SOL)
    with pytest.raises(Refusal, match="E-NOT-STATED"):
        await solvency_of(house).balance(late.id, Asset("USDC"))


async def test_balances_of_two_days_ago_are_forgotten_and_their_records_stay(house: House) -> None:
    await house.player()
    clock = clock_of(house)
    assert await clock.lease.acquire()
    due, _ = await clock.solvency.missing(HOUR, None)
    for hours in range(51):
        await clock.solvency.state(clock.lease, SOL, due + hours * HOUR)

    async with house.database.snapshot() as tx:
        assert await tx.value("SELECT count(*) FROM fairness.statements") == 51
        assert await tx.value("SELECT min(statement_id) FROM fairness.statement_parts") == 4
        kept = await tx.value("SELECT count(*) FROM fairness.pending WHERE kind = 'solvency'")
    assert kept == 51
