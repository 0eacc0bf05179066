from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.stories.running import FIVE_ORIGINS, Api, RunningHouse, know_on_every_source


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    data = tmp_path_factory.mktemp("story") / "data"
    know_on_every_source(data, FIVE_ORIGINS)
    running = RunningHouse(data)
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture
async def api(house: RunningHouse) -> AsyncIterator[Api]:
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        yield Api(house, http)
