import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rooms.proof.chain import link_hash
from rooms.proof.draw import draw_words
from tests.commands import run_rooms

VECTOR = json.loads(Path("docs/spec/vectors/paytable.json").read_text())


def keno(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return rooms("keno", *arguments)


def rooms(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return run_rooms(*arguments)


def toml(spots: dict[str, Sequence[str]]) -> str:
    return "[spots]\n" + "".join(f"{name} = {json.dumps(row)}\n" for name, row in spots.items())


def test_a_paytable_is_weighed_as_the_contract_says(tmp_path: Path) -> None:
    file = tmp_path / "table.toml"
    file.write_text(toml(VECTOR["spots"]))

    done = keno("paytable", str(file), "--json")
    told = json.loads(done.stdout)

    assert done.returncode == 0
    assert told["paytable_hash"] == VECTOR["paytable_hash"]
    assert list(told["spots"]) == list(VECTOR["spots"])
    ten = told["spots"]["10"]
    assert (ten["rtp"], ten["sigma"]) == ("0.952318", "9.367404")
    assert set(ten) == {"rtp", "rtp_exact", "sigma", "hit_rate", "top", "odds"}
    assert len(ten["odds"]) == 11


@pytest.mark.parametrize("name", ["gentle", "classic", "bold"])
def test_a_shipped_paytable_is_found_by_its_name(name: str) -> None:
    done = keno("paytable", name)

    assert done.returncode == 0
    assert b"hit rate" in done.stdout


@pytest.mark.parametrize("text", [None, "[spots]", "nonsense", "[spots]\n1 = ['0']\n"])
def test_what_is_no_paytable_is_told_in_a_sentence(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "table.toml"
    if text is not None:
        file.write_text(text)

    done = keno("paytable", str(file), "--json")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"is no paytable: " in done.stderr
    assert b"Next: " in done.stderr


def test_the_stream_is_the_words_that_draws_take() -> None:
    first = bytes(range(32))

    done = keno("rng", "--bytes", "150", "--seed", first.hex())

    words = draw_words(first, "rng", 0, ""), draw_words(link_hash(first), "rng", 1, "")
    expected = b"".join(next(w).to_bytes(4, "big") for w in words for _ in range(24))
    assert (done.returncode, done.stdout) == (0, expected[:150])


def test_without_a_seed_no_two_streams_are_alike() -> None:
    assert keno("rng", "--bytes", "32").stdout != keno("rng", "--bytes", "32").stdout


def test_who_has_read_enough_of_an_endless_stream_may_hang_up() -> None:
    command = [sys.executable, "-m", "rooms", "keno", "rng", "--bytes", "0"]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": "src"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout
        assert running.stderr
        assert len(running.stdout.read(1_000_000)) == 1_000_000
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait() == 0


def test_a_seed_of_another_length_is_refused() -> None:
    assert keno("rng", "--bytes", "1", "--seed", "00").returncode == 2
    assert keno("rng", "--bytes", "1", "--seed", "nonsense").returncode == 2


def test_a_game_that_there_is_not_has_no_statistics(tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    assert rooms("db", "migrate", "--data", folder).returncode == 0

    done = keno("stats", "nowhere", "--data", folder, "--json")

    assert (done.returncode, done.stdout) == (1, b"")
    assert b"E-GAME-UNKNOWN" in done.stderr
    assert b"Next: " in done.stderr
