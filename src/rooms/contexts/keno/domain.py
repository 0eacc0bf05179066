"""What a game allows, and which round it is: rules over values, without clock or database.

Times are Unix milliseconds, as in the chain leaf that fixes them; amounts are whole numbers of
the game's asset's smallest unit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final, NamedTuple

from rooms.contexts.fairness.api import NewChain
from rooms.contexts.keno.api import GameStatus
from rooms.kernel.refusal import Refusal
from rooms.proof.chain import ChainTerms
from rooms.proof.paytable import Paytable, rtp_problem, step_problem

MOST_ROUNDS: Final = 100
PURCHASE_SIZE: Final = 128
"""How many numbers a purchase has for its tickets: they begin with a multiple of it."""
SHORTEST_INTERVAL: Final = 2_000
LONGEST_INTERVAL: Final = 60_000
LONGEST_GUARD: Final = 60_000
MOST_NUMBERS: Final = 80
PICK_BYTES: Final = 10
# So that the database's 64-bit arithmetic holds the sum of every prize of a round.
LARGEST_AMOUNT: Final = 10**18
LARGEST_NUMBER: Final = 2**63
# A slip of the pen would stay in the books for ever, as an asset of its own.
ASSET: Final = re.compile(r"[A-Z0-9]{2,12}")


MOVES: Final[Mapping[GameStatus, frozenset[GameStatus]]] = {
    GameStatus.RUNNING: frozenset({GameStatus.DRAINING, GameStatus.PAUSED}),
    GameStatus.DRAINING: frozenset({GameStatus.RUNNING, GameStatus.PAUSED}),
    GameStatus.PAUSED: frozenset({GameStatus.RUNNING}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be staked in a round: on which spots, how much, and for which prizes at most.

    ``max_win`` bounds one ticket's top prize, ``round_limit`` the sum of those of a round.
    """

    spots: tuple[int, ...]
    stake_min: int
    stake_max: int
    stake_step: int
    max_win: int
    round_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Between which returns to the player an operator's paytables lie, both ends allowed."""

    lowest: Fraction
    highest: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the house holds games to.

    ``ahead`` is how many rounds' commits are shown; games without entropy are for the sandbox.
    """

    band: Band
    ahead: int
    without_entropy: bool


@dataclass(frozen=True)
class Terms:
    """What rounds are played on while one chain gives their seeds."""

    chain: ChainTerms
    paytable_id: int
    paytable: Paytable
    limits: Limits

    @cached_property
    def top(self) -> dict[int, tuple[int, int]]:
        """The largest multiplier of each number of spots: numerator and denominator."""
        return {
            spots: max(each.value for each in row).as_integer_ratio()
            for spots, row in self.paytable.multipliers.items()
        }

    def top_prize(self, spots: int, stake: int) -> int:
        """Give the most that a ticket can win; whole, as every prize on the step is."""
        numerator, denominator = self.top[spots]
        return stake * numerator // denominator

    def stake_for(self, spots: int, most: int) -> int:
        """Give the largest stake on the step whose top prize is not above ``most``; 0 if none."""
        numerator, denominator = self.top[spots]
        if not numerator:
            return self.limits.stake_max
        steps = most * denominator // (numerator * self.limits.stake_step)
        stake = min(steps * self.limits.stake_step, self.limits.stake_max)
        return stake if stake >= self.limits.stake_min else 0


class Piece(NamedTuple):
    """The rounds that are played on these terms: up to the last before others begin."""

    terms: Terms
    first: int
    last: int
    locks: int
    interval: int

    def locks_at(self, number: int) -> int:
        """Give when a round is scheduled to lock."""
        return self.locks + (number - self.first) * self.interval


class Passed(NamedTuple):
    """What time has done to a game's rounds.

    All up to ``upto`` lock now, the last of them ``late`` after its time; of all up to ``missed``
    the lock is overdue by a whole interval. ``following`` is when the next one locks, None where
    no chain has one; ``ended`` are the chains whose last round locks now, each with that round.
    """

    upto: int
    missed: int
    late: int
    following: int | None
    ended: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Schedule:
    """All terms of a game in the order of their rounds; the last of them are in force longest."""

    terms: tuple[Terms, ...]

    def of(self, number: int) -> Terms | None:
        """Give the terms of a round, None for one that no chain covers (yet)."""
        piece = self._piece(number)
        return None if piece is None else piece.terms

    @property
    def last_round(self) -> int:
        """The last round that a chain covers."""
        return self.terms[-1].chain.last_round

    def passed(self, now: int, after: int) -> Passed:
        """Say what has come to pass of the rounds after ``after``, the last that is locked."""
        upto = missed = self.locked_at(now, after)
        while missed > after:
            piece = self._piece(missed)
            assert piece is not None, "a locked round has terms"
            if piece.locks_at(missed) + piece.interval <= now:
                break
            missed -= 1
        late = 0 if upto == after else now - self.locks_at(upto)
        following = self._piece(upto + 1)
        return Passed(
            upto,
            missed,
            late,
            None if following is None else following.locks_at(upto + 1),
            self.ended(after, upto),
        )

    def locks_at(self, number: int) -> int:
        """Give when a round that a chain covers is scheduled to lock."""
        piece = self._piece(number)
        assert piece is not None, "a chain covers it"
        return piece.locks_at(number)

    def locked_at(self, now: int, after: int) -> int:
        """Give the highest round whose lock time has come; ``after`` where none came since."""
        found = after
        for _, first, last, locks, interval in self._pieces:
            if last > after:
                if now < locks:
                    break
                found = max(found, min(last, first + (now - locks) // interval))
        return found

    def first_open(self, now: int, after: int) -> int | None:
        """Give the first round after ``after`` that is not locked yet, None where none is left."""
        number = self.locked_at(now, after) + 1
        return number if number <= self.last_round else None

    def opened_at(self, now: int) -> int:
        """Give the highest round that has opened; 0 before the first."""
        found = 0
        for terms, first, last, _, interval in self._pieces:
            since = now - terms.chain.epoch_ms
            if since < 0:
                break
            found = max(found, min(last, first + since // interval))
        return found

    def between(self, start: int, end: int) -> tuple[int, int]:
        """Give the first and last round that open from ``start`` on and before ``end``."""
        return self.opened_at(start - 1) + 1, self.opened_at(end - 1)

    def of_rounds(self, first: int, last: int) -> list[Terms]:
        """Give the terms of rounds ``first`` to ``last``, in their order."""
        return [each.terms for each in self._pieces if each.last >= first and each.first <= last]

    def shown_to(self, now: int, ahead: int) -> int:
        """Give the last round whose commit is shown: so many ahead of the one that is open."""
        return min(self.opened_at(now) + ahead, self.last_round)

    def ended(self, after: int, upto: int) -> list[tuple[int, int]]:
        """Give the chains whose last round lies after ``after`` and up to ``upto``, with it."""
        return [
            (each.terms.chain.chain, each.last)
            for each in self._pieces
            if after < each.last <= upto
        ]

    def _piece(self, number: int) -> Piece | None:
        for piece in self._newest_first:
            if piece.first <= number:
                return piece if number <= piece.last else None
        return None

    @cached_property
    def _newest_first(self) -> tuple[Piece, ...]:
        return self._pieces[::-1]

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        ends = [each.chain.first_round - 1 for each in self.terms[1:]]
        ends.append(self.last_round)
        return tuple(
            Piece(
                each,
                first := each.chain.first_round,
                min(end, each.chain.last_round),
                each.chain.locks_at(first),
                each.chain.interval_ms,
            )
            for each, end in zip(self.terms, ends, strict=True)
        )


def require_numbers(chain_numbers: int, picks: Sequence[int], spots: Sequence[int]) -> None:
    """Refuse E-PICKS where picks are not different numbers of the game, or not so many."""
    if len(picks) not in spots:
        raise Refusal("E-PICKS", why=f"{len(picks)} numbers", spots=_listed(spots))
    if len(set(picks)) != len(picks):
        raise Refusal("E-PICKS", why="a number stands there twice", spots=_listed(spots))
    if not 1 <= min(picks) <= max(picks) <= chain_numbers:
        outside = next(pick for pick in picks if not 1 <= pick <= chain_numbers)
        why = f"{outside} is not one of 1 to {chain_numbers}"
        raise Refusal("E-PICKS", why=why, spots=_listed(spots))


def require_stake(stake: int, limits: Limits) -> None:
    """Refuse E-STAKE where a stake is outside of the bounds or off the step."""
    if not limits.stake_min <= stake <= limits.stake_max or stake % limits.stake_step:
        raise Refusal(
            "E-STAKE",
            least=limits.stake_min,
            most=limits.stake_max,
            step=limits.stake_step,
            stake=stake,
        )


def require_asset(asset: str, code: str) -> None:
    """Refuse the code given where no books are kept in an asset of this name."""
    if not ASSET.fullmatch(asset):
        raise Refusal(code, why="an asset has 2 to 12 capital letters and digits, such as SOL")


def require_terms(chain: NewChain, paytable: Paytable, limits: Limits, band: Band) -> None:
    """Refuse E-GAME-TERMS, E-PAYTABLE where no round may be played on these terms."""
    problem = terms_problem(chain, paytable, limits)
    if problem is not None:
        raise Refusal("E-GAME-TERMS", why=problem)
    off_step = step_problem(paytable, limits.stake_step)
    if off_step is not None:
        raise Refusal("E-PAYTABLE", why=f"a prize of {off_step} spots is not whole on the step")
    off_band = rtp_problem(
        paytable, band.lowest, band.highest, numbers=chain.numbers, drawn=chain.drawn
    )
    if off_band is not None:
        raise Refusal("E-PAYTABLE", why=f"the return of {off_band} spots is outside of the band")


def terms_problem(chain: NewChain, paytable: Paytable, limits: Limits) -> str | None:
    """Say in words why no round may be played on these terms, if so."""
    possible = {
        "an interval lies between 2 and 60 seconds": (
            SHORTEST_INTERVAL <= chain.interval_ms <= LONGEST_INTERVAL
        ),
        "a round is open for some time before it locks": 0 <= chain.lead_ms < chain.interval_ms,
        "a guard is not negative and shorter than a minute": 0 <= chain.guard_ms <= LONGEST_GUARD,
        "a ticket has room for 80 numbers, of which some are drawn": (
            1 <= chain.drawn <= chain.numbers <= MOST_NUMBERS
        ),
        "spots have their prizes in the paytable": (
            0 < len(limits.spots) == len(set(limits.spots))
            and set(limits.spots) <= paytable.spots.keys()
        ),
        "no more spots than numbers are drawn": max(limits.spots, default=0) <= chain.drawn,
        "stakes go from a positive minimum to a maximum, both on the step": (
            0 < limits.stake_min <= limits.stake_max
            and limits.stake_step > 0
            and limits.stake_min % limits.stake_step == limits.stake_max % limits.stake_step == 0
        ),
        "a ticket wins at most what its round pays at most": (
            0 < limits.max_win <= limits.round_limit <= LARGEST_AMOUNT
        ),
        "every prize can be counted in 64 bits": all(
            limits.stake_max * each.units < LARGEST_NUMBER
            for row in paytable.multipliers.values()
            for each in row
        ),
    }
    return next((problem for problem, good in possible.items() if not good), None)


def _listed(spots: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(spots)))


def write_picks(mask: int) -> str:
    """Write a mask of numbers, the sum of 2**(p-1), as the database's 80 bits in hexadecimal."""
    return f"x{mask:020x}"


def read_picks(bits: bytes) -> tuple[int, ...]:
    """Read the numbers of the database's 80 bits."""
    mask = int.from_bytes(bits, "big")
    return tuple(number for number in range(1, MOST_NUMBERS + 1) if mask >> number - 1 & 1)
