"""``rooms verify round``, ``ticket``, ``bet`` and ``day``: check them without the house."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, BinaryIO, Final, TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import typer

from rooms.cli.verdict import Data, Json, Key, give, read_keys, refuse
from rooms.proof.betproof import parse_bet_proof, verify_bet
from rooms.proof.daycheck import Progress, nothing, verify_day
from rooms.proof.fields import Fields, Malformed, read_object
from rooms.proof.leaves import Signers
from rooms.proof.roundcheck import verify_round
from rooms.proof.roundfile import parse_round, parse_ticket
from rooms.proof.ticketcheck import verify_ticket

LONGEST: Final = 4_000_000
TIME_OUT: Final = 30
WIDTH: Final = 40
T = TypeVar("T")

Where = Annotated[
    str, typer.Argument(metavar="URL|FILE", help="The round's proof; - is standard input.")
]
File = Annotated[str, typer.Argument(metavar="FILE", help="A file; - is standard input.")]
Beacons = Annotated[
    bool, typer.Option("--beacons", help="Check the signature of every beacon as well.")
]


def verify_a_round(
    where: Where, *, as_json: Json = False, key: Key = None, data: Data = ".rooms"
) -> None:
    """Check a keno round: seed, chain, beacon, draw, paytable, all derived again."""
    del data
    proof = read_proof(_proof_of(where), parse_round)
    report = verify_round(proof, Signers(read_keys(key)))
    give(report, report.unchecked, as_json=as_json)


def verify_a_ticket(
    file: Where, *, as_json: Json = False, key: Key = None, data: Data = ".rooms"
) -> None:
    """Check a keno ticket and its round: prize, place in the log, receipt."""
    del data
    proof = read_proof(file, parse_ticket)
    report = verify_ticket(proof, Signers(read_keys(key)))
    give(report, report.unchecked, as_json=as_json)


def verify_a_bet(
    file: Where, *, as_json: Json = False, key: Key = None, data: Data = ".rooms"
) -> None:
    """Check that a bet is in the log: its place under a record, its receipt."""
    del data
    proof = read_proof(file, parse_bet_proof)
    report = verify_bet(proof, Signers(read_keys(key)))
    give(report, report.unchecked, as_json=as_json)


def verify_a_day(
    file: File,
    *,
    beacons: Beacons = False,
    as_json: Json = False,
    key: Key = None,
    data: Data = ".rooms",
) -> None:
    """Check a day of a keno game: every commit, link, draw and prize."""
    del data
    signers = Signers(read_keys(key))
    try:
        with _opened(file) as lines, _bar() as progress:
            report = verify_day(lines, signers, beacons=beacons, progress=progress)
    except OSError as error:
        refuse(f"{file} cannot be read: {error.strerror}.", "name a file that can, or - .")
    except Malformed as problem:
        refuse(f"{file} is no day's file: {problem}.", "fetch the day again.")
    give(report, report.unchecked, as_json=as_json)


def _proof_of(where: str) -> str:
    """Let a person name a round as the API does, without the proof's own address."""
    is_round = _is_address(where) and where.rstrip("/").rpartition("/")[2].isdecimal()
    return where.rstrip("/") + "/proof" if is_round else where


def _is_address(where: str) -> bool:
    return where.startswith(("http://", "https://"))


def read_proof(where: str, parse: Callable[[Fields], T]) -> T:
    """Read a file or an address, or refuse in words."""
    try:
        return parse(read_object(_content(where)))
    except URLError as error:
        refuse(f"{where} does not answer: {error.reason}.", "look at the address, or ask again.")
    except OSError as error:
        refuse(f"{where} cannot be read: {error.strerror}.", "name a file that can, or - .")
    except Malformed as problem:
        refuse(f"{where} is no such proof: {problem}.", "fetch the proof again.")


def _content(where: str) -> bytes:
    if _is_address(where):
        try:
            with urlopen(where, timeout=TIME_OUT) as answer:  # noqa: S310 - http or https, see above
                return bytes(answer.read(LONGEST))
        except (ValueError, HTTPException) as error:
            refuse(f"{where} cannot be asked: {error}.", "look at the address, or ask again.")
    return sys.stdin.buffer.read() if where == "-" else Path(where).read_bytes()


def _opened(file: str) -> BinaryIO:
    return sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: PTH123


@contextmanager
def _bar() -> Iterator[Progress]:
    """Draw a bar for a person who waits at a terminal."""
    if not sys.stderr.isatty():
        yield nothing
        return
    drawn = -1

    def draw(done: int, of: int) -> None:
        nonlocal drawn
        filled = WIDTH * done // max(of, done, 1)
        if filled != drawn:
            drawn = filled
            bar = "━" * filled + " " * (WIDTH - filled)
            sys.stderr.write(f"\r{bar} {done:,} of {of:,}")
            sys.stderr.flush()

    try:
        yield draw
    finally:
        sys.stderr.write("\r\033[K")
