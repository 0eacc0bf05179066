"""Use cases of referral."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from rooms.contexts.identity.api import Identity
from rooms.contexts.ledger.api import PLAYER, WORLD, Ledger, Movement
from rooms.contexts.referral.api import Member, ReferralSummary, SignedUp, SignUp
from rooms.contexts.referral.storage import ReferralStorage
from rooms.kernel.ids import AccountId, PlayerId
from rooms.kernel.money import SOL, Asset, Money
from rooms.kernel.refusal import Refusal
from rooms.platform.commands import Answered, once
from rooms.platform.database import Database, NotBegunError, Tx, Unavailable
from rooms.platform.lanes import Lanes

# Without letters and digits that are read for one another.
ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH: Final = 8
LARGEST_AMOUNT: Final = 2**63 - 1


MOST_REMEMBERED: Final = 100_000


@dataclass(frozen=True, slots=True)
class ReferralService:
    """Sign-up, uplines, earnings. ``depth`` is how many levels are rewarded."""

    database: Database
    storage: ReferralStorage
    identity: Identity
    ledger: Ledger
    depth: int
    _remembered: dict[PlayerId, Member] = field(default_factory=dict)
    _asked: Lanes[PlayerId, Member] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_asked", Lanes("members", self._members, at_once=1))

    async def sign_up(self, command: SignUp) -> Answered[SignedUp]:
        """Make a player with an account and a code."""
        async with self.database.transaction() as tx:
            return await once(tx, command.key, SignedUp, lambda: self._join(tx, command))

    async def _join(self, tx: Tx, command: SignUp) -> SignedUp:
        uplines = await self._uplines(tx, command.referrer)
        player = await self.identity.register(tx, command.name, command.token)
        account = await self.ledger.open_account(tx, SOL, PLAYER, str(player))
        code = new_code()
        await self.storage.add_member(tx, player, code, account, uplines)
        if command.fund is not None and command.fund.units:
            await self._fund(tx, player, command.fund)
        return SignedUp(player, code)

    async def _uplines(self, tx: Tx, referrer: str | None) -> tuple[AccountId | None, ...]:
        if referrer is None:
            return (None, None, None)
        code = referrer.strip().upper()
        written = code.isascii() and code.isalnum()
        found = await self.storage.member_by_code(tx, code) if written else None
        if found is None:
            raise Refusal("E-REFERRER", referrer=referrer[:40])
        return (found.account_id, *found.uplines[:2])

    async def _fund(self, tx: Tx, player: PlayerId, fund: Money) -> None:
        if not 0 < fund.units <= LARGEST_AMOUNT:
            raise Refusal(
                "E-AMOUNT", why="play money is a positive amount that an account can hold"
            )
        account = await self.ledger.open_account(tx, fund.asset, PLAYER, str(player))
        world = await self.ledger.open_account(tx, fund.asset, WORLD, "play")
        ref = f"player:{player}"
        await self.ledger.post(
            tx,
            f"fund:{player}",
            [
                Movement(world, -fund.units, "fund", ref),
                Movement(account, fund.units, "fund", ref),
            ],
        )

    async def member(self, tx: Tx, player: PlayerId) -> Member:
        """Give a player's account and uplines, as deep as the depth in force."""
        return self._rewarded((await self.storage.members(tx, [player]))[0])

    async def member_of(self, player: PlayerId) -> Member:
        """Give the same, remembered: neither ever changes.

        Ask before a command does anything: where the server is away, NotBegunError says so.
        """
        known = self._remembered.get(player)
        if known is not None:
            return known
        try:
            return await self._asked.submit("all", player)
        except Unavailable as away:
            raise NotBegunError(repr(away)) from away

    def remembered(self, player: PlayerId) -> Member | None:
        """Give the same where it is remembered already."""
        return self._remembered.get(player)

    async def remember(self, players: Collection[PlayerId]) -> None:
        """Look up those of whom nothing is remembered, so that ``member_of`` need not."""
        unknown = {player for player in players if player not in self._remembered}
        if unknown:
            await self._members([*unknown])

    async def _members(self, players: Sequence[PlayerId]) -> list[Member]:
        async with self.database.statement() as tx:
            found = await self.storage.members(tx, players)
        members = {each.player_id: self._rewarded(each) for each in found}
        self._remembered.update(members)
        while len(self._remembered) > MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        return [members[player] for player in players]

    def _rewarded(self, found: Member) -> Member:
        """Leave out the uplines beyond the depth in force."""
        if self.depth >= len(found.uplines):
            return found
        kept = [upline if n < self.depth else None for n, upline in enumerate(found.uplines)]
        return Member(found.player_id, found.account_id, (kept[0], kept[1], kept[2]))

    async def open_rewards(self, tx: Tx) -> None:
        """Make ``pg_temp.rewards`` ready for the caller's SQL."""
        await self.storage.open_rewards(tx)

    async def accrue(self, tx: Tx, asset: Asset) -> None:
        """Add what is in ``pg_temp.rewards`` to the levels' earnings and empty it."""
        await self.storage.accrue(tx, asset)

    async def summary(self, player: PlayerId) -> ReferralSummary:
        """Give a player's code, people and earnings per level."""
        async with self.database.snapshot() as tx:
            levels = await self.storage.levels(tx, player)
            return ReferralSummary(await self.storage.code(tx, player), levels[: self.depth])


def new_code() -> str:
    """Make a code like REF7K2MQX9A: forty random bits, which do not meet by chance."""
    return "REF" + "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
