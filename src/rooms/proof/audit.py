"""Audit the public log: it grew out of what was seen last, and its entries give its head.

docs/spec/fairness.md, sections 5 and 8. Read ``audit_log`` first. An auditor keeps what was seen
(``Seen``) and asks again later; a log that shows two people two things is found out when either
comes back, or when they compare their heads.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from rooms.kernel.time import Instant
from rooms.proof import solvency
from rooms.proof.checkpoint import LOG_KEY, Note, NoteKey, cosigned_at, is_signed_by, parse_note
from rooms.proof.fields import (
    Fields,
    Malformed,
    canonical,
    instant,
    read_object,
    table,
    text,
    whole,
)
from rooms.proof.findings import Findings, Report
from rooms.proof.logchains import LogChains, parse_chains
from rooms.proof.merkle import EMPTY_ROOT, HASH_SIZE, Frontier, is_consistent, leaf_hash

RULES: Final = {
    "head": "the newest head is a checkpoint",
    "origin": "it is of the log that was seen before",
    "consistency": "the log has only grown since the head that was seen before",
    "entries": "every new entry is a canonical record, and together they give the head's root",
    "chains": "no round of a game is covered by two of its chains, and each ended as it began",
}
SIGNATURE: Final = {"signature": "the head is signed by the log's key"}
NO_KEY: Final = "the signer: no --key was given"
NO_WITNESS: Final = "witnesses: this head has no cosignature by a key that was given"
NOT_ANCHORED: Final = "anchors: heads are not anchored on a public chain"
FIRST_TIME: Final = "that the log has only grown: it was seen for the first time"


@dataclass(frozen=True, slots=True)
class Seen:
    """The head that was seen last, and the chains of games in its entries.

    ``peaks`` are the roots of the head's complete subtrees.
    """

    origin: str
    size: int
    root: bytes
    peaks: tuple[bytes, ...]
    note: str
    chains: LogChains = field(default_factory=LogChains)


class LogSource(Protocol):
    """Who answers for the log; raises Malformed where what came is not of the form."""

    def checkpoint(self) -> str:
        """Give the newest signed note."""
        ...

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Give the proof between two sizes."""
        ...

    def entries(self, start: int, end: int) -> list[str]:
        """Give entries from ``start`` to ``end``, both included, or the first of them."""
        ...


def audit_log(
    source: LogSource,
    seen: Seen | None,
    keys: Sequence[NoteKey],
    progress: Callable[[int, int], None] = lambda _done, _size: None,
) -> tuple[Report, Seen | None]:
    """Check the newest head against what was seen; give what to remember where all is right."""
    own = [key for key in keys if key.kind == LOG_KEY]
    findings = Findings(RULES | SIGNATURE if own else RULES)
    unchecked = [NOT_ANCHORED] if own else [NO_KEY, NOT_ANCHORED]
    if seen is None:
        unchecked.append(FIRST_TIME)
    else:
        _check_seen(findings, seen)
    text_of_note = source.checkpoint()
    try:
        note = parse_note(text_of_note)
    except Malformed as problem:
        findings.note("head", str(problem))
        return findings.report(tuple(unchecked)), None
    if own and not any(is_signed_by(note, key) for key in own):
        findings.note("signature", "none of the keys given has signed it")
    if not _witnessed(note, keys):
        unchecked.append(NO_WITNESS)
    chains = LogChains() if seen is None else deepcopy(seen.chains)
    tree = _grown(findings, source, seen, note, progress, chains)
    report = findings.report(tuple(unchecked))
    if report.verdict != "verified" or tree is None:
        return report, None
    told = note.checkpoint
    peaks = tuple(tree.peaks)
    return report, Seen(told.origin, told.size, told.root, peaks, text_of_note, chains)


def _check_seen(findings: Findings, seen: Seen) -> None:
    """Compare what was kept with the signed note beside it, which would prove a fork."""
    try:
        told = parse_note(seen.note).checkpoint
    except Malformed as problem:
        findings.note("consistency", f"the head kept from before: {problem}")
        return
    if (told.size, told.root) != (seen.size, seen.root):
        findings.note("consistency", "what was kept from before is not what its own head says")


def _witnessed(note: Note, keys: Sequence[NoteKey]) -> bool:
    return any(
        cosigned_at(note.checkpoint, line, key) is not None
        for line in note.signatures
        for key in keys
    )


