"""A feed over HTTP: it speaks one dialect to one address, all questions at the same time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from yarl import URL

from rooms.contexts.oracle.adapters.dialect import Answer, Dialect, UnusableError
from rooms.contexts.oracle.ports import Reading, SourceSettings
from rooms.kernel.result import Err, Ok
from rooms.kernel.time import Clock
from rooms.platform.http import HttpClient

TIME_OUT: Final = 2.0
ATTEMPTS: Final = 2
AT_ONCE: Final = 16
"""Questions to one source under way: more would be answered in a rush that holds up the process."""

Readings = dict[str, Ok[Reading] | Err[str]]
Batch = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFeed:
    """Reads one source's prices; ``time_out`` is in seconds for everything asked at once."""

    name: str
    source: SourceSettings
    dialect: Dialect
    http: HttpClient
    clock: Clock
    time_out: float = TIME_OUT

    async def read(self, assets: Sequence[str]) -> Mapping[str, Ok[Reading] | Err[str]]:
        """Ask for the prices of all ``assets`` at once; the answer has each of them."""
        readings: Readings = {asset: Err("unnamed") for asset in assets}
        names = {asset: name for asset in readings if (name := self._name_of(asset)) is not None}
        named, size = list(names.items()), self.dialect.BATCH
        batches = [named[start : start + size] for start in range(0, len(named), size)]
        if size == 1:
            return readings | await self._ask_all(batches, self.time_out, ATTEMPTS)
        readings |= await self._ask_all(batches, self.time_out / 2, 1)
        # The trouble of one asset must not blind the others: ask for each alone.
        troubled = [
            [each]
            for batch in batches
            if all(isinstance(readings[asset], Err) for asset, _ in batch)
            for each in batch
        ]
        return readings | await self._ask_all(troubled, self.time_out / 2, 1)

    def _name_of(self, asset: str) -> str | None:
        return self.source.symbols.get(asset) or self.dialect.name_of(asset)

    async def _ask_all(self, batches: Sequence[Batch], time_out: float, attempts: int) -> Readings:
        """Ask for all batches within the time, not too many at once."""
        time = asyncio.get_running_loop().time
        until, left = time() + time_out, iter(batches)
        readings: Readings = {}
        turn = asyncio.Lock()

        async def ask_on() -> None:
            for batch in left:
                async with turn:
                    # One question begins in a turn of the loop: together they hold up everybody.
                    await asyncio.sleep(0)
                readings.update(await self._ask(batch, until - time(), attempts))

        await asyncio.gather(*(ask_on() for _ in range(min(AT_ONCE, len(batches)))))
        return readings

    async def _ask(self, batch: Batch, time_out: float, attempts: int) -> Readings:
        if time_out <= 0:
            return {asset: Err("timeout") for asset, _ in batch}
        request = self.dialect.request([name for _, name in batch], self.source)
        document = await self.http.get_json(
            address(self.source.url, request.path),
            params=request.params,
            headers=request.headers,
            time_out=time_out,
            attempts=attempts,
            circuit=self._circuit(batch),
        )
        if isinstance(document, Err):
            return {asset: Err(document.error.kind) for asset, _ in batch}
        answer = Answer(document.value, self.clock.now())
        return {asset: self._reading(name, answer) for asset, name in batch}

    def _circuit(self, batch: Batch) -> str:
        about = batch[0][1] if len(batch) == 1 else "many"
        return f"{self.name} at {self.source.url}: {about}"

    def _reading(self, name: str, answer: Answer) -> Ok[Reading] | Err[str]:
        try:
            return Ok(self.dialect.read(name, answer))
        except UnusableError as unusable:
            return Err(unusable.reason)


def address(base: str, path: str) -> str:
    """Put a path below a base address, which may already hold the path's beginning."""
    url = URL(base)
    start = url.path.rstrip("/")
    whole = path if path.startswith(f"{start}/") else start + path
    return str(url.origin().with_path(whole))
