"""Amounts as people read them."""

from typing import Final

from rooms.kernel.money import LAMPORTS_PER_SOL

FEWEST_DECIMALS: Final = 4
NO_BREAK: Final = "\N{NO-BREAK SPACE}"


def sol_text(lamports: int) -> str:
    """Write lamports exactly as SOL with four to nine decimals: ``1.2500 SOL``."""
    whole, rest = divmod(abs(lamports), LAMPORTS_PER_SOL)
    decimals = f"{rest:09d}".rstrip("0").ljust(FEWEST_DECIMALS, "0")
    sign = "-" if lamports < 0 else ""
    return f"{sign}{whole}.{decimals}{NO_BREAK}SOL"
