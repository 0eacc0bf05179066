"""A day of a game's rounds, as it is published: docs/spec/verification.md.

NDJSON: a head, a line for each round in the order of their numbers, and the hash of all that.
The house writes it with ``day_json``, ``day_round_json`` and ``DayHash``; ``rooms verify day``
reads it.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from rooms.proof.beacon import SIGNATURE_BYTES, Beacon, DrandChain, info_json
from rooms.proof.chain import SEED_BYTES
from rooms.proof.fields import Fields, Malformed, octets, optional, tables, text, whole
from rooms.proof.leaves import LeafProof, leaf_json, parse_leaf, require_names
from rooms.proof.records import REF_SIZE
from rooms.proof.roundfile import exact_amount, numbers, parse_exact_info, seed


@dataclass(frozen=True, slots=True, kw_only=True)
class DayHead:
    """What the rounds of a day stand on; ``rounds`` is how many lines follow.

    Chains and paytables are those of the day's rounds, in order; ``voids`` and ``skipped`` are
    the records about any of them.
    """

    game: str
    date: date
    rounds: int
    chains: tuple[LeafProof, ...]
    paytables: tuple[LeafProof, ...]
    drand: tuple[DrandChain, ...]
    voids: tuple[LeafProof, ...]
    skipped: tuple[LeafProof, ...]


class DayTicket(NamedTuple):
    """A ticket of a round; ``refund`` is ``LATE_BINDING``, ``VOID`` or ``CANCELLED``, or None."""

    ref: bytes
    picks: tuple[int, ...]
    stake: int
    prize: int | None
    refund: str | None


class DayRound(NamedTuple):
    """A round; what is not shown yet, or was never drawn, is None."""

    number: int
    commit: bytes
    server_seed: bytes | None
    beacon: Beacon | None
    draw: tuple[int, ...] | None
    tickets: tuple[DayTicket, ...]


class DayHash:
    """SHA-256 over the lines of a day, each with its end; written as the file's last line."""

    BEGINS: Final = b'{"sha256":'

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, line: bytes) -> bytes:
        """Take the next line with its end, and give it on."""
        self._sha256.update(line)
        return line

    def write(self, value: Fields) -> bytes:
        """Write the next line."""
        return self.add(json.dumps(value, separators=(",", ":")).encode() + b"\n")

    def line(self) -> bytes:
        """Write the last line."""
        return self.BEGINS + f'"{self._sha256.hexdigest()}"}}\n'.encode()


def day_json(head: DayHead) -> dict[str, Any]:
    """Write the head."""
    return {
        "game": head.game,
        "date": head.date.isoformat(),
        "rounds": head.rounds,
        "chains": [leaf_json(each) for each in head.chains],
        "paytables": [leaf_json(each) for each in head.paytables],
        "drand": [info_json(each) for each in head.drand],
        "voids": [leaf_json(each) for each in head.voids],
        "skipped": [leaf_json(each) for each in head.skipped],
    }


def day_round_json(each: DayRound) -> dict[str, Any]:
    """Write a round's line."""
    beacon = each.beacon
    return {
        "round": each.number,
        "commit": each.commit.hex(),
        "server_seed": each.server_seed and each.server_seed.hex(),
        "beacon": beacon and {"round": beacon.round, "signature": beacon.signature.hex()},
        "draw": each.draw and list(each.draw),
        "tickets": [_ticket_json(ticket) for ticket in each.tickets],
    }


def _ticket_json(ticket: DayTicket) -> dict[str, Any]:
    return {
        "ref": ticket.ref.hex(),
        "picks": list(ticket.picks),
        "stake": str(ticket.stake),
        "prize": None if ticket.prize is None else str(ticket.prize),
        "refund": ticket.refund,
    }


def parse_day(value: Fields) -> DayHead:
    """Read the head; Malformed for anything else."""
    require_names(value, HEAD_NAMES)
    return DayHead(
        game=text(value, "game"),
        date=_date(value, "date"),
        rounds=whole(value, "rounds"),
        chains=_leaves(value, "chains"),
        paytables=_leaves(value, "paytables"),
        drand=tuple(parse_exact_info(each) for each in tables(value, "drand")),
        voids=_leaves(value, "voids"),
        skipped=_leaves(value, "skipped"),
    )


def parse_day_round(value: Fields) -> DayRound:
    """Read a round's line; Malformed for anything else."""
    require_names(value, ROUND_NAMES)
    return DayRound(
        whole(value, "round"),
        octets(value, "commit", SEED_BYTES),
        optional(seed, value, "server_seed"),
        optional(_beacon, value, "beacon"),
        optional(numbers, value, "draw"),
        tuple(_parse_ticket(each) for each in tables(value, "tickets")),
    )


def _parse_ticket(value: Fields) -> DayTicket:
    require_names(value, TICKET_NAMES)
    return DayTicket(
        octets(value, "ref", REF_SIZE),
        numbers(value, "picks"),
        exact_amount(value, "stake"),
        optional(exact_amount, value, "prize"),
        optional(text, value, "refund"),
    )


def _beacon(value: Fields, name: str) -> Beacon:
    found = value[name]
    if not isinstance(found, dict):
        raise Malformed(f'"{name}" is not an object')
    require_names(found, {"round", "signature"})
    beacon = Beacon(whole(found, "round"), octets(found, "signature", SIGNATURE_BYTES))
    if not 1 <= beacon.round < 2**63:
        raise Malformed("there is no beacon of that round")
    return beacon


def _date(value: Fields, name: str) -> date:
    written = text(value, name)
    try:
        found = date.fromisoformat(written)
    except ValueError as error:
        raise Malformed(f'"{name}" is not a date') from error
    if found.isoformat() != written:
        raise Malformed(f'"{name}" is not a date such as 2026-11-20')
    return found


def _leaves(value: Fields, name: str) -> tuple[LeafProof, ...]:
    return tuple(parse_leaf(each) for each in tables(value, name))


HEAD_NAMES: Final = {
    "game",
    "date",
    "rounds",
    "chains",
    "paytables",
    "drand",
    "voids",
    "skipped",
}
ROUND_NAMES: Final = {"round", "commit", "server_seed", "beacon", "draw", "tickets"}
TICKET_NAMES: Final = {"ref", "picks", "stake", "prize", "refund"}
