"""Requests that no well-meaning client sends: mutations of those that work, from one seed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from tests.torture.hostile_values import junk_json, junk_text, junk_token

Headers = tuple[tuple[bytes, bytes], ...]
Json = Any

METHODS: Final = (
    *(b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND", b"M-SEARCH"),
    *(b"GET", b"POST", b"QUERY"),
)
QUERIES: Final = (
    *(b"cursor", b"limit", b"status", b"asset", b"host", b"side", b"stake", b"a[]", b""),
    *(b"index", b"size", b"from", b"to", b"start", b"end", b"game", b"round", b"ref", b"before"),
)
LARGEST_BODY: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """A request in parts; on the wire its length is true unless a header says otherwise.

    ``route`` is what it meant to ask. After a ``handshake`` HTTP may be over, and the answer of an
    ``endless`` one has no end.
    """

    method: bytes
    target: bytes
    headers: Headers = ()
    body: bytes | None = None
    route: str = ""
    handshake: bool = False
    endless: bool = False

    def wire(self) -> bytes:
        """Write it as HTTP/1.1."""
        lines = [self.method + b" " + self.target + b" HTTP/1.1", b"Host: house"]
        lines += [name + b": " + value for name, value in self.headers]
        if self.body is not None:
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + (self.body or b"")


@dataclass(frozen=True, slots=True)
class Attack:
    """One hostile request. ``framed`` ones end where they say, so that exactly one answer comes.

    ``cut`` ones are left by the client as soon as they are sent. ``route`` is what was asked before
    it was damaged; a ``handshake`` may be answered by what speaks WebSocket.
    """

    kind: str
    wire: bytes
    framed: bool = True
    bodiless: bool = False
    cut: bool = False
    route: str = ""
    handshake: bool = False


def _truncated(random: Random, ask: Ask) -> Ask:
    body = ask.body or b""
    return replace(ask, body=body[: random.randrange(len(body) + 1)])


def _other_value(random: Random, ask: Ask) -> Ask:
    """Put junk in the place of one value, anywhere in the body."""
    return _with_body(ask, lambda body: _set(body, random.choice(_places(body))), random)


def _other_field(random: Random, ask: Ask) -> Ask:
    """Add a field, or give one twice: the last of two may be junk."""
    if ask.body is None:
        return _query(random, ask)
    name = random.choice([b"side", b"stake", b"title", b"fund", b"__proto__", junk_token(random)])
    field = b'"' + name.replace(b'"', b"") + b'":' + junk_json(random)
    return replace(ask, body=ask.body.rstrip(b"}") + b"," + field + b"}")


def _without_field(random: Random, ask: Ask) -> Ask:
    return _with_body(ask, lambda body: _drop(body, random.choice(_places(body))), random)


def _with_body(ask: Ask, change: Callable[[Json], None], random: Random) -> Ask:
    if ask.body is None:
        return _query(random, ask)
    body = json.loads(ask.body)
    change(body)
    return replace(ask, body=json.dumps(body).encode().replace(b'"@"', junk_json(random)))


def _places(value: Json, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [path]
    inner = [place for key, each in value.items() for place in _places(each, (*path, key))]
    return inner if not path else [path, *inner]


def _set(body: Json, place: tuple[str, ...]) -> None:
    for key in place[:-1]:
        body = body[key]
    body[place[-1]] = "@"


def _drop(body: Json, place: tuple[str, ...]) -> None:
    for key in place[:-1]:
        body = body[key]
    del body[place[-1]]


def _garbage_body(random: Random, ask: Ask) -> Ask:
    size = random.choice((0, 1, 2, 30, 1_000))
    return replace(ask, body=random.choice((random.randbytes(size), junk_json(random))))


def _large_body(random: Random, ask: Ask) -> Ask:
    """Send a body about the limit: what is larger is refused unread."""
    size = LARGEST_BODY + random.choice((-3_000, -1, 0, 1, 2, 40_000))
    filler = random.choice((b" ", b"[", b'{"a":', b"9", b"\xff"))
    return replace(ask, method=b"POST", body=(filler * size)[:size])


def _key(random: Random, ask: Ask) -> Ask:
    """Give the command another key, none, two, or that of another command."""
    others = _without(ask.headers, b"Idempotency-Key")
    keys = (junk_token(random), b"", b"torture-1", b"k" * 255, b"k" * 256, b"\xc3\xa9")
    given = tuple((b"Idempotency-Key", random.choice(keys)) for _ in range(random.randrange(3)))
    return replace(ask, headers=(*others, *given))


def _token(random: Random, ask: Ask) -> Ask:
    """Be somebody else: nobody, two at once, or a token that is none."""
    others = _without(ask.headers, b"Authorization")
    schemes = (b"Bearer", b"bearer", b"Basic", b"Bearer\t", b"Digest", b"", junk_token(random))
    given = tuple(
        (b"Authorization", random.choice(schemes) + b" " + junk_token(random))
        for _ in range(random.randrange(3))
    )
    return replace(ask, headers=(*others, *given))


def _header(random: Random, ask: Ask) -> Ask:
    """Say something odd about the connection, the body or the answer."""
    name = random.choice(ODD_HEADERS)
    odd = tuple((name, junk_token(random)) for _ in range(random.choice((1, 1, 2))))
    return replace(ask, headers=(*ask.headers, *odd))


def _many_headers(random: Random, ask: Ask) -> Ask:
    size, number = random.choice(((10, 90), (100, 50), (4_000, 1), (12_000, 1)))
    more = tuple((b"X-%d" % each, b"v" * size) for each in range(number))
    return replace(ask, headers=(*ask.headers, *more))


def _path(random: Random, ask: Ask) -> Ask:
    """Put junk in the place of a part of the path, or beside it."""
    path, _, query = ask.target.partition(b"?")
    parts = path.split(b"/")
    place = random.randrange(1, len(parts))
    junk = random.choice(ODD_PARTS) if random.random() < 0.5 else _quoted(junk_text(random), random)
    parts[place : place + random.randrange(2)] = [junk]
    return replace(ask, target=b"/".join(parts) + (b"?" + query if query else b""))


def _query(random: Random, ask: Ask) -> Ask:
    pairs = [
        random.choice(QUERIES) + b"=" + _quoted(junk_text(random), random)
        for _ in range(random.choice((1, 2, 3, 60)))
    ]
    path = ask.target.partition(b"?")[0]
    return replace(ask, target=path + b"?" + b"&".join(pairs)[:4_000])


def _method(random: Random, ask: Ask) -> Ask:
    return replace(ask, method=random.choice(METHODS))


def _nothing(_: Random, ask: Ask) -> Ask:
    return ask


def _without(headers: Headers, name: bytes) -> Headers:
    return tuple(header for header in headers if header[0] != name)


def _quoted(text: str, random: Random) -> bytes:
    """Write a text into an address by its bytes, in part as it should not be."""
    raw = text.encode("utf-8", "surrogatepass")[:1_500]
    plain = b"%" if random.random() < 0.2 else b""
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+" + plain
    return b"".join(bytes([each]) if each in safe else b"%%%02X" % each for each in raw)


ODD_HEADERS: Final = (
    *(b"Content-Type", b"Content-Encoding", b"Accept", b"Accept-Encoding", b"Cookie", b"Range"),
    *(b"If-None-Match", b"X-Forwarded-For", b"X-Forwarded-Proto", b"Forwarded", b"Origin"),
    *(b"X-HTTP-Method-Override", b"Host", b"Referer", b"User-Agent", b"TE", b"Trailer"),
    *(b"If-Modified-Since", b"Last-Event-ID", b"traceparent", b"X-Original-URL"),
)
ODD_PARTS: Final = (
    *(b"%00", b"%2e%2e%2f%2e%2e%2fetc%2fpasswd", b"..", b".", b"%ff%fe", b"%C0%AF", b"%252e"),
    *(b"%", b"%zz", b"%u0041", b"", b";", b"-1", b"0", b"+1", b"1e3", b"0x1", b"01", b"1.0"),
    *(b"9223372036854775807", b"9223372036854775808", b"9" * 5_000, b"%D9%A1", b"%20"),
    *(b"%0d%0a", b"a" * 9_000, b"*", b"{room}", b"$(id)", b"'%20OR%201=1--", b"%F0%9F%98%80"),
    *(b"~", b"%7f"),
)
Damage = Callable[[Random, Ask], Ask]
DAMAGES: Final[tuple[tuple[str, Damage], ...]] = (
    ("truncated body", _truncated),
    ("another value", _other_value),
    ("another value", _other_value),
    ("another field", _other_field),
    ("a field missing", _without_field),
    ("garbage body", _garbage_body),
    ("large body", _large_body),
    ("another key", _key),
    ("another token", _token),
    ("an odd header", _header),
    ("many headers", _many_headers),
    ("an odd path", _path),
    ("an odd query", _query),
    ("another method", _method),
    ("as it should be", _nothing),
)
