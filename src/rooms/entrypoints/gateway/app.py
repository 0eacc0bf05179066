"""Puts the gateway together: one ASGI application, which any server can run."""

from functools import cache, partial
from typing import Final

from litestar import Litestar
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from rooms.entrypoints.catalogue import catalogue
from rooms.entrypoints.gateway import (
    bets,
    documents,
    keno,
    kenoproofs,
    kenostaff,
    log,
    players,
    rooms,
    settlements,
    solvency,
    system,
    wallet,
)
from rooms.entrypoints.gateway.faces import Gateway
from rooms.entrypoints.gateway.feed import asyncapi
from rooms.entrypoints.gateway.front import Front
from rooms.entrypoints.gateway.live import Live
from rooms.entrypoints.gateway.methods import with_methods
from rooms.entrypoints.gateway.openapi import document
from rooms.entrypoints.gateway.problems import HANDLERS
from rooms.entrypoints.gateway.reception import Reception
from rooms.entrypoints.gateway.swiftbets import LARGEST_BODY, SwiftBets
from rooms.platform.limiter import Limiter
from rooms.platform.metrics import REFUSALS

__all__ = ["Gateway", "build_app"]

ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    rooms.open_room,
    rooms.list_rooms,
    rooms.show_room,
    rooms.quote,
    settlements.settlement,
    settlements.settlement_file,
    settlements.settlement_record,
    bets.place_bet,
    bets.own_bets,
    bets.bet_proof,
    keno.games,
    keno.game,
    keno.rounds,
    keno.one_round,
    keno.paytable,
    kenoproofs.round_proof,
    kenoproofs.ticket_proof,
    kenoproofs.day,
    keno.buy_tickets,
    keno.own_tickets,
    keno.ticket,
    keno.cancel_ticket,
    kenostaff.create_game,
    kenostaff.change_game,
    kenostaff.move_game,
    kenostaff.bankrolls,
    kenostaff.fund,
    wallet.wallet,
    wallet.wallet_entries,
    solvency.own_balance,
    solvency.statement,
    players.referrals,
    log.log_key,
    log.log_head,
    log.log_entries,
    log.inclusion,
    log.consistency,
    log.cosign,
    log.checkpoint,
    log.tile,
    system.livez,
    system.readyz,
    system.metrics,
    system.version,
    documents.docs,
    documents.openapi_json,
    documents.live_docs,
    documents.asyncapi_json,
    documents.style,
    documents.codes,
    documents.code_page,
)
SANDBOX: Final[tuple[HTTPRouteHandler, ...]] = (players.sign_up,)


def build_app(gateway: Gateway) -> Front:
    """Make the ASGI application; routes of the sandbox exist only where ``gateway`` says so.

    Whoever serves it calls its ``close`` before waiting for open answers to end.
    """
    assert not gateway.sandbox or gateway.token_key, "the sandbox makes tokens with a key"
    live = Live(
        gateway.rooms,
        gateway.doorbell,
        gateway.clock,
        sandbox=gateway.sandbox,
        streams_per_ip=gateway.streams_per_ip,
    )
    app = Litestar(
        with_methods([*ROUTES, *(SANDBOX if gateway.sandbox else ()), *live.routes()]),
        state=State({"gateway": gateway}),
        exception_handlers=HANDLERS,
        request_max_body_size=LARGEST_BODY,
        openapi_config=None,
        logging_config=None,
    )
    app.state.openapi = cache(partial(document, app, gateway.version))
    app.state.asyncapi = cache(partial(asyncapi.document, gateway.version))
    for code in catalogue():
        REFUSALS.labels(code)  # shown as 0 until it is answered
    return Front(
        app,
        Reception(gateway, SwiftBets(gateway)),
        clock=gateway.clock,
        tokens=Limiter(gateway.rate_per_token),
        addresses=Limiter(gateway.rate_per_ip),
        close=live.close,
    )
