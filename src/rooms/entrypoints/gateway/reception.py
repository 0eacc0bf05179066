"""Bets on their way in: who sends them is known, or asked for many at a time.

Whose token was seen before goes on at once: the bets' transaction makes sure that it is not
revoked. The others are looked up. Bets that arrive while one look is under way are in the next
one, as with ``Lanes``; here the whole crowd goes on together, without an errand for each.
"""

import asyncio
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

import structlog

from rooms.contexts.identity.api import Bearer
from rooms.entrypoints.gateway.calls import bearer_token
from rooms.entrypoints.gateway.faces import Gateway
from rooms.entrypoints.gateway.swiftbets import AskedBet, Bettor, SwiftBets
from rooms.kernel.refusal import Refusal
from rooms.platform.database import NotBegunError, is_away
from rooms.platform.lanes import MOST_AT_ONCE
from rooms.platform.metrics import BATCH_SECONDS, BATCH_SIZE
from rooms.platform.tracing import span

LANE: Final = "tokens"

log = structlog.get_logger()


@dataclass(slots=True)
class Reception:
    """Finds out who sends each bet and hands it on.

    A token that is revoked is refused from then on, whether it is remembered or not.
    """

    gateway: Gateway
    bets: SwiftBets
    _crowd: list[AskedBet] = field(default_factory=list)
    _looking: asyncio.Task[None] | None = None

    def take(self, bet: AskedBet) -> None:
        """Let a bet in; it is looked up with those that are read in the same turn of the loop."""
        token = token_of(bet)
        bearer = None if token is None else self.gateway.identity.remembered(token)
        if bearer is not None and self.bets.begin(bet, bearer):
            return
        self._crowd.append(bet)
        if self._looking is None:
            # It looks for many, so it inherits nothing from who happened to wake it.
            self._looking = asyncio.create_task(self._look(), context=Context())

    async def _look(self) -> None:
        try:
            while self._crowd:
                bets = self._crowd[:MOST_AT_ONCE]
                del self._crowd[:MOST_AT_ONCE]
                for bet, bettor in zip(bets, await self._bettors(bets), strict=True):
                    try:
                        self.bets.serve(bet, bettor)
                    except Exception:
                        log.exception("a bet was not answered")
        finally:
            self._looking = None

    async def _bettors(self, bets: Sequence[AskedBet]) -> list[Bettor]:
        begun = perf_counter()
        tokens = [token_of(bet) for bet in bets]
        try:
            with span("batch", lane=LANE, size=len(bets)):
                bearers = await self._bearers([token for token in tokens if token is not None])
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
        return [bearers.get(token) or Refusal("E-AUTH") for token in tokens]

    async def _bearers(self, tokens: Sequence[str]) -> dict[str | None, Bearer | None]:
        bearers = await self.gateway.identity.bearers_of(tokens)
        known = {bearer.player_id for bearer in bearers if bearer is not None}
        await self.gateway.referral.remember(known)
        return dict(zip(tokens, bearers, strict=True))


def token_of(bet: AskedBet) -> str | None:
    """Give the token that a bet carries; None where it carries none."""
    return bearer_token(bet.headers.get(b"authorization", b"").decode("latin-1"))
