"""The house dies in the middle and goes on where it was."""

from pathlib import Path

import aiohttp

from rooms.platform.postgres import EmbeddedPostgres
from tests.stories.running import Api, RunningHouse, coin
from tests.stories.test_touch import let_the_window_pass, verify

SOL = 10**9
# Rooms that are open keep what was set at their creation, and their files verify.
OTHER_TERMS = {
    "ROOMS__ORACLE__QUORUM_COIN": "2",
    "ROOMS__ORACLE__SPREAD_COIN": "0.2",
    "ROOMS__ORACLE__SOURCES__BINANCE__URL": "",
    "ROOMS__ORACLE__SOURCES__COINBASE__ORIGIN": "kraken",
    "ROOMS__ORACLE__SOURCES__KRAKEN__WEIGHT": "9",
    "ROOMS__PARIMUTUEL__PROTOCOL_BPS": "100",
}


async def test_a_house_killed_in_the_middle_of_a_room_settles_it_by_its_terms_after_the_restart(
    tmp_path: Path,
) -> None:
    house = RunningHouse(tmp_path / "data")
    house.start()
    async with aiohttp.ClientSession() as http:
        api = Api(house, http)
        await api.set_feed("REST", price="100")
        host, alice, bob = [await api.player(name) for name in ("Hal", "Amy", "Bob")]
        room = await host.open_room(coin("REST", "110"), settles_in="90s")
        placed = await alice.bet(room, "YES", 2 * SOL, key="amy-1")
        await bob.must_bet(room, "NO", SOL)
        await let_the_window_pass(api, room["id"])
        await api.set_feed("REST", price="110.5")
        house.kill()
        assert EmbeddedPostgres(house.data).status().running

        house.settings = OTHER_TERMS
        house.start()
        again = await alice.bet(room, "YES", 2 * SOL, key="amy-1")
        ended = await api.until(room["id"], "SETTLED")

        assert again.status == 201
        assert again.headers["Idempotent-Replay"] == "true"
        assert again.body == placed.body
        assert ended["outcome"] == "YES"
        assert await alice.balance() == alice.funded + SOL - 90_000_000
        assert await bob.balance() == bob.funded - SOL
        assert verify(await api.settlement_file(room["id"]))["verdict"] == "verified"
    assert house.stop() == 0
    assert not EmbeddedPostgres(house.data).status().running
