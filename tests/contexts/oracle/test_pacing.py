"""Each source is asked at its pace, and its answers are shared by those who ask together."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from rooms.contexts.oracle.ports import Reading
from rooms.contexts.oracle.service.pacing import PacedFeed
from rooms.kernel.result import Err, Ok
from tests.contracts.outside import RECEIVED, Source

LONG = timedelta(minutes=1)


@dataclass
class Counting:
    """A source that counts the questions and answers when it is let; "BAD" is its bug."""

    source: Source
    name: str = "counting"
    asked: list[tuple[float, list[str]]] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, assets: Sequence[str]) -> Mapping[str, Ok[Reading] | Err[str]]:
        self.asked.append((asyncio.get_running_loop().time(), list(assets)))
        self.begun.set()
        await self.may_answer.wait()
        assert "BAD" not in assets
        price = Decimal(len(self.asked))
        return {asset: Ok(Reading(price=price, received_at=RECEIVED)) for asset in assets}


def counting(min_interval: float = 0.05, *, answers: bool = True) -> tuple[PacedFeed, Counting]:
    pace = timedelta(seconds=min_interval)
    feed = Counting(Source(url="http://localhost", min_interval=pace))
    if answers:
        feed.may_answer.set()
    return PacedFeed(feed), feed


async def test_a_source_is_never_asked_again_within_its_interval() -> None:
    paced, feed = counting()
    for _ in range(3):
        await paced.ask(["SOL"], LONG)

    times = [at for at, _ in feed.asked]
    assert len(times) == 3
    assert all(after - before > 0.0499 for before, after in pairwise(times))


async def test_those_who_come_while_the_gate_is_shut_share_the_round_that_opens_it() -> None:
    paced, feed = counting()
    await paced.ask(["SOL"], LONG)

    answers = await asyncio.gather(
        paced.ask(["SOL"], LONG), paced.ask(["BTC", "SOL"], LONG), paced.ask(["ETH"], LONG)
    )

    assert [assets for _, assets in feed.asked] == [["SOL"], ["BTC", "ETH", "SOL"]]
    assert [set(each) for each in answers] == [{"SOL"}, {"BTC", "SOL"}, {"ETH"}]


async def test_who_comes_while_an_asset_is_asked_for_shares_the_answer() -> None:
    paced, feed = counting(answers=False)
    first = asyncio.create_task(paced.ask(["SOL"], LONG))
    await feed.begun.wait()
    second = asyncio.create_task(paced.ask(["SOL"], LONG))
    await asyncio.sleep(0)
    feed.may_answer.set()

    assert await first == await second
    assert len(feed.asked) == 1


async def test_a_finished_round_is_never_served_again() -> None:
    paced, _ = counting(0)
    first, second = await paced.ask(["SOL"], LONG), await paced.ask(["SOL"], LONG)

    assert isinstance(first["SOL"], Ok)
    assert isinstance(second["SOL"], Ok)
    assert (first["SOL"].value.price, second["SOL"].value.price) == (Decimal(1), Decimal(2))


async def test_who_cannot_wait_for_the_gate_gets_no_answer_and_asks_nothing() -> None:
    paced, feed = counting(60)
    await paced.ask(["SOL"], timedelta())

    assert await paced.ask(["SOL", "BTC"], timedelta(seconds=3)) == {}
    assert len(feed.asked) == 1


async def test_who_gives_up_waiting_takes_nothing_from_the_others() -> None:
    paced, feed = counting(answers=False)
    hasty = asyncio.create_task(paced.ask(["SOL"], LONG))
    patient = asyncio.create_task(paced.ask(["SOL"], LONG))
    await feed.begun.wait()
    hasty.cancel()
    feed.may_answer.set()

    assert isinstance((await patient)["SOL"], Ok)


async def test_a_bug_in_an_adapter_is_only_that_sources_silence() -> None:
    paced, _ = counting(0)

    assert await paced.ask(["BAD"], LONG) == {"BAD": Err("crashed")}
    assert isinstance((await paced.ask(["SOL"], LONG))["SOL"], Ok)
