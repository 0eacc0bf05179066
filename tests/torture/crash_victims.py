"""Victims: forked from a process that has imported everything and does nothing else.

Run as a module, with one end of a socket as its standard input, it is that process. It forks a
victim for each order and says on the same socket what the victim says, then how it ended.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from rooms.platform.problem import ExitCode, Problem
from rooms.platform.telemetry import log_to
from rooms.processes.loop import run_loop
from tests.torture.crash_house import stepped_house
from tests.torture.crash_proxy import Trap
from tests.torture.crash_scene import Command, Scene

ROOT: Final = Path(__file__).parents[2]
SOCKET: Final = 0
GO: Final = b"\n"
WARM, READY, SAID, DONE, FAILED, ENDED = "warm", "ready", "said", "done", "failed", "ended"
LONGEST_LIFE: Final = 60.0
LONGEST_LINE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Order:
    """A life: which command of which module, on which scene, by which addresses."""

    module: str
    command: str
    scene: Scene
    database: str
    sandbox: str


@dataclass(slots=True)
class Death:
    """What a victim had said when it ended, and how it ended (as ``subprocess`` tells it)."""

    pid: int = 0
    said: dict[str, Any] = field(default_factory=dict)
    code: int | None = None
    failure: str = ""


def command_of(module: str, name: str) -> Command:
    """Find a command in the table ``COMMANDS`` of a module."""
    command: Command = import_module(module).COMMANDS[name]
    return command


@dataclass(frozen=True, slots=True)
class Nursery:
    """The driver's end of the socket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def live(self, order: Order, trap: Trap) -> Death:
        """Let a victim live until it is struck, or has done its work."""
        death = Death()
        self.writer.write(msgspec.json.encode(order) + b"\n")
        try:
            async with asyncio.timeout(LONGEST_LIFE):
                await self._attend(death, trap)
        except TimeoutError:
            death.failure = f"it still lived after {LONGEST_LIFE:g} s"
            if death.pid:
                os.kill(death.pid, signal.SIGKILL)
            await self._attend(death, trap)
        return death

    async def _attend(self, death: Death, trap: Trap) -> None:
        """Arm the trap when the victim begins and disarm it when it is done; note what it says."""
        while death.code is None:
            kind, value = msgspec.json.decode(await self.reader.readuntil(b"\n"))
            if kind == READY:
                death.pid = value
                trap.arm(value)
                self.writer.write(GO)
            elif kind == SAID:
                death.said |= value
            elif kind == DONE and not trap.struck:  # who is struck may yet say that it is done
                trap.disarm()
                self.writer.write(GO)
            elif kind == FAILED:
                death.failure = value
            elif kind == ENDED:
                death.code = value


@asynccontextmanager
async def nursery(module: str) -> AsyncIterator[Nursery]:
    """Start a process that forks victims of a module's commands."""
    mine, theirs = socket.socketpair()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, module, stdin=theirs.fileno(), cwd=ROOT
    )
    theirs.close()
    reader, writer = await asyncio.open_connection(sock=mine, limit=LONGEST_LINE)
    try:
        if not await reader.readline():
            raise Problem(
                "the process that forks victims could not import the house",
                exit_code=ExitCode.FAILED,
                next_step="see its traceback above",
            )
        yield Nursery(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        await process.wait()


def main(module: str) -> None:
    """Import what victims need, then fork one for each order, for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver, whose end is ours
    import_module(module)
    log_to(None, "warning")
    gc.collect()
    gc.freeze()
    _tell(WARM, None)
    while line := _line():
        pid = os.fork()
        if not pid:
            _be_a_victim(msgspec.json.decode(line, type=Order))
        _, status = os.waitpid(pid, 0)
        _tell(ENDED, os.waitstatus_to_exitcode(status))


def _be_a_victim(order: Order) -> NoReturn:
    code = 0
    try:
        run_loop(_live(order))
    except BaseException:  # noqa: BLE001 - the driver is told, whatever it was
        _tell(FAILED, traceback.format_exc())
        code = 1
    os._exit(code)


async def _live(order: Order) -> None:
    act = command_of(order.module, order.command).act
    async with stepped_house(order.sandbox, order.database) as house:
        _tell(READY, os.getpid())
        _wait()
        await act(house, order.scene, lambda name, answer: _tell(SAID, {name: answer}))
        await house.house.rooms.rooms(limit=1)  # one may die with everything acknowledged, too
        _tell(DONE, None)
        _wait()


def _wait() -> None:
    """Stop everything until the driver says go; without a driver there is nothing to live for."""
    if not os.read(SOCKET, 1):
        os._exit(1)


def _tell(kind: str, value: object) -> None:
    os.write(SOCKET, msgspec.json.encode((kind, value)) + b"\n")


def _line() -> bytes:
    """Read byte by byte: what follows a line is for the victim."""
    line = bytearray()
    while (byte := os.read(SOCKET, 1)) not in (b"", b"\n"):
        line += byte
    return bytes(line) if byte else b""


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the driver has ended, and so do we
        main(sys.argv[1])
