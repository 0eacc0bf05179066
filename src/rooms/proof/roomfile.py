"""The file of a settled room, which anyone can check: docs/spec/pool.md, section 11.

One line is the head, one line is each bet, in order of their refs. The house writes it from its
rows with ``head_json``, ``bet_json`` and ``file_hash``; ``rooms verify room`` reads it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rooms.kernel.time import Instant, rfc3339
from rooms.proof.consensus import Observation, observation_json, parse_observation
from rooms.proof.fields import (
    Fields,
    Malformed,
    amount,
    canonical,
    flag,
    instant,
    optional,
    table,
    tables,
    text,
    whole,
)
from rooms.proof.pool import Side
from rooms.proof.terms import RoomTerms, parse_terms, terms_json


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomFacts:
    """The room as it was created; ``market`` is the JSON of its condition."""

    id: str
    title: str
    market: Mapping[str, Any]
    resolve: str
    host_id: str
    min_players: int
    created_at: Instant
    locks_at: Instant
    settles_at: Instant
    terms: RoomTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How a room came out. Amounts in lamports; ``scratched`` and ``bets_count`` count bets.

    A void has no ``outcome`` but a ``reason``, and takes no fee. ``handle`` and ``winning`` are
    of the counted bets: those not scratched. ``observations`` have the tick of each.
    """

    room: RoomFacts
    outcome: Side | None
    reason: str | None
    trigger: str | None
    t_hit: Instant | None
    t_clear: Instant | None
    cutoff: Instant | None
    observations: tuple[tuple[int, Observation], ...]
    handle: int
    winning: int
    takeout: int
    host_fee: int
    protocol_fee: int
    breakage: int
    scratched: int
    bets_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BetLine:
    """One accepted bet and what became of it; a bet that is not counted is refunded.

    ``unbound`` says that no head of the log covered it in time (docs/spec/pool.md, section 3).
    """

    ref: str
    side: Side
    stake: int
    accepted_at: Instant
    counted: bool
    payout: int
    unbound: bool = False


class FileHash:
    """SHA-256 over the canonical JSON (RFC 8785) of the head, then of each bet, a line each."""

    def __init__(self, head: Fields) -> None:
        self._sha256 = hashlib.sha256()
        self.add({name: value for name, value in head.items() if name != "file_hash"})

    def add(self, line: Fields) -> None:
        """Take the next line. Malformed where it has no canonical form."""
        self._sha256.update(canonical(dict(line)) + b"\n")

    def hex(self) -> str:
        """Give the hash so far."""
        return self._sha256.hexdigest()


def file_hash(head: Fields, bet_lines: Iterable[Fields]) -> str:
    """Hash a room file, in one pass over its bets; the head's own ``file_hash`` is left out."""
    running = FileHash(head)
    for line in bet_lines:
        running.add(line)
    return running.hex()


def head_json(head: Head) -> dict[str, Any]:
    """Write the head without its ``file_hash``: also the answer about a room's settlement."""
    return {
        "room": _room_json(head.room),
        "outcome": head.outcome and head.outcome.value,
        "reason": head.reason,
        "trigger": head.trigger,
        "t_hit": head.t_hit and rfc3339(head.t_hit),
        "t_clear": head.t_clear and rfc3339(head.t_clear),
        "cutoff": head.cutoff and rfc3339(head.cutoff),
        "observations": [observation_json(each, tick) for tick, each in head.observations],
        "handle": str(head.handle),
        "winning": str(head.winning),
        "takeout": str(head.takeout),
        "host_fee": str(head.host_fee),
        "protocol_fee": str(head.protocol_fee),
        "breakage": str(head.breakage),
        "scratched": head.scratched,
        "bets_count": head.bets_count,
    }


def parse_head(value: Fields) -> Head:
    """Read what ``head_json`` wrote, whatever else is beside it; Malformed otherwise."""
    return Head(
        room=_parse_room(table(value, "room")),
        outcome=optional(_side, value, "outcome"),
        reason=optional(text, value, "reason"),
        trigger=optional(text, value, "trigger"),
        t_hit=optional(instant, value, "t_hit"),
        t_clear=optional(instant, value, "t_clear"),
        cutoff=optional(instant, value, "cutoff"),
        observations=tuple(parse_observation(each) for each in tables(value, "observations")),
        handle=amount(value, "handle"),
        winning=amount(value, "winning"),
        takeout=amount(value, "takeout"),
        host_fee=amount(value, "host_fee"),
        protocol_fee=amount(value, "protocol_fee"),
        breakage=amount(value, "breakage"),
        scratched=whole(value, "scratched"),
        bets_count=whole(value, "bets_count"),
    )


def bet_json(bet: BetLine) -> dict[str, Any]:
    """Write one bet's line; that it is unbound only where it is."""
    line = {
        "ref": bet.ref,
        "side": bet.side.value,
        "stake": str(bet.stake),
        "accepted_at": rfc3339(bet.accepted_at),
        "counted": bet.counted,
        "payout": str(bet.payout),
    }
    return line | {"unbound": True} if bet.unbound else line


def parse_bet(value: Fields) -> BetLine:
    """Read what ``bet_json`` wrote; Malformed otherwise."""
    return BetLine(
        ref=text(value, "ref"),
        side=_side(value, "side"),
        stake=amount(value, "stake"),
        accepted_at=instant(value, "accepted_at"),
        counted=flag(value, "counted"),
        payout=amount(value, "payout"),
        unbound=optional(flag, value, "unbound") or False,
    )


def _side(value: Fields, name: str) -> Side:
    try:
        return Side(text(value, name))
    except ValueError as error:
        raise Malformed(f'"{name}" is not YES or NO') from error


def _room_json(room: RoomFacts) -> dict[str, Any]:
    return {
        "id": room.id,
        "title": room.title,
        "market": dict(room.market),
        "resolve": room.resolve,
        "host_id": room.host_id,
        "min_players": room.min_players,
        "created_at": rfc3339(room.created_at),
        "locks_at": rfc3339(room.locks_at),
        "settles_at": rfc3339(room.settles_at),
        "terms": terms_json(room.terms),
    }


def _parse_room(value: Fields) -> RoomFacts:
    return RoomFacts(
        id=text(value, "id"),
        title=text(value, "title"),
        market=table(value, "market"),
        resolve=text(value, "resolve"),
        host_id=text(value, "host_id"),
        min_players=whole(value, "min_players"),
        created_at=instant(value, "created_at"),
        locks_at=instant(value, "locks_at"),
        settles_at=instant(value, "settles_at"),
        terms=parse_terms(table(value, "terms")),
    )
