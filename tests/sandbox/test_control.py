"""The sandbox's controls: what is set is in force at once, merged, and kept until deleted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rooms.kernel.time import to_millis
from rooms.sandbox.server import RunningSandbox, start_sandbox
from tests.contracts.outside import MINT, HandClock


class House:
    """A sandbox that can be started again in the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.running: RunningSandbox | None = None

    async def start(self) -> None:
        self.running = await start_sandbox("127.0.0.1", 0, self.folder, seed=7, clock=self.clock)

    async def stop(self) -> None:
        if self.running is not None:
            await self.running.close()
            self.running = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        assert self.running is not None
        data = body if isinstance(body, bytes) else None
        async with (
            aiohttp.ClientSession(self.running.url) as session,
            session.request(
                method, path, json=body if data is None else None, data=data
            ) as response,
        ):
            text = await response.text()
            is_json = response.content_type == "application/json"
            return response.status, (await response.json() if is_json else text)

    async def price(self, asset: str) -> str:
        _, state = await self.ask("GET", f"/feeds/{asset}")
        return str(state["price"])


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path / "sandbox")
    await house.start()
    yield house
    await house.stop()


async def test_a_path_starts_when_it_is_put_and_its_last_step_holds(house: House) -> None:
    status, _ = await house.ask("PUT", "/feeds/SOL", {"path": [["0s", "164"], ["5s", "165.2"]]})
    assert status == 200
    assert await house.price("SOL") == "164"
    house.clock.advance(4.999)
    assert await house.price("SOL") == "164"
    house.clock.advance(0.001)
    assert await house.price("SOL") == "165.2"
    house.clock.advance(9_999)
    assert await house.price("SOL") == "165.2"


async def test_before_a_paths_first_step_the_price_stays_where_it_was(house: House) -> None:
    await house.ask("PUT", "/feeds/SOL", {"price": "163"})
    await house.ask("PUT", "/feeds/SOL", {"path": [["1.5s", 170]]})
    assert await house.price("SOL") == "163"
    house.clock.advance(1.5)
    assert await house.price("SOL") == "170"


async def test_a_market_cap_is_a_price_times_the_supply(house: House) -> None:
    _, state = await house.ask("PUT", f"/feeds/{MINT}", {"market_cap": "7500000"})
    assert state["price"] == "0.0075"
    assert state["market_cap"].startswith("7500000")
    status, _ = await house.ask("PUT", "/feeds/SOL", {"market_cap": "7500000"})
    assert status == 422


async def test_prices_and_faults_are_merged_and_null_clears_one_fault(house: House) -> None:
    await house.ask("PUT", "/feeds/SOL", {"price": "164"})
    await house.ask("PUT", "/feeds/SOL", {"source": "kraken", "fault": "html"})
    _, state = await house.ask("PUT", "/feeds/SOL", {"source": "pyth", "fault": "zero"})
    assert state["price"] == "164"
    assert state["faults"] == {"kraken": "html", "pyth": "zero"}

    _, state = await house.ask("PUT", "/feeds/SOL", {"source": "kraken", "fault": None})
    assert state["faults"] == {"pyth": "zero"}


async def test_what_was_set_outlives_a_restart_with_the_time_it_was_set(house: House) -> None:
    await house.ask("PUT", "/feeds/SOL", {"path": [["0s", "164"], ["5s", "165.2"]]})
    await house.ask("PUT", "/feeds/DOGE", {"price": "0.1", "source": "kraken", "fault": "zero"})
    await house.stop()
    house.clock.advance(6)
    await house.start()

    assert await house.price("SOL") == "165.2"
    _, state = await house.ask("GET", "/feeds/DOGE")
    assert (state["price"], state["faults"]) == ("0.1", {"kraken": "zero"})


async def test_deleting_gives_the_walk_back_and_forgets_what_was_added(house: House) -> None:
    before = await house.price("SOL")
    await house.ask("PUT", "/feeds/SOL", {"price": "1", "source": "pyth", "fault": "zero"})
    await house.ask("PUT", "/feeds/DOGE", {"price": "0.1"})
    assert (await house.ask("DELETE", "/feeds/SOL"))[0] == 204
    assert (await house.ask("DELETE", "/feeds/DOGE"))[0] == 204
    await house.stop()
    await house.start()

    _, state = await house.ask("GET", "/feeds/SOL")
    assert (state["price"], state["faults"], state["path"]) == (before, {}, None)
    assert (await house.ask("GET", "/feeds/DOGE"))[0] == 404


