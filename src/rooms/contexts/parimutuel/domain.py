"""The rules of a room: its life, what may be asked, when a bet is accepted. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from solders.pubkey import Pubkey

from rooms.contexts.oracle.api import Basis, Newest, Priced
from rooms.contexts.parimutuel.api import RoomStatus
from rooms.kernel.ids import AccountId, PlayerId, RoomId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant, cut
from rooms.proof.condition import (
    Condition,
    Leaf,
    MarketProblem,
    MarketType,
    leaves,
    measured,
    meets,
    parse_market,
)
from rooms.proof.pool import depth_exceeded
from rooms.proof.terms import RoomTerms

MOVES: Final[Mapping[RoomStatus, frozenset[RoomStatus]]] = {
    RoomStatus.QUEUING: frozenset({RoomStatus.OPEN, RoomStatus.VOIDED}),
    RoomStatus.OPEN: frozenset({RoomStatus.LOCKED, RoomStatus.SETTLING, RoomStatus.VOIDED}),
    RoomStatus.LOCKED: frozenset({RoomStatus.SETTLING, RoomStatus.VOIDED}),
    RoomStatus.SETTLING: frozenset({RoomStatus.SETTLED, RoomStatus.VOIDED}),
}  # SETTLED and VOIDED are final: they lead nowhere

TITLE_LENGTH: Final = range(5, 201)
MOST_PLAYERS_NEEDED: Final = 1000
TICKER: Final = re.compile(r"[A-Z0-9]{2,12}")
# Control, format (bidirectional, zero-width), surrogate, private, unassigned, line separators.
HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the house allows now; a room keeps the terms it was created with.

    New assets are those that were never priced; so many are asked for in a minute.
    """

    duration_min: timedelta
    duration_max: timedelta
    lock_fraction: Decimal
    min_players: int
    stake_min: int
    stake_max: int
    rooms_per_host: int
    new_assets_per_host: int
    new_assets: int
    admin_void_delay: timedelta
    stale_after: timedelta
    token_depth_bps: int
    token_liquidity_floor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One question, two pools, one settlement."""

    id: RoomId
    status: RoomStatus
    condition: Condition
    resolve: str
    host_id: PlayerId
    host_account: AccountId
    min_players: int
    terms: RoomTerms
    void_delay: timedelta
    created_at: Instant
    locks_at: Instant
    settles_at: Instant
    # The number of its terms at the oracle; who takes no bets does without.
    priced_on: int | None = None
    # What follows from these, asked for with every bet: the assets of the question, each once,
    # and with these terms; whether pushing a pool could decide it, so that the depth rule applies;
    # the room's name in journals and watches.
    assets: tuple[str, ...] = field(init=False, compare=False)
    bases: tuple[Basis, ...] = field(init=False, compare=False)
    has_tokens: bool = field(init=False, compare=False)
    subject: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        tokens = (leaf.type is MarketType.TOKEN_MARKET_CAP for leaf in leaves(self.condition))
        assets, terms = assets_of(self.condition), self.priced_on
        bases = () if terms is None else tuple(Basis(asset, terms) for asset in assets)
        object.__setattr__(self, "assets", assets)
        object.__setattr__(self, "bases", bases)
        object.__setattr__(self, "has_tokens", any(tokens))
        object.__setattr__(self, "subject", subject_of(self.id))

    def require_move(self, status: RoomStatus) -> None:
        """Only the moves of the table exist; any other is a bug."""
        allowed = MOVES.get(self.status, frozenset())
        assert status in allowed, f"room {self.id}: {self.status} cannot become {status}"

    def admit(self, at: Instant) -> None:
        """Refuse a bet accepted at this instant, E-BET-LOCKED, where betting is closed."""
        if self.status not in (RoomStatus.QUEUING, RoomStatus.OPEN) or at >= self.locks_at:
            raise Refusal("E-BET-LOCKED", room=self.id, status=self.status, locks_at=self.locks_at)


def subject_of(room: RoomId) -> str:
    """Name a room in journals and watches."""
    return f"room:{room}"


def assets_of(condition: Condition) -> tuple[str, ...]:
    """What a condition is about, each asset once, in a fixed order."""
    return tuple(sorted({leaf.asset for leaf in leaves(condition)}))


def priced(condition: Condition) -> list[Priced]:
    """What has to be priced for a condition."""
    return [Priced(*each) for each in {(leaf.type, leaf.asset) for leaf in leaves(condition)}]


def clean_title(title: str) -> str:
    """Trim a title; refuses E-ROOM-TITLE with what is wrong."""
    trimmed = title.strip()
    if len(trimmed) not in TITLE_LENGTH:
        raise Refusal("E-ROOM-TITLE", why=f"it has {len(trimmed)} characters, 5 to 200 are allowed")
    for character in trimmed:
        if unicodedata.category(character) in HIDDEN:
            raise Refusal(
                "E-ROOM-TITLE",
                why=f"it contains the invisible character U+{ord(character):04X}",
            )
    return trimmed


def read_market(market: object) -> Condition:
    """Read what a room asks; refuses E-ROOM-TARGET, E-ROOM-MARKET, E-ASSET-UNKNOWN."""
    try:
        condition = parse_market(market)
    except MarketProblem as problem:
        if problem.reason == "target":
            raise Refusal("E-ROOM-TARGET", why="the target is not a positive number") from problem
        if problem.reason == "asset":
            raise Refusal("E-ASSET-UNKNOWN", asset="") from problem
        raise Refusal("E-ROOM-MARKET", why=MARKET_WORDS[problem.reason]) from problem
    for leaf in leaves(condition):
        _require_known_form(leaf)
    return condition


MARKET_WORDS: Final = {
    "shape": "it is not one of coin_price, token_market_cap, all, any with their fields",
    "direction": "direction is at_or_above or at_or_below",
    "leaves": "a combination has one to five conditions",
    "depth": "combinations nest two deep at most",
    "twice": "the same condition stands in it twice",
}


def _require_known_form(leaf: Leaf) -> None:
    if leaf.type is MarketType.COIN_PRICE:
        if not TICKER.fullmatch(leaf.asset):
            raise Refusal("E-ASSET-UNKNOWN", asset=leaf.asset)
        return
    try:
        Pubkey.from_string(leaf.asset)
    except ValueError as problem:
        raise Refusal("E-ASSET-UNKNOWN", asset=leaf.asset) from problem


def room_times(
    *,
    now: Instant,
    settles_in: timedelta | None,
    settles_at: Instant | None,
    lock_fraction: Decimal | None,
    limits: Limits,
) -> tuple[timedelta, Fraction]:
    """Give a room's duration and at which part of it betting locks; refuses E-ROOM-TIME."""
    if (settles_in is None) == (settles_at is None):
        raise Refusal("E-ROOM-TIME", why="give settles_in or settles_at, one of them")
    duration = settles_in if settles_in is not None else _until(settles_at, now)
    if not limits.duration_min <= duration <= limits.duration_max:
        raise Refusal("E-ROOM-TIME", least=limits.duration_min, most=limits.duration_max)
    fraction = limits.lock_fraction if lock_fraction is None else lock_fraction
    if not Decimal("0.1") <= fraction <= Decimal("0.9"):
        raise Refusal("E-ROOM-TIME", why="lock_fraction lies between 0.1 and 0.9")
    return duration, Fraction(fraction)


