import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from rooms.contexts.fairness.api import Accepted, RecordKind
from rooms.contexts.fairness.service import sequencing
from rooms.platform.lease import LeadershipLost
from tests.contexts.fairness.grown_log import AT, TestLog, entry_of_number
from tests.proof import hand_merkle


def root_over(*numbers: int) -> str:
    return hand_merkle.mth([entry_of_number(number) for number in numbers]).hex()


async def test_a_record_stands_in_the_log_once_it_was_appended(log: TestLog) -> None:
    await log.record(0)
    await log.append()

    assert await log.entries() == [
        {
            "at": "2026-11-21T12:00:00.000Z",
            "from": 0,
            "game": "keno-main",
            "kind": "keno.skipped",
            "reason": "downtime",
            "to": 0,
            "v": 1,
        }
    ]


async def test_nothing_stands_in_the_log_of_what_was_rolled_back(log: TestLog) -> None:
    async def fail() -> None:
        async with log.database.transaction() as tx:
            await log.face.accept(tx, Accepted.TICKET, [1], AT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await log.append()

    assert await log.entries() == []


async def test_an_empty_log_has_a_head_and_one_is_enough(log: TestLog) -> None:
    one = log.sequencing()
    for _ in range(3):
        assert not await log.append(one)

    head = await log.face.head()
    assert (head.size, head.root) == (0, hand_merkle.mth([]))


async def test_what_was_accepted_stands_under_one_leaf_in_the_order_of_acceptance(
    log: TestLog,
) -> None:
    await log.accept(9, 8, at=AT + timedelta(milliseconds=1))
    await log.accept(1, 3, 2)
    await log.accept(5, kind=Accepted.TICKET)
    await log.append()

    (leaf,) = await log.entries()
    head = await log.face.head()
    assert leaf["kind"] == "accepted"
    assert leaf["count"] == 6
    assert leaf["root"] == root_over(1, 3, 2, 5, 9, 8)
    assert leaf["at"] == head.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def test_what_this_process_has_signed_is_not_read_again(log: TestLog) -> None:
    await log.accept(1, 2)
    await log.accept(3, 4)
    await log.accept(5)
    log.face.receipts(Accepted.BET, [1, 2], [entry_of_number(1), entry_of_number(2)])
    log.face.receipts(Accepted.BET, [5], [entry_of_number(5)])
    await log.append()

    (leaf,) = await log.entries()
    assert leaf["root"] == root_over(1, 2, 3, 4, 5)
    assert log.source.read == [3, 4]


async def test_a_clock_that_was_set_back_signs_no_head_that_is_older_than_what_is_under_it(
    log: TestLog,
) -> None:
    before = datetime(2099, 1, 1, tzinfo=UTC)
    await log.accept(1, at=before)
    await log.append()
    await log.accept(2)
    await log.append()

    set_back, usual = [datetime.fromisoformat(leaf["at"]) for leaf in await log.entries()]
    assert set_back == before
    assert AT <= usual < before
    assert (await log.face.head()).at == usual


async def test_every_head_has_an_accepted_leaf_only_while_something_is_accepted(
    log: TestLog,
) -> None:
    one = log.sequencing()
    await log.accept(1)
    await log.append(one)
    await log.record(7)
    await log.append(one)
    await log.append(one)
    await log.accept(2)
    await log.record(8)
    await log.append(one)

    kinds = [(each["kind"], each.get("root")) for each in await log.entries()]
    assert kinds == [
        ("accepted", root_over(1)),
        ("keno.skipped", None),
        ("keno.skipped", None),
        ("accepted", root_over(2)),
    ]


async def test_what_an_older_transaction_commits_late_is_not_stepped_over(log: TestLog) -> None:
    one = log.sequencing()
    async with log.database.transaction() as older:
        await log.face.accept(older, Accepted.BET, [1], AT)
        await log.accept(2)
        await log.append(one)
        await log.accept(3)
        await log.append(one)
    await log.append(one)
    await log.append(one)

    assert [each["root"] for each in await log.entries()] == [
        root_over(2),
        root_over(3),
        root_over(1),
    ]


async def test_a_log_goes_on_where_another_process_left_it(log: TestLog) -> None:
    for begin in range(0, 600, 40):
        await log.record(*range(begin, begin + 40))
        await log.append()

    assert [each["from"] for each in await log.entries()] == list(range(600))


async def test_a_stale_leader_appends_nothing(log: TestLog) -> None:
    old, new = log.sequencing(), log.sequencing()
    was = await log.lease("old")
    await old.append(was)
    await log.record(1)
    await was.release()
    leads = await log.lease("new")
    with pytest.raises(LeadershipLost):
        await old.append(was)
    await new.append(leads)
    await log.record(2)
    with pytest.raises(LeadershipLost):
        await old.append(was)
    await new.append(leads)

    assert [each["from"] for each in await log.entries()] == [1, 2]


async def test_who_leads_again_reads_what_others_appended_meanwhile(log: TestLog) -> None:
    first, second = log.sequencing(), log.sequencing()
    for number, (name, each) in enumerate([("a", first), ("b", second), ("a", first)]):
        lease = await log.lease(name)
        await log.record(number)
        await each.append(lease)
        await lease.release()

    assert [each["from"] for each in await log.entries()] == [0, 1, 2]


async def test_a_head_that_could_not_be_stored_is_made_again(log: TestLog) -> None:
    one = log.sequencing()
    await log.record(*range(300))
    lease = await log.lease()
    await lease.release()
    other = await log.lease("two")
    with pytest.raises(LeadershipLost):
        await one.append(lease)
    await other.release()
    await log.append(one)

    assert [each["from"] for each in await log.entries()] == list(range(300))


async def test_more_than_a_head_takes_goes_under_several_and_none_is_lost(log: TestLog) -> None:
    one = log.sequencing()
    for begin in range(0, 45_000, 9_000):
        await log.accept(*range(begin, begin + 9_000))

    assert await log.append(one)
    assert await log.append(one)
    assert not await log.append(one)

    leaves = await log.entries()
    assert [each["count"] for each in leaves] == [18_000, 18_000, 9_000]
    assert leaves[2]["root"] == root_over(*range(36_000, 45_000))


async def test_records_come_in_the_order_in_which_they_were_noted_however_many_wait(
    log: TestLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencing, "MOST_ROWS", 1)
    async with log.database.transaction() as tx:
        await tx.execute("SELECT pg_current_xact_id()")  # it writes something, and waits for a lock
        await log.record(1, 2)
        await log.record_in(tx, 3)
    await log.accept(1)

    one = log.sequencing()
    while await log.append(one):
        pass

    assert [each.get("from") for each in await log.entries()] == [1, 2, 3, None]


async def test_a_record_without_its_root_waits_and_holds_up_nobody(log: TestLog) -> None:
    one = log.sequencing()
    async with log.database.transaction() as tx:
        await log.face.record(tx, RecordKind.ROOM_SETTLED, AT, {"room": "12"})
    await log.record(1)
    await log.append(one)
    await one.completing.settle()  # it fails: nobody knows the payouts yet
    await log.record(2)
    await log.append(one)
    log.payouts.known["12"] = "ab" * 32
    await log.append(one)
    await one.completing.settle()
    await log.record(3)
    await log.append(one)

    found = await log.entries()
    assert [each.get("from") for each in found] == [1, 2, None, 3]
    assert found[2]["payouts_root"] == "ab" * 32


async def test_however_many_records_lack_their_roots_what_comes_after_them_is_appended(
    log: TestLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencing, "MOST_ROWS", 2)
    one, rooms = log.sequencing(), [str(number) for number in range(5)]
    log.payouts.known = dict.fromkeys(rooms, "ab" * 32)
    log.payouts.may = asyncio.Event()
    async with log.database.transaction() as tx:
        for room in rooms:
            await log.face.record(tx, RecordKind.ROOM_SETTLED, AT, {"room": room})
    await log.accept(1)
    await log.record(1)
    for _ in range(4):
        await log.append(one)
    before = await log.entries()
    log.payouts.may.set()
    await one.completing.settle()
    assert [each["kind"] for each in before] == ["accepted", "keno.skipped"]

    while await log.append(one):
        pass

    assert [each.get("room") for each in await log.entries()] == [None, None, *rooms]


async def test_who_asks_for_the_unbound_waits_for_the_head_that_is_being_signed(
    log: TestLog,
) -> None:
    begun = await began(log)
    await log.accept(1, at=begun)
    async with log.database.transaction() as signing:
        await log.sequencing().tree.begin_head(signing)
        asked = asyncio.create_task(unbound(log, before=AFTER, deadline=AFTER))
        await until_waiting(log, asked)
        assert not asked.done()

    assert await asked == [1]


async def test_a_process_that_stops_in_the_middle_of_a_head_keeps_nobody_waiting(
    log: TestLog,
) -> None:
    begun = await began(log)
    await log.accept(1, at=begun)

    async def stop_in_the_middle() -> None:
        async with log.database.transaction() as signing:
            await log.sequencing().tree.keep_short(signing)
            await log.sequencing().tree.begin_head(signing)
            # The database ends that transaction, or this would not be answered.
            assert await unbound(log, before=AFTER, deadline=AFTER) == [1]

    with pytest.raises(Exception, match=r"idle-in-transaction|connection"):
        await stop_in_the_middle()


AFTER = AT + timedelta(days=9_999)


async def began(log: TestLog) -> datetime:
    """Sign the log's first head and give its time."""
    await log.append()
    return (await log.face.head()).at


async def unbound(log: TestLog, *, before: datetime, deadline: datetime) -> list[int]:
    async with log.database.transaction() as tx:
        found = await log.face.unbound(tx, Accepted.BET, accepted_before=before, deadline=deadline)
    return sorted(found)


async def until_waiting(log: TestLog, asked: asyncio.Task[list[int]]) -> None:
    waiting = False
    while not waiting and not asked.done():
        async with log.database.transaction() as tx:
            waiting = await tx.value(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
            )


async def test_a_row_is_unbound_until_a_head_that_was_signed_in_time_covers_it(
    log: TestLog,
) -> None:
    one, begun = log.sequencing(), await began(log)
    late = begun + timedelta(hours=1)
    await log.accept(1, at=begun)
    await log.append(one)
    early = (await log.face.head()).at
    later = early + timedelta(milliseconds=1)
    await log.accept(2, 3, at=begun)
    await log.accept(4, kind=Accepted.TICKET, at=begun)
    await log.accept(5, at=late)

    assert await unbound(log, before=late, deadline=early) == [1, 2, 3]
    assert await unbound(log, before=late, deadline=later) == [2, 3]
    assert await unbound(log, before=AFTER, deadline=later) == [2, 3, 5]
    while (await log.face.head()).at <= later:
        await log.accept(6, at=late)
        await log.append(one)
    assert await unbound(log, before=late, deadline=later) == [2, 3]
    assert await unbound(log, before=late, deadline=AFTER) == []


async def test_nothing_is_unbound_that_was_accepted_before_the_log_ran(log: TestLog) -> None:
    await log.accept(1)
    assert await unbound(log, before=AFTER, deadline=AT) == []
    begun = await began(log)
    await log.accept(2, at=begun - timedelta(milliseconds=1))
    await log.accept(3, at=begun)

    assert await unbound(log, before=AFTER, deadline=AT) == [3]
