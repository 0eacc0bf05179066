"""What the published rules make of observations and bets, worked out apart from the house.

Nothing here is taken from ``proof``: where both are wrong, they are wrong in different ways.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rooms.kernel.time import Instant


@dataclass(frozen=True, slots=True)
class Look:
    """What one tick of the monitor saw of a room: the earliest time of its prices, and if met."""

    at: Instant
    met: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a room's question; the two times are of a touch."""

    outcome: str
    decided_at: Instant
    t_hit: Instant | None = None
    t_clear: Instant | None = None


def met(market: Mapping[str, Any], prices: Mapping[str, Decimal]) -> bool:
    """Say whether prices meet a market; of a token, price times supply."""
    if market["type"] in ("all", "any"):
        parts = [met(part, prices) for part in market["of"]]
        return all(parts) if market["type"] == "all" else any(parts)
    worth = prices[market["asset"]] * Decimal(market.get("supply", 1))
    target = Decimal(market["target"])
    return worth >= target if market["direction"] == "at_or_above" else worth <= target


def assets(market: Mapping[str, Any]) -> set[str]:
    """Give what a market is about."""
    if "of" in market:
        return {asset for part in market["of"] for asset in assets(part)}
    return {market["asset"]}


def verdict(room: Mapping[str, Any], looks: Iterable[Look]) -> Verdict | None:
    """Decide a room by section 2 of the rules; None where nothing decides it yet."""
    created_at, settles_at = room["created_at"], room["settles_at"]
    clear, streak = created_at, list[Instant]()
    for look in looks:
        if room["resolve"] == "at_close":
            if look.at >= settles_at:
                return Verdict("YES" if look.met else "NO", look.at)
            continue
        if look.at <= created_at:
            continue
        if look.met and (streak or look.at <= settles_at):
            streak.append(look.at)
            if len(streak) == room["terms"]["confirmations"]:
                return Verdict("YES", look.at, streak[0], clear)
            continue
        clear, streak = look.at, []
        if look.at >= settles_at:
            return Verdict("NO", look.at)
    return None


def cutoff(room: Mapping[str, Any], decided: Verdict) -> Instant | None:
    """Give the instant from which bets are scratched; None where none are."""
    if decided.t_hit is None or decided.t_clear is None:
        return None
    window = timedelta(milliseconds=room["terms"]["past_post_ms"])
    return min(decided.t_hit - window, decided.t_clear)


@dataclass(slots=True)
class Division:
    """Where a room's money went: to whom by account, and to the platform. Lamports."""

    to: dict[int, int] = field(default_factory=dict)
    takeout: int = 0
    revenue: int = 0
    breakage: int = 0

    def give(self, account: int, amount: int) -> None:
        """Add an amount to what an account gets."""
        self.to[account] = self.to.get(account, 0) + amount


def divide(
    room: Mapping[str, Any],
    bets: Sequence[Mapping[str, Any]],
    outcome: str | None,
    until: Instant | None,
) -> Division:
    """Divide a room's stakes by sections 3 to 6; all go back where there is no outcome."""
    terms, division = room["terms"], Division()
    counted = [bet for bet in bets if until is None or bet["accepted_at"] < until]
    handle = sum(bet["stake"] for bet in counted)
    winning = sum(bet["stake"] for bet in counted if bet["side"] == outcome)
    if winning == 0:
        counted = []
    for bet in bets:
        if bet not in counted:
            division.give(bet["account_id"], bet["stake"])
    if not counted:
        return division
    bps = terms["protocol_bps"] + terms["host_bps"]
    division.takeout = min(_down(handle * bps, 10_000), handle - winning)
    host_fee = _down(division.takeout * terms["host_bps"], bps)
    division.give(room["host_account"], host_fee)
    division.revenue = division.takeout - host_fee
    division.breakage = net = handle - division.takeout
    for bet in counted:
        if bet["side"] == outcome:
            payout = _down(bet["stake"] * net, winning)
            division.give(bet["account_id"], payout)
            division.breakage -= payout
        fee = _down(division.takeout * bet["stake"], handle)
        for rate, upline in zip(terms["reward_bps"], bet["uplines"], strict=True):
            if upline is not None:
                division.give(upline, _down(fee * rate, 10_000))
                division.revenue -= _down(fee * rate, 10_000)
    return division


def _down(amount: int, by: int) -> int:
    return Fraction(amount, by).__floor__()
