"""Derive a room's decision again: prices from quotes, the outcome from prices."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from rooms.kernel.time import Instant, rfc3339
from rooms.proof.condition import (
    Condition,
    Decision,
    MarketProblem,
    MarketType,
    Point,
    leaves,
    parse_market,
    see,
    step,
    watch,
)
from rooms.proof.consensus import NoConsensus, Observation, Quote, consensus
from rooms.proof.findings import Findings
from rooms.proof.pool import Side, cutoff
from rooms.proof.roomfile import Head
from rooms.proof.terms import BOUND_ROLE, ROLES, SourceTerms, settings_problem

SUPPLIED: Final = frozenset({MarketType.TOKEN_MARKET_CAP})


def check_observations(findings: Findings, head: Head) -> None:
    """Derive every price again, from the quotes, weights and ages that are in the file."""
    kinds = {leaf.asset: leaf.type for leaf in leaves(_condition(head))}
    known: set[tuple[int, str]] = set()
    for tick, observation in head.observations:
        what = f"{observation.asset} at tick {tick}"
        kind = kinds.get(observation.asset)
        if kind is None:
            findings.note("sources", f"{what} is not in the room's market")
        elif (tick, observation.asset) in known:
            findings.note("sources", f"{what} is there twice")
        elif _check_sources(findings, head, observation, kind, what):
            _check_consensus(findings, head, observation, kind, what)
        known.add((tick, observation.asset))


def check_order(findings: Findings, head: Head) -> None:
    """Check that no consensus stands for two ticks: of each asset every tick was judged later.

    A token's first is left out: it may have been asked for the room's creation, elsewhere.
    """
    judged: dict[str, list[tuple[int, Instant]]] = defaultdict(list)
    for tick, observation in sorted(head.observations, key=lambda each: each[0]):
        judged[observation.asset].append((tick, observation.judged_at))
    kinds = {leaf.asset: leaf.type for leaf in leaves(_condition(head))}
    for asset, kind in kinds.items():
        told = judged[asset][1 if kind in SUPPLIED else 0 :]
        for (before, earlier), (tick, later) in pairwise(told):
            if tick > before and later <= earlier:
                problem = f"{asset} at tick {tick} was not judged after tick {before}"
                findings.note("consensus", problem)


def check_trigger(findings: Findings, head: Head) -> None:
    """Derive outcome, trigger, t_hit, t_clear and cutoff again, and the grace period."""
    decided = _decide(head, _condition(head))
    if decided is None:
        findings.note("trigger", "the observations decide nothing")
        return
    decision, at = decided
    if head.reason is None:
        findings.expect("trigger", "the outcome", says=head.outcome, gives=decision.outcome)
    findings.expect("trigger", "the trigger", says=head.trigger, gives=decision.trigger)
    stands = head.reason in (None, "NO_WINNER")
    t_hit, t_clear = (decision.t_hit, decision.t_clear) if stands else (None, None)
    findings.expect("trigger", "t_hit", says=head.t_hit, gives=t_hit)
    findings.expect("trigger", "t_clear", says=head.t_clear, gives=t_clear)
    if at > _grace_over(head):
        findings.note("trigger", f"{rfc3339(at)} is after the grace period")


def decided_in_time(head: Head) -> bool:
    """Say whether the observations decide the room before its grace period is over."""
    decided = _decide(head, _condition(head))
    return decided is not None and decided[1] <= _grace_over(head)


def decided_hit(head: Head) -> Instant | None:
    """Give the time of the touch that the observations show, if they show one."""
    if room_problem(head) is not None:
        return None
    decided = _decide(head, _condition(head))
    return decided[0].t_hit if decided else None


def decided_outcome(head: Head) -> Side | None:
    """Give what the observations decide, whatever the file says; None where they do not."""
    decided = _decide(head, _condition(head))
    return decided[0].outcome if decided else None


def expected_cutoff(head: Head) -> Instant | None:
    """Give the instant from which bets are scratched; None where no hit decided the room."""
    if head.t_hit is None or head.t_clear is None:
        return None
    return cutoff(head.t_hit, head.t_clear, head.room.terms.past_post)


def room_problem(head: Head) -> str | None:
    """Say why this room cannot be derived again, if it cannot: no rule fits what it states."""
    try:
        parse_market(head.room.market)
    except MarketProblem as problem:
        return f"the room's market has a wrong {problem.reason}"
    if any(leaf.supply is None for leaf in leaves(_condition(head)) if leaf.type in SUPPLIED):
        return "the supply of a token is not fixed"
    if head.room.resolve not in ("touch", "at_close"):
        return f"no room is resolved by {head.room.resolve}"
    if not head.room.created_at < head.room.locks_at < head.room.settles_at:
        return "betting does not end between the room's creation and its settle time"
    if head.room.min_players < 1:
        return "it needs no players"
    return settings_problem(head.room.terms)


def _grace_over(head: Head) -> Instant:
    return head.room.settles_at + head.room.terms.settle_grace


def _condition(head: Head) -> Condition:
    return parse_market(head.room.market)


def _check_sources(
    findings: Findings, head: Head, observation: Observation, kind: MarketType, what: str
) -> bool:
    """Note what is wrong with an observation's sources; True where it can be judged again."""
    quotes = [judged.quote for judged in observation.quotes]
    problem = _sources_problem(quotes, head.room.terms.oracle.sources, kind)
    if problem is not None:
        findings.note("sources", f"{what}: {problem}")
        return False
    for quote in quotes:
        fixed = head.room.terms.oracle.sources[quote.source]
        whose = f"{what}: {quote.source}'s"
        findings.expect("sources", f"{whose} origin", says=quote.origin, gives=fixed.origin)
        findings.expect("sources", f"{whose} weight", says=quote.weight, gives=fixed.weight)
    return True


