"""Keno: games, rounds, paytables for everyone; tickets for their owners."""

import hmac

from litestar import Response, delete, get, post
from litestar.params import FromPath

from rooms.contexts.keno.api import BuyTickets
from rooms.entrypoints.gateway import kenoexamples as examples
from rooms.entrypoints.gateway import kenomessages
from rooms.entrypoints.gateway.answers import answer, made
from rooms.entrypoints.gateway.calls import (
    Call,
    cursor,
    gateway_of,
    idempotency_key,
    money_of,
    part_of,
    player_of,
    read_body,
    read_cursor,
    read_query,
    round_number,
    ticket_id,
)
from rooms.entrypoints.gateway.described import describing
from rooms.entrypoints.gateway.kenoanswers import (
    game_json,
    purchase_json,
    round_json,
    ticket_json,
)
from rooms.entrypoints.gateway.messages import Part
from rooms.kernel.ids import PlayerId, TicketId
from rooms.kernel.refusal import Refusal


@get(
    "/v1/keno/games",
    opt=describing(
        summary="The games, with the terms of their current round.",
        tag="keno",
        answer=Part[kenomessages.Game],
        example=examples.part(examples.GAME),
    ),
)
async def games(request: Call) -> Response[bytes]:
    """List the games."""
    found = await gateway_of(request).keno.games()
    return answer(Part([game_json(each) for each in found], None))


@get(
    "/v1/keno/games/{game:str}",
    opt=describing(
        summary="A game with the terms of its current round, and those that follow.",
        tag="keno",
        answer=kenomessages.Game,
        example=examples.GAME,
        codes=("E-GAME-UNKNOWN",),
    ),
)
async def game(request: Call, game: FromPath[str]) -> Response[bytes]:
    """Show a game."""
    return answer(game_json(await gateway_of(request).keno.game(game)))


@get(
    "/v1/keno/games/{game:str}/rounds",
    opt=describing(
        summary="A game's rounds, newest first, from the one that is open now.",
        tag="keno",
        query=kenomessages.RoundsQuery,
        answer=Part[kenomessages.Round],
        example=examples.part(examples.ROUND),
        codes=("E-GAME-UNKNOWN", "E-INPUT"),
    ),
)
async def rounds(request: Call, game: FromPath[str]) -> Response[bytes]:
    """List rounds."""
    query = read_query(request, kenomessages.RoundsQuery)
    before = read_cursor("rounds", query.cursor) if query.cursor is not None else query.before
    found = await gateway_of(request).keno.rounds(game, before, query.most)
    more = len(found) == query.most and found[-1].number > 1
    following = cursor("rounds", found[-1].number) if more else None
    return answer(Part([round_json(each) for each in found], following))


@get(
    "/v1/keno/games/{game:str}/rounds/{number:str}",
    opt=describing(
        summary="A round: its commit before it opens, its seed and draw after it locked.",
        tag="keno",
        answer=kenomessages.Round,
        example=examples.ROUND,
        codes=("E-GAME-UNKNOWN", "E-ROUND-UNKNOWN"),
    ),
)
async def one_round(request: Call, game: FromPath[str], number: FromPath[str]) -> Response[bytes]:
    """Show a round."""
    return answer(round_json(await gateway_of(request).keno.round(game, round_number(number))))


@get(
    "/v1/keno/paytables/{digest:str}",
    opt=describing(
        summary="A paytable by its hash; it never changes.",
        tag="keno",
        answer=kenomessages.Paytable,
        example=examples.PAYTABLE,
        codes=("E-PAYTABLE-UNKNOWN",),
    ),
)
async def paytable(request: Call, digest: FromPath[str]) -> Response[bytes]:
    """Show a paytable."""
    return answer(kenomessages.Paytable(await gateway_of(request).keno.paytable(digest)))


