"""Frames as bytes on a WebSocket: encoded once, whoever is to have them (RFC 6455, 5.2)."""

from typing import Final

TEXT: Final = 0x81  # a whole message of text
PING: Final = b"\x89\x00"
SHORT, LONG, LONGEST = 126, 1 << 16, 127


def text_message(payload: bytes) -> bytes:
    """Write a server's text message around JSON."""
    size = len(payload)
    if size < SHORT:
        return bytes((TEXT, size)) + payload
    if size < LONG:
        return bytes((TEXT, SHORT)) + size.to_bytes(2, "big") + payload
    return bytes((TEXT, LONGEST)) + size.to_bytes(8, "big") + payload
