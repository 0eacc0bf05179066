"""The other ways in which rooms end, as players live through them."""

import asyncio

from tests.stories.running import Api, coin, new_asset
from tests.stories.test_touch import let_the_window_pass, verify

SOL = 10**9


async def test_a_one_sided_room_gives_everyone_the_stake_back_and_takes_no_fee(api: Api) -> None:
    asset = new_asset()
    await api.set_feed(asset, price="100")
    host, alice, bob = [await api.player(name) for name in ("Hans", "Anna", "Ben")]
    room = await host.open_room(coin(asset, "110"), settles_in="12s", lock_fraction=0.5)
    await alice.must_bet(room, "NO", 3 * SOL)
    await bob.must_bet(room, "NO", 7 * SOL)

    ended = await api.until(room["id"], "SETTLED")

    assert ended["outcome"] == "NO"
    assert await alice.balance() == alice.funded
    assert await bob.balance() == bob.funded
    assert await host.balance() == host.funded
    settlement = await api.settlement(room["id"])
    assert settlement["takeout"] == "0"
    assert verify(await api.settlement_file(room["id"]))["verdict"] == "verified"


async def test_a_room_that_nobody_won_is_void_and_every_stake_goes_back(api: Api) -> None:
    asset = new_asset()
    await api.set_feed(asset, price="100")
    host, alice, bob = [await api.player(name) for name in ("Hedy", "Ada", "Bo")]
    room = await host.open_room(coin(asset, "110"), settles_in="12s", lock_fraction=0.5)
    await alice.must_bet(room, "YES", 3 * SOL)
    await bob.must_bet(room, "YES", 7 * SOL)

    ended = await api.until(room["id"], "VOIDED")

    assert ended["reason"] == "NO_WINNER"
    assert await alice.balance() == alice.funded
    assert await alice.entries("refund") == [3 * SOL]
    assert await bob.balance() == bob.funded
    assert verify(await api.settlement_file(room["id"]))["verdict"] == "verified"


async def test_too_few_players_at_lock_time_void_a_room(api: Api) -> None:
    asset = new_asset()
    await api.set_feed(asset, price="100")
    host = await api.player("Hiro")
    room = await host.open_room(coin(asset, "110"), settles_in="10s", lock_fraction=0.5)
    await host.must_bet(room, "YES", SOL)

    ended = await api.until(room["id"], "VOIDED")

    assert ended["reason"] == "MIN_PLAYERS"
    assert await host.balance() == host.funded
    assert verify(await api.settlement_file(room["id"]))["verdict"] == "verified"


async def test_a_room_touched_before_enough_players_came_is_void(api: Api) -> None:
    asset = new_asset()
    await api.set_feed(asset, price="100")
    host = await api.player("Hilda")
    room = await host.open_room(coin(asset, "110"), settles_in="60s")
    await host.must_bet(room, "YES", SOL)
    await api.set_feed(asset, price="110.5")

    ended = await api.until(room["id"], "VOIDED")

    assert ended["reason"] == "TARGET_MET_QUEUING"
    assert await host.balance() == host.funded


async def test_a_bet_placed_as_the_target_is_touched_is_scratched_and_refunded(api: Api) -> None:
    asset = new_asset()
    await api.set_feed(asset, price="100")
    host, alice, bob, late = [await api.player(name) for name in ("Henk", "Alba", "Bert", "Late")]
    room = await host.open_room(coin(asset, "110"), settles_in="90s")
    await alice.must_bet(room, "YES", 2 * SOL)
    await bob.must_bet(room, "NO", SOL)
    await let_the_window_pass(api, room["id"])
    await late.must_bet(room, "YES", 5 * SOL)
    await api.set_feed(asset, price="110.5")

    ended = await api.until(room["id"], "SETTLED")
    settlement = await api.settlement(room["id"])

    assert ended["outcome"] == "YES"
    assert settlement["scratched"] == 1
    assert await late.balance() == late.funded
    assert await late.entries("refund") == [5 * SOL]
    assert await alice.balance() > alice.funded
    assert verify(await api.settlement_file(room["id"]))["verdict"] == "verified"


async def test_a_room_at_close_is_decided_by_the_first_price_after_its_settle_time(
    api: Api,
) -> None:
    asset = new_asset()
    await api.set_feed(asset, price="120")
    host, alice, bob = [await api.player(name) for name in ("Hera", "Alf", "Bea")]
    room = await host.open_room(
        coin(asset, "110", "at_or_below"), settles_in="14s", lock_fraction=0.4, resolve="at_close"
    )
    await alice.must_bet(room, "YES", 2 * SOL)
    await bob.must_bet(room, "NO", SOL)
    await api.set_feed(asset, path=[["0s", "105"], ["2s", "120"], ["8s", "109"]])

    ended = await api.until(room["id"], "SETTLED")

    assert ended["outcome"] == "YES"
    settlement = await api.settlement(room["id"])
    assert settlement["trigger"] == "close"
    assert all(
        quote["source_time"] >= ended["settles_at"]
        for observation in settlement["observations"]
        for quote in observation["quotes"]
        if quote["used"]
    )
    assert verify(await api.settlement_file(room["id"]))["verdict"] == "verified"


async def test_a_combined_room_needs_all_its_conditions_in_the_same_observations(
    api: Api,
) -> None:
    one, other = new_asset(), new_asset()
    await api.set_feed(one, price="100")
    await api.set_feed(other, price="50")
    host, alice, bob = [await api.player(name) for name in ("Homer", "Ali", "Bill")]
    market = {"type": "all", "of": [coin(one, "110"), coin(other, "40", "at_or_below")]}
    room = await host.open_room(market, settles_in="60s")
    await alice.must_bet(room, "YES", 2 * SOL)
    await bob.must_bet(room, "NO", SOL)
    await let_the_window_pass(api, room["id"])
    await api.set_feed(one, price="111")
    await let_the_window_pass_after_change(api, room["id"])
    assert (await api.room(room["id"]))["status"] == "OPEN"
    await api.set_feed(other, price="39")

    ended = await api.until(room["id"], "SETTLED")

    assert ended["outcome"] == "YES"
    assert verify(await api.settlement_file(room["id"]))["verdict"] == "verified"


async def let_the_window_pass_after_change(api: Api, room_id: str) -> None:
    """Wait until three observations later than now were made."""
    first = (await api.room(room_id))["price"]["at"]
    seen = {first}
    async with asyncio.timeout(60):
        while len(seen) < 4:
            await api.next_moment()
            seen.add((await api.room(room_id))["price"]["at"])
