"""The face of identity: who a bearer of a token is, and what staff did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from rooms.kernel.ids import PlayerId, StaffId
from rooms.platform.database import Tx

# Reasons of acts where nobody is asked for one. They are public, so they name nobody.
BY_COMMAND: Final = "by command"
BY_ADMINISTRATOR: Final = "by an administrator"


@dataclass(frozen=True, slots=True)
class Administrator:
    """A member of staff; ``player_id`` is the player they also are, if any."""

    id: StaffId
    name: str
    player_id: PlayerId | None


class Identity(Protocol):
    """Players and staff by their tokens. Tokens are stored as digests only."""

    async def register(self, tx: Tx, name: str, token: str) -> PlayerId:
        """Make a player who is known by this token. Refuses E-NAME."""
        ...

    async def player_of(self, token: str) -> PlayerId | None:
        """Say which player bears this token."""
        ...

    async def players_of(self, tokens: Sequence[str]) -> list[PlayerId | None]:
        """Say the same of many tokens by one look at the database."""
        ...

    async def administrator_of(self, token: str) -> Administrator:
        """Say which administrator bears this token. Refuses E-STAFF."""
        ...

    async def appoint(self, name: str, player_id: PlayerId | None) -> str:
        """Make an administrator, or a further token for one, and give the token, once.

        Refuses E-NAME, and E-STAFF where the name belongs to one with another player.
        """
        ...

    async def note(
        self, tx: Tx, *, action: str, subject: str, reason: str, by: StaffId | None
    ) -> None:
        """Write what was done, in its transaction: an audit row, and an ``admin`` record.

        ``reason`` is public for ever and must name nobody; the subject is public as a hash.
        """
        ...
