"""The chain that commits every seed of a game: docs/spec/fairness.md, section 1, bit for bit.

Links are numbered from 1 to the chain's length; link 0 is the public terminal. Each seed is the
hash of the next, so that a chain is walked from its last seed down, and a seed shown shows all
before it.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from rooms.proof.draw import commit
from rooms.proof.fields import Fields, Malformed, octets, text, whole

GAME: Final = re.compile(r"[a-z0-9-]{1,32}")
ENTROPY: Final = re.compile(r"none|drand:[0-9a-f]{64}")
SEED_BYTES: Final = 32
SPACING: Final = 128
# Beyond any game; a forged file must not keep its reader busy for hours.
MOST_LINKS: Final = 10_000_000
MOST_NUMBERS: Final = 1_000
_LINK: Final = hashlib.sha256(b"rooms/link/1")


def last_seed(master_key: bytes, game: str, chain: int, /) -> bytes:
    """Derive the last seed of a game's chain, the one that all others follow from."""
    return hmac.digest(master_key, f"rooms/chain/1|{game}|{chain}".encode("ascii"), "sha256")


def link_hash(seed: bytes) -> bytes:
    """Give the seed before this one."""
    # A copy of the begun hash saves feeding the constant again; a walk is nothing but this.
    link = _LINK.copy()
    link.update(seed)
    return link.digest()


def walk(seed: bytes, links: int) -> bytes:
    """Go down so many links from a seed; as many as its own number lead to the terminal."""
    for _ in range(links):
        seed = link_hash(seed)
    return seed


@dataclass(frozen=True, slots=True, repr=False)
class SeedChain:
    """All seeds of one chain, secret; remembers one in ``SPACING`` so that giving one is cheap.

    Those around the last one that was asked for are remembered too: rounds come in their order.

    Its ``repr`` shows nothing: neither a trace nor a log line may carry a seed.
    """

    length: int
    terminal: bytes
    _checkpoints: tuple[bytes, ...]
    _near: dict[int, list[bytes]] = field(default_factory=dict, compare=False)

    @classmethod
    def walked(cls, last: bytes, length: int) -> "SeedChain":
        """Walk a whole chain of ``length`` links once, from its last seed to its terminal."""
        assert length >= 1
        checkpoints, seed = [last], last
        for number in range(length - 1, -1, -1):
            seed = link_hash(seed)
            if number % SPACING == 0:
                checkpoints.append(seed)
        return cls(length, seed, tuple(reversed(checkpoints)))

    def seed(self, link: int) -> bytes:
        """Give the seed of a link, 1 to ``length``, for at most ``SPACING`` hashes."""
        assert 1 <= link <= self.length
        checkpoint = -(-link // SPACING)
        number = min(checkpoint * SPACING, self.length)
        near = self._near.get(checkpoint)
        if near is None:
            self._near.clear()
            below = (checkpoint - 1) * SPACING
            near = list(seeds_down(self._checkpoints[checkpoint], number - below))
            self._near[checkpoint] = near
        return near[number - link]

    def commits(self, first: int, last: int) -> list[bytes]:
        """Give the commits of the links ``first`` to ``last``, both included, in their order."""
        if last < first:
            return []
        found = [commit(seed) for seed in seeds_down(self.seed(last), last - first + 1)]
        return found[::-1]


def seeds_down(seed: bytes, count: int) -> Iterator[bytes]:
    """Give a seed and those before it, ``count`` in all."""
    for _ in range(count):
        yield seed
        seed = link_hash(seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainTerms:
    """All that a draw depends on, fixed by the ``keno.chain`` leaf before the first round.

    Times are Unix milliseconds, ``terminal`` and ``paytable_hash`` 32 bytes each. Round
    ``first_round`` takes link 1, and every later round the next one, whatever becomes of it.
    """

    game: str
    chain: int
    length: int
    terminal: bytes
    first_round: int
    epoch_ms: int
    interval_ms: int
    lead_ms: int
    guard_ms: int
    numbers: int
    drawn: int
    entropy: str
    paytable_hash: bytes

    @property
    def last_round(self) -> int:
        """The round of the last link."""
        return self.first_round + self.length - 1

    def link(self, round_number: int) -> int:
        """Give the number of the seed that a round of this chain takes."""
        assert self.first_round <= round_number <= self.last_round
        return round_number - self.first_round + 1

    def slot(self, round_number: int) -> int:
        """Give when a round opens: its place on the grid of this chain."""
        return self.epoch_ms + (round_number - self.first_round) * self.interval_ms

    def locks_at(self, round_number: int) -> int:
        """Give when a round is scheduled to lock."""
        return self.slot(round_number) + self.interval_ms - self.lead_ms

    def due_at(self, round_number: int) -> int:
        """Give the lock with its guard: time(R) of a round without a beacon."""
        return self.locks_at(round_number) + self.guard_ms


def terms_problem(terms: ChainTerms) -> str | None:
    """Say in words why no chain can have these terms, if so."""
    possible = {
        "its game has no proper name": GAME.fullmatch(terms.game) is not None,
        "it has no links, or too many": 1 <= terms.length <= MOST_LINKS,
        "its numbering is negative": min(terms.chain, terms.first_round, terms.epoch_ms) >= 0,
        "its rounds have no time to be open": 0 <= terms.lead_ms < terms.interval_ms,
        "its guard is negative": terms.guard_ms >= 0,
        "it draws more numbers than there are": 1 <= terms.drawn <= terms.numbers,
        "it has too many numbers": terms.numbers <= MOST_NUMBERS,
        "its entropy is neither a drand chain nor none": ENTROPY.fullmatch(terms.entropy),
        "a hash in it is not 32 bytes": {len(terms.terminal), len(terms.paytable_hash)}
        == {SEED_BYTES},
    }
    return next((problem for problem, good in possible.items() if not good), None)


def terms_json(terms: ChainTerms) -> dict[str, Any]:
    """Write the fields that the ``keno.chain`` leaf has beside those of every leaf."""
    return {
        "game": terms.game,
        "chain": terms.chain,
        "length": terms.length,
        "terminal": terms.terminal.hex(),
        "first_round": terms.first_round,
        "epoch_ms": terms.epoch_ms,
        "interval_ms": terms.interval_ms,
        "lead_ms": terms.lead_ms,
        "guard_ms": terms.guard_ms,
        "numbers": terms.numbers,
        "drawn": terms.drawn,
        "entropy": terms.entropy,
        "paytable_hash": terms.paytable_hash.hex(),
    }


def parse_terms(value: Fields) -> ChainTerms:
    """Read what ``terms_json`` wrote; Malformed for anything else, or for impossible terms."""
    terms = ChainTerms(
        game=text(value, "game"),
        chain=whole(value, "chain"),
        length=whole(value, "length"),
        terminal=octets(value, "terminal", SEED_BYTES),
        first_round=whole(value, "first_round"),
        epoch_ms=whole(value, "epoch_ms"),
        interval_ms=whole(value, "interval_ms"),
        lead_ms=whole(value, "lead_ms"),
        guard_ms=whole(value, "guard_ms"),
        numbers=whole(value, "numbers"),
        drawn=whole(value, "drawn"),
        entropy=text(value, "entropy"),
        paytable_hash=octets(value, "paytable_hash", SEED_BYTES),
    )
    problem = terms_problem(terms)
    if problem is not None:
        raise Malformed(problem)
    return terms
