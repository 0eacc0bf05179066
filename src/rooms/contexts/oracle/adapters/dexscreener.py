"""DexScreener: the token's deepest pool against wrapped SOL. It tells no time."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from rooms.contexts.oracle.adapters import strict
from rooms.contexts.oracle.adapters.dialect import Answer, Request, UnusableError
from rooms.contexts.oracle.ports import Reading, SourceSettings
from rooms.kernel.money import LAMPORTS_PER_SOL

BATCH: Final = 30
WRAPPED_SOL: Final = "So11111111111111111111111111111111111111112"


def name_of(asset: str) -> str | None:
    return strict.mint(asset)


def request(names: Sequence[str], _: SourceSettings) -> Request:
    return Request(f"/tokens/v1/solana/{','.join(names)}")


def read(name: str, answer: Answer) -> Reading:
    pools = [
        (reserve, pair)
        for pair in strict.rows(answer.body)
        if _sells(pair, name) and (reserve := _reserve(pair)) is not None
    ]
    if not pools:
        raise UnusableError("no_pool")
    reserve, deepest = max(pools, key=lambda pool: pool[0])
    pool = strict.member(deepest, "pairAddress")
    if not isinstance(pool, str):
        raise UnusableError("wrong_type")
    return Reading(
        price=strict.positive(strict.member(deepest, "priceUsd")),
        received_at=answer.received_at,
        pool=pool,
        quote_reserve=reserve,
    )


def _sells(pair: object, mint: str) -> bool:
    """Tell the pairs that price the token in SOL from those where the token is the quote."""
    return (
        strict.member(pair, "chainId") == "solana"
        and strict.member(pair, "baseToken", "address") == mint
        and strict.member(pair, "quoteToken", "address") == WRAPPED_SOL
    )


def _reserve(pair: object) -> int | None:
    """Give the SOL in the pool, in lamports rounded down; None where it is not told."""
    try:
        sol = strict.positive(strict.member(pair, "liquidity", "quote"))
    except UnusableError:
        return None
    return int(Fraction(sol) * LAMPORTS_PER_SOL)