def _sources_problem(
    quotes: Sequence[Quote], sources: Mapping[str, SourceTerms], kind: MarketType
) -> str | None:
    if len({quote.source for quote in quotes}) < len(quotes):
        return "a source is there twice"
    fitting = {ROLES[kind], BOUND_ROLE} if kind is MarketType.COIN_PRICE else {ROLES[kind]}
    for quote in quotes:
        fixed = sources.get(quote.source)
        if fixed is None or fixed.role not in fitting:
            return f"{quote.source} is no {ROLES[kind]} source of the room"
        if quote.weight < 1 or (quote.price is not None and quote.price <= 0):
            return f"{quote.source} has a weight or a price that is not positive"
    bounds = [quote for quote in quotes if sources[quote.source].role == BOUND_ROLE]
    return "two sanity bounds" if len(bounds) > 1 else None


def _check_consensus(
    findings: Findings, head: Head, observation: Observation, kind: MarketType, what: str
) -> None:
    oracle = head.room.terms.oracle
    rules, quotes = oracle.rules(kind), [judged.quote for judged in observation.quotes]
    asked = [quote for quote in quotes if quote.source in rules.max_age]
    bound = next((quote for quote in quotes if quote.source not in rules.max_age), None)
    again = consensus(observation.asset, asked, rules, observation.judged_at, bound)
    if isinstance(again, NoConsensus):
        findings.note("consensus", f"{what}: no price, by the rule of {again.reason}")
        return
    for name in ("price", "at", "quote_reserve", "supply"):
        says, gives = getattr(observation, name), getattr(again, name)
        findings.expect("consensus", f"{what}: {name}", says=says, gives=gives)
    counted = {judged.quote.source: judged for judged in again.quotes}
    for judged in observation.quotes:
        gives = counted[judged.quote.source]
        whose = f"{what}: {judged.quote.source}"
        findings.expect("consensus", whose, says=judged.why or "used", gives=gives.why or "used")
        findings.expect("consensus", f"{whose} is used", says=judged.used, gives=gives.used)


def _decide(head: Head, condition: Condition) -> tuple[Decision, Instant] | None:
    """Fold the published observations as the oracle folded them; the time is the last one's."""
    room = head.room
    touch = room.resolve == "touch"
    watching = watch(
        created_at=room.created_at,
        settles_at=room.settles_at,
        resolve="touch" if touch else "at_close",
    )
    earlier: dict[str, list[Point]] = defaultdict(list)
    for tick, observed in sorted(_by_tick(head).items()):
        seen = see(condition, observed, earlier, touch=touch, token_window=room.terms.token_window)
        for asset, point in observed.items():
            earlier[asset].append(point)
        if seen is None:
            continue
        watching, decision = step(
            watching,
            tick=tick,
            at=seen.at,
            met=seen.met,
            confirmations=room.terms.confirmations,
        )
        if decision is not None:
            return decision, seen.at
    return None


def _by_tick(head: Head) -> Mapping[int, Mapping[str, Point]]:
    ticks: dict[int, dict[str, Point]] = defaultdict(dict)
    for tick, observation in head.observations:
        ticks[tick][observation.asset] = (observation.at, observation.price)
    return ticks
