"""``rooms verify log``: the public log over HTTP, and the file of what was seen of it."""

import json
import os
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from rooms.cli.verdict import Data, Json, Key, give, read_keys, refuse
from rooms.proof.audit import Seen, audit_log, parse_hash, parse_seen, seen_json
from rooms.proof.fields import Malformed, read_object
from rooms.proof.findings import Report
from rooms.proof.leaves import PublishedKeys

TIME_OUT: Final = 30
LARGEST_ANSWER: Final = 128 * 1024 * 1024

Address = Annotated[str, typer.Argument(metavar="URL", help="Where the house answers.")]
State = Annotated[Path, typer.Option("--state", help="Where the head seen last is kept.")]


class Unanswered(Exception):  # noqa: N818 - it is what happened
    """The house did not answer, so nothing can be checked; the text says why."""


@dataclass(frozen=True, slots=True)
class HttpLog:
    """A house's log at its address."""

    base: str

    def checkpoint(self) -> str:
        """Give the newest signed note."""
        try:
            return self._get("/log/checkpoint").decode()
        except UnicodeDecodeError as error:
            raise Malformed("the checkpoint is not text") from error

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Give the proof between two sizes."""
        answer = self._json(f"/v1/log/proofs/consistency?from={first}&to={second}")
        return [parse_hash(each) for each in _listed(answer, "path")]

    def entries(self, start: int, end: int) -> list[str]:
        """Give the first entries from ``start`` to ``end``."""
        entries = _listed(self._json(f"/v1/log/entries?start={start}&end={end}"), "entries")
        if not all(isinstance(each, str) for each in entries):
            raise Malformed("an entry is not a text")
        return entries

    def _json(self, path: str) -> dict[str, Any]:
        return read_object(self._get(path))

    def _get(self, path: str) -> bytes:
        try:
            with urllib.request.urlopen(self.base + path, timeout=TIME_OUT) as answer:  # noqa: S310 - the scheme is checked in `ask`
                body: bytes = answer.read(LARGEST_ANSWER)
                return body
        except urllib.error.HTTPError as error:
            raise Unanswered(f"{self.base}{path} answers {error.code}") from error
        except (OSError, ValueError, HTTPException) as error:
            raise Unanswered(f"{self.base} does not answer: {error}") from error


def _listed(answer: dict[str, Any], name: str) -> list[Any]:
    value = answer.get(name)
    if not isinstance(value, list):
        raise Malformed(f'"{name}" is not a list')
    return value


def verify_the_log(
    url: Address, *, state: State, as_json: Json = False, key: Key = None, data: Data = ".rooms"
) -> None:
    """Check that the public log only grew since the last time, and every new entry of it."""
    del data
    keys = read_keys(key)
    if not url.startswith(("http://", "https://")):
        refuse(f"{url} is no address of a house.", "begin it with http:// or https://")
    try:
        report = ask(url, state, keys)
    except Malformed as problem:
        refuse(f"{problem}.", "name the state of this log, or a file that is not there yet.")
    except Unanswered as problem:
        report = Report("cannot_check", (), (str(problem),))
    give(report, report.unchecked, as_json=as_json)


def ask(url: str, state: Path, keys: PublishedKeys | None) -> Report:
    """Audit the log at a house's address; remember its head where all is right.

    Malformed where the state cannot be read, Unanswered where the house does not answer. What
    contradicts the state is kept beside it, because it proves a fork.
    """
    seen, log = read_state(state), HttpLog(url.rstrip("/"))
    if not os.access(state if state.exists() else state.parent, os.W_OK):
        raise Malformed(f"{state} cannot be written")
    known = [keys.head, *keys.witnesses] if keys else []
    report, now = audit_log(log, seen, known, _progress)
    if now is not None:
        _write(state, seen_json(now))
    elif seen is not None and any(s.name == "consistency" and not s.ok for s in report.steps):
        proof = {"seen": seen.note, "shown": log.checkpoint()}
        _write(state.with_name(state.name + ".fork"), proof)
    return report


def read_state(state: Path) -> Seen | None:
    """Read what was seen before; None the first time. Malformed where it is something else."""
    try:
        return parse_seen(read_object(state.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Malformed(f"{state} cannot be read: {error.strerror}") from error
    except Malformed as problem:
        raise Malformed(f"{state} is no state of a log: {problem}") from problem


def _write(file: Path, value: dict[str, Any]) -> None:
    """Replace a file in one stroke."""
    beside = file.with_name(file.name + ".new")
    beside.write_text(json.dumps(value, indent=1) + "\n")
    beside.replace(file)


def _progress(done: int, size: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == size else ""
        sys.stderr.write(f"\r{done:,} of {size:,} entries read{end}")
