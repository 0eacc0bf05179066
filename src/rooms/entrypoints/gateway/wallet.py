"""A player's money: balances and every movement."""

from litestar import Response, get

from rooms.entrypoints.gateway import examples, messages
from rooms.entrypoints.gateway.answers import answer, balance_json, entry_json
from rooms.entrypoints.gateway.calls import (
    Call,
    gateway_of,
    part_of,
    player_of,
    read_cursor,
    read_query,
)
from rooms.entrypoints.gateway.described import describing


@get(
    "/v1/wallet",
    opt=describing(
        summary="One's own balances.",
        tag="wallet",
        answer=messages.Wallet,
        example={"balances": [examples.BALANCE]},
        player=True,
    ),
)
async def wallet(request: Call) -> Response[bytes]:
    """Show the balances of the player who asks."""
    player = await player_of(request)
    found = await gateway_of(request).ledger.balances(player)
    return answer(messages.Wallet([balance_json(each) for each in found]))


@get(
    "/v1/wallet/entries",
    opt=describing(
        summary="One's own movements, newest first.",
        tag="wallet",
        query=messages.PageQuery,
        answer=messages.Part[messages.Entry],
        example=examples.part(examples.ENTRY),
        codes=("E-INPUT",),
        player=True,
    ),
)
async def wallet_entries(request: Call) -> Response[bytes]:
    """List the movements on the account of the player who asks."""
    player = await player_of(request)
    query = read_query(request, messages.PageQuery)
    before = read_cursor("entries", query.cursor)
    found = await gateway_of(request).ledger.statement(player, before, query.most + 1)
    return answer(part_of("entries", found, query.most, entry_json))
