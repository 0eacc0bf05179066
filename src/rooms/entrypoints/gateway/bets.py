"""Bets: place one, see one's own."""

import hmac
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import Struct

from rooms.contexts.identity.api import Bearer
from rooms.contexts.parimutuel.api import PlaceBet
from rooms.entrypoints.gateway import examples, messages
from rooms.entrypoints.gateway.answers import answer, bet_json, made, own_bet_json
from rooms.entrypoints.gateway.calls import (
    Call,
    bearer_of,
    bet_id,
    gateway_of,
    idempotency_key,
    lamports_of,
    part_of,
    player_of,
    read_body,
    read_cursor,
    read_query,
    room_id,
)
from rooms.entrypoints.gateway.described import describing
from rooms.kernel.ids import BetId, RoomId
from rooms.kernel.refusal import Refusal


class BetQuery(Struct, frozen=True):
    """Who knows a bet's reference may see where it stands without a token."""

    ref: str | None = None


@post(
    "/v1/rooms/{room:str}/bets",
    opt=describing(
        summary="Stake on a side: one bet per player per room.",
        tag="bets",
        body=messages.NewBet,
        body_example=examples.NEW_BET,
        answer=messages.Bet,
        example=examples.BET,
        codes=(
            *("E-ROOM-UNKNOWN", "E-BET-LOCKED", "E-BET-DUP", "E-STAKE", "E-BAL-LOW"),
            *("E-PRICE-STALE", "E-TARGET-MET", "E-DEPTH"),
        ),
        player=True,
    ),
)
async def place_bet(request: Call, room: FromPath[str]) -> Response[bytes]:
    """Place a bet for the player who asks; in front of it ``swiftbets`` answers the same."""
    bearer, key = await bearer_of(request), idempotency_key(request)
    wanted = room_id(room)
    body, _ = await read_body(request, messages.NewBet)
    rooms = gateway_of(request).rooms
    placed = await rooms.place_bet(asked(bearer, key, wanted, body))
    return made(bet_json(placed.value, rooms), replayed=placed.replayed)


def asked(bearer: Bearer, key: str, room: RoomId, body: messages.NewBet) -> PlaceBet:
    """Give the command that a request is. Refuses E-STAKE."""
    return PlaceBet(
        room=room,
        player=bearer.player_id,
        side=body.side,
        stake=lamports_of(body.stake, "E-STAKE"),
        key=key,
        standing=bearer.standing,
    )


@get(
    "/v1/bets",
    opt=describing(
        summary="One's own bets, newest first, with what each came to.",
        tag="bets",
        query=messages.PageQuery,
        answer=messages.Part[messages.OwnBet],
        example=examples.part(examples.OWN_BET),
        codes=("E-INPUT",),
        player=True,
    ),
)
async def own_bets(request: Call) -> Response[bytes]:
    """List the bets of the player who asks."""
    player = await player_of(request)
    query = read_query(request, messages.PageQuery)
    before = read_cursor("bets", query.cursor)
    rooms = gateway_of(request).rooms
    found = await rooms.bets(player, None if before is None else BetId(before), query.most + 1)
    return answer(part_of("bets", found, query.most, lambda bet: own_bet_json(bet, rooms)))


@get(
    "/v1/bets/{bet:str}/proof",
    opt=describing(
        summary="All that `rooms verify bet` needs, for its owner or whoever knows its reference.",
        tag="bets",
        query=BetQuery,
        answer=dict[str, Any],
        example=None,
        codes=("E-BET-UNKNOWN", "E-INPUT"),
        player=True,
    ),
)
async def bet_proof(request: Call, bet: FromPath[str]) -> Response[bytes]:
    """Show where a bet stands in the public log."""
    query = read_query(request, BetQuery)
    number, rooms, owner = bet_id(bet), gateway_of(request).rooms, None
    if query.ref is None:
        owner = await player_of(request)
    # A reference that is wrong is answered as a bet that is not there.
    elif not hmac.compare_digest(query.ref.encode(), rooms.bet_ref(number).encode()):
        raise Refusal("E-BET-UNKNOWN", bet=number)
    return answer(await rooms.bet_proof(number, owner))
