import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from rooms.proof.evidence import verify_room
from rooms.proof.fields import Malformed
from rooms.proof.findings import Report
from rooms.proof.pool import Side
from tests.proof.room_files import (
    BETS,
    COIN,
    MINT,
    ROOM,
    TOKEN,
    TOUCHED,
    Bet,
    at_close,
    coin_observation,
    lines_of,
    sealed,
    token_observation,
    written,
)

Lines = list[dict[str, Any]]
AFTER_SETTLE = 20 * 60


def check(lines: Lines) -> Report:
    return verify_room(written(lines))


def broken(lines: Lines) -> set[str]:
    return {step.name for step in check(lines).steps if not step.ok}


def copied(lines: Lines) -> Lines:
    copy: Lines = json.loads(json.dumps(lines))  # much cheaper than deepcopy, for thousands
    return copy


def closed_at(price: str, seconds: float = AFTER_SETTLE) -> list[Any]:
    return [(900, coin_observation(price, seconds))]


def token_room() -> Lines:
    """A token whose median needs half the window above the target before it touches."""
    prices = ["1.9"] * 6 + ["2.1"] * 9
    ticks = [(k, token_observation(price, 60 * k)) for k, price in enumerate(prices)]
    return lines_of(replace(ROOM, market=TOKEN), ticks)


def combined_room() -> Lines:
    market = {"type": "any", "of": [COIN, {**COIN, "asset": "SOL", "target": "170"}]}
    return lines_of(replace(ROOM, market=market))


