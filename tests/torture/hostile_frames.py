"""Requests whose ends are not where they say, and clients that stop in the middle."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from tests.torture.hostile_requests import Ask, Attack
from tests.torture.hostile_values import junk_token

Frame = Callable[[str, Random, Ask], Attack]
TLS_HELLO: Final = bytes.fromhex("16030100c8010000c40303") + bytes(range(189))
H2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def _cut(kind: str, random: Random, ask: Ask) -> Attack:
    wire = ask.wire()
    return Attack(kind, wire[: random.randrange(len(wire))], framed=False, cut=True)


def _left(kind: str, _: Random, ask: Ask) -> Attack:
    """Send the whole request and leave before the answer."""
    return Attack(kind, ask.wire(), framed=False, cut=True)


def _length(kind: str, random: Random, ask: Ask) -> Attack:
    """Say another length than the body has, more than one, or one that is no number."""
    body = ask.body or b"{}"
    lies = (b"0", b"1", b"%d" % (len(body) + 9), b"-1", b"+5", b"5, 5", b"0x5", b"1e1", b"", b" 5")
    lie = random.choice((*lies, b"18446744073709551616", b"9" * 40, b"5 5", b"\xb2"))
    headers = (*ask.headers, (b"Content-Length", lie))
    if random.random() < 0.3:
        headers = (*headers, (b"Content-Length", b"%d" % len(body)))
    bare = replace(ask, method=b"POST", headers=headers, body=None)
    return Attack(kind, bare.wire() + body, framed=False)


def _chunked(kind: str, random: Random, ask: Ask) -> Attack:
    """Send the body in chunks, right or damaged."""
    body = ask.body or b"{}"
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    chunks = [b"%x\r\n" % len(piece) + piece + b"\r\n" for piece in pieces] + [b"0\r\n\r\n"]
    place = random.randrange(len(chunks))
    bad = (b"zz\r\n", b"-1\r\n", b"fffffffffffffffff\r\n", b"5;" + b"x" * 5_000 + b"\r\n", b"\r\n")
    match random.randrange(5):
        case 0:
            chunks[place] = random.choice(bad)
        case 1:
            chunks[place] = chunks[place].replace(b"\r\n", b"\n")
        case 2:
            chunks[-1] = b"0\r\nX-Trailer: " + b"t" * 900 + b"\r\n\r\n"
        case 3:
            chunks = chunks[:place]
    encoding = random.choice((b"chunked", b"chunked", b"Chunked", b"gzip, chunked", b"chunked, x"))
    headers = (*ask.headers, (b"Transfer-Encoding", encoding))
    if random.random() < 0.3:
        headers = (*headers, (b"Content-Length", b"%d" % len(body)))
    bare = replace(ask, method=b"POST", headers=headers, body=None)
    return Attack(kind, bare.wire() + b"".join(chunks), framed=False)


def _request_line(kind: str, random: Random, ask: Ask) -> Attack:
    line = random.choice(
        (
            *(b"GET", b"GET /", b"GET  / HTTP/1.1", b"get / HTTP/1.1", b"GET / HTTP/9.9"),
            *(b"GET / HTTP/1.0", b"GET / HTTP/2.0", b"GET http://evil/ HTTP/1.1", b"\0 / HTTP/1.1"),
            *(b"GET * HTTP/1.1", b"OPTIONS * HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"GET a HTTP/1.1"),
            *(b"GET /\xff HTTP/1.1", b"GET /\0 HTTP/1.1", b"GET / HTTP/1.1 x", b" GET / HTTP/1.1"),
            *(b"GET //evil/v1 HTTP/1.1", b"GET /?\xff HTTP/1.1", b"GET /#a HTTP/1.1", b"\r\n\r\n"),
            *(b"BREW / HTTP/1.1", b"GET http:// HTTP/1.1", b"GET " + b"/a" * 40_000 + b" HTTP/1.1"),
        )
    )
    _, _, rest = ask.wire().partition(b"\r\n")
    return Attack(kind, line + b"\r\n" + rest, framed=False)


def _header_line(kind: str, random: Random, ask: Ask) -> Attack:
    line = random.choice(
        (
            *(b"A B: c", b"A : c", b": c", b"A", b"A\0: c", b"A: c\0d", b" folded", b"A: b\r\n c"),
            *(b"\xff: c", b"A: b\nC: d", b"A: b\rC: d", b"A: \x7f", b"Connection: close, upgrade"),
            *(b"Upgrade: websocket\r\nConnection: Upgrade", b"Expect: 100-continue", b"Expect: x"),
            *(
                b"Upgrade: h2c\r\nConnection: Upgrade\r\nHTTP2-Settings: AA",
                b"Connection: " + b"x" * 99,
            ),
            *(b"A: " + b"b" * 70_000, b"A: b\r\n" * 3_000, b"A: " + junk_token(random)),
        )
    )
    first, _, rest = ask.wire().partition(b"\r\n")
    return Attack(kind, first + b"\r\n" + line + b"\r\n" + rest, framed=False)


def _garbage(kind: str, random: Random, _: Ask) -> Attack:
    noise = random.randbytes(random.choice((1, 60, 3_000)))
    wire = random.choice((noise, TLS_HELLO, H2_PREFACE, b"\r\n" * 50, b"\0" * 4_000, b"GET /" * 99))
    return Attack(kind, wire, framed=False)


def _after_garbage(kind: str, random: Random, ask: Ask) -> Attack:
    """Let a good request be followed by what is none, in the same breath."""
    return Attack(kind, ask.wire() + random.choice((b"\0\0\0", b"x y z\r\n\r\n")), framed=False)


def _flood(kind: str, random: Random, ask: Ask) -> Attack:
    """Ask many times without waiting for an answer, then leave."""
    return Attack(kind, ask.wire() * random.choice((3, 8)), framed=False, cut=True)


FRAMES: Final[tuple[tuple[str, Frame], ...]] = (
    ("cut", _cut),
    ("cut", _cut),
    ("left", _left),
    ("a lie about the length", _length),
    ("chunks", _chunked),
    ("an odd request line", _request_line),
    ("an odd header line", _header_line),
    ("garbage on the wire", _garbage),
    ("garbage after a request", _after_garbage),
    ("a flood", _flood),
)
