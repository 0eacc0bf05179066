"""Room files made the way the house makes them, for tests to check and to tamper with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rooms.kernel.time import Instant
from rooms.proof.condition import Decision, MarketType, Point, parse_market, see, step, watch
from rooms.proof.consensus import Observation, Quote, consensus
from rooms.proof.pool import Side, Stake, Terms, cutoff, refunded, settle
from rooms.proof.roomfile import (
    BetLine,
    Head,
    RoomFacts,
    bet_json,
    file_hash,
    head_json,
)
from rooms.proof.terms import OracleTerms, RoomTerms, SourceTerms

CREATED = datetime(2026, 11, 20, 15, tzinfo=UTC)
SETTLES = CREATED + timedelta(minutes=20)
MINT = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"
COIN = {"type": "coin_price", "asset": "SOL", "direction": "at_or_above", "target": "165.00"}
TOKEN = {
    "type": "token_market_cap",
    "asset": MINT,
    "direction": "at_or_above",
    "target": "2000000",
    "supply": "1000000",
}


def source(role: str, origin: str, weight: int, seconds: int = 10) -> SourceTerms:
    return SourceTerms(weight=weight, origin=origin, max_age=timedelta(seconds=seconds), role=role)


SOURCES = {
    "binance": source("coin", "binance", 3),
    "coinbase": source("coin", "coinbase", 2),
    "kraken": source("coin", "kraken", 2),
    "pyth": source("coin", "pyth", 1),
    "coingecko": source("bound", "coingecko", 1, 120),
    "dexscreener": source("token", "dexscreener", 1, 60),
    "coingecko_onchain": source("token", "coingecko", 1, 60),
}
TERMS = RoomTerms(
    pool=Terms(protocol_bps=200, host_bps=100),
    past_post=timedelta(seconds=3),
    settle_grace=timedelta(minutes=15),
    confirmations=2,
    token_window=timedelta(minutes=5),
    oracle=OracleTerms(
        quorum_coin=3,
        quorum_token=2,
        spread_coin=Decimal("0.005"),
        spread_token=Decimal("0.03"),
        sources=SOURCES,
    ),
)
ROOM = RoomFacts(
    id="7",
    title="SOL at 165 before four",
    market=COIN,
    resolve="touch",
    host_id="1",
    min_players=2,
    created_at=CREATED,
    locks_at=CREATED + timedelta(minutes=10),
    settles_at=SETTLES,
    terms=TERMS,
)


def after(seconds: float) -> Instant:
    return CREATED + timedelta(seconds=seconds)


def coin_quotes(price: str, at: Instant) -> list[Quote]:
    """Three venues near a price, the third without a time, and one far off."""
    near = Decimal(price)
    offers = {
        "binance": near,
        "coinbase": near + Decimal("0.01"),
        "kraken": near + Decimal("0.02"),
        "pyth": near * 2,
    }
    return [
        Quote(
            source=name,
            origin=SOURCES[name].origin,
            weight=SOURCES[name].weight,
            price=offer,
            source_time=None if name == "kraken" else at,
            received_at=at + timedelta(milliseconds=200),
        )
        for name, offer in offers.items()
    ]


def coin_observation(price: str, seconds: float) -> Observation:
    at = after(seconds)
    bound = Quote(
        source="coingecko",
        origin="coingecko",
        weight=1,
        price=Decimal(price) + 1,
        source_time=at - timedelta(seconds=60),
        received_at=at,
    )
    rules = TERMS.oracle.rules(MarketType.COIN_PRICE)
    now = at + timedelta(milliseconds=300)
    found = consensus("SOL", coin_quotes(price, at), rules, now, bound)
    assert isinstance(found, Observation)
    return found


def token_observation(price: str, seconds: float) -> Observation:
    at = after(seconds)
    quotes = [
        Quote(
            source=name,
            origin=SOURCES[name].origin,
            weight=1,
            price=Decimal(price),
            source_time=None,
            received_at=at,
            pool=pool,
            quote_reserve=reserve,
            supply=Decimal(1_000_000),
        )
        for name, pool, reserve in (("dexscreener", "a", 5), ("coingecko_onchain", "b", None))
    ]
    rules = TERMS.oracle.rules(MarketType.TOKEN_MARKET_CAP)
    found = consensus(MINT, quotes, rules, at + timedelta(milliseconds=300), None)
    assert isinstance(found, Observation)
    return found


@dataclass(frozen=True)
class Bet:
    side: Side
    stake: int
    seconds: float


BETS = (
    Bet(Side.YES, 90_000_000_007, 10),
    Bet(Side.YES, 10_000_000_000, 11),
    Bet(Side.NO, 50_000_000_000, 12),
    Bet(Side.NO, 7_000_000_000, 298),
)
TOUCHED = (
    (11, coin_observation("164.20", 297)),
    (12, coin_observation("165.10", 300)),
    (13, coin_observation("165.30", 303)),
)


def decide(room: RoomFacts, observations: Sequence[tuple[int, Observation]]) -> Decision | None:
    """Fold one asset's observations, as the oracle does."""
    touch = room.resolve == "touch"
    watching = watch(
        created_at=room.created_at,
        settles_at=room.settles_at,
        resolve="touch" if touch else "at_close",
    )
    condition = parse_market(room.market)
    earlier: list[Point] = []
    for tick, seen in observations:
        point = (seen.at, seen.price)
        found = see(
            condition,
            {seen.asset: point},
            {seen.asset: earlier},
            touch=touch,
            token_window=room.terms.token_window,
        )
        earlier.append(point)
        if found is None:
            continue
        watching, decision = step(watching, tick=tick, at=found.at, met=found.met)
        if decision is not None:
            return decision
    return None


