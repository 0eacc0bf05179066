"""``rooms verify log`` against a gateway, as anybody would run it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import in_words, run_rooms
from tests.contexts.fairness.grown_log import TestLog
from tests.entrypoints.conftest import Web, served
from tests.houses import house, owner

__all__ = ["house", "owner", "served"]


@pytest.fixture
def log(served: Web) -> TestLog:
    return TestLog(served.house.database)


async def grow(log: TestLog, *numbers: int) -> None:
    await log.record(*numbers)
    while await log.append():
        pass


async def verify(web: Web, state: Path, *options: str) -> tuple[int, dict[str, Any]]:
    words = ("log", str(web.client.base_url), "--state", str(state), "--json", *options)
    done = in_words(await asyncio.to_thread(run_rooms, "verify", *words))
    return done.returncode, json.loads(done.stdout) if done.stdout else {"said": done.stderr}


async def test_a_log_is_verified_each_time_it_has_grown(
    served: Web,
    log: TestLog,
    tmp_path: Path,
) -> None:
    state = tmp_path / "log.json"
    keys = tmp_path / "keys.json"
    keys.write_text((await served.get("/v1/log/key")).text)
    await grow(log, *range(5))
    first = await verify(served, state, "--key", str(keys))
    await grow(log, *range(5, 1_200))
    second = await verify(served, state, "--key", str(keys))

    assert (first[0], first[1]["verdict"]) == (0, "verified")
    assert (second[0], second[1]["verdict"]) == (0, "verified")
    assert {step["name"] for step in second[1]["steps"]} == {
        *("head", "origin", "consistency", "entries", "chains", "signature"),
    }
    assert json.loads(state.read_text())["size"] == 1_200


async def test_a_state_that_cannot_be_kept_is_told_before_anything_is_asked(
    served: Web,
    tmp_path: Path,
) -> None:
    code, told = await verify(served, tmp_path / "nowhere" / "log.json")

    assert code == 2
    assert "cannot be written" in told["said"]
    assert "Traceback" not in told["said"]


async def test_a_fork_is_shouted_at_and_its_proof_is_kept(
    served: Web,
    log: TestLog,
    tmp_path: Path,
) -> None:
    state = tmp_path / "log.json"
    await grow(log, *range(9))
    assert (await verify(served, state))[0] == 0
    kept = json.loads(state.read_text())
    other = {**kept, "root": "ab" * 32}
    state.write_text(json.dumps(other))

    code, told = await verify(served, state)

    assert (code, told["verdict"]) == (3, "mismatch")
    assert any("A FORK" in step["detail"] for step in told["steps"])
    proof = json.loads((tmp_path / "log.json.fork").read_text())
    assert proof["seen"] == proof["shown"] == kept["checkpoint"]
    assert json.loads(state.read_text()) == other


async def test_what_cannot_be_asked_or_read_is_said_with_what_to_do(
    served: Web,
    tmp_path: Path,
) -> None:
    state = tmp_path / "log.json"

    code, told = await verify(served, state)  # the log is empty: nothing was signed yet
    assert (code, told["verdict"]) == (1, "cannot_check")
    state.write_text("{}")
    code, told = await verify(served, state)
    assert code == 2
    assert "Next: " in told["said"]
    code, told = await verify(served, tmp_path / "other.json", "--key", "nonsense")
    assert code == 2