def _grown(
    findings: Findings,
    source: LogSource,
    seen: Seen | None,
    note: Note,
    progress: Callable[[int, int], None],
    chains: LogChains,
) -> Frontier | None:
    """Check that the log grew out of what was seen, and read what is new."""
    told = note.checkpoint
    if seen is None:
        seen = Seen(told.origin, 0, EMPTY_ROOT, (), "")
    findings.expect("origin", "the log", says=told.origin, gives=seen.origin)
    if told.size < seen.size:
        findings.note("consistency", f"A FORK: it had {seen.size} leaves, now {told.size}")
        return None
    try:
        path = source.consistency(seen.size, told.size)
    except Malformed as problem:
        findings.note("consistency", str(problem))
        return None
    if not is_consistent(seen.size, told.size, seen.root, told.root, path):
        findings.note(
            "consistency",
            f"A FORK: the tree of {told.size} leaves did not grow out of the {seen.size} seen "
            f"before, whose root was {seen.root.hex()}",
        )
    tree = Frontier(seen.size, list(seen.peaks))
    _read_entries(findings, source, tree, told.size, progress, chains)
    if tree.size == told.size:
        gives = tree.root().hex()
        findings.expect("entries", "the root of all entries", says=told.root.hex(), gives=gives)
    return tree


def _read_entries(
    findings: Findings,
    source: LogSource,
    tree: Frontier,
    size: int,
    progress: Callable[[int, int], None],
    chains: LogChains,
) -> None:
    while tree.size < size:
        try:
            entries = source.entries(tree.size, size - 1)[: size - tree.size]
        except Malformed as problem:
            findings.note("entries", f"from entry {tree.size} on: {problem}")
            return
        if not entries:
            findings.note("entries", f"entry {tree.size} is missing")
            return
        for entry in entries:
            _check_entry(findings, tree.size, entry, chains)
            tree.append(leaf_hash(entry.encode()))
        progress(tree.size, size)


def _check_entry(findings: Findings, index: int, entry: str, chains: LogChains) -> None:
    """Name what is wrong with an entry: as a record, or as one of a game's chains."""
    rule = "entries"
    try:
        kind, at, record = _read_record(entry)
        rule = "chains"
        chains.take(kind, record, at)
    except Malformed as problem:
        findings.note(rule, f"entry {index}: {problem}")


def _read_record(entry: str) -> tuple[str, Instant, Fields]:
    record = read_object(entry)
    kind, at = text(record, "kind"), instant(record, "at")
    if whole(record, "v") != 1:
        raise Malformed("its version is not 1")
    if kind == "accepted":
        _check_accepted(record)
    elif kind == solvency.KIND:
        solvency.parse_statement(record, at)
    if canonical(record).decode() != entry:
        raise Malformed("it is not canonical JSON")
    return kind, at, record


def _check_accepted(record: Fields) -> None:
    if whole(record, "count") < 1:
        raise Malformed('"count" is not positive')
    try:
        root = bytes.fromhex(text(record, "root"))
    except ValueError as error:
        raise Malformed('"root" is not hexadecimal') from error
    if len(root) != HASH_SIZE:
        raise Malformed('"root" is no SHA-256')


def seen_json(seen: Seen) -> dict[str, Any]:
    """Write what is kept between two audits."""
    return {
        "origin": seen.origin,
        "size": seen.size,
        "root": seen.root.hex(),
        "peaks": [peak.hex() for peak in seen.peaks],
        "checkpoint": seen.note,
        "chains": seen.chains.json(),
    }


def parse_seen(value: Fields) -> Seen:
    """Read what ``seen_json`` wrote; Malformed otherwise."""
    peaks = value.get("peaks")
    if not isinstance(peaks, list):
        raise Malformed('"peaks" is not a list')
    size = whole(value, "size")
    if size < 0 or len(peaks) != size.bit_count():
        raise Malformed('"peaks" are not those of so many leaves')
    return Seen(
        origin=text(value, "origin"),
        size=size,
        root=parse_hash(value.get("root")),
        peaks=tuple(parse_hash(each) for each in peaks),
        note=text(value, "checkpoint"),
        chains=parse_chains(table(value, "chains")),
    )


def parse_hash(value: object) -> bytes:
    """Read a SHA-256 in hexadecimal; Malformed otherwise."""
    try:
        hashed = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        hashed = b""
    if len(hashed) != HASH_SIZE:
        raise Malformed("a hash is no SHA-256 in hexadecimal")
    return hashed