@post(
    "/v1/keno/games/{game:str}/tickets",
    opt=describing(
        summary="Buy a ticket for each of 1 to 100 consecutive rounds, paid at once.",
        tag="keno",
        body=kenomessages.NewTickets,
        body_example=examples.NEW_TICKETS,
        answer=kenomessages.Tickets,
        example=examples.TICKETS,
        codes=(
            *("E-GAME-UNKNOWN", "E-GAME-PAUSED", "E-ROUND-CLOSED", "E-ROUNDS", "E-PICKS"),
            *("E-STAKE", "E-EXPOSURE", "E-BANKROLL", "E-BAL-LOW"),
        ),
        player=True,
    ),
)
async def buy_tickets(request: Call, game: FromPath[str]) -> Response[bytes]:
    """Buy tickets for the player who asks."""
    player, key = await player_of(request), idempotency_key(request)
    body, _ = await read_body(request, kenomessages.NewTickets)
    keno = gateway_of(request).keno
    bought = await keno.buy(asked(player, key, game, body))
    return made(purchase_json(bought.value, keno), replayed=bought.replayed)


def asked(player: PlayerId, key: str, game: str, body: kenomessages.NewTickets) -> BuyTickets:
    """Give the command that a request is. Refuses E-STAKE."""
    return BuyTickets(
        game=game,
        player=player,
        picks=None if body.picks is None else tuple(body.picks),
        quick_pick=body.quick_pick,
        stake=money_of(body.stake, "E-STAKE"),
        rounds=body.rounds,
        first_round=body.round,
        key=key,
    )


@get(
    "/v1/keno/tickets",
    opt=describing(
        summary="One's own tickets, newest first, with what each came to.",
        tag="keno",
        query=kenomessages.TicketsQuery,
        answer=Part[kenomessages.Ticket],
        example=examples.part(examples.TICKET),
        codes=("E-GAME-UNKNOWN", "E-INPUT"),
        player=True,
    ),
)
async def own_tickets(request: Call) -> Response[bytes]:
    """List the tickets of the player who asks."""
    player = await player_of(request)
    query = read_query(request, kenomessages.TicketsQuery)
    before = read_cursor("tickets", query.cursor)
    keno = gateway_of(request).keno
    found = await keno.tickets(
        player,
        game=query.game,
        number=query.round,
        before=None if before is None else TicketId(before),
        limit=query.most + 1,
    )
    return answer(part_of("tickets", found, query.most, lambda each: ticket_json(each, keno)))


@get(
    "/v1/keno/tickets/{ticket:str}",
    opt=describing(
        summary="A ticket, for its owner or for whoever knows its reference; no owner is in it.",
        tag="keno",
        query=kenomessages.TicketQuery,
        answer=kenomessages.Ticket,
        example=examples.TICKET,
        codes=("E-TICKET-UNKNOWN", "E-INPUT"),
        player=True,
    ),
)
async def ticket(request: Call, ticket: FromPath[str]) -> Response[bytes]:
    """Show a ticket by its reference, or to its owner."""
    number, owner = await whose(request, ticket)
    keno = gateway_of(request).keno
    return answer(ticket_json(await keno.ticket(number, owner), keno))


async def whose(request: Call, ticket: str) -> tuple[TicketId, PlayerId | None]:
    """Say which ticket is asked for, and whose it has to be: nobody's who knows its reference."""
    query = read_query(request, kenomessages.TicketQuery)
    number = ticket_id(ticket)
    if query.ref is None:
        return number, await player_of(request)
    # A reference that is wrong is answered as a ticket that is not there.
    right = gateway_of(request).keno.ticket_ref(number)
    if not hmac.compare_digest(query.ref.encode(), right.encode()):
        raise Refusal("E-TICKET-UNKNOWN", ticket=number)
    return number, None


@delete(
    "/v1/keno/tickets/{ticket:str}",
    status_code=200,
    opt=describing(
        summary="Give a ticket back before its round opens; its stake is paid back at once.",
        tag="keno",
        answer=kenomessages.Ticket,
        example=examples.TICKET | {"status": "CANCELLED", "reason": "CANCELLED"},
        codes=("E-TICKET-UNKNOWN", "E-TICKET-LATE"),
        command=True,
        player=True,
    ),
)
async def cancel_ticket(request: Call, ticket: FromPath[str]) -> Response[bytes]:
    """Cancel a ticket of the player who asks: cancelled is cancelled, whatever the key."""
    player = await player_of(request)
    idempotency_key(request)
    keno = gateway_of(request).keno
    return answer(ticket_json(await keno.cancel(ticket_id(ticket), player), keno))
