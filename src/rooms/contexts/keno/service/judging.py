"""Who may have the tickets that a batch asks for: judged one by one, in their order.

Everything that is counted here is locked or, as rounds and bankrolls, looked at again when it is
written.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rooms.contexts.keno.api import BuyTickets, GameStatus, Purchase
from rooms.contexts.keno.domain import (
    MOST_ROUNDS,
    Schedule,
    Terms,
    require_numbers,
    require_stake,
)
from rooms.contexts.keno.storage.games import Game, Standing
from rooms.contexts.keno.storage.tickets import KnownPurchase, RoundKey, Sold
from rooms.kernel.ids import AccountId, PlayerId
from rooms.kernel.money import Asset
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant, from_millis
from rooms.platform.commands import Answered

Key = tuple[PlayerId, str]
Bankroll = tuple[str, Asset]

ENDLESS: Final = 2**63
CHANCE: Final = secrets.SystemRandom()


class Asked(NamedTuple):
    """Tickets that somebody wants, of which game, and the account that they are paid from."""

    command: BuyTickets
    game: Game
    account: AccountId

    @property
    def key(self) -> Key:
        """What makes it the same purchase when it is asked for again."""
        return self.command.player, self.command.key


class Busy(NamedTuple):
    """Somebody else has this account locked, so the purchase has to wait for it."""

    account: AccountId


Answer = Answered[Purchase] | Refusal | Busy


class Wanted(NamedTuple):
    """Tickets that may be sold as far as the game's rules go: from ``first`` to ``last``."""

    game: Game
    first: int
    last: int
    spots: int
    terms: tuple[Terms, ...]

    @property
    def rounds(self) -> list[RoundKey]:
        """The rounds that they are for."""
        return [(self.game.id, number) for number in range(self.first, self.last + 1)]

    @property
    def limits(self) -> list[tuple[RoundKey, int]]:
        """The same rounds, each with its limit."""
        return [(key, self.in_force(key[1]).limits.round_limit) for key in self.rounds]

    def in_force(self, number: int) -> Terms:
        """Say which of the terms of a purchase, mostly one, a round is played on."""
        return next(each for each in reversed(self.terms) if each.chain.first_round <= number)


@dataclass(slots=True)
class Table:
    """A game that takes tickets: how it stands, its terms, and at which time, in milliseconds.

    ``first_open`` is its first round that is not locked then, and from ``since`` on and before
    ``until``; None where no chain has one.
    """

    game: Game
    standing: Standing
    schedule: Schedule
    at: int
    first_open: int | None = field(init=False)
    since: int = field(init=False)
    until: int = field(init=False)

    def __post_init__(self) -> None:
        locked_to = self.standing.locked_to
        first = self.first_open = self.schedule.first_open(self.at, locked_to)
        self.since, self.until = 0, ENDLESS
        if first is not None:
            self.until = self._locks_at(first)
            if first - 1 > locked_to:
                self.since = self._locks_at(first - 1)

    def is_still(self, now: int) -> bool:
        """Say whether at another time the same round is the first that is not locked."""
        return self.since <= now < self.until

    def _locks_at(self, number: int) -> int:
        terms = self.schedule.of(number)
        assert terms is not None, "a chain covers the rounds up to the first that is not locked"
        return terms.chain.locks_at(number)

    def wanted(self, command: BuyTickets) -> Wanted | Refusal:
        """Say which tickets a command is for, or why the rules of the game have none for it."""
        try:
            return self._wanted(command)
        except Refusal as refusal:
            return refusal

    def _wanted(self, command: BuyTickets) -> Wanted:
        if self.standing.status is not GameStatus.RUNNING:
            raise Refusal("E-GAME-PAUSED", game=self.game.name, status=self.standing.status)
        if not 1 <= command.rounds <= MOST_ROUNDS:
            raise Refusal("E-ROUNDS", most=MOST_ROUNDS)
        if command.stake.asset != self.game.asset:
            raise Refusal("E-STAKE", why=f"the game's asset is {self.game.asset}")
        first = self._first(command)
        last = first + command.rounds - 1
        return Wanted(self.game, first, last, _spots(command), self._terms(command, first, last))

    def _first(self, command: BuyTickets) -> int:
        first_open = self.first_open
        if first_open is None:
            raise Refusal("E-ROUND-CLOSED", game=self.game.name)
        first = command.first_round
        if first is None:
            return first_open
        if first < first_open:
            terms = self.schedule.of(first)
            locked = None if terms is None else from_millis(terms.chain.locks_at(first))
            raise Refusal(
                "E-ROUND-CLOSED",
                game=self.game.name,
                round=first,
                locks_at=locked,
                next_round=first_open,
            )
        # Further ahead a game's terms may change yet: commits are shown a little further only.
        if first + command.rounds > first_open + MOST_ROUNDS:
            raise Refusal("E-ROUNDS", most=MOST_ROUNDS)
        return first

    def _terms(self, command: BuyTickets, first: int, last: int) -> tuple[Terms, ...]:
        found = self._in_force(first)
        same = last == first or self._in_force(last) is found
        # Terms that were changed twice in a row may be in force for a few rounds between.
        crossed = (found,) if same else tuple(self.schedule.of_rounds(first, last))
        for each in crossed:
            _require(command, each)
        return crossed

    def _in_force(self, number: int) -> Terms:
        terms = self.schedule.of(number)
        if terms is None:  # the next chain is announced long before its first round
            raise Refusal("E-ROUND-CLOSED", game=self.game.name, round=number)
        return terms


