"""Those who want to lead keno's clock are killed, stopped and lied to; each round ends once."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from tests.torture import clock_server
from tests.torture.clock import Outcome, clocks_in, go_through, servers
from tests.torture.clock_troubles import CANDIDATE_CLOCK, DATABASE_CLOCK, TROUBLES, drawn

CYCLES = 50
SEED = 54


def test_no_round_is_drawn_twice_or_lost_whoever_is_killed_stopped_or_lied_to() -> None:
    outcome = Outcome(SEED)
    with servers(outcome) as (server, clocks):
        asyncio.run(go_through(outcome, server, clocks, CYCLES))

    assert outcome.wrong == [], f"seed {SEED}"
    assert outcome.cycles.total() == CYCLES
    assert outcome.takeovers
    assert outcome.tickets
    assert outcome.rounds


def test_without_libfaketime_no_clock_is_set_and_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_server, "LIBRARY_FOLDERS", ())
    outcome = Outcome(SEED)

    clocks = clocks_in(tmp_path, outcome)

    assert (clocks.candidate, clocks.database) == (None, None)
    assert "apt-get install --no-install-recommends libfaketime" in outcome.skipped[0]
    names = {drawn(Random(seed), clocks=False) for seed in range(200)}
    assert names == set(TROUBLES)
    assert {drawn(Random(seed), clocks=True) for seed in range(200)} == {
        *TROUBLES,
        CANDIDATE_CLOCK,
        DATABASE_CLOCK,
    }
