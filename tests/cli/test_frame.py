"""The frame around every command: what is imported, how a command fails, what it prints."""

import importlib
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rooms.cli.failures import tell
from rooms.cli.main import COMMANDS, run
from rooms.cli.output import confirm, report
from rooms.contexts.parimutuel.api import RoomStatus, VoidRequest
from rooms.kernel.ids import RoomId
from rooms.kernel.refusal import Refusal
from rooms.platform.problem import Problem
from tests.cli.conftest import Rooms


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_is_listed_exists_and_explains_itself(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert importlib.import_module(f"rooms.cli.{name}").app is not None
    assert run([name, "--help"]) == 0
    assert "--help" in capsys.readouterr().out


def test_help_lists_each_command_on_a_line(launched: Rooms) -> None:
    for arguments in ([], ["--help"]):
        ended = launched(*arguments)
        lines = ended.stdout.splitlines()
        assert ended.returncode == 0
        assert all(any(line.strip().startswith(name) for line in lines) for name in COMMANDS)


def test_verify_imports_only_the_public_arithmetic() -> None:
    program = (
        "import sys\nfrom rooms.cli.main import run\n"
        "assert run(['verify', '--help']) == 0\n"
        "print('|', *(name for name in sys.modules if name.startswith('rooms.')))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    imported = said.rpartition("|")[2].split()
    commands = {f"rooms.cli.{name}" for name in ("main", "verify", "verdict")}
    commands |= {"rooms.cli.verify_keno", "rooms.cli.verify_log", "rooms.cli.verify_solvency"}
    rest = [name for name in imported if name != "rooms.cli" and name not in commands]
    assert [n for n in rest if not n.startswith(("rooms.kernel", "rooms.proof"))] == []


def test_an_unknown_command_names_the_nearest(rooms: Rooms) -> None:
    ended = rooms("docter")
    assert ended.returncode == 2
    assert ended.stderr == (
        "There is no command 'docter'.\nNext: did you mean doctor? rooms --help\n"
    )


@pytest.mark.parametrize(
    "arguments", [["db", "url", "--role", "king"], ["up", "--bogus"], ["db"], ["config", "shwo"]]
)
def test_a_usage_error_is_code_2_and_says_what_to_do(rooms: Rooms, arguments: list[str]) -> None:
    ended = rooms(*arguments)
    assert ended.returncode == 2
    assert ended.stderr.endswith(f"Next: rooms {arguments[0]} --help\n")
    assert "Traceback" not in ended.stderr


def test_a_port_that_does_not_exist_is_a_usage_error(rooms: Rooms) -> None:
    for arguments in (
        ["up", "--port", "65536"],
        ["up", "--sandbox-port", "-1"],
        ["run", "gateway", "--port", "99999"],
        ["doctor", "--port", "99999"],
    ):
        ended = rooms(*arguments)
        assert ended.returncode == 2
        assert "Traceback" not in ended.stderr


def test_a_refusal_is_told_in_the_words_of_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    refusal = Refusal("E-VOID-LATE", room=7, status=RoomStatus.VOIDED)
    assert tell(refusal, "rooms room") == 1
    assert capsys.readouterr().err == (
        "E-VOID-LATE: It is too late to void this room. An administrator's void comes before "
        "the room's settle time and its outcome. The room is VOIDED.\n"
        "Next: Let the outcome stand.\n"
    )


def test_explain_takes_the_options_that_every_command_takes(rooms: Rooms) -> None:
    ended = rooms("explain", "E-DEPTH", "--data", "elsewhere", "--json")
    assert json.loads(ended.stdout)["code"] == "E-DEPTH"


def test_times_in_json_have_milliseconds(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 11, 20, 15, 0, 0, 120_000, tzinfo=UTC)
    report({"moves": [VoidRequest(RoomId(7), 2, at)]}, lambda _: None, as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "moves": [{"room_id": 7, "asked_by": 2, "effective_at": "2026-11-20T15:00:00.120Z"}]
    }


def test_a_problem_is_one_sentence_its_next_step_and_its_code(launched: Rooms) -> None:
    ended = launched("db", "url")
    assert ended.returncode == 5
    sentence, next_step = ended.stderr.splitlines()
    assert sentence.endswith("is not running.")
    assert next_step == "Next: start the house: rooms up"


def test_a_bad_setting_is_code_2_whatever_the_command(rooms: Rooms) -> None:
    for command in (["config", "show"], ["db", "status"], ["doctor"]):
        ended = rooms(*command, ROOMS__GATEWAY__RATE_PER_IPP="1")
        assert ended.returncode == 2
        assert "The nearest is gateway.rate_per_ip." in ended.stderr


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush@127.0.0.1:9/rooms",
        "postgresql://me:hush@nowhere.invalid/rooms",
        "me:hush@127.0.0.1",
    ],
)
def test_a_database_that_does_not_answer_is_code_5(rooms: Rooms, url: str) -> None:
    ended = rooms("db", "status", ROOMS__DATABASE__URL=url)
    assert ended.returncode == 5
    assert "Next: " in ended.stderr
    assert "hush" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_config_show_tells_values_origins_and_no_secret(rooms: Rooms, tmp_path: Path) -> None:
    (tmp_path / "rooms.toml").write_text('[oracle]\ninterval = "5s"\n')
    secret = {"ROOMS__DATABASE__URL": "postgresql://me:hush@db/rooms"}
    told = rooms("config", "show", "--json", **secret)
    shown = {each["key"]: each for each in json.loads(told.stdout)}
    assert shown["oracle.interval"]["value"] == "5s"
    assert shown["oracle.interval"]["origin"] == "rooms.toml"
    assert shown["database.url"]["value"] == "********"
    in_words = rooms("config", "show", **secret)
    assert "hush" not in told.stdout + in_words.stdout
    assert any(
        line.split() == ["oracle.interval", "5s", "rooms.toml"]
        for line in in_words.stdout.splitlines()
    )


def test_the_database_is_migrated_and_its_state_told(rooms: Rooms, launched: Rooms) -> None:
    before = rooms("db", "status", "--json")
    assert (before.returncode, json.loads(before.stdout)["current"]) == (3, None)
    tried = rooms("db", "migrate", "--dry-run", "--json")
    assert json.loads(tried.stdout)["applied"]
    assert rooms("db", "status").returncode == 3
    assert launched("db", "migrate").returncode == 0
    assert rooms("db", "migrate").stdout == "nothing to apply\n"
    after = rooms("db", "status", "--json")
    assert (after.returncode, json.loads(after.stdout)["pending"]) == (0, [])


def test_a_reader_who_has_seen_enough_is_no_failure_to_tell_of(tmp_path: Path) -> None:
    shown = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -P -m rooms config show | head -n 1'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout.startswith("setting")
    assert shown.stderr == ""


def test_an_interrupt_is_code_130_without_a_traceback(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nimport rooms.cli.config\nfrom rooms.cli import main\n"
        "rooms.cli.config.layers = lambda data: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(main.run(['config', 'show']))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 128 + signal.SIGINT
    assert "Traceback" not in ended.stderr


def test_a_change_that_nobody_confirms_is_code_4(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/null").open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        confirm("Really?", yes=True)
        with pytest.raises(Problem) as caught:
            confirm("Really?", yes=False)
    assert caught.value.exit_code == 4
