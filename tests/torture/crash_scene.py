"""What is there before a command: players, rooms and bets of one point alone."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import aiohttp

from rooms.contexts.identity.api import Administrator
from rooms.contexts.parimutuel.api import OpenRoom, PlaceBet
from rooms.contexts.referral.api import SignUp
from rooms.kernel.ids import AccountId, CommandKey, PlayerId, RoomId, TicketId
from rooms.kernel.money import lamports
from rooms.platform.database import Database
from rooms.proof.pool import Side
from tests.houses import HAPPENED
from tests.torture.crash_house import SteppedHouse

ONE: Final = 1_000_000_000
DISTANT: Final = "1000000"
"""A target in US dollars that no price of the sandbox ever meets."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A player of a scene."""

    id: PlayerId
    account: AccountId
    code: str


@dataclass(slots=True)
class Scene:
    """What a command finds. ``mark`` begins every name and key; ``since`` is what was there."""

    mark: str
    since: Mapping[str, int]
    guests: dict[str, Guest] = field(default_factory=dict)
    rooms: list[RoomId] = field(default_factory=list)
    staff: list[Administrator] = field(default_factory=list)
    tickets: dict[str, TicketId] = field(default_factory=dict)

    @property
    def game(self) -> str:
        """The name of this scene's only game of keno."""
        return f"keno-{self.mark}"

    def key(self, name: str) -> CommandKey:
        """Give the key of one of this scene's commands."""
        return CommandKey("torture", f"{self.mark} {name}", name.encode())

    def sign_up(self, role: str, *, fund: int | None, referrer: str | None = None) -> SignUp:
        """Ask for a player of this scene, with so many lamports."""
        return SignUp(
            name=f"{self.mark} {role}",
            referrer=referrer,
            fund=None if fund is None else lamports(fund),
            token=f"token {self.mark} {role}",
            key=self.key(f"sign-up {role}"),
        )

    def bet(self, role: str, side: Side, stake: int, *, room: int = 0) -> PlaceBet:
        """Ask for a guest's only bet in a room of this scene."""
        return PlaceBet(
            room=self.rooms[room],
            player=self.guests[role].id,
            side=side,
            stake=stake,
            key=f"{self.mark} bet in room {room}",
        )

    def room(self, host: str, *, asset: str, target: str, resolve: str) -> OpenRoom:
        """Ask for a room of an hour, hosted by a guest."""
        return OpenRoom(
            host=self.guests[host].id,
            title=f"{self.mark}: {asset} at {target}",
            market={
                "type": "coin_price",
                "asset": asset,
                "direction": "at_or_above",
                "target": target,
            },
            resolve=resolve,
            settles_in=timedelta(hours=1),
            settles_at=None,
            lock_fraction=None,
            min_players=None,
            key=self.key(f"room {len(self.rooms)}"),
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """Sets scenes, through a house that nobody kills; time passes by the tables' owner."""

    stepped: SteppedHouse
    owner: Database
    sandbox: str

    async def scene(self, mark: str) -> Scene:
        """Begin a scene, and note how far the tables are filled."""
        async with self.owner.transaction() as tx:
            since = await tx.row(
                "SELECT (SELECT coalesce(max(id), 0) FROM ledger.entries) AS entries, "
                "(SELECT coalesce(max(id), 0) FROM platform.outbox) AS facts, "
                "(SELECT coalesce(max(id), 0) FROM identity.audit) AS audit"
            )
        assert since is not None
        return Scene(mark, dict(since))

    async def guest(
        self, scene: Scene, role: str, *, fund: int = 10 * ONE, referrer: str | None = None
    ) -> None:
        """Sign somebody up; the referrer is another guest's role."""
        house = self.stepped.house
        code = scene.guests[referrer].code if referrer else None
        signed = (await house.referral.sign_up(scene.sign_up(role, fund=fund, referrer=code))).value
        async with house.database.transaction() as tx:
            member = await house.referral.member(tx, signed.player_id)
        scene.guests[role] = Guest(member.player_id, member.account_id, signed.referral_code)

    async def room(
        self,
        scene: Scene,
        *,
        asset: str = "BTC",
        target: str = DISTANT,
        resolve: str = "at_close",
        bets: Mapping[str, tuple[Side, int]],
    ) -> None:
        """Open a room whose host is the guest ``host``, with these bets in it."""
        house = self.stepped.house
        asked = scene.room("host", asset=asset, target=target, resolve=resolve)
        scene.rooms.append((await house.rooms.open_room(asked)).value.id)
        for role, (side, stake) in bets.items():
            number = len(scene.rooms) - 1
            await house.rooms.place_bet(scene.bet(role, side, stake, room=number))

    async def staff(self, scene: Scene, name: str) -> None:
        """Appoint an administrator."""
        token = await self.stepped.house.identity.appoint(f"{scene.mark} {name}", None)
        scene.staff.append(await self.stepped.house.identity.administrator_of(token))

    async def let_pass(self, scene: Scene, passed: timedelta) -> None:
        """Move everything that has happened in the scene's rooms into the past."""
        async with self.owner.transaction() as tx:
            for table, key, columns in HAPPENED:
                moved = ", ".join(f"{column} = {column} - $2::interval" for column in columns)
                await tx.execute(
                    f"UPDATE {table} SET {moved} WHERE {key} = ANY ($1)",
                    [f"room:{room}" if key == "subject" else room for room in scene.rooms],
                    passed,
                )

    async def date_bets(self, scene: Scene, role: str, later: timedelta) -> None:
        """Let a guest's bets have been accepted so much later than now."""
        async with self.owner.transaction() as tx:
            await tx.execute(
                "UPDATE parimutuel.bets SET accepted_at = clock_timestamp() + $2 "
                "WHERE player_id = $1",
                scene.guests[role].id,
                later,
            )

    async def price(self, asset: str, price: str) -> None:
        """Let every source give a coin this price from now on."""
        async with (
            aiohttp.ClientSession(self.sandbox) as session,
            session.put(f"/feeds/{asset}", json={"price": price}) as response,
        ):
            response.raise_for_status()

    async def drand(self, fault: str | None) -> None:
        """Let every mirror of drand have this fault from now on; who is late is so by a day."""
        asked = {"mirror": "all", "fault": fault} | ({"by": "1440m"} if fault == "late" else {})
        async with (
            aiohttp.ClientSession(self.sandbox) as session,
            session.put("/drand", json=asked) as response,
        ):
            response.raise_for_status()

    async def leave(self) -> None:
        """Let the oracle forget what it still watches, so that the next scene finds it idle.

        The log is made anew too: where it has run, a bet counts only under a head. So are beacons,
        which would not be asked for again. The rounds of keno come to their end, and no clock
        looks at the scene's game any more.
        """
        await self.drand(None)
        await self.end_lease()
        await self.stepped.rounds.tick()
        async with self.owner.transaction() as tx:
            await tx.execute(
                "TRUNCATE fairness.pending, fairness.sequenced, fairness.leaves, fairness.tiles, "
                "fairness.heads, fairness.cosignatures"
            )
            await tx.execute("DELETE FROM fairness.beacons")
            await tx.execute("UPDATE keno.games SET status = 'PAUSED'")
            await tx.execute(
                "UPDATE oracle.watches SET ended_at = clock_timestamp() WHERE ended_at IS NULL"
            )

    async def end_lease(self) -> None:
        """Let the time pass after which another process may lead the oracle."""
        async with self.owner.transaction() as tx:
            await tx.execute("UPDATE platform.leases SET until = '-infinity'")


Say = Callable[[str, Any], None]


@dataclass(frozen=True, slots=True)
class Command:
    """``prepare`` sets the scene; ``act`` is what is killed and sent again.

    ``shows`` are words in the picture of an undisturbed run, without which it is another command.
    """

    prepare: Callable[[Stage, Scene], Awaitable[None]]
    act: Callable[[SteppedHouse, Scene, Say], Awaitable[None]]
    shows: tuple[str, ...] = ()
