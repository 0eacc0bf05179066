"""Decimal numbers as text, without ever rounding: the text that is published is the number."""

import re
from decimal import Decimal
from typing import Final

MOST_CHARACTERS: Final = 80
_PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def plain(text: object) -> Decimal:
    """Read a number written as digits with at most one point. ValueError for anything else.

    Exponents, spaces and the names of infinity are refused: there is one way to write a number.
    """
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS or not _PLAIN.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal number")
    return Decimal(text)


def written(number: Decimal) -> str:
    """Write a number in plain notation with no trailing zeros, exactly."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
