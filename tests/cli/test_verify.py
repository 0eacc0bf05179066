import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rooms.proof.verifypage import verify_page
from tests.commands import in_words, run_rooms
from tests.proof.room_files import lines_of, sealed, written

VECTORS = json.loads(Path("docs/spec/vectors/pool.json").read_text())["vectors"]
ASKED = ("bets", "outcome", "protocol_bps", "host_bps")


def run(*arguments: str, said: str) -> subprocess.CompletedProcess[str]:
    return in_words(run_rooms("verify", *arguments, given=said))


def asked(vector: dict[str, Any]) -> str:
    return json.dumps({name: vector[name] for name in ASKED}) + "\n"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_pools_are_answered_line_by_line_as_the_vectors_say(options: tuple[str, ...]) -> None:
    done = run("pool", *options, said="".join(map(asked, VECTORS)))

    assert done.returncode == 0
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    expected = [{k: v for k, v in vector.items() if k not in ASKED} for vector in VECTORS]
    assert answers == expected


def test_the_page_that_checks_is_written_whole() -> None:
    done = run("page", said="")

    assert (done.returncode, done.stdout) == (0, verify_page().decode())


def test_nothing_of_the_house_is_loaded_to_verify() -> None:
    code = """
import sys
from rooms.cli.verify import app
try:
    app()
finally:
    house = ("platform", "contexts", "entrypoints", "processes", "sandbox", "migrations")
    loaded = [name for name in sys.modules if name.startswith(tuple(f"rooms.{h}" for h in house))]
    print(loaded, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "pool"],
        input=asked(VECTORS[0]),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "[]\n")


GOOD = json.loads(asked(VECTORS[0]))


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "",
        "[]",
        "{}",
        json.dumps({**GOOD, "outcome": "MAYBE"}),
        json.dumps({**GOOD, "host_bps": "100"}),
        json.dumps({**GOOD, "host_bps": -1}),
        json.dumps({**GOOD, "host_bps": True}),
        json.dumps({**GOOD, "bets": {}}),
        json.dumps({**GOOD, "bets": [{"id": "1", "side": "YES", "stake": 5}]}),
        json.dumps({**GOOD, "bets": [{"id": "1", "side": "YES", "stake": "0"}]}),
        json.dumps({**GOOD, "bets": [{"id": "1", "side": "YES", "stake": "1.5"}]}),
        json.dumps({**GOOD, "bets": [{"id": "1", "side": "yes", "stake": "5"}]}),
        json.dumps({**GOOD, "bets": [GOOD["bets"][0]] * 2}),
    ],
)
def test_a_malformed_line_is_named_and_those_before_it_are_answered(line: str) -> None:
    done = run("pool", said=asked(VECTORS[0]) + line + "\n")

    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.startswith("line 2: ")
    assert "Next: " in done.stderr


DRAWS = json.loads(Path("docs/spec/vectors/draw.json").read_text())["vectors"]


def drawn(**changed: object) -> str:
    asked = {name: DRAWS[1][name] for name in ("server_seed", "game", "round", "entropy")}
    return json.dumps({**asked, **changed}) + "\n"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_draws_are_answered_line_by_line_as_the_vectors_say(options: tuple[str, ...]) -> None:
    done = run("draw", *options, said="".join(json.dumps(vector) + "\n" for vector in DRAWS))

    assert done.returncode == 0
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers == [{"commit": each["commit"], "draw": each["draw"]} for each in DRAWS]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense\n",
        drawn(server_seed="00"),
        drawn(server_seed=DRAWS[1]["server_seed"].upper()),
        drawn(game="Keno"),
        drawn(game=""),
        drawn(round=-1),
        drawn(round="one"),
        drawn(round=True),
        drawn(entropy="00"),
        drawn(entropy=None),
    ],
)
def test_a_malformed_draw_is_named_and_those_before_it_are_answered(line: str) -> None:
    done = run("draw", said=drawn() + line)

    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.startswith("line 2: ")


def test_a_true_room_file_is_verified(tmp_path: Path) -> None:
    file = tmp_path / "room.ndjson"
    file.write_text("".join(written(lines_of())))

    done = run("room", str(file), "--json", said="")
    verdict = json.loads(done.stdout)

    assert done.returncode == 0
    assert verdict["verdict"] == "verified"
    assert all(set(step) == {"name", "ok", "detail"} for step in verdict["steps"])
    assert any("--key" in each for each in verdict["unchecked"])


def test_a_false_room_file_is_a_mismatch_and_says_where() -> None:
    lines = lines_of()
    lines[0]["breakage"] = "2"
    done = run("room", "-", said="".join(written(sealed(lines))))

    assert done.returncode == 3
    assert "✗ fees: breakage is 2, the rules give " in done.stdout
    assert "✓ file hash" in done.stdout
    assert "Next: " in done.stdout


@pytest.mark.parametrize("file", ["-", "no/such/file"])
def test_what_is_no_room_file_is_refused_in_a_sentence(file: str) -> None:
    done = run("room", file, "--json", said="{}\n")

    assert (done.returncode, done.stdout) == (2, "")
    assert "Next: " in done.stderr
