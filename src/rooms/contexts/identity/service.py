"""Use cases of identity."""

from dataclasses import dataclass

from rooms.contexts.identity.api import Administrator
from rooms.contexts.identity.domain import clean_name, new_token, token_digest
from rooms.contexts.identity.storage import IdentityStorage
from rooms.kernel.ids import PlayerId, StaffId
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database, Tx


@dataclass(frozen=True, slots=True)
class IdentityService:
    """Players and staff by their tokens."""

    database: Database
    storage: IdentityStorage

    async def register(self, tx: Tx, name: str, token: str) -> PlayerId:
        """Make a player who is known by this token."""
        player = await self.storage.add_player(tx, clean_name(name))
        await self.storage.add_token(tx, token_digest(token), player=player)
        return player

    async def player_of(self, token: str) -> PlayerId | None:
        """Say which player bears this token."""
        async with self.database.transaction() as tx:
            return await self.storage.player_by_token(tx, token_digest(token))

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
                tx, action="staff.token", subject=f"staff:{staff.id}", reason=name, by=None
            )
        return token

    async def note(
        self, tx: Tx, *, action: str, subject: str, reason: str, by: StaffId | None
    ) -> None:
        """Write an audit row in the transaction of what was done."""
        await self.storage.add_audit(tx, action, subject, reason, by)
