"""A sandbox on a real socket, one client, and a clock by hand for both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rooms.platform.http import HttpClient
from rooms.sandbox.server import RunningSandbox, start_sandbox
from tests.contracts.outside import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def sandbox(tmp_path: Path, clock: HandClock) -> AsyncIterator[RunningSandbox]:
    running = await start_sandbox("127.0.0.1", 0, tmp_path, seed=7, clock=clock)
    yield running
    await running.close()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client
