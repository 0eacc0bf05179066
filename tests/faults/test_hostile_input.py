"""The served house against input that nobody should send; `./rooms torture hostile` sends more."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.stories.running import RunningHouse
from tests.torture import hostile

REQUESTS = 3_000
EXAMPLES = 8
# Not asked: whether each request that fits the schema is accepted. The rules of the game say more
# than a schema can: a title of five spaces, a coin that nobody knows, a target that is met.
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "response_headers_conformance", "negative_data_rejection"),
    *("missing_required_header", "unsupported_method", "allow_header_conformance"),
    *("ignored_auth", "use_after_free", "ensure_resource_availability"),
)
# Commands that were not only refused.
ACTS = (
    *("POST /v1/rooms/{room}/bets", "POST /v1/keno/games/{game}/tickets"),
    *("DELETE /v1/keno/tickets/{ticket}", "POST /v1/admin/keno/bankrolls"),
    *("POST /v1/admin/keno/games", "PATCH /v1/admin/keno/games/{game}"),
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[RunningHouse]:
    running = RunningHouse(tmp_path / "data", hostile.SETTINGS)
    running.start()
    yield running
    running.stop()


async def test_no_bytes_whatever_bring_the_house_or_its_books_into_disorder(
    house: RunningHouse,
) -> None:
    seed = Random().randrange(10**6)
    outcome = await hostile.torment(house, requests=REQUESTS, seed=seed, advance=lambda _: None)
    assert outcome.wrong == [], f"seed {seed}"
    assert outcome.requests == REQUESTS
    assert outcome.bets_accepted
    assert len(outcome.refusals) > 15
    assert [name for name, asked in outcome.routes.items() if not asked] == []
    assert {name for name in ACTS if not outcome.accepted[name]} == set()


def test_every_answer_is_one_that_the_description_names(
    house: RunningHouse, tmp_path: Path
) -> None:
    token = hostile.sign_up(house)
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run"),
            f"{house.base}/api/docs/openapi.json",
            *("--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS)),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
            *("--continue-on-failure", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(hostile.log_faults(house)) == []
    assert list(hostile.book_faults(house)) == []
