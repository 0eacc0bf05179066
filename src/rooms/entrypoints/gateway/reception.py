"""Bets on their way in: who sends them is asked for many at a time.

Bets that arrive while one look is under way are in the next one, as with ``Lanes``; here the
whole crowd goes on together, without an errand for each.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import structlog

from rooms.entrypoints.gateway.calls import bearer_token
from rooms.entrypoints.gateway.faces import Gateway
from rooms.entrypoints.gateway.swiftbets import AskedBet, Bettor
from rooms.kernel.ids import PlayerId
from rooms.kernel.refusal import Refusal
from rooms.platform.database import NotBegunError, is_away
from rooms.platform.lanes import MOST_AT_ONCE
from rooms.platform.metrics import BATCH_SECONDS, BATCH_SIZE
from rooms.platform.tracing import span

LANE: Final = "tokens"

log = structlog.get_logger()


@dataclass(slots=True)
class Reception:
    """Finds out who sends each bet, and begins to ``serve`` it.

    A token is looked up for every bet: one that is revoked is refused from then on.
    """

    gateway: Gateway
    serve: Callable[[AskedBet, Bettor], Coroutine[Any, Any, None]]
    _crowd: list[AskedBet] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _looking: bool = False

    def take(self, bet: AskedBet) -> None:
        """Let a bet in; it is looked up with those that are read in the same turn of the loop."""
        self._crowd.append(bet)
        if not self._looking:
            self._looking = True
            # It looks for many, so it inherits nothing from who happened to wake it.
            self._start(self._look(), Context())

    def begin(self, bet: AskedBet, bettor: Bettor) -> None:
        """Begin to serve a bet."""
        self._start(self.serve(bet, bettor))

    def _start(self, work: Coroutine[Any, Any, None], context: Context | None = None) -> None:
        task = asyncio.create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self) -> None:
        try:
            while self._crowd:
                bets = self._crowd[:MOST_AT_ONCE]
                del self._crowd[:MOST_AT_ONCE]
                for bet, bettor in zip(bets, await self._bettors(bets), strict=True):
                    self.begin(bet, bettor)
        finally:
            self._looking = False

    async def _bettors(self, bets: Sequence[AskedBet]) -> list[Bettor]:
        begun = perf_counter()
        tokens = [
            bearer_token(bet.headers.get(b"authorization", b"").decode("latin-1")) for bet in bets
        ]
        try:
            with span("batch", lane=LANE, size=len(bets)):
                players = await self._players([token for token in tokens if token is not None])
        except Exception as problem:  # noqa: BLE001 - each bet is answered with it
            if is_away(problem):
                # Nothing of any bet was begun.
                return [NotBegunError(repr(problem)) for _ in bets]
            if len(bets) == 1:
                return [problem]
            log.warning("bettors were not found together", size=len(bets))
            return [(await self._bettors([bet]))[0] for bet in bets]
        BATCH_SIZE.labels(LANE).observe(len(bets))
        BATCH_SECONDS.labels(LANE).observe(perf_counter() - begun)
        return [players.get(token) or Refusal("E-AUTH") for token in tokens]

    async def _players(self, tokens: Sequence[str]) -> dict[str | None, PlayerId | None]:
        players = await self.gateway.identity.players_of(tokens)
        await self.gateway.referral.remember([player for player in players if player is not None])
        return dict(zip(tokens, players, strict=True))
