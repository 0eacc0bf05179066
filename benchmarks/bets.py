"""Numbered bets: the same number is the same bet in Python, in SQL and in every process."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rooms.contexts.parimutuel.api import PlaceBet
from rooms.kernel.ids import PlayerId, RoomId
from rooms.proof.pool import Side

# A prime step through the players, so that neighbours in time are no neighbours on the disk.
STEP: Final = 1_000_003
LEAST_STAKE: Final = 1_000_000
STAKES: Final = 997

# What follows from a number ``n``; $1 first player, $2 how many, $3 rooms.
BET_OF_NUMBER: Final = f"""
    SELECT player_id, room_id, side, stake, room_id || '-' || n AS key
    FROM (SELECT $1::bigint + n % $2::bigint * {STEP} % $2 AS player_id,
                 ($3::bigint[])[1 + (n / $2 + n % $2) % cardinality($3)] AS room_id,
                 CASE n % 2 WHEN 0 THEN 'YES' ELSE 'NO' END AS side,
                 {LEAST_STAKE} + n % {STAKES} AS stake) AS numbered
"""


@dataclass(frozen=True, slots=True)
class Bets:
    """Bets 0, 1, 2, ...: below ``most``, no player bets twice in a room."""

    first_player: int
    players: int
    rooms: Sequence[int]

    @property
    def most(self) -> int:
        """How many different bets there are."""
        return self.players * len(self.rooms)

    def player(self, number: int) -> int:
        """Say who places it."""
        return self.first_player + number % self.players * STEP % self.players

    def room(self, number: int) -> int:
        """Say in which room."""
        return self.rooms[(number // self.players + number % self.players) % len(self.rooms)]

    def side(self, number: int) -> Side:
        """Say on which side."""
        return Side.NO if number % 2 else Side.YES

    def stake(self, number: int) -> int:
        """Say how much, in lamports."""
        return LEAST_STAKE + number % STAKES

    def key(self, number: int) -> str:
        """Give its idempotency key."""
        return f"{self.room(number)}-{number}"

    def in_room(self, place: int) -> Iterator[int]:
        """Give the numbers of one room's bets, a player after the other, but for the first."""
        for slot in range(self.players):
            block = (place - slot) % len(self.rooms)
            if block or slot != place:  # that bet has opened the room
                yield block * self.players + slot

    def command(self, number: int) -> PlaceBet:
        """Give it as the house is asked."""
        return PlaceBet(
            room=RoomId(self.room(number)),
            player=PlayerId(self.player(number)),
            side=self.side(number),
            stake=self.stake(number),
            key=self.key(number),
        )


def token(player: int) -> str:
    """Give the access token of a stocked player."""
    return f"token-of-{player}"
