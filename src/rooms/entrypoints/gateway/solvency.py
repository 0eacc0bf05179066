"""What the house owes, and that one's own balance is in the sum."""

from typing import Any

from litestar import Response, get

from rooms.entrypoints.gateway import examples, messages
from rooms.entrypoints.gateway.answers import answer, statement_json
from rooms.entrypoints.gateway.calls import Call, gateway_of, player_of, read_query
from rooms.entrypoints.gateway.described import describing
from rooms.kernel.money import Asset
from rooms.proof.solvency import balance_json


@get(
    "/v1/solvency",
    opt=describing(
        summary="What the house said last that it owes, and the record of it in the log.",
        tag="log",
        query=messages.AssetQuery,
        answer=messages.Statement,
        example=examples.STATEMENT,
        codes=("E-NOT-STATED", "E-INPUT"),
    ),
)
async def statement(request: Call) -> Response[bytes]:
    """Give the newest statement."""
    query = read_query(request, messages.AssetQuery)
    found = await gateway_of(request).solvency.statement(Asset(query.asset))
    return answer(statement_json(found))


@get(
    "/v1/wallet/solvency",
    opt=describing(
        summary="The file of `rooms verify solvency`: one's own balance in the newest statement.",
        tag="wallet",
        query=messages.AssetQuery,
        answer=dict[str, Any],
        example=None,
        codes=("E-NOT-STATED", "E-PROOF-WAITS", "E-INPUT"),
        player=True,
    ),
)
async def own_balance(request: Call) -> Response[bytes]:
    """Prove that the balance of the player who asks is in the sum."""
    player = await player_of(request)
    query = read_query(request, messages.AssetQuery)
    found = await gateway_of(request).solvency.balance(player, Asset(query.asset))
    return answer(balance_json(found))
