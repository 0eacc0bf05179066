"""Puts the gateway together: one ASGI application, which any server can run."""

from typing import Final

from litestar import Litestar
from litestar.datastructures import State
from litestar.types import ControllerRouterHandler

from rooms.entrypoints.gateway import bets, documents, players, rooms, settlements, system, wallet
from rooms.entrypoints.gateway.faces import Gateway
from rooms.entrypoints.gateway.front import Front
from rooms.entrypoints.gateway.limiter import Limiter
from rooms.entrypoints.gateway.live import Live
from rooms.entrypoints.gateway.openapi import document
from rooms.entrypoints.gateway.problems import HANDLERS

__all__ = ["Gateway", "build_app"]

LARGEST_BODY: Final = 64 * 1024
ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    rooms.open_room,
    rooms.list_rooms,
    rooms.show_room,
    rooms.quote,
    settlements.settlement,
    settlements.settlement_file,
    bets.place_bet,
    bets.own_bets,
    wallet.wallet,
    wallet.wallet_entries,
    players.referrals,
    system.livez,
    system.readyz,
    system.version,
    documents.docs,
    documents.openapi_json,
    documents.style,
    documents.codes,
    documents.code_page,
)
SANDBOX: Final[tuple[ControllerRouterHandler, ...]] = (players.sign_up,)


def build_app(gateway: Gateway) -> Front:
    """Make the ASGI application; routes of the sandbox exist only where ``gateway`` says so.

    Whoever serves it calls its ``close`` before waiting for open answers to end.
    """
    assert not gateway.sandbox or gateway.token_key, "the sandbox makes tokens with a key"
    live = Live(gateway.rooms, gateway.doorbell, gateway.clock, gateway.sandbox)
    app = Litestar(
        [*ROUTES, *(SANDBOX if gateway.sandbox else ()), *live.routes()],
        state=State({"gateway": gateway}),
        exception_handlers=HANDLERS,
        request_max_body_size=LARGEST_BODY,
        openapi_config=None,
        logging_config=None,
    )
    app.state.openapi = document(app, gateway.version)
    return Front(
        app,
        clock=gateway.clock,
        tokens=Limiter(gateway.rate_per_token),
        addresses=Limiter(gateway.rate_per_ip),
        close=live.close,
    )
