"""What a name may be, and what a token is."""

import hashlib
import secrets
import unicodedata
from typing import Final

from rooms.kernel.refusal import Refusal

LONGEST_NAME: Final = 64
# Control, format (bidirectional, zero-width), surrogate and private characters hide what is read.
HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_name(name: str) -> str:
    """Trim a display name; refuses E-NAME where it is empty, long or hides characters."""
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= LONGEST_NAME:
        raise Refusal("E-NAME", longest=LONGEST_NAME)
    if any(unicodedata.category(character) in HIDDEN for character in trimmed):
        raise Refusal("E-NAME", longest=LONGEST_NAME)
    return trimmed


def new_token() -> str:
    """Make an opaque token of 256 random bits."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> bytes:
    """Hash a token for storage; it is random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).digest()
