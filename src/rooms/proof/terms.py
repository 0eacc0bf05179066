"""What is fixed when a room is created, so that nobody can change it under a bet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from rooms.proof.condition import MarketType
from rooms.proof.consensus import Rules
from rooms.proof.decimals import written
from rooms.proof.fields import Fields, Malformed, millis, number, table, text, whole
from rooms.proof.pool import Terms

BOUND_ROLE: Final = "bound"
ROLES: Final = {MarketType.COIN_PRICE: "coin", MarketType.TOKEN_MARKET_CAP: "token"}
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTerms:
    """How one source counts: its weight, whom it speaks for, how old it may be, for what."""

    weight: int
    origin: str
    max_age: timedelta
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleTerms:
    """How prices are agreed on; a spread is a fraction of the price."""

    quorum_coin: int
    quorum_token: int
    spread_coin: Decimal
    spread_token: Decimal
    sources: Mapping[str, SourceTerms]

    def rules(self, kind: MarketType) -> Rules:
        """Give the consensus rules for coins or for tokens."""
        coin = kind is MarketType.COIN_PRICE
        return Rules(
            quorum=self.quorum_coin if coin else self.quorum_token,
            spread=self.spread_coin if coin else self.spread_token,
            max_age={
                name: source.max_age
                for name, source in self.sources.items()
                if source.role == ROLES[kind]
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomTerms:
    """Everything of a room's settlement that is a setting, as it was at the room's creation."""

    pool: Terms
    past_post: timedelta
    settle_grace: timedelta
    confirmations: int
    token_window: timedelta
    oracle: OracleTerms


def settings_problem(terms: RoomTerms) -> str | None:
    """Say in words which of the terms no house can have set, if any; fees are pool.py's matter."""
    oracle, nothing = terms.oracle, timedelta()
    possible = {
        "no number of confirmations": terms.confirmations >= 1,
        "no quorum": min(oracle.quorum_coin, oracle.quorum_token) >= 1,
        "no limit to the spread": all(
            0 < spread < 1 for spread in (oracle.spread_coin, oracle.spread_token)
        ),
        "a time-weighted median without a window": terms.token_window > nothing,
        "a period that ends before it begins": min(terms.past_post, terms.settle_grace) >= nothing,
    }
    return next(
        (f"its terms have {problem}" for problem, good in possible.items() if not good), None
    )


def terms_json(terms: RoomTerms) -> dict[str, Any]:
    """Write the terms as they are stored and published; durations in milliseconds."""
    return {
        "protocol_bps": terms.pool.protocol_bps,
        "host_bps": terms.pool.host_bps,
        "reward_bps": list(terms.pool.reward_bps),
        "past_post_ms": terms.past_post // _MILLISECOND,
        "settle_grace_ms": terms.settle_grace // _MILLISECOND,
        "confirmations": terms.confirmations,
        "token_window_ms": terms.token_window // _MILLISECOND,
        "oracle": oracle_json(terms.oracle),
    }


def oracle_json(terms: OracleTerms) -> dict[str, Any]:
    """Write how prices are agreed on, as a part of a room's terms."""
    return {
        "quorum_coin": terms.quorum_coin,
        "quorum_token": terms.quorum_token,
        "spread_coin": written(terms.spread_coin),
        "spread_token": written(terms.spread_token),
        "sources": {name: _source_json(each) for name, each in terms.sources.items()},
    }


def parse_terms(value: Fields) -> RoomTerms:
    """Read what ``terms_json`` wrote; Malformed otherwise."""
    return RoomTerms(
        pool=Terms(
            protocol_bps=whole(value, "protocol_bps"),
            host_bps=whole(value, "host_bps"),
            reward_bps=_reward_bps(value),
        ),
        past_post=millis(value, "past_post_ms"),
        settle_grace=millis(value, "settle_grace_ms"),
        confirmations=whole(value, "confirmations"),
        token_window=millis(value, "token_window_ms"),
        oracle=parse_oracle(table(value, "oracle")),
    )


def parse_oracle(value: Fields) -> OracleTerms:
    """Read what ``oracle_json`` wrote; Malformed otherwise."""
    sources = table(value, "sources")
    return OracleTerms(
        quorum_coin=whole(value, "quorum_coin"),
        quorum_token=whole(value, "quorum_token"),
        spread_coin=number(value, "spread_coin"),
        spread_token=number(value, "spread_token"),
        sources={name: _parse_source(table(sources, name)) for name in sources},
    )


def _reward_bps(value: Fields) -> tuple[int, ...]:
    levels = value.get("reward_bps")
    if not isinstance(levels, list):
        raise Malformed('"reward_bps" is not a list of whole numbers')
    return tuple(whole({"reward_bps": level}, "reward_bps") for level in levels)


def _source_json(source: SourceTerms) -> dict[str, Any]:
    return {
        "weight": source.weight,
        "origin": source.origin,
        "max_age_ms": source.max_age // _MILLISECOND,
        "role": source.role,
    }


def _parse_source(value: Fields) -> SourceTerms:
    return SourceTerms(
        weight=whole(value, "weight"),
        origin=text(value, "origin"),
        max_age=millis(value, "max_age_ms"),
        role=text(value, "role"),
    )