FILES: dict[str, Callable[[], Lines]] = {
    "touched": lines_of,
    "touched_and_never_seen_clear": lambda: lines_of(observations=TOUCHED[1:], reason="NO_WINNER"),
    "not_touched": lambda: lines_of(observations=closed_at("164.90")),
    "above_at_close": lambda: lines_of(at_close(), closed_at("165")),
    "below_at_close": lambda: lines_of(at_close(), closed_at("164.90")),
    "one_sided": lambda: lines_of(bets=[b for b in BETS if b.side is Side.YES]),
    "token": token_room,
    "combined": combined_room,
    "no_winner": lambda: lines_of(bets=[b for b in BETS if b.side is Side.NO], reason="NO_WINNER"),
    "too_few": lambda: lines_of(observations=(), bets=BETS[:1], reason="MIN_PLAYERS"),
    "met_while_queuing": lambda: lines_of(bets=BETS[:1], reason="TARGET_MET_QUEUING"),
    "no_consensus": lambda: lines_of(observations=(), reason="NO_CONSENSUS"),
    "by_staff": lambda: lines_of(observations=(), reason="ADMIN"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_the_rules_give_is_verified(name: str) -> None:
    report = check(FILES[name]())

    assert [step for step in report.steps if not step.ok] == []
    assert report.verdict == "verified"


def test_a_bet_after_the_last_clear_price_is_scratched_and_refunded() -> None:
    head, *bets = lines_of()

    assert head["cutoff"] == "2026-11-20T15:04:57.000Z"
    assert [bet["counted"] for bet in bets] == [True, True, True, False]
    assert bets[3]["payout"] == bets[3]["stake"]
    assert head["scratched"] == 1


def test_what_a_file_cannot_show_is_listed() -> None:
    assert any("transparency log" in each for each in check(lines_of()).unchecked)
    assert any("administrators" in each for each in check(FILES["by_staff"]()).unchecked)
    assert any("consensus" in each for each in check(FILES["no_consensus"]()).unchecked)


def numbers_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a number or of a string that is one."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from numbers_in(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from numbers_in(part, (*path, index))
    elif not isinstance(value, bool) and str(value).replace(".", "", 1).isdigit():
        yield path


def changed(lines: Lines, path: tuple[Any, ...], by: int) -> Lines:
    lines = copied(lines)
    place: Any = lines
    for key in path[:-1]:
        place = place[key]
    old = place[path[-1]]
    if isinstance(old, int):
        place[path[-1]] = old + by
    else:
        whole, point, rest = old.partition(".")
        place[path[-1]] = f"{int(whole) + by}{point}{rest}"
    return lines


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("name", FILES)
def test_changing_any_number_by_one_is_a_mismatch(name: str, by: int) -> None:
    lines = FILES[name]()
    paths = list(numbers_in(lines))
    assert len(paths) > 30

    for path in paths:
        assert check(changed(lines, path, by)).verdict == "mismatch", path


def tampered(change: Callable[[Lines], None], lines: Lines | None = None) -> set[str]:
    """Give the steps that fail after a change whose author also wrote the hash anew."""
    lines = copied(lines or lines_of())
    change(lines)
    return broken(sealed(lines))


@pytest.mark.parametrize(
    "name", ["handle", "winning", "takeout", "host_fee", "protocol_fee", "breakage"]
)
def test_a_changed_amount_of_the_head_is_found_without_the_hash(name: str) -> None:
    def change(lines: Lines) -> None:
        lines[0][name] = str(int(lines[0][name]) + 1)

    assert tampered(change) & {"totals", "fees"}


@pytest.mark.parametrize("bet", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["stake", "payout"])
def test_a_changed_amount_of_a_bet_is_found_without_the_hash(bet: int, name: str) -> None:
    def change(lines: Lines) -> None:
        lines[bet][name] = str(int(lines[bet][name]) + 1)

    assert tampered(change) & {"payouts", "totals", "conservation"}


def test_a_lamport_paid_to_the_wrong_winner_is_found_though_every_sum_is_right() -> None:
    def change(lines: Lines) -> None:
        for winner, more in zip((bet for bet in lines[1:] if paid(bet)), (1, -1), strict=True):
            winner["payout"] = str(int(winner["payout"]) + more)

    def paid(bet: dict[str, Any]) -> bool:
        return bet["counted"] and int(bet["payout"]) > 0

    assert tampered(change) == {"payouts"}


@pytest.mark.parametrize("bet", [1, 2, 3])
def test_a_changed_side_is_found_without_the_hash(bet: int) -> None:
    def change(lines: Lines) -> None:
        lines[bet]["side"] = "NO" if lines[bet]["side"] == "YES" else "YES"

    assert "payouts" in tampered(change)


@pytest.mark.parametrize("bet", [1, 2, 3, 4])
def test_a_changed_scratch_is_found_without_the_hash(bet: int) -> None:
    def change(lines: Lines) -> None:
        lines[bet]["counted"] = not lines[bet]["counted"]

    assert "scratches" in tampered(change)


def test_a_back_dated_bet_is_found_without_the_hash() -> None:
    def change(lines: Lines) -> None:
        lines[4]["accepted_at"] = "2026-11-20T15:04:00.000Z"

    assert {"scratches", "payouts", "totals"} <= tampered(change)


def test_another_outcome_is_found_without_the_hash() -> None:
    def change(lines: Lines) -> None:
        lines[0]["outcome"] = "NO"

    assert {"trigger", "payouts", "totals"} <= tampered(change)


@pytest.mark.parametrize("name", ["t_hit", "t_clear", "cutoff"])
def test_another_time_of_the_trigger_is_found_without_the_hash(name: str) -> None:
    def change(lines: Lines) -> None:
        lines[0][name] = "2026-11-20T15:04:58.000Z"

    assert "trigger" in tampered(change)


@pytest.mark.parametrize("tick", [0, 1, 2])
@pytest.mark.parametrize("source", ["binance", "coinbase", "kraken"])
def test_a_used_price_moved_out_of_line_is_found_without_the_hash(tick: int, source: str) -> None:
    def change(lines: Lines) -> None:
        quotes = lines[0]["observations"][tick]["quotes"]
        quote = next(quote for quote in quotes if quote["source"] == source)
        quote["price"] = str(Decimal(quote["price"]) + 1)

    assert "consensus" in tampered(change)


@pytest.mark.parametrize("name", ["price", "at"])
def test_a_changed_observation_is_found_without_the_hash(name: str) -> None:
    def change(lines: Lines) -> None:
        wrong = {"price": "166", "at": "2026-11-20T15:04:59.000Z"}
        lines[0]["observations"][1][name] = wrong[name]

    assert "consensus" in tampered(change)


@pytest.mark.parametrize(("name", "value"), [("weight", 9), ("origin", "binance")])
def test_a_weight_or_origin_that_the_terms_do_not_have_is_found(name: str, value: object) -> None:
    def change(lines: Lines) -> None:
        quotes = lines[0]["observations"][1]["quotes"]
        next(quote for quote in quotes if quote["source"] == "kraken")[name] = value

    assert "sources" in tampered(change)


def test_a_source_that_the_room_never_had_is_found() -> None:
    def change(lines: Lines) -> None:
        lines[0]["observations"][1]["quotes"][0]["source"] = "my_own_feed"

    assert "sources" in tampered(change)


@pytest.mark.parametrize("wrong", ["weight", "price"])
def test_a_weight_or_price_that_is_not_positive_is_found_not_divided_by(wrong: str) -> None:
    def change(lines: Lines) -> None:
        for quote in lines[0]["observations"][1]["quotes"]:
            quote[wrong] = -1 if wrong == "weight" else "0"

    assert "sources" in tampered(change)


def test_a_void_does_not_hide_a_room_that_had_a_winner() -> None:
    assert "reason" in broken(lines_of(reason="NO_WINNER"))


def test_a_void_for_too_few_players_needs_too_few_players() -> None:
    assert "reason" in broken(lines_of(reason="MIN_PLAYERS", observations=()))
    assert "reason" in broken(lines_of(reason="TARGET_MET_QUEUING"))


def test_a_void_needs_a_reason_that_the_rules_know() -> None:
    assert "reason" in broken(lines_of(reason="BAD_LUCK"))


def test_a_void_refunds_every_stake() -> None:
    def change(lines: Lines) -> None:
        lines[1]["payout"] = str(int(lines[1]["payout"]) - 1)

    assert {"payouts", "conservation"} <= tampered(change, FILES["by_staff"]())


def test_one_meeting_observation_decides_nothing() -> None:
    def change(lines: Lines) -> None:
        del lines[0]["observations"][2]

    assert "trigger" in tampered(change)


def test_an_observation_after_the_grace_period_comes_too_late() -> None:
    late = closed_at("164", AFTER_SETTLE + 15 * 60 + 1)

    assert broken(lines_of(observations=late)) == {"trigger"}


def test_a_bet_that_is_there_twice_is_found() -> None:
    def change(lines: Lines) -> None:
        lines.insert(2, dict(lines[1]))

    assert "bets" in tampered(change)


def test_a_bet_from_after_the_lock_is_found() -> None:
    lines = lines_of(at_close(), closed_at("166"), bets=[*BETS, Bet(Side.YES, 5, 600)])

    assert broken(lines) == {"bets"}


def test_terms_that_no_room_may_have_are_found() -> None:
    pool = replace(ROOM.terms.pool, protocol_bps=2000)
    room = replace(ROOM, terms=replace(ROOM.terms, pool=pool))

    assert broken(lines_of(room)) == {"fees"}


@pytest.mark.parametrize(
    ("market", "resolve", "window"),
    [
        ({**COIN, "target": "0"}, "touch", 300),
        (COIN, "by_mood", 300),
        (COIN, "touch", 0),
    ],
)
def test_a_room_that_no_rule_fits_is_a_mismatch(
    market: dict[str, str], resolve: str, window: int
) -> None:
    def change(lines: Lines) -> None:
        lines[0]["room"].update(market=market, resolve=resolve)
        lines[0]["room"]["terms"]["token_window_ms"] = window

    assert "trigger" in tampered(change)


def test_the_token_touched_when_half_of_five_minutes_was_above() -> None:
    head = token_room()[0]

    assert head["t_hit"] == "2026-11-20T15:09:00.000Z"
    assert head["t_clear"] == "2026-11-20T15:08:00.000Z"
    assert {each["asset"] for each in head["observations"]} == {MINT}


def test_an_observation_of_a_foreign_asset_is_found() -> None:
    def change(lines: Lines) -> None:
        lines[0]["observations"][0]["asset"] = "BTC"

    assert "sources" in tampered(change)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "line 1"),
        (["not json\n"], "it is not JSON"),
        (["[]\n"], "it is not a JSON object"),
        (['{"a": 1, "a": 1}\n'], "a name is there twice"),
        (['{"a": 1.5}\n'], "1.5 is not a whole number"),
        (['{"file_hash": "00"}\n'], '"room" is not an object'),
        ([*written(lines_of()), "\n"], "line 6, a bet: it is not JSON"),
        ([*written(lines_of()), "{}\n"], 'line 6, a bet: "ref" is not a string'),
        (["[" * 100_000 + "\n"], "it is not JSON"),
    ],
)
def test_a_malformed_file_is_named_in_one_sentence(lines: list[str], sentence: str) -> None:
    with pytest.raises(Malformed) as problem:
        verify_room(lines)

    assert sentence in str(problem.value)


def test_only_the_first_of_many_problems_are_told() -> None:
    def unpaid(lines: Lines) -> None:
        for bet in lines[1:]:
            bet["payout"] = "1"

    lines = lines_of(bets=[Bet(Side.YES, 50 + k, 1) for k in range(40)])
    unpaid(lines)
    payouts = next(step for step in check(lines).steps if step.name == "payouts")

    assert payouts.detail.count("payout of") == 3
    assert payouts.detail.endswith("and 37 more")


def test_the_grace_period_includes_its_last_instant() -> None:
    lines = lines_of(observations=closed_at("164", AFTER_SETTLE + 15 * 60))

    assert check(lines).verdict == "verified"
    assert ROOM.terms.settle_grace == timedelta(minutes=15)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("value", [0, -1, 10**15])
def test_no_number_of_a_hostile_file_breaks_the_verifier(name: str, value: int) -> None:
    lines = FILES[name]()

    for path in numbers_in(lines):
        hostile = copied(lines)
        place: Any = hostile
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value if isinstance(place[path[-1]], int) else str(value)
        assert judged(sealed(hostile)) in ("verified", "mismatch", "malformed"), path


def judged(lines: Lines) -> str:
    try:
        return check(lines).verdict
    except Malformed:
        return "malformed"
