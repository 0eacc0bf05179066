"""Use cases of identity."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rooms.contexts.identity.api import BY_COMMAND, Administrator
from rooms.contexts.identity.domain import clean_name, new_token, token_digest
from rooms.contexts.identity.ports import PublicRecord
from rooms.contexts.identity.storage import IdentityStorage
from rooms.kernel.ids import PlayerId, StaffId
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database, Tx
from rooms.platform.lanes import Lanes


@dataclass(frozen=True, slots=True)
class IdentityService:
    """Players and staff by their tokens."""

    database: Database
    storage: IdentityStorage
    public: PublicRecord
    _asked: Lanes[bytes, PlayerId | None] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_asked", Lanes("tokens", self._players, at_once=1))

    async def register(self, tx: Tx, name: str, token: str) -> PlayerId:
        """Make a player who is known by this token."""
        player = await self.storage.add_player(tx, clean_name(name))
        await self.storage.add_token(tx, token_digest(token), player=player)
        return player

    async def player_of(self, token: str) -> PlayerId | None:
        """Say which player bears this token."""
        return await self._asked.submit("all", token_digest(token))

    async def players_of(self, tokens: Sequence[str]) -> list[PlayerId | None]:
        """Say the same of many tokens by one look at the database."""
        return await self._players([token_digest(token) for token in tokens])

    async def _players(self, digests: Sequence[bytes]) -> list[PlayerId | None]:
        async with self.database.statement() as tx:
            known = await self.storage.players_by_token(tx, digests)
        return [known.get(digest) for digest in digests]

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
