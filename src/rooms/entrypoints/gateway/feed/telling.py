"""What is told of facts: each becomes a frame on every topic that it concerns, if anybody watches.

A frame shows its subject as it is when it is told, never as it was: who has seen a later state in
a snapshot is not thrown back. Facts are told after the commit that made them true.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rooms.contexts.keno.api import GameStatus, GameView, Keno, RoundStatus
from rooms.contexts.keno.events import (
    GameChanged,
    RoundsDrawn,
    RoundsLocked,
    RoundsSettled,
    RoundsVoided,
)
from rooms.contexts.parimutuel.api import Rooms
from rooms.contexts.parimutuel.events import (
    BetsPlaced,
    RoomMoved,
    RoomOpened,
    RoomSettled,
    RoomVoided,
)
from rooms.entrypoints.gateway.answers import room_json
from rooms.entrypoints.gateway.feed.names import (
    HOUSE,
    ME,
    OWN,
    keno_topic,
    own_topic,
    room_topic,
)
from rooms.entrypoints.gateway.feed.names import KENO as KENO_TOPICS
from rooms.entrypoints.gateway.kenoanswers import game_json, round_json, ticket_json
from rooms.kernel.event import Fact
from rooms.kernel.ids import PlayerId, RoomId
from rooms.kernel.time import Clock, parse_rfc3339
from rooms.platform import topics
from rooms.platform.database import Tx
from rooms.platform.module import Together
from rooms.platform.outbox import lag
from rooms.platform.topics import News

ROUNDS: Final = (RoundsLocked, RoundsDrawn, RoundsVoided, RoundsSettled)
KENO: Final = (*ROUNDS, GameChanged)
ROOMS: Final = (RoomOpened, RoomMoved, RoomSettled, RoomVoided)
# After a time in which a game's clock was away, its latest rounds are told of, not all of them.
MOST_ROUNDS: Final = 50
# Seconds between two looks at bets: who watches a room sees it grow in steps.
BETS_EVERY: Final = 0.25


@dataclass(frozen=True, slots=True)
class Telling:
    """Makes frames of facts. ``consumers`` are what a process with a gateway runs for it."""

    rooms: Rooms
    keno: Keno
    clock: Clock

    def consumers(self) -> tuple[Together, ...]:
        """Give the consumers: of what is told at once, and of bets, which come in crowds."""
        return (
            Together("feed", (*KENO, *ROOMS), self.tell),
            Together("feed of bets", (BetsPlaced,), self.tell, pause=BETS_EVERY),
        )

    async def behind(self, tx: Tx) -> float:
        """Say how old the oldest fact is of which nobody was told yet, in seconds; 0 if none is."""
        return max([(await lag(tx, consumer)).seconds for consumer in self.consumers()])

    async def tell(self, tx: Tx, facts: Sequence[Fact]) -> None:
        """Tell of facts that are handled together, in their order."""
        await topics.stand_alone(tx)
        told = [
            *await self._of_rooms(tx, facts),
            *await self._of_keno(tx, facts),
            *await self._of_tickets(tx, facts),
        ]
        await topics.tell(tx, told, self.clock.now())

    async def _of_rooms(self, tx: Tx, facts: Sequence[Fact]) -> list[News]:
        kinds: dict[int, str] = {}
        for fact in facts:
            for room in _rooms(fact):
                ended = isinstance(fact, RoomSettled | RoomVoided)
                kinds[room] = "room.settled" if ended else kinds.get(room, "room.changed")
        if not kinds:
            return []
        watched = await topics.watched(tx, [HOUSE, *map(room_topic, kinds)])
        wanted = {
            room: of
            for room in kinds
            if (of := [each for each in (HOUSE, room_topic(room)) if each in watched])
        }
        if not wanted:
            return []  # nobody watches, as most often
        views = {view.id: view for view in await self.rooms.views([*map(RoomId, wanted)])}
        return [
            News(topic, kinds[room], room_json(views[RoomId(room)]))
            for room, of in wanted.items()
            for topic in of
        ]

    async def _of_keno(self, tx: Tx, facts: Sequence[Fact]) -> list[News]:
        games = {game for fact in facts for game in _games(fact)}
        watched = await topics.watched(tx, [*map(keno_topic, games)]) if games else set()
        games = {game for game in games if keno_topic(game) in watched}
        told: list[News] = []
        for game in games:
            moved = [each for fact in facts for each in _rounds(fact, game)]
            told += await self._of_rounds(game, moved)
            if any(isinstance(fact, GameChanged) and fact.game == game for fact in facts):
                shown = game_json(await self.keno.game(game))
                told.append(News(keno_topic(game), "game.changed", shown))
        return told

    async def _of_rounds(self, game: str, moved: list[tuple[str, int]]) -> list[News]:
        if not moved:
            return []
        last = max(number for _, number in moved)
        first = max(min(number for _, number in moved), last - MOST_ROUNDS + 1)
        views = await self.keno.rounds(game, last + 1, last - first + 1)
        found = {view.number: view for view in views}
        return [
            News(
                keno_topic(game),
                "round.skipped" if found[number].status is RoundStatus.SKIPPED else kind,
                round_json(found[number]),
            )
            for kind, number in moved
            if number in found
        ]

    async def _of_tickets(self, tx: Tx, facts: Sequence[Fact]) -> list[News]:
        """Tell players who watch of their tickets that are paid, or paid back."""
        paid: dict[str, set[int]] = {}
        for fact in facts:
            if isinstance(fact, RoundsSettled | RoundsVoided):
                for game, number in fact.rounds:
                    paid.setdefault(game, set()).add(number)
        if not paid:
            return []
        own = await topics.told_to(tx, OWN)
        players = [PlayerId(int(topic.removeprefix(OWN))) for topic in own]
        if not players:
            return []
        return [
            News(own_topic(player), "ticket.settled", ticket_json(ticket, self.keno), ME)
            for game, numbers in paid.items()
            for player, ticket in await self.keno.tickets_of_rounds(game, numbers, players)
        ]

    async def tell_openings(self, tx: Tx) -> float:
        """Tell which rounds have opened since the last time, by the clock alone.

        Gives the seconds until the next round of a watched game opens, an hour if none does.
        """
        marks = await topics.told_to(tx, KENO_TOPICS)
        games = [
            each
            for each in await self.keno.games()
            if each.status is GameStatus.RUNNING and keno_topic(each.game) in marks
        ]
        opened = {keno_topic(each.game): each.round for each in games}
        new = {topic: number for topic, number in opened.items() if number > marks[topic]}
        if new:
            await topics.mark(tx, new)
            told: list[News] = []
            for topic, number in new.items():
                # Who began to watch just now has the open round in the snapshot.
                seen = marks[topic] or number - 1
                first = max(seen + 1, number - MOST_ROUNDS + 1)
                numbers = [("round.opened", each) for each in range(first, number + 1)]
                told += await self._of_rounds(topic.removeprefix(KENO_TOPICS), numbers)
            await topics.tell(tx, told, self.clock.now())
        return min((_next_opening(each) for each in games), default=3600.0)


def _next_opening(game: GameView) -> float:
    terms = game.terms
    after = (game.round + 1 - terms["first_round"]) * terms["interval_ms"]
    opens_at = parse_rfc3339(terms["epoch"]) + timedelta(milliseconds=after)
    return (opens_at - game.at).total_seconds()


def _rooms(fact: Fact) -> Collection[int]:
    if isinstance(fact, BetsPlaced):
        return dict.fromkeys(fact.rooms)
    if isinstance(fact, ROOMS):
        return (fact.room_id,)
    return ()


def _games(fact: Fact) -> Iterable[str]:
    if isinstance(fact, GameChanged):
        return (fact.game,)
    if isinstance(fact, ROUNDS):
        return (each[0] for each in fact.rounds)
    return ()


def _rounds(fact: Fact, game: str) -> Iterable[tuple[str, int]]:
    """Give what happened to the rounds of a game, each with its type."""
    if isinstance(fact, RoundsLocked):
        for name, first, last in fact.rounds:
            if name == game:
                newest = range(max(first, last - MOST_ROUNDS + 1), last + 1)
                yield from (("round.locked", number) for number in newest)
    elif isinstance(fact, RoundsDrawn | RoundsVoided | RoundsSettled):
        kind = TYPES[type(fact)]
        yield from ((kind, number) for name, number in fact.rounds if name == game)


TYPES: Final = {
    RoundsDrawn: "round.drawn",
    RoundsVoided: "round.voided",
    RoundsSettled: "round.settled",
}
