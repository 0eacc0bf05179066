"""What administrators do to games of keno: every act has its name in the audit rows."""

from datetime import timedelta
from typing import Any, Final

import msgspec
from litestar import Response, get, patch, post
from litestar.params import FromPath

from rooms.contexts.keno.api import GameTerms
from rooms.entrypoints.gateway import kenoexamples as examples
from rooms.entrypoints.gateway import kenomessages
from rooms.entrypoints.gateway.answers import answer, made
from rooms.entrypoints.gateway.calls import (
    Call,
    gateway_of,
    idempotency_key,
    money_of,
    read_body,
    read_lamports,
    staff_of,
)
from rooms.entrypoints.gateway.described import describing
from rooms.entrypoints.gateway.kenoanswers import AMOUNTS, bankroll_json, game_json
from rooms.entrypoints.gateway.messages import Part
from rooms.kernel.ids import CommandKey
from rooms.kernel.money import Asset
from rooms.kernel.refusal import Refusal
from rooms.platform.settings.durations import parse_duration

DURATIONS: Final = ("interval", "lead", "guard")
NEEDED: Final = ("entropy", "paytable", *AMOUNTS)


@post(
    "/v1/admin/keno/games",
    opt=describing(
        summary="Make a game.",
        tag="admin",
        body=kenomessages.NewGame,
        body_example=examples.NEW_GAME,
        answer=kenomessages.Game,
        example=examples.GAME,
        codes=("E-GAME-NAME", "E-GAME-TERMS", "E-PAYTABLE", "E-PAYTABLE-UNKNOWN"),
        staff=True,
    ),
)
async def create_game(request: Call) -> Response[bytes]:
    """Make a game as the administrator who asks."""
    staff, key = await staff_of(request), idempotency_key(request)
    body, digest = await read_body(request, kenomessages.NewGame)
    changes = changes_of(body)
    missing = [name for name in NEEDED if name not in changes]
    if missing:
        raise Refusal("E-INPUT", why=f"a new game needs {missing[0]}")
    done = await gateway_of(request).keno.create_game(
        body.game,
        Asset(body.asset),
        GameTerms(**changes),
        starts_in=_duration(body.starts_in, "starts_in"),
        by=staff,
        key=CommandKey(f"staff:{staff.id} POST /v1/admin/keno/games", key, digest),
    )
    return made(game_json(done.value), replayed=done.replayed)


@patch(
    "/v1/admin/keno/games/{game:str}",
    opt=describing(
        summary="Give a game other terms, from the first round whose commit is not shown yet.",
        tag="admin",
        body=kenomessages.TermsAsked,
        body_example={"lead": "2s"},
        answer=kenomessages.Game,
        example=examples.GAME,
        codes=("E-GAME-UNKNOWN", "E-GAME-TERMS", "E-PAYTABLE", "E-PAYTABLE-UNKNOWN"),
        staff=True,
    ),
)
async def change_game(request: Call, game: FromPath[str]) -> Response[bytes]:
    """Change a game as the administrator who asks."""
    staff, key = await staff_of(request), idempotency_key(request)
    body, digest = await read_body(request, kenomessages.TermsAsked)
    changes = changes_of(body)
    if not changes:
        raise Refusal("E-INPUT", why="it names no term to change")
    scope = f"staff:{staff.id} PATCH /v1/admin/keno/games/{game}"
    done = await gateway_of(request).keno.change_game(
        game, changes, by=staff, key=CommandKey(scope, key, digest)
    )
    return answer(game_json(done.value), replayed=done.replayed)


@post(
    "/v1/admin/keno/games/{game:str}/status",
    status_code=200,
    opt=describing(
        summary="Pause, drain or resume a game.",
        tag="admin",
        body=kenomessages.GameMove,
        body_example={"status": "DRAINING"},
        answer=kenomessages.Game,
        example=examples.GAME,
        codes=("E-GAME-UNKNOWN", "E-GAME-STATUS"),
        staff=True,
    ),
)
async def move_game(request: Call, game: FromPath[str]) -> Response[bytes]:
    """Move a game to another status as the administrator who asks."""
    staff, key = await staff_of(request), idempotency_key(request)
    body, digest = await read_body(request, kenomessages.GameMove)
    scope = f"staff:{staff.id} POST /v1/admin/keno/games/{game}/status"
    done = await gateway_of(request).keno.move_game(
        game, body.status, by=staff, key=CommandKey(scope, key, digest)
    )
    return answer(game_json(done.value), replayed=done.replayed)


@get(
    "/v1/admin/keno/bankrolls",
    opt=describing(
        summary="What operators have for prizes, and what they have to stand for.",
        tag="admin",
        answer=Part[kenomessages.Bankroll],
        example=examples.part(examples.BANKROLL),
        staff=True,
    ),
)
async def bankrolls(request: Call) -> Response[bytes]:
    """List the bankrolls."""
    await staff_of(request)
    found = await gateway_of(request).keno.bankrolls()
    return answer(Part([bankroll_json(each) for each in found], None))


@post(
    "/v1/admin/keno/bankrolls",
    opt=describing(
        summary="Put money from outside into the house's bankroll.",
        tag="admin",
        body=kenomessages.Funding,
        body_example={"amount": examples.BANKROLL["funds"]},
        answer=kenomessages.Bankroll,
        example=examples.BANKROLL,
        codes=("E-AMOUNT",),
        staff=True,
    ),
)
async def fund(request: Call) -> Response[bytes]:
    """Fund the house's bankroll as the administrator who asks."""
    staff, key = await staff_of(request), idempotency_key(request)
    body, digest = await read_body(request, kenomessages.Funding)
    money = money_of(body.amount, "E-AMOUNT")
    scope = f"staff:{staff.id} POST /v1/admin/keno/bankrolls"
    done = await gateway_of(request).keno.fund(money, by=staff, key=CommandKey(scope, key, digest))
    return made(bankroll_json(done.value), replayed=done.replayed)


def changes_of(body: kenomessages.TermsAsked) -> dict[str, Any]:
    """Give the fields of ``GameTerms`` that were sent. Refuses E-INPUT."""
    sent = {
        name: value
        for name, value in msgspec.structs.asdict(body).items()
        if value is not None and name in GameTerms.__slots__
    }
    for name in DURATIONS:
        if name in sent:
            sent[name] = _duration(sent[name], name)
    for name in AMOUNTS:
        if name in sent:
            sent[name] = read_lamports(sent[name], "E-INPUT")
    if "spots" in sent:
        sent["spots"] = tuple(sent["spots"])
    return sent


def _duration(text: str, name: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Refusal("E-INPUT", why=f"{name} is no duration such as 5s") from error
