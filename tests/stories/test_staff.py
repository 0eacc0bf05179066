"""Staff act by command: two administrators, in public, with a delay."""

import asyncio
import json
import os
from typing import Any

import asyncpg

from rooms.platform.postgres import EmbeddedPostgres
from tests.commands import run_rooms
from tests.stories.running import QUICK, Api, RunningHouse, coin, new_asset

SOL = 10**9


async def rooms(house: RunningHouse, *command: str) -> tuple[int, Any, str]:
    """Run a command beside the house; give its exit code, its JSON, and what it said."""
    words = (*command, "--json", "--data", str(house.data))
    ended = await asyncio.to_thread(run_rooms, *words, environment=os.environ | QUICK)
    told = json.loads(ended.stdout) if ended.stdout else None
    return ended.returncode, told, ended.stderr.decode()


async def audit(house: RunningHouse, subject: str) -> list[str]:
    connection = await asyncpg.connect(EmbeddedPostgres(house.data).dsn().reader)
    rows = await connection.fetch(
        "SELECT action FROM identity.audit WHERE subject = $1 ORDER BY id", subject
    )
    await connection.close()
    return [row["action"] for row in rows]


async def test_two_administrators_void_a_room_after_the_public_delay(api: Api) -> None:
    asset = new_asset()
    await api.set_feed(asset, price="100")
    host, alice, bob = [await api.player(name) for name in ("Hope", "Anne", "Bart")]
    room = await host.open_room(coin(asset, "110"), settles_in="120s")
    await alice.must_bet(room, "YES", 2 * SOL)
    await bob.must_bet(room, "NO", SOL)
    first, second, partial = [
        (await rooms(api.house, "staff", "token", f"{name} {asset}", *player))[1]["token"]
        for name, player in (
            ("Sue", ()),
            ("Tom", ()),
            ("Pat", ("--player", bob.player_id)),
        )
    ]
    void = ("room", "void", room["id"], "--reason", "the feed was wrong", "--yes", "--token")

    betting = await rooms(api.house, *void, partial)
    asked = await rooms(api.house, *void, first)
    again = await rooms(api.house, *void, first)
    granted = await rooms(api.house, *void, second)

    assert (betting[0], "E-VOID-BET" in betting[2]) == (1, True)
    assert (again[0], "E-VOID-TWICE" in again[2]) == (1, True)
    assert asked[1]["effective_at"] is None
    assert granted[1]["effective_at"] is not None
    pending = (await api.room(room["id"]))["pending_void"]
    assert pending["reason"] == "the feed was wrong"
    ended = await api.until(room["id"], "VOIDED")
    assert ended["reason"] == "ADMIN"
    assert await alice.balance() == alice.funded
    assert await bob.balance() == bob.funded
    assert await audit(api.house, f"room:{room['id']}") == [
        "room.void",
        "room.void",
        "room.voided",
    ]


async def test_a_dry_run_says_what_settling_would_do_and_changes_nothing(api: Api) -> None:
    asset = new_asset()
    await api.set_feed(asset, price="100")
    host, alice, bob = [await api.player(name) for name in ("Hugh", "Alma", "Bram")]
    room = await host.open_room(coin(asset, "110"), settles_in="120s")
    await alice.must_bet(room, "YES", 100 * SOL)
    await bob.must_bet(room, "NO", 50 * SOL)

    code, preview, _ = await rooms(api.house, "room", "settle", room["id"], "--dry-run")

    assert code == 0
    assert preview["decided"] is False
    assert preview["outcomes"]["YES"]["takeout"] == 4_500_000_000
    assert preview["outcomes"]["YES"]["net"] == 145_500_000_000
    assert (await api.room(room["id"]))["status"] == "OPEN"
    assert await audit(api.house, f"room:{room['id']}") == ["room.preview"]
    refused = await rooms(api.house, "room", "settle", room["id"], "--yes", "--token", "nobody")
    assert (refused[0], "E-STAFF" in refused[2]) == (1, True)
