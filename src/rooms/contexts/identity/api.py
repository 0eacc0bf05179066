"""The face of identity: who a bearer of a token is, and what staff did."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, NewType, Protocol

from rooms.kernel.ids import PlayerId, StaffId
from rooms.platform.database import Tx

# Reasons of acts where nobody is asked for one. They are public, so they name nobody.
BY_COMMAND: Final = "by command"
BY_ADMINISTRATOR: Final = "by an administrator"


# What a transaction makes sure by that a token still stands; to others it says nothing.
Standing = NewType("Standing", bytes)


class Bearer(NamedTuple):
    """A player, as the bearer of one of their tokens."""

    player_id: PlayerId
    standing: Standing


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

    async def bearer_of(self, token: str) -> Bearer | None:
        """Say who bears this token, so that a command can make sure of it."""
        ...

    async def bearers_of(self, tokens: Sequence[str]) -> list[Bearer | None]:
        """Say of many tokens who bears them, by one look at the database."""
        ...

    def remembered(self, token: str) -> Bearer | None:
        """Say who bore this token when it was looked up last; it may be revoked since.

        Whatever is done for it makes sure in its own transaction, by ``keep``.
        """
        ...

    async def keep(self, tx: Tx, bearers: Collection[Bearer], *, wait: bool) -> set[Standing]:
        """Say whose tokens still stand; none of these can be revoked until ``tx`` ends.

        Without ``wait`` one that is just being revoked counts as gone; with it, the end of that is
        awaited.
        """
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
