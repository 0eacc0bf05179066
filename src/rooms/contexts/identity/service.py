"""Use cases of identity."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from rooms.contexts.identity.api import BY_COMMAND, Administrator, Bearer, Standing
from rooms.contexts.identity.domain import clean_name, new_token, token_digest
from rooms.contexts.identity.ports import PublicRecord
from rooms.contexts.identity.storage import IdentityStorage
from rooms.kernel.ids import PlayerId, StaffId
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database, Tx
from rooms.platform.lanes import Lanes

# Some 200 bytes each. Only tokens that were valid are remembered: strangers push nobody out.
MOST_REMEMBERED: Final = 100_000


@dataclass(frozen=True, slots=True)
class IdentityService:
    """Players and staff by their tokens."""

    database: Database
    storage: IdentityStorage
    public: PublicRecord
    most_remembered: int = MOST_REMEMBERED
    _remembered: dict[bytes, Bearer] = field(default_factory=dict, repr=False)
    _asked: Lanes[bytes, Bearer | None] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_asked", Lanes("tokens", self._bearers, at_once=1))

    async def register(self, tx: Tx, name: str, token: str) -> PlayerId:
        """Make a player who is known by this token."""
        player = await self.storage.add_player(tx, clean_name(name))
        await self.storage.add_token(tx, token_digest(token), player=player)
        return player

    async def player_of(self, token: str) -> PlayerId | None:
        """Say which player bears this token."""
        bearer = await self.bearer_of(token)
        return None if bearer is None else bearer.player_id

    async def bearer_of(self, token: str) -> Bearer | None:
        """Say who bears this token, so that a command can make sure of it."""
        return await self._asked.submit("all", token_digest(token))

    async def bearers_of(self, tokens: Sequence[str]) -> list[Bearer | None]:
        """Say of many tokens who bears them, by one look at the database."""
        return await self._bearers([token_digest(token) for token in tokens])

    async def _bearers(self, digests: Sequence[bytes]) -> list[Bearer | None]:
        async with self.database.statement() as tx:
            known = await self.storage.players_by_token(tx, digests)
        bearers = {digest: Bearer(player, Standing(digest)) for digest, player in known.items()}
        self._remembered.update(bearers)
        while len(self._remembered) > self.most_remembered:
            del self._remembered[next(iter(self._remembered))]
        return [bearers.get(digest) for digest in digests]

    def remembered(self, token: str) -> Bearer | None:
        """Say who bore this token when it was looked up last; it may be revoked since."""
        return self._remembered.get(token_digest(token))

    async def keep(self, tx: Tx, bearers: Collection[Bearer], *, wait: bool) -> set[Standing]:
        """Say whose tokens still stand; none of these can be revoked until ``tx`` ends."""
        kept = await self.storage.keep_tokens(tx, bearers, wait=wait)
        for bearer in bearers:
            if bearer.standing not in kept:
                # Whoever comes with it again is looked up, rather than in others' way.
                self._remembered.pop(bearer.standing, None)
        return kept

    async def administrator_of(self, token: str) -> Administrator:
        """Say which administrator bears this token."""
        async with self.database.transaction() as tx:
            administrator = await self.storage.staff_by_token(tx, token_digest(token))
        if administrator is None:
            raise Refusal("E-STAFF", why="no administrator has this token")
        return administrator

    async def appoint(self, name: str, player_id: PlayerId | None) -> str:
        """Make an administrator, or a further token for one, and give the token, once."""
        token = new_token()
        async with self.database.transaction() as tx:
            staff = await self.storage.add_staff(tx, clean_name(name), player_id)
            if staff.player_id != player_id:
                raise Refusal("E-STAFF", why=f"{staff.name} is known with another player")
            await self.storage.add_token(tx, token_digest(token), staff=staff.id)
            await self.note(
                tx, action="staff.token", subject=f"staff:{staff.id}", reason=BY_COMMAND, by=None
            )
        return token

    async def note(
        self, tx: Tx, *, action: str, subject: str, reason: str, by: StaffId | None
    ) -> None:
        """Write an audit row and its public record, in the transaction of what was done."""
        at = await self.storage.add_audit(tx, action, subject, reason, by)
        await self.public.acted(tx, action=action, subject=subject, reason=reason, at=at)
