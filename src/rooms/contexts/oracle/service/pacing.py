"""A source is asked no faster than it allows; who asks at the same time shares the answer."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from rooms.contexts.oracle.ports import Feed, Reading
from rooms.kernel.result import Err, Ok

log = structlog.get_logger()

Answers = Mapping[str, Ok[Reading] | Err[str]]
Round = asyncio.Task[Answers]


@dataclass(slots=True)
class PacedFeed:
    """A feed behind a gate that opens once per ``min_interval``.

    Whoever comes while it is shut joins the one round that begins when it opens; whoever comes
    while a round is under way shares that one's answers. A finished round is never served again.
    """

    feed: Feed
    _opens_at: float = 0.0
    _gathering: set[str] = field(default_factory=set)
    _next: Round | None = None
    _under_way: dict[str, Round] = field(default_factory=dict)

    async def ask(self, assets: Collection[str], patience: timedelta) -> Answers:
        """Ask for prices; nothing of what could only be asked for after ``patience``."""
        rounds = {asset: self._under_way[asset] for asset in assets if asset in self._under_way}
        rest = set(assets) - rounds.keys()
        shut_for = self._opens_at - asyncio.get_running_loop().time()
        if rest and shut_for <= patience.total_seconds():
            rounds |= dict.fromkeys(rest, self._join(rest))
        if not rounds:
            return {}
        await asyncio.wait(set(rounds.values()))
        return {asset: answered.result()[asset] for asset, answered in rounds.items()}

    def _join(self, assets: set[str]) -> Round:
        self._gathering |= assets
        if self._next is None:
            self._next = asyncio.create_task(self._round(), name=f"ask {self.feed.name}")
        return self._next

    async def _round(self) -> Answers:
        await self._pass_gate()
        this, assets = self._next, sorted(self._gathering)
        assert this is not None, "a round begins as the next one"
        self._next, self._gathering = None, set()
        self._under_way |= dict.fromkeys(assets, this)
        try:
            return await self.feed.read(assets)
        except Exception:
            # A source whose answer trips its adapter must not take the others with it.
            log.exception("a price source's adapter failed", source=self.feed.name)
            return {asset: Err("crashed") for asset in assets}
        finally:
            for asset in assets:
                if self._under_way[asset] is this:
                    del self._under_way[asset]

    async def _pass_gate(self) -> None:
        time = asyncio.get_running_loop().time
        await asyncio.sleep(self._opens_at - time())
        min_interval = self.feed.source.min_interval.total_seconds()
        self._opens_at = max(self._opens_at, time()) + min_interval
