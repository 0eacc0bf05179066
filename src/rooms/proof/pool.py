"""How the money of a room is divided: docs/spec/pool.md, sections 3 to 9, bit for bit.

Amounts are whole lamports. Every division rounds down and leaves its rest where the rules say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from rooms.kernel.time import Instant

BPS: Final = 10_000
HIGHEST_TAKEOUT_BPS: Final = 1_000


class Side(StrEnum):
    """What a bet backs, and what a room comes out as."""

    YES = "YES"
    NO = "NO"

    @property
    def other(self) -> "Side":
        """The side that loses when this one wins."""
        return Side.NO if self is Side.YES else Side.YES


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a room takes, in bps, fixed at its creation; ``reward_bps`` are shares of the fee."""

    protocol_bps: int
    host_bps: int
    reward_bps: tuple[int, ...] = (1500, 500, 200)

    @property
    def takeout_bps(self) -> int:
        """What the protocol and the host take together, in bps of the handle."""
        return self.protocol_bps + self.host_bps


@dataclass(frozen=True, slots=True)
class Stake:
    """One counted bet: its id, the side it backs, its lamports."""

    id: str
    side: Side
    stake: int


@dataclass(frozen=True, slots=True)
class Fees:
    """What leaves the handle of a settled room, and ``net``, what its winners share."""

    takeout: int
    host_fee: int
    protocol_fee: int
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one room's money was divided; all amounts in lamports.

    ``payouts`` holds every bet (a loser 0, in a void the refund). ``rewards`` holds for every
    bet what each level of referrers would get out of the protocol's fee if it had them all.
    """

    void: bool
    handle: int
    winning: int
    takeout: int = 0
    host_fee: int = 0
    protocol_fee: int = 0
    net: int = 0
    breakage: int = 0
    payouts: Mapping[str, int] = field(default_factory=dict)
    rewards: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quote:
    """What a stake would be paid if the room settled now; a promise only once betting is locked."""

    payout: int
    dividend: str


def terms_problem(terms: Terms) -> str | None:
    """Say why no room may be created on these terms: ``negative``, ``takeout``, ``rewards``."""
    if min(terms.protocol_bps, terms.host_bps, *terms.reward_bps) < 0:
        return "negative"
    if terms.takeout_bps > HIGHEST_TAKEOUT_BPS:
        return "takeout"
    if terms.protocol_bps * BPS < sum(terms.reward_bps) * terms.takeout_bps:
        return "rewards"
    return None


def fees(handle: int, winning: int, terms: Terms) -> Fees:
    """Take the fees out of a room's handle (section 4); ``winning`` is at least 1 lamport.

    The takeout never exceeds the losing pool, so that no winner is paid less than the stake.
    """
    assert 0 < winning <= handle
    takeout = min(handle * terms.takeout_bps // BPS, handle - winning)
    host_fee = takeout * terms.host_bps // terms.takeout_bps if terms.takeout_bps else 0
    return Fees(takeout, host_fee, takeout - host_fee, handle - takeout)


def payout(stake: int, net: int, winning: int) -> int:
    """Pay a winning stake its share of the net pool, rounded down."""
    return stake * net // winning


def reward(stake: int, takeout: int, handle: int, bps: int) -> int:
    """Give one level's referrer its share of the fee that one stake brought (section 6)."""
    return takeout * stake // handle * bps // BPS


def settle(bets: Sequence[Stake], outcome: Side, terms: Terms) -> Settlement:
    """Divide a room's counted bets (sections 4 to 6); void where nobody backed the outcome."""
    handle = sum(bet.stake for bet in bets)
    winning = sum(bet.stake for bet in bets if bet.side is outcome)
    if winning == 0:
        return refunded(bets, terms)
    taken = fees(handle, winning, terms)
    payouts = {
        bet.id: payout(bet.stake, taken.net, winning) if bet.side is outcome else 0 for bet in bets
    }
    return Settlement(
        void=False,
        handle=handle,
        winning=winning,
        takeout=taken.takeout,
        host_fee=taken.host_fee,
        protocol_fee=taken.protocol_fee,
        net=taken.net,
        breakage=taken.net - sum(payouts.values()),
        payouts=payouts,
        rewards={bet.id: _rewards(bet.stake, taken.takeout, handle, terms) for bet in bets},
    )


def refunded(bets: Sequence[Stake], terms: Terms) -> Settlement:
    """Give every stake back in full: no fee, no reward (section 5)."""
    handle = sum(bet.stake for bet in bets)
    nothing = (0,) * len(terms.reward_bps)
    return Settlement(
        void=True,
        handle=handle,
        winning=0,
        net=handle,
        payouts={bet.id: bet.stake for bet in bets},
        rewards={bet.id: nothing for bet in bets},
    )


def identity(
    *, payouts: int, refunds: int, host_fee: int, protocol_fee: int, breakage: int, stakes: int
) -> bool:
    """Say whether every lamport ever staked went somewhere, and none twice (section 7)."""
    return payouts + refunds + host_fee + protocol_fee + breakage == stakes


def cutoff(t_hit: Instant, t_clear: Instant, past_post_window: timedelta) -> Instant:
    """Give the instant from which accepted bets are scratched in a room decided by touch."""
    return min(t_hit - past_post_window, t_clear)


def quote(stake: int, side: Side, pool_yes: int, pool_no: int, terms: Terms) -> Quote:
    """Quote a stake of at least 1 lamport, itself included in the pools (section 8)."""
    backed = (pool_yes if side is Side.YES else pool_no) + stake
    taken = fees(pool_yes + pool_no + stake, backed, terms)
    return Quote(payout(stake, taken.net, backed), _dividend(taken.net, backed))


def dividends(pool_yes: int, pool_no: int, terms: Terms) -> dict[Side, str | None]:
    """Show what one unit on each side would be paid now; None where nobody backs the side."""
    handle = pool_yes + pool_no
    return {
        side: _dividend(fees(handle, pool, terms).net, pool) if pool else None
        for side, pool in ((Side.YES, pool_yes), (Side.NO, pool_no))
    }


def depth_exceeded(
    *,
    handle_with_stake: int,
    quote_reserve: int,
    price: Decimal | Fraction,
    target: Decimal | Fraction,
    bps: int,
) -> bool:
    """Say whether a token room would hold more than pushing its pool costs (section 9).

    ``handle_with_stake`` and ``quote_reserve`` are lamports; ``price`` and ``target`` share a
    unit. The rule's square root is compared by squares: exact, in whole numbers.
    """
    reserve = bps * quote_reserve
    here, there = Fraction(price), Fraction(target)
    pushed = (BPS * handle_with_stake + reserve) ** 2
    return pushed * min(here, there) > reserve**2 * max(here, there)


def _rewards(stake: int, takeout: int, handle: int, terms: Terms) -> tuple[int, ...]:
    return tuple(reward(stake, takeout, handle, bps) for bps in terms.reward_bps)


def _dividend(net: int, winning: int) -> str:
    scaled = net * BPS // winning
    return f"{scaled // BPS}.{scaled % BPS:04d}"
