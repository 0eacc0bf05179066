"""The face of referral: signing up, the uplines of a player, what levels earned."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Protocol

from rooms.kernel.ids import AccountId, CommandKey, PlayerId
from rooms.kernel.money import Asset, Money
from rooms.platform.commands import Answered
from rooms.platform.database import Tx

LEVELS: Final = 3


@dataclass(frozen=True, slots=True)
class SignUp:
    """Become a player. ``fund`` is play money and exists in the sandbox only."""

    name: str
    referrer: str | None
    fund: Money | None
    token: str = field(repr=False)
    key: CommandKey


@dataclass(frozen=True, slots=True)
class SignedUp:
    """What a new player is told."""

    player_id: PlayerId
    referral_code: str


@dataclass(frozen=True, slots=True)
class Member:
    """A player with their account and the accounts of their uplines, nearest first."""

    player_id: PlayerId
    account_id: AccountId
    uplines: tuple[AccountId | None, AccountId | None, AccountId | None]


@dataclass(frozen=True, slots=True)
class LevelSummary:
    """One level: how many people, and what they earned the player, per asset."""

    level: int
    players: int
    earned: dict[Asset, int]


@dataclass(frozen=True, slots=True)
class ReferralSummary:
    """A player's own code and levels."""

    code: str
    levels: list[LevelSummary]


class Referral(Protocol):
    """Sign-up, uplines, earnings."""

    async def sign_up(self, command: SignUp) -> Answered[SignedUp]:
        """Make a player with an account and a code. Refuses E-NAME, E-REFERRER, E-AMOUNT."""
        ...

    async def member(self, tx: Tx, player: PlayerId) -> Member:
        """Give a player's account and uplines, as deep as the depth in force."""
        ...

    async def member_of(self, player: PlayerId) -> Member:
        """Give the same, remembered: neither ever changes.

        Ask before a command does anything: where the server is away, NotBegunError says so.
        """
        ...

    def remembered(self, player: PlayerId) -> Member | None:
        """Give the same where it is remembered already."""
        ...

    async def remember(self, players: Collection[PlayerId]) -> None:
        """Look up those of whom nothing is remembered, so that ``member_of`` need not."""
        ...

    async def open_rewards(self, tx: Tx) -> None:
        """Make ``pg_temp.rewards (account_id, level, amount)`` ready for the caller's SQL."""
        ...

    async def accrue(self, tx: Tx, asset: Asset) -> None:
        """Add what is in ``pg_temp.rewards`` to the levels' earnings and empty it.

        The money itself moves by the ledger, in the same transaction.
        """
        ...

    async def summary(self, player: PlayerId) -> ReferralSummary:
        """Give a player's code, people and earnings per level."""
        ...