async def test_every_known_asset_is_shown(house: House) -> None:
    await house.ask("PUT", "/feeds/DOGE", {"price": "0.1"})
    _, shown = await house.ask("GET", "/feeds")
    assert {item["asset"] for item in shown["items"]} >= {"SOL", "BTC", "ETH", MINT, "DOGE"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"\xff"',
        {},
        {"price": "0"},
        {"price": "-1"},
        {"price": "NaN"},
        {"price": "Infinity"},
        {"price": True},
        {"price": "much"},
        {"price": "1e99"},
        {"price": "1", "market_cap": "1"},
        {"pirce": "1"},
        {"path": []},
        {"path": [["5s", "1"], ["0s", "2"]]},
        {"path": [["soon", "1"]]},
        {"path": [["1s"]]},
        {"path": [["0s", "0"]]},
        {"source": "kraken"},
        {"fault": "zero"},
        {"fault": None},
        {"source": "nasdaq", "fault": "zero"},
        {"source": "kraken", "fault": "explode"},
    ],
)
async def test_what_cannot_be_understood_is_refused_with_a_sentence(
    house: House, body: Any
) -> None:
    status, answer = await house.ask("PUT", "/feeds/SOL", body)
    assert status == 422
    assert len(answer["detail"]) > 10
    assert (await house.ask("GET", "/feeds/SOL"))[1]["path"] is None


@pytest.mark.parametrize("name", ["sol", "SOL-USD", "S" * 21, "0" * 40])
async def test_a_name_that_can_be_neither_coin_nor_token_is_refused(
    house: House, name: str
) -> None:
    assert (await house.ask("PUT", f"/feeds/{name}", {"price": "1"}))[0] == 422


async def test_a_port_in_use_is_told_to_the_caller(house: House, tmp_path: Path) -> None:
    assert house.running is not None
    port = int(house.running.url.rsplit(":", 1)[1])
    with pytest.raises(OSError):
        await start_sandbox("127.0.0.1", port, tmp_path, seed=7, clock=house.clock)


async def test_whoever_is_kept_waiting_is_let_go_when_the_sandbox_closes(house: House) -> None:
    await house.ask("PUT", "/feeds/SOL", {"source": "coinbase", "fault": "timeout"})
    assert house.running is not None
    async with aiohttp.ClientSession(house.running.url) as session:
        with pytest.raises(TimeoutError):
            await session.get("/products/SOL-USD/ticker", timeout=aiohttp.ClientTimeout(total=0.2))
    await house.stop()


async def test_binance_shows_a_change_when_its_second_is_over(house: House) -> None:
    house.clock.at = house.clock.at.replace(microsecond=400_000)
    await house.ask("PUT", "/feeds/SOL", {"price": "200"})
    klines = "/api/v3/klines?symbol=SOLUSDT&interval=1s&limit=2"

    _, (closed, still_open) = await house.ask("GET", klines)
    assert float(closed[4]) < 160
    assert float(still_open[4]) == pytest.approx(200, rel=1e-4)
    house.clock.advance(0.6)
    _, (closed, _) = await house.ask("GET", klines)
    assert float(closed[4]) == pytest.approx(200, rel=1e-4)
    assert closed[6] == to_millis(house.clock.at) - 1


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/api/v3/klines?symbol=NOSUCHUSDT&interval=1s", 400, '"code":-1121'),
        ("/api/v3/klines?symbol=SOLUSDT&interval=3s", 400, '"code":-1120'),
        ("/api/v3/klines?symbol=SOLUSDT&interval=1s&limit=0", 400, '"code":-1100'),
        ("/api/v3/ticker/price?symbol=USDT", 400, '"code":-1121'),
        ("/api/v3/ticker/price?symbol=SOLUSDT", 200, '"symbol":"SOLUSDT"'),
        ("/api/v3/time", 200, '"serverTime":'),
        ("/products/NOSUCH-USD/ticker", 404, "NotFound"),
        ("/0/public/Trades?pair=NOSUCHUSD", 200, "EQuery:Unknown asset pair"),
        ("/0/public/Trades?pair=XBTUSD&count=1", 200, "XXBTZUSD"),
        ("/0/public/Trades?pair=SOLUSD&count=x", 200, "EGeneral:Invalid arguments"),
        ("/index/cc/v1/latest/tick?instruments=NOSUCH-USD", 404, '"type":2'),
        ("/data/pricemultifull?fsyms=NOSUCH&tsyms=USD", 200, '"Response":"Error"'),
        ("/data/price?fsym=SOL&tsyms=USD", 200, '"USD":1'),
        ("/data/price?fsym=NOSUCH&tsyms=USD", 200, '"Response":"Error"'),
        (f"/hermes/v2/updates/price/latest?ids[]={'00' * 32}", 404, "Price ids not found"),
        ("/hermes/v2/updates/price/latest?ids[]=nonsense", 400, "ids[]"),
        ("/api/v3/simple/price?ids=nosuch&vs_currencies=usd", 200, "{}"),
        ("/api/v3/simple/price?ids=solana", 422, "vs_currencies"),
        ("/tokens/v1/solana/nosuch", 200, "[]"),
        ("/token-pairs/v1/solana/SOL", 200, "[]"),
        ("/api/v3/onchain/networks/solana/tokens/multi/nosuch", 200, '"data":[]'),
        (f"/api/v3/onchain/simple/networks/solana/token_price/{MINT}", 200, f'"{MINT}":"0.0'),
        ("/nowhere", 404, "Not Found"),
    ],
)
async def test_every_path_answers_as_the_real_one_does(
    house: House, path: str, status: int, part: str
) -> None:
    assert house.running is not None
    async with aiohttp.ClientSession(house.running.url) as session, session.get(path) as response:
        assert response.status == status
        assert part in await response.text()