def _until(settles_at: Instant | None, now: Instant) -> timedelta:
    assert settles_at is not None
    return settles_at - now


def lock_time(created_at: Instant, duration: timedelta, fraction: Fraction) -> Instant:
    """Give the instant at which betting ends, cut to milliseconds."""
    micros = duration // timedelta(microseconds=1) * fraction
    return cut(created_at + timedelta(microseconds=int(micros)))


def require_players(wanted: int | None, limits: Limits) -> int:
    """Give how many players open a room; refuses E-ROOM-PLAYERS."""
    players = limits.min_players if wanted is None else wanted
    if not 1 <= players <= MOST_PLAYERS_NEEDED:
        raise Refusal("E-ROOM-PLAYERS", most=MOST_PLAYERS_NEEDED)
    return players


def require_open_target(condition: Condition, resolve: str, prices: Mapping[str, Decimal]) -> None:
    """Refuse E-ROOM-TARGET for a touch room whose question is already answered."""
    if resolve == "touch" and meets(condition, prices):
        raise Refusal(
            "E-ROOM-TARGET",
            why="the price is already there; choose a target it has still to reach, "
            "or resolve the room at_close",
        )


def require_stake(stake: int, limits: Limits) -> None:
    """Refuse E-STAKE outside of the house's bounds."""
    if not limits.stake_min <= stake <= limits.stake_max:
        raise Refusal("E-STAKE", stake=stake, least=limits.stake_min, most=limits.stake_max)


def require_fresh(room: Room, newest: Mapping[Basis, Newest], at: Instant, limits: Limits) -> None:
    """Refuse E-PRICE-STALE unless every asset was observed, on its terms, within ``stale_after``.

    What is agreed on by other terms, as after settings were changed, decides nothing here. Nor is a
    price fresh that is from as far in the future: the clock was set back, and what has happened
    since is not observed before it has caught up.
    """
    for basis in room.bases:
        if basis not in newest or abs(at - newest[basis].at) > limits.stale_after:
            raise Refusal("E-PRICE-STALE", asset=basis.asset, stale_after=limits.stale_after)


def require_unmet(room: Room, newest: Mapping[Basis, Newest]) -> None:
    """Refuse E-TARGET-MET while the newest observation of a touch room meets its condition."""
    if room.resolve == "touch" and meets(
        room.condition, {basis.asset: newest[basis].price for basis in room.bases}
    ):
        raise Refusal("E-TARGET-MET", room=room.id)


def require_depth(
    room: Room, newest: Mapping[Basis, Newest], handle_with_stake: int, limits: Limits
) -> None:
    """Refuse E-DEPTH where pushing a token's pool would cost less than the room can win."""
    seen = {basis.asset: newest[basis] for basis in room.bases}
    for leaf in leaves(room.condition):
        if leaf.type is not MarketType.TOKEN_MARKET_CAP:
            continue
        reserve = seen[leaf.asset].quote_reserve or 0
        cap = measured(leaf, seen[leaf.asset].price)
        if reserve < limits.token_liquidity_floor or depth_exceeded(
            handle_with_stake=handle_with_stake,
            quote_reserve=reserve,
            price=cap,
            target=Fraction(leaf.target),
            bps=limits.token_depth_bps,
        ):
            raise Refusal("E-DEPTH", asset=leaf.asset, quote_reserve=reserve)