@dataclass(slots=True)
class Counter:
    """What the purchases of a batch are judged by, and which of them were accepted.

    ``limits`` and ``exposure`` are of the rounds, ``free`` is what bankrolls can still stand for,
    ``available`` what the locked accounts can pay.
    """

    at: Instant
    limits: Mapping[RoundKey, int]
    exposure: dict[RoundKey, int]
    free: dict[Bankroll, int]
    available: dict[AccountId, int]
    known: dict[Key, KnownPurchase] = field(default_factory=dict)
    accepted: "dict[Key, Accepted]" = field(default_factory=dict)
    sold: dict[RoundKey, Sold] = field(default_factory=dict)

    def recall(self, purchases: Iterable[KnownPurchase]) -> None:
        """Take note of purchases that were accepted before."""
        for each in purchases:
            self.known[each.player, each.key] = each

    def judge(self, asked: Asked, wanted: Wanted | Refusal) -> Answer | None:
        """Accept a purchase, or the twin of one just accepted, by None; else say what it is told.

        ``wanted`` is what the rules of its game say to it.
        """
        try:
            return self._decide(asked, wanted)
        except Refusal as refusal:
            return refusal

    def _decide(self, asked: Asked, wanted: Wanted | Refusal) -> Answer | None:
        known = self.known.get(asked.key)
        if known is not None:
            _require_same(known, asked.command)
            return Answered(known.purchase, replayed=True)
        twin = self.accepted.get(asked.key)
        if twin is not None:
            if twin.asked.command != asked.command:
                raise Refusal("E-KEY-REUSED")
            return None
        if isinstance(wanted, Refusal):
            return wanted
        top = self._require_room(wanted, asked.command)
        if asked.account not in self.available:
            return Busy(asked.account)
        available, needed = (
            self.available[asked.account],
            asked.command.stake.units * len(wanted.rounds),
        )
        if available < needed:
            raise Refusal("E-BAL-LOW", available=available, needed=needed)
        self._accept(asked, wanted, top)
        return None

    def _require_room(self, wanted: Wanted, command: BuyTickets) -> int:
        """Refuse what a limit leaves no room for; give the sum of the tickets' top prizes."""
        total = 0
        fits: list[int] = []
        for key in wanted.rounds:
            terms = wanted.in_force(key[1])
            top = terms.top_prize(wanted.spots, command.stake.units)
            most = min(terms.limits.max_win, terms.limits.round_limit - self.exposure[key])
            if top > most:
                fits.append(terms.stake_for(wanted.spots, most))
            total += top
        if fits:
            raise Refusal("E-EXPOSURE", stake=command.stake.units, fits=min(fits))
        free = self.free[wanted.game.operator, wanted.game.asset]
        if total > free:
            most = max(0, free) // len(wanted.rounds)
            fits = [each.stake_for(wanted.spots, most) for each in wanted.terms]
            raise Refusal("E-BANKROLL", stake=command.stake.units, fits=min(fits))
        return total

    def _accept(self, asked: Asked, wanted: Wanted, top: int) -> None:
        stake = asked.command.stake.units
        self.available[asked.account] -= stake * len(wanted.rounds)
        self.free[wanted.game.operator, wanted.game.asset] -= top
        for key in wanted.rounds:
            prize = wanted.in_force(key[1]).top_prize(wanted.spots, stake)
            self.exposure[key] += prize
            tickets, handle, exposure = self.sold.get(key, (0, 0, 0))
            self.sold[key] = Sold(tickets + 1, handle + stake, exposure + prize)
        self.accepted[asked.key] = Accepted(asked, wanted, picks_of(asked.command, wanted), top)


class Accepted(NamedTuple):
    """A purchase that goes into the books; ``top`` sums the top prizes of its tickets."""

    asked: Asked
    wanted: Wanted
    picks: tuple[int, ...]
    top: int


def _spots(command: BuyTickets) -> int:
    if (command.picks is None) == (command.quick_pick is None):
        raise Refusal("E-PICKS", why="one of picks and quick_pick is sent, not both")
    return len(command.picks) if command.picks is not None else command.quick_pick or 0


def _require(command: BuyTickets, terms: Terms) -> None:
    spots = terms.limits.spots
    if command.picks is not None:
        require_numbers(terms.chain.numbers, command.picks, spots)
    elif command.quick_pick not in spots:
        listed = ", ".join(map(str, sorted(spots)))
        raise Refusal("E-PICKS", why=f"{command.quick_pick} numbers", spots=listed)
    require_stake(command.stake.units, terms.limits)


def picks_of(command: BuyTickets, wanted: Wanted) -> tuple[int, ...]:
    """Give the numbers that a purchase is of, picked by chance where that was asked for."""
    if command.picks is not None:
        return tuple(sorted(command.picks))
    numbers = min(terms.chain.numbers for terms in wanted.terms)
    return tuple(sorted(CHANCE.sample(range(1, numbers + 1), wanted.spots)))


def _require_same(known: KnownPurchase, command: BuyTickets) -> None:
    """Refuse E-KEY-REUSED where the key's purchase was of something else."""
    bought = known.purchase
    same = (bought.game, bought.stake, bought.rounds, known.quick) == (
        command.game,
        command.stake.units,
        command.rounds,
        command.picks is None,
    )
    if command.picks is not None:
        same = same and set(command.picks) == set(bought.picks)
    else:
        same = same and command.quick_pick == len(bought.picks)
    if command.first_round is not None:
        same = same and command.first_round == bought.first_round
    if not same:
        raise Refusal("E-KEY-REUSED")
