"""What the keno page computes by itself: odds, the clock, the reveal, picks, what is known."""

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from rooms.proof.paytable import parse_toml, worth, worth_json
from tests.entrypoints.page.scripts import ask, blank

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="module")
__all__ = ["blank"]

GAME = {"numbers": 80, "drawn": 20}
EPOCH = 1_700_000_000_000
TERMS = {
    "epoch": "2023-11-14T22:13:20.000Z",
    "first_round": 10,
    "interval_ms": 5000,
    "lead_ms": 1000,
}
DRAW = list(range(1, 21))


def at(milliseconds: int) -> int:
    return EPOCH + milliseconds


@pytest.mark.parametrize("name", ["classic", "gentle", "bold"])
async def test_odds_and_rtp_are_those_of_the_house_to_the_last_digit(
    blank: "Page", name: str
) -> None:
    table = parse_toml((files("rooms.proof") / "paytables" / f"{name}.toml").read_text())
    code = """
        return Object.fromEntries(Object.entries(spots).map(([count, row]) => {
            const worth = rtp(row, game);
            const odds = row.map((_, catches) => oneIn(chance(Number(count), catches, game)));
            return [count, [`${worth.numerator}/${worth.denominator}`, odds]];
        }));
    """
    spots = {str(count): list(row) for count, row in table.spots.items()}

    found = await ask(blank, "odds.js", code, spots=spots, game=GAME)

    for count, row in table.multipliers.items():
        says = worth_json(worth(row))
        assert found[str(count)][0] == says["rtp_exact"]
        odds = [each.replace("\xa0", " ").replace(",", "") for each in found[str(count)][1]]
        assert odds == [f"1 in {each}" for each in says["odds"]]


async def test_the_largest_stake_that_fits_is_a_multiple_of_the_step(blank: "Page") -> None:
    code = "return String(largestStake(['0', '0.5', '12.5'], '1000000000', '1000000'))"

    assert await ask(blank, "odds.js", code) == "80000000"


@pytest.mark.parametrize(
    ("since", "round_", "phase", "reachable"),
    [
        (-1, 10, "opening", 10),
        (0, 10, "betting", 10),
        (3599, 10, "betting", 10),
        (3600, 10, "closing", 11),
        (4000, 10, "locked", 11),
        (5000, 11, "betting", 11),
    ],
)
async def test_rounds_follow_from_the_terms_and_the_clock(
    blank: "Page", since: int, round_: int, phase: str, reachable: int
) -> None:
    code = "return [phase(terms, now).round, phase(terms, now).phase, reachable(terms, now)]"

    assert await ask(blank, "schedule.js", code, terms=TERMS, now=at(since)) == [
        round_,
        phase,
        reachable,
    ]


async def test_who_hears_late_of_a_draw_sees_as_many_numbers_as_everybody(blank: "Page") -> None:
    drawn = {"status": "DRAWN", "draw": DRAW, "drawn_at": TERMS["epoch"]}
    code = "return times.map((now) => shown(round, 5000, now))"
    times = [at(each) for each in (0, 299, 300, 1800, 3299, 3300, 60_000)]

    found = await ask(blank, "reveal.js", code, round=drawn, times=times)

    # 20 numbers in three seconds, after a breath of 0.3 s: so many at a time, whenever asked.
    assert found == [0, 0, 1, 11, 20, 20, 20]


async def test_where_nothing_may_move_a_draw_is_there_at_once(blank: "Page") -> None:
    drawn = {"status": "DRAWN", "draw": DRAW, "drawn_at": TERMS["epoch"]}
    code = "return [shown(round, 5000, now, true), isTold(round, 5000, now, true), isTold(round, 5000, now)]"

    assert await ask(blank, "reveal.js", code, round=drawn, now=at(1)) == [20, True, False]


async def test_a_quick_pick_has_as_many_different_numbers_as_asked_for(blank: "Page") -> None:
    code = "return [1, 6, 10].map((count) => quickPick(count, 80))"

    for count, picks in zip([1, 6, 10], await ask(blank, "picks.js", code), strict=True):
        assert len(set(picks)) == count
        assert picks == sorted(picks)
        assert set(picks) <= set(range(1, 81))


async def test_typed_numbers_are_read_and_what_is_left_out_is_said(blank: "Page") -> None:
    code = "return [readPicks('17,3 3 22', 80, 10), readPicks('0 81 5 6 7', 80, 2)]"

    plain, much = await ask(blank, "picks.js", code)

    assert plain == {"picks": [3, 17, 22], "left": ""}
    assert much["picks"] == [5, 6]
    assert much["left"] == "numbers go from 1 to 80; a ticket has at most 2; 7 left out"


