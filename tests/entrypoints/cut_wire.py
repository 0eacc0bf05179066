"""A TCP wire to the database that a test can cut, also between a commit and its answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.addresses import through_port


@dataclass(slots=True)
class Wire:
    """Carries bytes both ways until it is cut; mended, it carries new connections."""

    server: str
    url: str = ""
    commits_until_cut: int | None = None
    _cut: bool = False
    _ends: set[asyncio.WriteTransport] = field(default_factory=set)

    def cut(self) -> None:
        self._cut = True
        for end in list(self._ends):
            end.abort()

    def mend(self) -> None:
        self._cut, self.commits_until_cut = False, None

    def is_to_lose_this_commit(self) -> bool:
        if self.commits_until_cut is None:
            return False
        self.commits_until_cut -= 1
        return not self.commits_until_cut

    def near_end(self) -> "End":
        return End(self)

    async def reach(self, near: "End") -> None:
        """Connect an end that was opened here with one at the server."""
        server = urlsplit(self.server)
        assert server.hostname
        assert server.port
        loop = asyncio.get_running_loop()
        try:
            _, far = await loop.create_connection(
                lambda: End(self, near), server.hostname, server.port
            )
        except OSError:  # nobody is there: whoever asked hears it as at the server itself
            near.transport.abort()
        else:
            near.join(far)


class End(asyncio.Protocol):
    """One end of a connection; what it hears it says at the other."""

    def __init__(self, wire: Wire, other: "End | None" = None) -> None:
        self.wire, self.other = wire, other
        self.asks = other is None
        self.waiting = b""
        self.committed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        self.wire._ends.add(transport)
        if self.wire._cut:
            transport.abort()
        elif self.asks:
            self.reaching = asyncio.ensure_future(self.wire.reach(self))

    def join(self, far: "End") -> None:
        self.other = far
        far.transport.write(self.waiting)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.waiting += data
            return
        if self.other.committed:
            self.wire.cut()  # the server has answered, and nobody will hear it
            return
        if self.asks and b"COMMIT" in data:
            self.committed = self.wire.is_to_lose_this_commit()
        self.other.transport.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        self.wire._ends.discard(self.transport)
        if self.other is not None:
            self.other.transport.close()


@asynccontextmanager
async def wire_to(server: str) -> AsyncIterator[Wire]:
    """Lay a wire; ``url`` of it reaches the same database as ``server`` does."""
    wire = Wire(server)
    listening = await asyncio.get_running_loop().create_server(wire.near_end, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    wire.url = through_port(server, port)
    try:
        yield wire
    finally:
        listening.close()
        wire.cut()