def lines_of(
    room: RoomFacts = ROOM,
    observations: Sequence[tuple[int, Observation]] = TOUCHED,
    bets: Sequence[Bet] = BETS,
    reason: str | None = None,
) -> list[dict[str, Any]]:
    """Settle a room as the house does and give the lines of its file."""
    decision = decide(room, observations)
    stands = decision is not None and reason in (None, "NO_WINNER")
    t_hit, t_clear = (decision.t_hit, decision.t_clear) if decision and stands else (None, None)
    edge = cutoff(t_hit, t_clear, room.terms.past_post) if t_hit and t_clear else None
    counted = [edge is None or after(bet.seconds) < edge for bet in bets]
    stakes = [
        Stake(f"{number:032x}", bet.side, bet.stake)
        for number, (bet, counts) in enumerate(zip(bets, counted, strict=True))
        if counts
    ]
    if reason is None:
        assert decision is not None
        settled = settle(stakes, decision.outcome, room.terms.pool)
        assert not settled.void
    else:
        settled = refunded(stakes, room.terms.pool)
    head = Head(
        room=room,
        outcome=None if reason else (decision.outcome if decision else None),
        reason=reason,
        trigger=decision.trigger if decision else None,
        t_hit=t_hit,
        t_clear=t_clear,
        cutoff=edge,
        observations=tuple(observations),
        handle=settled.handle,
        winning=settled.winning,
        takeout=settled.takeout,
        host_fee=settled.host_fee,
        protocol_fee=settled.protocol_fee,
        breakage=settled.breakage,
        scratched=counted.count(False),
        bets_count=len(bets),
    )
    rows = [
        bet_json(
            BetLine(
                ref=f"{number:032x}",
                side=bet.side,
                stake=bet.stake,
                accepted_at=after(bet.seconds),
                counted=counts,
                payout=settled.payouts.get(f"{number:032x}", bet.stake),
            )
        )
        for number, (bet, counts) in enumerate(zip(bets, counted, strict=True))
    ]
    return sealed([head_json(head), *rows])


def sealed(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the lines the hash they have: what a house that lies would do."""
    head, *bets = lines
    return [{**head, "file_hash": file_hash(head, bets)}, *bets]


def written(lines: Sequence[dict[str, Any]]) -> list[str]:
    return [json.dumps(line) + "\n" for line in lines]


def at_close(room: RoomFacts = ROOM) -> RoomFacts:
    return replace(room, resolve="at_close")
