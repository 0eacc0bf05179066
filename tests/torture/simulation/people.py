"""Those who take part: players, hosts, administrators and a cashier, each by a script of chance."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from rooms.contexts.identity.api import Administrator
from rooms.contexts.ledger.api import WORLD, Movement
from rooms.contexts.parimutuel.api import BetReceipt, OpenRoom, PlaceBet, RoomView
from rooms.contexts.referral.api import SignedUp, SignUp
from rooms.kernel.ids import AccountId, HoldId, JournalId, PlayerId, RoomId
from rooms.kernel.money import SOL, lamports
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant
from rooms.platform.commands import Answered
from rooms.proof.pool import Side
from tests.torture.simulation.prices import SUPPLY, TOKEN
from tests.torture.simulation.processes import House
from tests.torture.simulation.stage import Client, Player, told

ASSETS: Final = ("SOL", "SOL", "BTC", "BTC", TOKEN)
STAKES: Final = (1_000_000, 1_000_001, 333_333_333, 1_000_000_000, 7_777_777_777)


async def sign_up(client: Client, referrer: Player | None, fund: int) -> Player:
    """Become a player, whatever it takes."""
    command = SignUp(
        name=client.name,
        referrer=referrer.code if referrer else None,
        fund=lamports(fund),
        token=f"token of {client.name}",
        key=client.key("sign-up"),
    )

    async def account(house: House) -> AccountId:
        async with house.database.transaction() as tx:
            return (await house.referral.member(tx, joined.player_id)).account_id

    answer = await client.ask("sign-up", lambda house: house.referral.sign_up(command))
    assert not isinstance(answer, Refusal), answer
    joined: SignedUp = answer.value
    theirs = await client.ask("account", account)
    assert not isinstance(theirs, Refusal), theirs
    uplines = [referrer, *referrer.uplines][:3] if referrer else []
    player = Player(client.name, joined.player_id, theirs, joined.referral_code, fund, uplines)
    client.stage.memory.players.append(player)
    client.say(f"player {player.id} with account {player.account} and {fund}")
    return player


def some_market(client: Client) -> dict[str, Any]:
    """Draw a question whose target lies near what is true now."""
    number = client.chance.choice([1, 1, 1, 2])
    assets = dict.fromkeys(client.chance.choices(ASSETS, k=number))
    parts = [_leaf(client, asset) for asset in assets]
    if len(parts) == 1:
        return parts[0]
    return {"type": client.chance.choice(["all", "any"]), "of": parts}


def _leaf(client: Client, asset: str) -> dict[str, Any]:
    away = Decimal(client.chance.choice([-40, -15, -5, 5, 15, 40])) / 10_000
    price = client.stage.world.truth.at(asset, client.stage.loop.now())
    worth = price * SUPPLY if asset == TOKEN else price
    # A close may as well be asked for from the side on which the price already is.
    above = (away > 0) != (client.chance.randrange(4) == 0)
    return {
        "type": "token_market_cap" if asset == TOKEN else "coin_price",
        "asset": asset,
        "direction": "at_or_above" if above else "at_or_below",
        "target": str((worth * (1 + away)).quantize(Decimal("0.01"))),
    }


async def host_rooms(client: Client, host: Player, rooms: int) -> None:
    """Open rooms, one after the other; where no price is agreed on, try again later."""
    attempts = 0
    while attempts < 2 * rooms and rooms:
        attempts += 1
        await client.rest(0, 3_000)
        command = _some_room(client, host, attempts)
        opened = await client.ask("open", partial(_open, command))
        if isinstance(opened, Refusal):
            client.say(f"open {command.resolve} {command.market} -> {opened.code}")
            continue
        rooms -= 1
        room: RoomView = opened.value
        client.stage.memory.rooms.append(room.id)
        client.say(f"open {room.resolve} {room.market} -> room {room.id} at {room.created_at}")


async def _open(command: OpenRoom, house: House) -> Answered[RoomView]:
    return await house.rooms.open_room(command)


async def _settle(room: RoomId, house: House) -> RoomView:
    return await house.rooms.settle(room)


def _some_room(client: Client, host: Player, number: int) -> OpenRoom:
    return OpenRoom(
        host=host.id,
        title=f"Room {number} of {client.name}",
        market=some_market(client),
        resolve=client.chance.choice(["touch", "touch", "at_close"]),
        settles_in=timedelta(milliseconds=client.chance.randint(6_000, 22_000)),
        settles_at=None,
        lock_fraction=Decimal(client.chance.randint(3, 9)) / 10,
        min_players=client.chance.choice([1, 2, 2]),
        key=client.key(f"room {number}"),
    )


@dataclass(slots=True)
class Bettor:
    """A player who bets, sends again, sends twice at once, and mixes up keys."""

    client: Client
    player: Player

    async def live(self, commands: int) -> None:
        """Send this many commands, with rests between."""
        for number in range(commands):
            await self.client.rest(20, 3_000)
            sent = [bet for bet, _ in self._own_bets()]
            kind = self.client.chance.randrange(100)
            if sent and kind < 12:
                await self._place(self.client.chance.choice(sent), "again")
            elif sent and kind < 18:
                await self._reuse_key(self.client.chance.choice(sent))
            elif (bet := self._some_bet(number)) is None:
                continue
            elif kind < 40:
                await asyncio.gather(self._place(bet, "twin"), self._place(bet, "twin"))
            else:
                await self._place(bet, "bet")

    def _own_bets(self) -> list[tuple[PlaceBet, BetReceipt | Refusal]]:
        known = self.client.stage.memory.bets.values()
        return [each for each in known if each[0].player == self.player.id]

    def _some_bet(self, number: int) -> PlaceBet | None:
        chance, rooms = self.client.chance, self.client.stage.memory.rooms[-3:]
        mine = {bet.room for bet, given in self._own_bets() if isinstance(given, BetReceipt)}
        if chance.randrange(4):
            rooms = [room for room in rooms if room not in mine]
        if not rooms:
            return None
        stake = chance.choice([*STAKES, chance.randint(1_000_000, 5_000_000_000)])
        stake = 999_999 if chance.randrange(25) == 0 else stake
        room = chance.choice(rooms)
        side = chance.choice(list(Side))
        key = f"{self.client.name} {number}"
        return PlaceBet(room=room, player=self.player.id, side=side, stake=stake, key=key)

    async def _place(self, bet: PlaceBet, how: str) -> None:
        answer = await self.client.ask(how, lambda house: house.rooms.place_bet(bet))
        given = answer if isinstance(answer, Refusal) else answer.value
        self._remember(bet, given)
        shown = given.code if isinstance(given, Refusal) else f"bet {given.id} at {given.placed_at}"
        self.client.say(f"{how} {bet.key!r}: {bet.stake} on {bet.side} of {bet.room} -> {shown}")

    def _remember(self, bet: PlaceBet, given: BetReceipt | Refusal) -> None:
        """An accepted bet is answered the same for ever; a refused one may be taken later."""
        known = self.client.stage.memory.bets
        _, before = known.get(bet.key, (bet, None))
        if isinstance(before, BetReceipt) and given != before:
            self.client.stage.wrong.append(f"{bet.key}: {before} was answered, then {given}")
        known[bet.key] = (bet, given if before is None or isinstance(given, BetReceipt) else before)

    async def _reuse_key(self, bet: PlaceBet) -> None:
        other = PlaceBet(
            room=bet.room, player=bet.player, side=bet.side, stake=bet.stake + 1, key=bet.key
        )
        _, before = self.client.stage.memory.bets[bet.key]
        if isinstance(before, Refusal):
            return
        answer = await self.client.ask("reuse", lambda house: house.rooms.place_bet(other))
        self.client.say(f"another stake under {bet.key!r} -> {told(answer)}")
        if not isinstance(answer, Refusal) or answer.code != "E-KEY-REUSED":
            self.client.stage.wrong.append(f"{bet.key}: its key was taken for another bet")


@dataclass(slots=True)
class Cashier:
    """Takes money out by holds, which are posted, released or left to expire."""

    client: Client
    players: Sequence[Player]

    async def live(self, withdrawals: int) -> None:
        """Try this many withdrawals, one after the other."""
        for number in range(withdrawals):
            await self.client.rest(500, 7_000)
            player = self.client.chance.choice(self.players)
            amount = self.client.chance.randint(1, 6_000_000_000)
            ends = self.client.stage.loop.now() + timedelta(
                seconds=self.client.chance.randint(1, 8)
            )
            hold = await self._reserve(f"hold {number}", player.account, amount, ends)
            if isinstance(hold, Refusal):
                continue
            await self.client.rest(0, 8_000)
            if self.client.chance.randrange(3):
                taken = amount - self.client.chance.choice([0, 0, amount // 3])
                await self._post(f"post {number}", hold, player.account, taken)
            elif self.client.chance.randrange(2):
                await self._release(hold)

    async def _reserve(
        self, key: str, account: AccountId, amount: int, ends: Instant
    ) -> HoldId | Refusal:
        async def reserve(house: House) -> HoldId:
            async with house.database.transaction() as tx:
                return await house.ledger.reserve(
                    tx, key, account, amount, ref=key, expires_at=ends
                )

        hold = await self.client.ask("reserve", reserve)
        self.client.say(f"{key}: {amount} on account {account} -> {told(hold)}")
        return hold

    async def _post(self, key: str, hold: HoldId, account: AccountId, amount: int) -> None:
        async def post(house: House) -> JournalId:
            async with house.database.transaction() as tx:
                world = await house.ledger.open_account(tx, SOL, WORLD, "play")
                out = Movement(account, -amount, "withdrawal", key)
                into = Movement(world, amount, "withdrawal", key)
                return await house.ledger.post_hold(tx, hold, key, [out, into])

        answer = await self.client.ask("post", post)
        self.client.say(f"{key}: {amount} -> {told(answer)}")
        if not isinstance(answer, Refusal):
            taken = self.client.stage.memory.withdrawn
            taken[account] = taken.get(account, 0) + amount

    async def _release(self, hold: HoldId) -> None:
        async def release(house: House) -> bool:
            async with house.database.transaction() as tx:
                return await house.ledger.release(tx, hold)

        self.client.say(
            f"hold {hold} released -> {told(await self.client.ask('release', release))}"
        )


async def appoint(client: Client, player: Player | None) -> Administrator:
    """Become an administrator, whatever it takes."""
    player_id: PlayerId | None = player.id if player else None

    async def become(house: House) -> Administrator:
        token = await house.identity.appoint(client.name, player_id)
        return await house.identity.administrator_of(token)

    staff = await client.ask("appoint", become)
    assert not isinstance(staff, Refusal), staff
    return staff


async def administer(client: Client, staff: Administrator, deeds: int) -> None:
    """Settle by hand and ask for voids, of rooms of chance, at moments of chance."""
    for _ in range(deeds):
        await client.rest(1_000, 9_000)
        rooms = client.stage.memory.rooms
        if not rooms:
            continue
        room = client.chance.choice(rooms)
        if client.chance.randrange(3):
            view = await client.ask("settle", partial(_settle, room))
            shown = view.code if isinstance(view, Refusal) else view.status.value
            client.say(f"settle {room} -> {shown}")
            continue
        await _ask_for_void(client, staff, room)


async def _ask_for_void(client: Client, staff: Administrator, room: RoomId) -> None:
    stage, reason = client.stage, "for no good reason"
    answer = await client.ask("void", lambda house: house.rooms.request_void(room, staff, reason))
    client.say(f"void {room} -> {told(answer)}")
    # A lost answer is asked for again, and then it was asked for already.
    if not isinstance(answer, Refusal) or answer.code == "E-VOID-TWICE":
        stage.memory.asked_voids.setdefault(room, set()).add(client.name)
