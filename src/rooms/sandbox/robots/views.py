"""What the house answers, as far as a robot reads it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from rooms.kernel.money import SOL
from rooms.kernel.time import Instant
from rooms.proof.condition import Condition, MarketType, leaves, meets, parse_market, with_supplies
from rooms.proof.pool import Side

TAKING_BETS: Final = ("QUEUING", "OPEN")
PLAYERS_NEEDED: Final = 2
FRESH: Final = timedelta(seconds=15)
"""A price older than this says where an asset was, not where it is."""

Values = Mapping[str, Decimal]
"""What is compared with targets, by asset: a coin's price, a token's market cap (USD)."""


class Account(msgspec.Struct, frozen=True):
    """The answer to a sign-up; its token never shows in a repr."""

    player_id: str
    access_token: str
    referral_code: str

    def __repr__(self) -> str:
        return f"Account({self.player_id})"


class Amount(msgspec.Struct, frozen=True):
    """Integer minor units with their asset."""

    amount: str
    asset: str


class Price(msgspec.Struct, frozen=True):
    """What a room's question is compared with, and when that was seen."""

    value: Decimal
    at: datetime


class PartPrice(Price, frozen=True, kw_only=True):
    """What one part of a question is compared with."""

    asset: str


class Room(msgspec.Struct, frozen=True):
    """A room as anyone may see it."""

    id: str
    status: str
    market: dict[str, Any]
    resolve: str
    players: int
    pools: dict[str, Amount]
    locks_at: datetime
    settles_at: datetime
    price: Price | None = None
    prices: list[PartPrice] = []

    @property
    def condition(self) -> Condition:
        """The question, with a token's target read as market cap: its supply counts as one."""
        condition = parse_market(self.market)
        one = {leaf.asset: Decimal(1) for leaf in leaves(condition)}
        return with_supplies(condition, one)

    @property
    def combined(self) -> bool:
        """Whether the question has several parts."""
        return "of" in self.market

    @property
    def about_token(self) -> bool:
        """Whether stakes are limited by the depth of a token's pool."""
        return any(leaf.type is MarketType.TOKEN_MARKET_CAP for leaf in leaves(self.condition))

    @property
    def lonely(self) -> bool:
        """Whether nobody can win yet, because the room has not two players."""
        return self.status == "QUEUING" and self.players < PLAYERS_NEEDED

    def sides_taken(self) -> frozenset[Side]:
        """Say on which sides there is money."""
        return frozenset(Side(side) for side, pool in self.pools.items() if int(pool.amount))

    def shown(self) -> Mapping[str, Price]:
        """Give the prices that the room shows, by asset."""
        if self.combined or self.price is None:
            return {part.asset: part for part in self.prices}
        return {self.market["asset"]: self.price}

    def met(self, values: Values) -> bool:
        """Whether a touch room's question is answered already, as far as prices are known."""
        assets = {leaf.asset for leaf in leaves(self.condition)}
        known = self.resolve == "touch" and assets <= values.keys()
        return known and meets(self.condition, values)

    def takes_bets(self, now: Instant, values: Values) -> bool:
        """Whether a bet sent now should be accepted."""
        soon = now + timedelta(seconds=2)
        return self.status in TAKING_BETS and soon < self.locks_at and not self.met(values)


class RoomList(msgspec.Struct, frozen=True):
    """A page of rooms."""

    items: list[Room]


class OwnBet(msgspec.Struct, frozen=True):
    """A bet of the robot's own."""

    room_id: str
    status: str


class BetList(msgspec.Struct, frozen=True):
    """A page of own bets, newest first."""

    items: list[OwnBet]


class Balance(msgspec.Struct, frozen=True):
    """What a wallet holds of one asset."""

    asset: str
    available: Amount


class Wallet(msgspec.Struct, frozen=True):
    """What a robot has."""

    balances: list[Balance]

    def lamports(self) -> int:
        """Give the SOL that may be spent."""
        return sum(int(each.available.amount) for each in self.balances if each.asset == SOL)
