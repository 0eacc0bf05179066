"""Feeds die in every way, alone and in pairs: for coins never a wrong winner, no stuck room."""

import asyncio
import itertools
from dataclasses import dataclass

from tests.stories.running import FIVE_ORIGINS, Api, Json, Player, coin
from tests.stories.test_touch import let_the_window_pass, verify

SOL = 10**9
FAULTS = ("timeout", "http500", "stale", "html", "zero", "times1000", "error200")
COIN_SOURCES = ("binance", "coinbase", "kraken", "coindesk", "pyth")

ALONE = [[(source, fault)] for source in COIN_SOURCES for fault in FAULTS]
SOURCE_PAIRS = itertools.cycle(itertools.combinations(COIN_SOURCES, 2))
PAIRS = [
    [(first, one), (second, other)]
    for one, other in itertools.combinations_with_replacement(FAULTS, 2)
    for first, second in itertools.islice(SOURCE_PAIRS, 2)
]


@dataclass
class Case:
    asset: str
    faults: list[tuple[str, str]]
    touched: bool
    room: Json

    @property
    def right(self) -> str:
        return "YES" if self.touched else "NO"


async def start(api: Api, host: Player, asset: str, number: int) -> Case:
    faults, touched = (ALONE + PAIRS)[number], number % 2 == 0
    await api.set_feed(asset, price="100")
    # A touched room ends long before its settle time, however slowly the others are prepared.
    settles_in = "240s" if touched else "60s"
    room = await host.open_room(coin(asset, "110"), settles_in=settles_in, lock_fraction=0.8)
    return Case(asset, faults, touched, room)


async def in_parts(case: Case, yes: Player, no: Player) -> None:
    await yes.must_bet(case.room, "YES", 2 * SOL)
    await no.must_bet(case.room, "NO", SOL)


async def test_each_fault_alone_and_in_pairs_never_makes_a_wrong_winner_nor_a_stuck_room(
    api: Api,
) -> None:
    host, yes, no = [await api.player(name) for name in ("Hugo", "Yara", "Noah")]
    numbered = enumerate(FIVE_ORIGINS[: len(ALONE + PAIRS)])
    cases = await asyncio.gather(*(start(api, host, asset, n) for n, asset in numbered))
    await asyncio.gather(*(in_parts(case, yes, no) for case in cases))
    await let_the_window_pass(api, cases[-1].room["id"])

    for case in cases:
        for source, fault in case.faults:
            await api.set_feed(case.asset, source=source, fault=fault)
        if case.touched:
            await api.set_feed(case.asset, price="110.5")
    ended = await asyncio.gather(
        *(api.until(case.room["id"], "SETTLED", "VOIDED", seconds=120) for case in cases)
    )

    wrong = [
        (case.faults, case.right, room["outcome"])
        for case, room in zip(cases, ended, strict=True)
        if room["outcome"] not in (None, case.right)
    ]
    assert wrong == []
    voided = [
        (case.faults, room["reason"])
        for case, room in zip(cases, ended, strict=True)
        if room["status"] == "VOIDED"
    ]
    assert voided == [], "with three honest origins of five there is always a consensus"
    for case in cases[:: len(cases) // 5]:
        assert verify(await api.settlement_file(case.room["id"]))["verdict"] == "verified"


async def test_a_room_without_consensus_waits_in_settling_then_gives_everything_back(
    api: Api,
) -> None:
    asset = FIVE_ORIGINS[-1]
    await api.set_feed(asset, price="100")
    host, yes, no = [await api.player(name) for name in ("Heidi", "Yuri", "Nina")]
    room = await host.open_room(coin(asset, "110"), settles_in="12s", lock_fraction=0.5)
    await yes.must_bet(room, "YES", 3 * SOL)
    await no.must_bet(room, "NO", SOL)
    for source in COIN_SOURCES[:3]:
        await api.set_feed(asset, source=source, fault="http500")

    waiting = await api.until(room["id"], "SETTLING")
    assert waiting["outcome"] is None
    ended = await api.until(room["id"], "VOIDED")

    assert ended["reason"] == "NO_CONSENSUS"
    assert await yes.balance() == yes.funded
    assert await no.balance() == no.funded
    assert await host.balance() == host.funded
