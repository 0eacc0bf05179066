"""The parts of the keno page under somebody's hands: the board, the ticket, orders, the feed."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.entrypoints.page.scripts import ORIGIN, ask, blank

if TYPE_CHECKING:
    from playwright.async_api import Page, Route, WebSocketRoute

pytestmark = pytest.mark.asyncio(loop_scope="module")
__all__ = ["blank"]

TERMS = {
    "spots": [1, 2, 3],
    "stake_min": {"amount": "1000000"},
    "stake_max": {"amount": "1000000000"},
    "stake_step": {"amount": "1000000"},
    "max_win": {"amount": "1000000000"},
}


async def board(page: "Page", *, direction: str = "ltr") -> None:
    """A board of ten columns; ``window.picked`` has what was pressed."""
    await page.goto(ORIGIN)
    code = """
        document.documentElement.dir = direction;
        const grid = document.createElement("div");
        document.body.append(grid);
        Object.assign(grid.style, { display: "grid", gridTemplateColumns: "repeat(10, 3rem)" });
        window.picked = [];
        window.squares = board(grid, 80, (number) => window.picked.push(number));
        grid.querySelector("button").focus();
    """
    await ask(page, "board.js", code, direction=direction)


async def focused(page: "Page") -> str:
    text: str = await page.evaluate("document.activeElement.textContent")
    return text


async def test_one_number_is_in_the_tab_order_and_arrows_move_it(blank: "Page") -> None:
    await board(blank)
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "End", "ArrowRight"):
        await blank.keyboard.press(key)

    assert await focused(blank) == "31"
    assert await blank.locator('button[tabindex="0"]').all_inner_texts() == ["31"]


async def test_arrows_follow_the_eye_where_the_page_runs_from_right_to_left(blank: "Page") -> None:
    await board(blank, direction="rtl")
    await blank.keyboard.press("ArrowLeft")

    assert await focused(blank) == "2"


async def test_a_typed_number_is_gone_to_and_space_marks_it(blank: "Page") -> None:
    await board(blank)
    await blank.keyboard.press("4")
    await blank.keyboard.press("7")
    await blank.keyboard.press("Space")

    assert await focused(blank) == "47"
    assert await blank.evaluate("window.picked") == [47]


async def test_nothing_moves_beyond_the_board(blank: "Page") -> None:
    await board(blank)
    for key in ("ArrowUp", "ArrowLeft", "9", "9"):
        await blank.keyboard.press(key)

    assert await focused(blank) == "9"


async def test_drawn_and_caught_are_said_in_words_as_well(blank: "Page") -> None:
    await board(blank)
    code = "window.squares.update({ picks: new Set([5]), shown: [5, 6], caught: new Set([5]) });"
    await blank.evaluate(f"() => {{ {code} }}")

    caught = blank.get_by_role("button", name="5, drawn, on your ticket", exact=True)
    assert await caught.get_attribute("aria-pressed") == "true"
    assert await blank.get_by_role("button", name="6, drawn", exact=True).count() == 1


@pytest.mark.parametrize(
    ("stake", "available", "says", "use"),
    [
        (80_000_000, None, None, None),
        (81_000_000, None, "0.0800 SOL is the largest stake that fits", 80_000_000),
        (500_000, None, "The smallest stake is 0.0010 SOL", 1_000_000),
        (2_000_000_000, None, "The largest stake is 1.0000 SOL", 1_000_000_000),
        (1_500_000, None, "Stakes go in steps of 0.0010 SOL", 1_000_000),
        (50_000_000, 30_000_000, "You have 0.0300 SOL, this needs 0.0500 SOL", 30_000_000),
    ],
)
async def test_a_limit_is_explained_where_it_bites_with_the_stake_that_would_do(
    blank: "Page", stake: int, available: int | None, says: str | None, use: int | None
) -> None:
    code = """
        const picks = new Set([3, 17]);
        const found = objection({
            picks, rounds: 1, row: ["0", "0.5", "12.5"], terms, stake: BigInt(stake),
            available: available === null ? null : BigInt(available),
        });
        return found && [found.words, found.use === undefined ? null : Number(found.use)];
    """

    found = await ask(
        blank,
        "slip.js",
        code,
        terms=TERMS,
        stake=str(stake),
        available=available and str(available),
    )

    if says is None:
        assert found is None
    else:
        assert says in found[0].replace("\xa0", " ")
        assert found[1] == use


async def test_an_order_without_an_answer_is_asked_again_under_its_key(blank: "Page") -> None:
    asked: list[tuple[str, Any]] = []

    async def house(route: "Route") -> None:
        asked.append((route.request.headers["idempotency-key"], route.request.post_data_json))
        if len(asked) == 1:
            await route.abort()
        elif len(asked) == 2:
            unknown = {"status": 503, "code": "E-UNKNOWN", "title": "Not known"}
            await route.fulfill(status=503, json=unknown)
        else:
            await route.fulfill(status=201, json={"tickets": [{"id": "7"}]})

    await blank.goto(ORIGIN)
    await blank.route(f"{ORIGIN}/v1/tickets", house)
    code = """
        return new Promise((done) => {
            const states = [];
            const all = orders({
                kept: "test",
                accepted: (answer) => done([answer.tickets, states, all.all().length]),
                changed: () => states.push(...all.all().map((each) => each.state)),
            });
            all.place("/v1/tickets", { round: 5, rounds: 1 });
        });
    """

    tickets, states, open_orders = await ask(blank, "orders.js", code)

    assert tickets == [{"id": "7"}]
    assert (states, open_orders) == (["asking", "checking", "checking"], 0)
    assert len(asked) == 3
    assert len({key for key, _ in asked}) == 1
    assert asked[0][1] == {"round": 5, "rounds": 1}


async def test_an_order_that_was_left_is_taken_up_again_and_a_refusal_says_where_the_money_is(
    blank: "Page",
) -> None:
    refused = {
        "status": 409,
        "code": "E-BANKROLL",
        "title": "The bankroll cannot stand for this prize",
        "detail": "It is too large.",
        "money": "Nothing was taken.",
        "next": "Send a smaller stake.",
    }
    keys = []

    async def house(route: "Route") -> None:
        keys.append(route.request.headers["idempotency-key"])
        await route.fulfill(status=409, json=refused)

    await blank.goto(ORIGIN)
    await blank.route(f"{ORIGIN}/v1/left", house)
    kept = [{"key": "k1", "path": "/v1/left", "body": {"round": 5, "rounds": 1}, "state": "asking"}]
    await blank.evaluate("(kept) => sessionStorage.setItem('left', JSON.stringify(kept))", kept)
    code = """
        return new Promise((done) => {
            const all = orders({ kept: "left", accepted() {}, changed() {
                const [order] = all.all();
                if (order.state === "refused") done([order.problem.money, sessionStorage.getItem("left")]);
            } });
            all.resume();
        });
    """

    assert await ask(blank, "orders.js", code) == ["Nothing was taken.", "[]"]
    assert keys == ["k1"]


async def test_tickets_for_rounds_to_come_are_put_together_and_others_stand_alone(
    blank: "Page",
) -> None:
    tickets = [
        {"id": str(9 - n), "round": 9 - n, "picks": [1], "stake": {"amount": "5"}, "waits": n < 3}
        for n in range(5)
    ]
    code = """
        const groups = grouped(tickets, (ticket) => ticket.waits);
        return groups.map((group) => group.tickets.map((ticket) => ticket.round));
    """

    found = await ask(blank, "tickets.js", code, tickets=tickets)

    assert found == [[9, 8, 7], [6], [5]]


def frame(kind: str, topic: str | None, seq: int | None, data: Any = None) -> str:
    return json.dumps({"type": kind, "topic": topic, "seq": seq, "at": "", "data": data})


async def test_the_feed_takes_no_frame_twice_and_goes_on_where_it_was(blank: "Page") -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    lines: list[WebSocketRoute] = []

    def house(line: "WebSocketRoute") -> None:
        lines.append(line)
        line.on_message(lambda text: heard.put_nowait(json.loads(text)))

    await blank.goto(ORIGIN)
    await blank.route_web_socket("**/v1/live", house)
    code = """
        window.told = [];
        feed({
            topics: () => ["keno:main", "me"],
            token: () => "secret",
            take: (frame) => window.told.push([frame.type, frame.seq]),
            show: (topic, data) => window.told.push([topic, data]),
            state: (name) => window.told.at(-1) !== name && window.told.push(name),
            denied: () => window.told.push("denied"),
        });
    """
    await ask(blank, "feed.js", code)
    assert await heard.get() == {
        "op": "subscribe",
        "topics": ["keno:main", "me"],
        "token": "secret",
    }
    lines[0].send(frame("snapshot", "keno:main", 4, "all"))
    for seq in (4, 5, 5, 6):
        lines[0].send(frame("round.drawn", "keno:main", seq))
    await blank.wait_for_function("window.told.some((each) => each[1] === 6)")
    await lines[0].close()

    again = [await heard.get(), await heard.get()]

    assert again == [
        {"op": "subscribe", "topics": ["me"], "token": "secret"},
        {"op": "resume", "topic": "keno:main", "seq": 6, "token": "secret"},
    ]
    lines[1].send(frame("refused", None, None, {"code": "E-AUTH"}))
    lines[1].send(frame("stale", None, None))
    lines[1].send(frame("heartbeat", None, None))
    lines[1].send(frame("fresh", None, None))
    lines[1].send(frame("round.settled", "keno:main", 7))
    await blank.wait_for_function("window.told.some((each) => each[1] === 7)")
    told = await blank.evaluate("window.told")
    assert [each for each in told if isinstance(each, list)] == [
        ["keno:main", "all"],
        ["round.drawn", 5],
        ["round.drawn", 6],
        ["round.settled", 7],
    ]
    assert [each for each in told if isinstance(each, str)] == [
        *("live", "live", "live", "lost"),
        *("denied", "live"),
        *("stale", "live", "live"),
    ]
    assert "secret" not in lines[1].url


async def test_places_on_the_slider_are_stakes_and_back(blank: "Page") -> None:
    code = """
        const most = 100000000000n;
        return [0, 40, 80, 100].map((place) => {
            const stake = stakeAt(place, most);
            return [String(stake), placeOf(stake, most)];
        });
    """

    assert await ask(blank, "betting.js", code) == [
        ["1000000", 0],
        ["100000000", 40],
        ["10000000000", 80],
        ["100000000000", 100],
    ]


async def test_a_quote_that_returns_less_than_the_stake_says_so_before_the_bet(
    blank: "Page",
) -> None:
    quote = {
        "side": "YES",
        "dividend": "0.9700",
        "stake": {"amount": str(10 * 10**9)},
        "payout": {"amount": str(97 * 10**8)},
    }

    words = await ask(blank, "betting.js", "return quoteWords(quote)", quote=quote)

    assert words.replace("\xa0", " ") == (
        "If YES came out now you would get 9.7000 SOL back for 10.0000 SOL: a loss of 0.3000 SOL."
    )
