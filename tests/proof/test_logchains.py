import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rooms.kernel.time import Instant, from_millis
from rooms.proof.chain import ChainTerms, SeedChain, last_seed, terms_json
from rooms.proof.fields import Malformed
from rooms.proof.logchains import LogChains, parse_chains

KEY, GAME, LENGTH = bytes(range(32)), "keno-main", 50
EPOCH = 1_763_650_000_000


def seeds(chain: int) -> SeedChain:
    return SeedChain.walked(last_seed(KEY, GAME, chain), LENGTH)


def terms(chain: int, first_round: int, **changes: Any) -> ChainTerms:
    """A chain on the one grid of five seconds that all of these share."""
    return ChainTerms(
        **{
            "game": GAME,
            "chain": chain,
            "length": LENGTH,
            "terminal": seeds(chain).terminal,
            "first_round": first_round,
            "epoch_ms": EPOCH + first_round * 5_000,
            "interval_ms": 5_000,
            "lead_ms": 1_000,
            "guard_ms": 2_000,
            "numbers": 80,
            "drawn": 20,
            "entropy": "none",
            "paytable_hash": bytes(32),
            **changes,
        }
    )


def before(round_number: int, seconds: int = 1) -> Instant:
    return from_millis(EPOCH + round_number * 5_000) - timedelta(seconds=seconds)


def end(chain: int, first_round: int, last_round: int, **changes: Any) -> dict[str, Any]:
    seed = seeds(chain).seed(last_round - first_round + 1)
    return {
        "game": GAME,
        "chain": chain,
        "last_round": last_round,
        "server_seed": seed.hex(),
        **changes,
    }


def begun(*chains: tuple[int, int]) -> LogChains:
    found = LogChains()
    for chain, first_round in chains:
        found.take("keno.chain", terms_json(terms(chain, first_round)), before(1))
    return found


def test_chains_that_follow_each_other_and_end_in_turn_are_right_also_after_a_rest() -> None:
    chains = begun((1, 1), (2, 21))
    chains = parse_chains(json.loads(json.dumps(chains.json())))
    chains.take("keno.chain_end", end(1, 1, 20), before(25))
    chains.take("keno.chain", terms_json(terms(3, 71)), before(60))
    chains.take("keno.chain_end", end(2, 21, 70), before(75))
    chains.take("keno.skipped", {"game": GAME}, before(75))

    assert [each.chain for each in chains.open[GAME]] == [3]


def test_games_have_chains_of_their_own() -> None:
    chains = begun((1, 1), (2, 21))

    chains.take("keno.chain", terms_json(terms(1, 1, game="keno-other")), before(1))

    assert set(chains.open) == {GAME, "keno-other"}


@pytest.mark.parametrize(
    ("chain", "first_round", "at", "why"),
    [
        (2, 1, before(1), "covers rounds that chain 1 covers, from 1"),
        (1, 21, before(1), "comes after chain 1"),
        (3, 21, before(1), "comes after chain 1"),
        (2, 52, before(1), "leaves out the rounds from 51 on"),
        (2, 21, before(21, seconds=0), "covers round 21, which had opened already"),
        (2, 51, before(51, seconds=0), "after its first round had opened"),
    ],
)
def test_a_chain_that_does_not_follow_the_one_before_is_named(
    chain: int, first_round: int, at: Instant, why: str
) -> None:
    with pytest.raises(Malformed, match=why):
        begun((1, 1)).take("keno.chain", terms_json(terms(chain, first_round)), at)


def test_a_chain_may_not_take_over_a_round_that_has_opened_by_a_later_grid() -> None:
    later = replace(terms(2, 21), epoch_ms=EPOCH + 100 * 5_000)

    with pytest.raises(Malformed, match="covers round 21, which had opened already"):
        begun((1, 1)).take("keno.chain", terms_json(later), before(22))


def test_a_chain_may_not_take_rounds_of_one_that_had_ended() -> None:
    chains = begun((1, 1))
    chains.take("keno.chain_end", end(1, 1, 50), before(52))

    with pytest.raises(Malformed, match="a chain that had ended"):
        chains.take("keno.chain", terms_json(terms(2, 40, epoch_ms=EPOCH * 2)), before(1))


def test_the_first_chain_of_a_game_is_its_first() -> None:
    with pytest.raises(Malformed, match="chain 2 of keno-main is the first of its game"):
        begun((2, 1))


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (end(1, 1, 19), "is at round 19 and not at 20"),
        (end(1, 1, 21), "is at round 21 and not at 20"),
        (end(1, 1, 20, server_seed="00" * 32), "a seed that is not of the chain"),
        (end(3, 1, 20), "is of no chain that is open"),
        (end(1, 1, 20, game="keno-other"), "is of no chain that is open"),
        (end(2, 21, 60), "is at round 60 and not at 70"),
    ],
)
def test_an_end_that_is_not_where_its_chain_ends_is_named(record: dict[str, Any], why: str) -> None:
    with pytest.raises(Malformed, match=why):
        begun((1, 1), (2, 21)).take("keno.chain_end", record, before(80))


def test_a_chain_ends_once() -> None:
    chains = begun((1, 1))
    chains.take("keno.chain_end", end(1, 1, 50), before(60))

    with pytest.raises(Malformed, match="no chain that is open"):
        chains.take("keno.chain_end", end(1, 1, 50), before(60))
