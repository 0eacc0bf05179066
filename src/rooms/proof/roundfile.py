"""The proof of a round and of a ticket, as they are published: docs/spec/verification.md.

The house writes them with ``round_json`` and ``ticket_json``; ``rooms verify`` reads them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from rooms.kernel.time import Instant, rfc3339
from rooms.proof.beacon import (
    Beacon,
    DrandChain,
    beacon_json,
    info_json,
    parse_beacon,
    parse_info,
)
from rooms.proof.binding import Bound, bound_json, parse_bound, parse_exact_receipt
from rooms.proof.chain import SEED_BYTES
from rooms.proof.fields import (
    Fields,
    Malformed,
    amount,
    instant,
    octets,
    optional,
    table,
    text,
    whole,
)
from rooms.proof.leaves import LeafProof, leaf_json, parse_leaf, require_names
from rooms.proof.receipt import Receipt, receipt_json
from rooms.proof.records import REF_SIZE

MOST_NUMBERS: Final = 1_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundProof:
    """All that shows how a round was drawn.

    ``server_seed`` is there once the round is locked and drawn, or void. ``drand`` and ``beacon``
    are missing where the chain takes no entropy. ``void`` and ``skipped`` are the records that
    say so of this round, if it was.
    """

    game: str
    number: int
    chain: LeafProof
    paytable: LeafProof
    commit: bytes
    server_seed: bytes | None
    drand: DrandChain | None
    beacon: Beacon | None
    draw: tuple[int, ...] | None
    void: LeafProof | None
    skipped: LeafProof | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketProof:
    """All that shows what became of a ticket; amounts in the asset's smallest unit.

    ``prize`` is None until the round is settled or refunded; ``refund`` is ``LATE_BINDING``,
    ``VOID`` or ``CANCELLED`` for a ticket whose stake went back.
    """

    ref: bytes
    picks: tuple[int, ...]
    stake: int
    accepted_at: Instant
    prize: int | None
    refund: str | None
    binding: Bound | None
    receipt: Receipt | None
    round: RoundProof


def round_json(proof: RoundProof) -> dict[str, Any]:
    """Write a round's proof."""
    return {
        "game": proof.game,
        "round": proof.number,
        "chain": leaf_json(proof.chain),
        "paytable": leaf_json(proof.paytable),
        "commit": proof.commit.hex(),
        "server_seed": proof.server_seed and proof.server_seed.hex(),
        "drand": proof.drand and info_json(proof.drand),
        "beacon": proof.beacon and beacon_json(proof.beacon),
        "draw": proof.draw and list(proof.draw),
        "void": proof.void and leaf_json(proof.void),
        "skipped": proof.skipped and leaf_json(proof.skipped),
    }


def parse_round(value: Fields) -> RoundProof:
    """Read what ``round_json`` wrote; Malformed for anything else."""
    require_names(value, ROUND_NAMES)
    return RoundProof(
        game=text(value, "game"),
        number=whole(value, "round"),
        chain=parse_leaf(table(value, "chain")),
        paytable=parse_leaf(table(value, "paytable")),
        commit=octets(value, "commit", SEED_BYTES),
        server_seed=optional(seed, value, "server_seed"),
        drand=optional(inside(parse_exact_info), value, "drand"),
        beacon=optional(inside(parse_exact_beacon), value, "beacon"),
        draw=optional(numbers, value, "draw"),
        void=optional(inside(parse_leaf), value, "void"),
        skipped=optional(inside(parse_leaf), value, "skipped"),
    )


def ticket_json(proof: TicketProof) -> dict[str, Any]:
    """Write a ticket's proof, its round's included."""
    return {
        "ref": proof.ref.hex(),
        "picks": list(proof.picks),
        "stake": str(proof.stake),
        "accepted_at": rfc3339(proof.accepted_at),
        "prize": None if proof.prize is None else str(proof.prize),
        "refund": proof.refund,
        "binding": proof.binding and bound_json(proof.binding),
        "receipt": proof.receipt and receipt_json(proof.receipt),
        "round": round_json(proof.round),
    }


def parse_ticket(value: Fields) -> TicketProof:
    """Read what ``ticket_json`` wrote; Malformed for anything else."""
    require_names(value, TICKET_NAMES)
    return TicketProof(
        ref=octets(value, "ref", REF_SIZE),
        picks=numbers(value, "picks"),
        stake=exact_amount(value, "stake"),
        accepted_at=exact_instant(value, "accepted_at"),
        prize=optional(exact_amount, value, "prize"),
        refund=optional(text, value, "refund"),
        binding=optional(inside(parse_bound), value, "binding"),
        receipt=optional(inside(parse_exact_receipt), value, "receipt"),
        round=parse_round(table(value, "round")),
    )


def seed(value: Fields, name: str) -> bytes:
    """Read a seed."""
    return octets(value, name, SEED_BYTES)


def numbers(value: Fields, name: str) -> tuple[int, ...]:
    """Read a list of numbers from 1 to ``MOST_NUMBERS``, each once."""
    found = value.get(name)
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_NUMBERS:
        raise Malformed(f'"{name}" is not a list of numbers')
    read = tuple(found)
    if set(map(type, read)) != {int} or len(set(read)) < len(read):
        raise Malformed(f'"{name}" is not a list of numbers, each once')
    if not 1 <= min(read) <= max(read) <= MOST_NUMBERS:
        raise Malformed(f'"{name}" is not a list of numbers from 1 to {MOST_NUMBERS}')
    return read


def exact_amount(value: Fields, name: str) -> int:
    """Read an amount of at least 0 that is written in the one way in which amounts are."""
    found = amount(value, name)
    if found < 0 or str(found) != value[name]:
        raise Malformed(f'"{name}" is not an amount as they are written')
    return found


def exact_instant(value: Fields, name: str) -> Instant:
    """Read a time that is written as the house writes it, and so in one way only."""
    at = instant(value, name)
    if rfc3339(at) != value[name]:
        raise Malformed(f'"{name}" is not an RFC 3339 time in UTC with milliseconds')
    return at


def parse_exact_info(value: Fields) -> DrandChain:
    """Read a drand chain, with nothing beside it."""
    chain = parse_info(value)
    if info_json(chain) != value:
        raise Malformed('"drand" has more in it than a chain')
    return chain


def parse_exact_beacon(value: Fields) -> Beacon:
    """Read a beacon, with nothing beside it."""
    beacon = parse_beacon(value)
    if beacon_json(beacon) != value:
        raise Malformed('"beacon" has more in it than a beacon')
    return beacon


def inside(read: Callable[[Fields], T]) -> Callable[[Fields, str], T]:
    """Make a reader of objects one of fields that hold them."""
    return lambda value, name: read(table(value, name))


ROUND_NAMES: Final = {
    "game",
    "round",
    "chain",
    "paytable",
    "commit",
    "server_seed",
    "drand",
    "beacon",
    "draw",
    "void",
    "skipped",
}
TICKET_NAMES: Final = {
    "ref",
    "picks",
    "stake",
    "accepted_at",
    "prize",
    "refund",
    "binding",
    "receipt",
    "round",
}
