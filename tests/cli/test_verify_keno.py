import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread

import pytest

from rooms.proof.roundfile import RoundProof, round_json, ticket_json
from tests.commands import in_words, run_rooms
from tests.proof.keno_files import FIRST, STAKES, Game, day_lines, keys_json

GAME = Game()
NUMBER = FIRST + 7


def verify(*arguments: str, said: str = "") -> CompletedProcess[str]:
    return in_words(run_rooms("verify", *arguments, given=said))


def written(proof: RoundProof) -> str:
    return json.dumps(round_json(proof))


@pytest.fixture
def key(tmp_path: Path) -> str:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(keys_json()))
    return str(file)


def test_a_true_round_is_verified_step_by_step(tmp_path: Path, key: str) -> None:
    file = tmp_path / "round.json"
    file.write_text(written(GAME.round(NUMBER)))

    done = verify("round", str(file), "--key", key, "--json")
    told = json.loads(done.stdout)

    assert done.returncode == 0
    assert told["verdict"] == "verified"
    assert [step["ok"] for step in told["steps"]] == [True] * 5
    assert not any("--key" in each for each in told["unchecked"])


@pytest.mark.parametrize(
    ("proof", "code", "verdict"),
    [
        (replace(GAME.round(NUMBER), draw=GAME.draw(NUMBER + 1)), 3, "mismatch"),
        (
            replace(GAME.round(NUMBER), server_seed=None, beacon=None, draw=None),
            1,
            "not_revealed",
        ),
        (replace(GAME.round(NUMBER), beacon=None), 1, "cannot_check"),
    ],
)
def test_each_verdict_has_its_exit_code(proof: RoundProof, code: int, verdict: str) -> None:
    done = verify("round", "-", "--json", said=written(proof))

    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (code, verdict)


def test_a_person_is_told_which_step_does_not_match_and_what_to_do() -> None:
    done = verify("round", "-", said=written(replace(GAME.round(NUMBER), commit=bytes(32))))

    assert "✗ (a) seed: the commit is " in done.stdout
    assert "✓ (d) draw" in done.stdout
    assert "? not checked: the signers" in done.stdout
    assert "verdict: does not match\nNext: " in done.stdout


def test_a_true_ticket_is_verified_and_a_false_one_is_not(key: str) -> None:
    good, bad = GAME.ticket(), GAME.ticket(stake=STAKES[0] + 1)

    assert verify("ticket", "-", "--key", key, said=json.dumps(ticket_json(good))).returncode == 0
    done = verify("ticket", "-", said=json.dumps(ticket_json(bad)))
    assert done.returncode == 3
    assert "✗ (f) binding" in done.stdout


@pytest.mark.parametrize("options", [(), ("--beacons",)])
def test_a_true_day_is_verified(tmp_path: Path, options: tuple[str, ...]) -> None:
    file = tmp_path / "day.ndjson"
    file.write_bytes(b"".join(day_lines(*GAME.day())))

    done = verify("day", str(file), *options, "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["verdict"] == "verified"


@pytest.mark.parametrize("command", ["round", "ticket", "day"])
def test_what_is_no_such_file_is_refused_in_a_sentence(command: str) -> None:
    for arguments, said in ((("-",), "{}"), (("no/such/file",), ""), (("http://[x/",), "")):
        done = verify(command, *arguments, said=said)

        assert (done.returncode, done.stdout) == (2, "")
        assert "Next: " in done.stderr


@pytest.mark.parametrize("content", ["{}", "nonsense", None])
def test_what_holds_no_keys_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "key.json"
    if content is not None:
        file.write_text(content)

    done = verify("round", "-", "--key", str(file), said=written(GAME.round(NUMBER)))

    assert done.returncode == 2
    assert "Next: " in done.stderr


@pytest.fixture
def house() -> Iterator[str]:
    """A server of one round's proof."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == f"/v1/keno/games/keno-main/rounds/{NUMBER}/proof"
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(written(GAME.round(NUMBER)).encode() if known else b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/keno/games/keno-main/rounds"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("ending", ["/proof", "", "/"])
def test_a_round_is_fetched_from_its_address(house: str, ending: str) -> None:
    assert verify("round", f"{house}/{NUMBER}{ending}").returncode == 0


def test_an_address_that_does_not_answer_is_told_in_a_sentence(house: str) -> None:
    done = verify("round", f"{house}/1")

    assert (done.returncode, done.stdout) == (2, "")
    assert "does not answer: Not Found" in done.stderr
