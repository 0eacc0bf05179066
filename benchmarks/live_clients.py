"""Clients of the feed in a process of their own: ``python -m benchmarks.live_clients``.

They read everything and look at as little as they can. A line of JSON on standard input says what
to do, each is answered by a line; times are of the machine's monotonic clock.
"""

import base64
import os
import selectors
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

AT_ONCE: Final = 100
LARGEST_READ: Final = 1 << 18
HANDSHAKE: Final = (
    b"GET /v1/live HTTP/1.1\r\nHost: house\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
WITHIN: Final = 120.0
SHORT: Final = 126


@dataclass(slots=True)
class Crowd:
    """Open connections, and how many bytes each read brought."""

    sockets: list[socket.socket] = field(default_factory=list)
    chooser: selectors.EpollSelector = field(default_factory=selectors.EpollSelector)
    read: int = 0

    def connect(self, port: int, count: int, said: str | None, awaited: str) -> float:
        """Open connections, say something on each, wait until each has heard an answer to it."""
        begun, told = time.monotonic(), said is not None
        for first in range(0, count, AT_ONCE):
            fresh = [_open(port) for _ in range(min(AT_ONCE, count - first))]
            if told and said is not None:
                for each in fresh:
                    each.sendall(HANDSHAKE)
                self._await(fresh, b"\r\n\r\n")
                for each in fresh:
                    each.sendall(_masked(said.encode()))
            self._await(fresh, awaited.encode())
            for each in fresh:
                each.setblocking(False)
                self.chooser.register(each, selectors.EVENT_READ)
            self.sockets += fresh
        return time.monotonic() - begun

    def _await(self, sockets: list[socket.socket], what: bytes) -> None:
        for each in sockets if what else ():
            heard = b""
            while what not in heard:
                more = each.recv(LARGEST_READ)
                assert more, "the house ended a connection"
                heard += more

    def count(self, expected: int) -> float:
        """Read until so many bytes have come since the last time; give when that was."""
        buffer, until = bytearray(LARGEST_READ), time.monotonic() + WITHIN
        while self.read < expected and time.monotonic() < until:
            for key, _ in self.chooser.select(1.0):
                fresh = key.fileobj
                assert isinstance(fresh, socket.socket)
                self.read += fresh.recv_into(buffer)
        self.read = 0
        return time.monotonic()

    def drop(self) -> None:
        """Lose all connections at once."""
        for each in self.sockets:
            self.chooser.unregister(each)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()
        self.sockets.clear()


def _open(port: int) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), timeout=WITHIN)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def _masked(payload: bytes) -> bytes:
    """Write a client's text message; a mask of zeros leaves it as it is."""
    assert len(payload) < 1 << 16
    size = len(payload)
    written = bytes((0x80 | size,)) if size < SHORT else b"\xfe" + size.to_bytes(2, "big")
    return b"\x81" + written + bytes(4) + payload


def main() -> None:
    """Do what one is told until nothing more comes."""
    crowd = Crowd()
    _say({"ready": os.getpid()})
    for line in sys.stdin.buffer:
        asked: dict[str, Any] = msgspec.json.decode(line)
        match asked.pop("do"):
            case "connect":
                _say({"seconds": crowd.connect(**asked)})
            case "count":
                _say({"armed": True})
                _say({"at": crowd.count(**asked)})
            case _:
                crowd.drop()
                _say({})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