def ticket(status: str, *, stake: int = 10, prize: int | None = None, **more: Any) -> Any:
    return {
        "id": "1",
        "round": 7,
        "picks": [3, 17],
        "stake": {"amount": str(stake), "asset": "SOL"},
        "status": status,
        "prize": None if prize is None else {"amount": str(prize), "asset": "SOL"},
        **more,
    }


async def test_an_older_word_never_undoes_a_newer_one(blank: "Page") -> None:
    code = """
        const table = newTable();
        for (const status of ["SETTLED", "OPEN", "DRAWN"]) takeRound(table, { number: 7, status });
        for (const each of tickets) takeTicket(table, each);
        return [table.rounds.get(7).status, table.tickets.get("1").status];
    """
    tickets = [ticket("WON", prize=20), ticket("ACCEPTED")]

    assert await ask(blank, "table.js", code, tickets=tickets) == ["SETTLED", "WON"]


async def test_a_result_counts_what_is_decided_and_names_what_waits(blank: "Page") -> None:
    tickets = [
        ticket("WON", prize=25),
        ticket("LOST", prize=0),
        ticket("ACCEPTED"),
        ticket("REFUNDED", prize=10),
    ]
    code = "const { net, waiting } = outcome(tickets); return [String(net), String(waiting)]"

    assert await ask(blank, "table.js", code, tickets=tickets) == ["5", "10"]


async def sentence(blank: "Page", draw: list[int], *tickets: Any) -> str | None:
    round_ = {"number": 7, "status": "SETTLED", "draw": draw}
    code = "return roundSentence(round, tickets)"
    found = await ask(blank, "sentences.js", code, round=round_, tickets=list(tickets))
    return None if found is None else found.replace("\xa0", " ")


async def test_a_round_is_told_in_one_sentence(blank: "Page") -> None:
    won = ticket("WON", stake=10**9, prize=3 * 10**9)

    assert await sentence(blank, [3, 17, 80], won) == (
        "Round 7: 2 of 2 drawn, win 3.0000 SOL, net plus 2.0000 SOL."
    )
    assert await sentence(blank, [1], ticket("LOST", stake=10**9, prize=0)) == (
        "Round 7: 0 of 2 drawn, no prize, net minus 1.0000 SOL."
    )
    assert await sentence(blank, [1]) is None


async def test_what_brings_back_the_stake_or_less_is_no_win(blank: "Page") -> None:
    less = ticket("WON", stake=10**9, prize=5 * 10**8)
    same = ticket("WON", stake=10**9, prize=10**9)

    assert await sentence(blank, [3], less) == (
        "Round 7: 1 of 2 drawn, 0.5000 SOL back, net minus 0.5000 SOL."
    )
    assert await sentence(blank, [3], same) == "Round 7: 1 of 2 drawn, 1.0000 SOL back, net zero."


async def test_draws_are_remembered_newest_first_and_none_twice(blank: "Page") -> None:
    rounds = [{"number": 9, "draw": [1]}, {"number": 8, "draw": None}, {"number": 7, "draw": [2]}]
    code = "return remembered([[7, [2]], [6, [3]], [5, [4]]], rounds, 3)"

    found = await ask(blank, "draws.js", code, rounds=rounds)

    assert found == [[9, [1]], [7, [2]], [6, [3]]]


async def test_own_tickets_stand_newest_first(blank: "Page") -> None:
    code = """
        const table = newTable();
        for (const id of ["9", "10", "8"]) takeTicket(table, { id, status: "ACCEPTED" });
        return ownTickets(table).map((ticket) => ticket.id);
    """

    assert await ask(blank, "table.js", code) == ["10", "9", "8"]


async def test_the_spread_of_even_counts_is_zero_and_of_one_draw_what_it_must_be(
    blank: "Page",
) -> None:
    code = """
        const four = [0, 20, 40, 60].map((from) => Array.from({ length: 20 }, (_, i) => from + i + 1));
        return [spread(counts(four, 80), 4, game), spread(counts([four[0]], 80), 1, game)];
    """

    even, one = await ask(blank, "draws.js", code, game=GAME)

    # One draw: 20 counts of 1 and 60 of 0 around 1/4: 15 squared, over 3/16, times 79/80.
    assert even == 0
    assert one == pytest.approx(79)
