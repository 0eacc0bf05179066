"""Sign up in the sandbox; see one's invited people."""

import base64
import hashlib
import hmac

from litestar import Response, get, post

from rooms.contexts.referral.api import SignUp
from rooms.entrypoints.gateway import examples, messages
from rooms.entrypoints.gateway.answers import answer, made, referrals_json
from rooms.entrypoints.gateway.calls import (
    Call,
    gateway_of,
    idempotency_key,
    lamports_of,
    player_of,
    read_body,
)
from rooms.entrypoints.gateway.described import describing
from rooms.kernel.ids import CommandKey
from rooms.kernel.money import lamports
from rooms.kernel.refusal import Refusal

MOST_FUND = 10**15


@post(
    "/v1/sandbox/players",
    opt=describing(
        summary="Become a player with play money; exists in the sandbox only.",
        tag="players",
        body=messages.NewPlayer,
        body_example=examples.NEW_PLAYER,
        answer=messages.Player,
        example=examples.PLAYER,
        codes=("E-NAME", "E-REFERRER", "E-AMOUNT"),
    ),
)
async def sign_up(request: Call) -> Response[bytes]:
    """Make a player; the token is the same when the command is sent again."""
    gateway, key = gateway_of(request), idempotency_key(request)
    assert gateway.token_key is not None, "this route exists in the sandbox only"
    body, digest = await read_body(request, messages.NewPlayer)
    fund = lamports_of(body.fund, "E-AMOUNT")
    if fund > MOST_FUND:
        raise Refusal("E-AMOUNT", why=f"play money is at most {MOST_FUND} lamports")
    token = access_token(gateway.token_key, key)
    signed_up = await gateway.referral.sign_up(
        SignUp(
            name=body.name,
            referrer=_referrer(body.referrer),
            fund=lamports(fund),
            token=token,
            key=CommandKey("POST /v1/sandbox/players", key, digest),
        )
    )
    player = signed_up.value
    shown = messages.Player(str(player.player_id), token, player.referral_code)
    return made(shown, replayed=signed_up.replayed)


def _referrer(code: str | None) -> str | None:
    """No code has other characters; some of those cannot even be looked up."""
    if code is not None and not code.strip().isalnum():
        raise Refusal("E-REFERRER", referrer=code[:40])
    return code


def access_token(token_key: bytes, key: str) -> str:
    """Derive a token from the command's key: a replay gives it again though it is not stored."""
    digest = hmac.new(token_key, f"rooms/token/1|{key}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@get(
    "/v1/referrals",
    opt=describing(
        summary="One's own referral code, people and earnings per level.",
        tag="players",
        answer=messages.Referrals,
        example=examples.REFERRALS,
        player=True,
    ),
)
async def referrals(request: Call) -> Response[bytes]:
    """Show a player's code and levels."""
    player = await player_of(request)
    return answer(referrals_json(await gateway_of(request).referral.summary(player)))
