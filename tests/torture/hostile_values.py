"""Values that parsers stumble over: as JSON, as text, as the content of a header."""

import base64
from random import Random
from typing import Final

JSON: Final = (
    *(b"null", b"true", b"[]", b"{}", b'""', b"0", b"-0", b"-1", b"1.0", b"0.5", b"1e2"),
    *(b"1E400", b"NaN", b"Infinity", b"-Infinity", b"1e-400", b"-1e999", b"0.1e", b"01", b"+1"),
    *(b".5", b"0x1", b"9" * 30, b"9" * 500, b"9" * 5_000, b"1." + b"0" * 900),
    *(b"9223372036854775808", b"2147483648", b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u0000"'),
    *(b'"a\\u0000b"', b'"\\u202e"', b'"\\x41"', b'"\xff\xfe"', b'"\xc0\xaf"'),
    *(b'"\xed\xa0\x80"', b'"\x00"', b'"\n"', b"\xef\xbb\xbf1", b'"', b'"1e9"', b'" 1"'),
    *(b'"1 "', b'"+1"', b'"-1"', b'"-0"', b'"0x10"', b'"1_000"', b'"1,000"'),
    *(b'"' + b"9" * 29 + b'"', b'"' + b"9" * 31 + b'"', b'"1000000.0"', b'"0"', b'"00"'),
    *(b'"NaN"', b'"' + b"a" * 40_000 + b'"', b"[" * 2_000, b"[" * 30_000, b'{"a":' * 9_000),
    *(b"[[[[1]]]]", b"[" * 900 + b"]" * 900, b'{"":{"":{"":{}}}}', b"/*1*/2", b"1,", b"'1'"),
    *(b"undefined", b'{"type":"all","of":[]}', b'{"type":"any","of":[{"type":"any","of":[]}]}'),
    *(b'{"type":[]}', b'"1000000000000000000000000000000"', b'"18446744073709551616"'),
    b'"9223372036854775807"',
)
TEXTS: Final = (
    *("", " ", "\0", "a\0b", "\ud800", "\U0001f600", "\u00e9", "\u00e9", "\u202eabc", "\u200b"),
    *("\ufeff", "\u0663", "\uff11\uff10\uff10", "\u0967\u0968", "\u00bd", "1e9", "-1", "+1"),
    *("0x10", "1_000", "NaN", "inf", "9" * 29, "9" * 400, "'; DROP TABLE ledger.entries; --"),
    *("<script>alert(1)</script>", "{{7*7}}", "${jndi:x}", "%s%n", "../../../etc/passwd"),
    *("\r\nSet-Cookie: a=b", "null", "undefined", "YES\0", "yes", "OPEN", "SOL", "a" * 300),
    *("\u00e9" * 700, "\x7f", "\x1b[31m", "1 OR 1=1", "\\", "/", "%00", "%", "&=", "9" * 18),
)
TOKENS: Final = (
    *(b"*/*", b"text/html", b"application/json; charset=utf-16"),
    *(b"application/json; charset=\xff", b"multipart/form-data"),
    *(b"multipart/form-data; boundary=", b"application/x-www-form-urlencoded"),
    *(b"application/msgpack", b"gzip", b"br, gzip;q=NaN", b"identity;q=-1"),
    *(b"text/html;q=1e999", b"bytes=0-", b"bytes=-1", b"bytes=9-1", b'W/"x"', b'"', b'*, "a'),
    *(b"a=b; c", b"=; =", b";;;;", b"127.0.0.1", b"::1", b"1.2.3.4, 5.6.7.8", b"[::1]:9"),
    *(b"unknown", b"999.999.999.999", b",", b"https", b'for="[::1]"', b"null"),
    *(b"https://evil.example", b"house:99999", b"a b", b"@", b"\xff\xfe", b"\xc3\xa9"),
    *(b"\xf0\x9f\x98\x80", b"x" * 300, b"x" * 8_000, b"\t", b"", b"%00", b"DELETE"),
    *(b"/v1/wallet", b"00-0-0-0", b"Thu, 99 Foo 2026", b"trailers, deflate", b"-1"),
)
_VISIBLE: Final = bytes([*range(0x20, 0x7F), *range(0x80, 0x100)])


def junk_json(random: Random) -> bytes:
    """Give a piece of JSON, or of what looks like it."""
    return random.choice(JSON)


def junk_text(random: Random) -> str:
    """Give a text; now and then a cursor as a list gives it, or nearly."""
    if random.random() < 0.15:
        name, number = random.choice(("rooms", "bets", "entries", "")), random.choice(TEXTS)
        raw = f"{name}:{number}".encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(raw).decode().rstrip(random.choice(("=", "")))
    return random.choice(TEXTS)


def junk_token(random: Random) -> bytes:
    """Give what a header can hold: any byte but control characters."""
    if random.random() < 0.2:
        return bytes(random.choices(_VISIBLE, k=random.choice((1, 8, 43, 200))))
    return random.choice(TOKENS)
