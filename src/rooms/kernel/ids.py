"""Identifiers. Keys are 64-bit and made by the database; outside they are decimal strings."""

from dataclasses import dataclass, field
from typing import Final, NewType

PlayerId = NewType("PlayerId", int)
StaffId = NewType("StaffId", int)
AccountId = NewType("AccountId", int)
JournalId = NewType("JournalId", int)
HoldId = NewType("HoldId", int)
RoomId = NewType("RoomId", int)
BetId = NewType("BetId", int)
WatchId = NewType("WatchId", int)
GameId = NewType("GameId", int)
TicketId = NewType("TicketId", int)

LARGEST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class CommandKey:
    """What makes a command the same command when it is sent again; made at the edge.

    ``scope`` says who sends it where ("player:7 POST /v1/rooms"), ``key`` is the caller's own
    1-255 printable ASCII characters, ``body`` the SHA-256 of everything the command asks for.
    """

    scope: str
    key: str = field(repr=False)
    body: bytes
