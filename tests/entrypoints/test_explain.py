import json

import pytest

from rooms.cli.main import run
from rooms.entrypoints.catalogue import catalogue


def test_a_code_is_explained_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "e-bet-locked"]) == 0
    out = capsys.readouterr().out
    assert "Betting in this room is closed" in out
    assert "Nothing was taken." in out


def test_a_code_is_explained_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "E-STAKE", "--json"]) == 0
    explained = json.loads(capsys.readouterr().out)
    assert explained.keys() == {"code", "status", "title", "detail", "money", "next"}
    assert (explained["code"], explained["status"]) == ("E-STAKE", 422)


def test_an_unknown_code_is_a_usage_error_that_names_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["explain", "E-BET-LOKED"]) == 2
    assert "Next: did you mean E-BET-LOCKED?" in capsys.readouterr().err
    assert run(["explain", "???"]) == 2
    assert "Next: rooms explain" in capsys.readouterr().err


def test_without_a_code_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--json"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == catalogue().keys()
