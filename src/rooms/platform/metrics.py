"""What this process counts and times, for Prometheus; docs/runbooks says what each answers.

Instruments stand here, one per question, so that whoever counts imports one name. A label has few
values, known in advance: never a player, a room or an asset. What stands in the database already
is read when somebody asks (``exposition``), not counted here.

Counting costs about a microsecond: once per request, transaction or batch, never once per bet.
"""

import asyncio
import math
import platform
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from rooms import __version__

# The library would double every counter and histogram by the time of its birth.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library says no types here

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZES: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)

REQUESTS: Final = Counter(
    "rooms_http_requests_total",
    "Requests answered.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
REQUEST_SECONDS: Final = Histogram(
    "rooms_http_request_seconds",
    "Time from a request to the first byte of its answer.",
    ("route",),
    buckets=FAST,
    registry=REGISTRY,
)
REFUSALS: Final = Counter(
    "rooms_refusals_total", "Problems answered, by their code.", ("code",), registry=REGISTRY
)

BETS: Final = Counter("rooms_bets_total", "Bets accepted; replays not counted.", registry=REGISTRY)
STAKED: Final = Counter(
    "rooms_staked_lamports_total", "Stakes of the bets accepted.", registry=REGISTRY
)
BATCH_SIZE: Final = Histogram(
    "rooms_batch_size",
    "Requests that were committed together.",
    ("lane",),
    buckets=SIZES[:9],
    registry=REGISTRY,
)
BATCH_SECONDS: Final = Histogram(
    "rooms_batch_seconds",
    "Time from the beginning of a batch to its commit.",
    ("lane",),
    buckets=FAST,
    registry=REGISTRY,
)
BATCHES_EXACT: Final = Counter(
    "rooms_batches_exact_total",
    "Batches that one statement did not do, so that each request is looked at.",
    ("lane",),
    registry=REGISTRY,
)

SETTLEMENT_SECONDS: Final = Histogram(
    "rooms_settlement_seconds",
    "Time of the transaction that paid a room, its commit included.",
    ("outcome",),
    buckets=FAST,
    registry=REGISTRY,
)
SETTLEMENT_BETS: Final = Histogram(
    "rooms_settlement_bets", "Bets of a room paid.", ("outcome",), buckets=SIZES, registry=REGISTRY
)
SETTLED: Final = Counter(
    "rooms_settled_lamports_total",
    "Lamports that settlements divided (handle) and kept (takeout).",
    ("part",),
    registry=REGISTRY,
)

IN_PLAY: Final = Gauge(
    "rooms_rooms", "Rooms that are not settled or voided yet.", ("status",), registry=REGISTRY
)
LATE: Final = Gauge(
    "rooms_late_seconds",
    "By how much the latest room is behind its time to lock, settle or pay.",
    ("step",),
    registry=REGISTRY,
)
HOUSE_BALANCE: Final = Gauge(
    "rooms_ledger_balance_units",
    "Balances of the house's own accounts in the asset's smallest unit; the rest is the players'.",
    ("kind", "asset"),
    registry=REGISTRY,
)

KENO_TICKETS: Final = Counter(
    "rooms_keno_tickets_total", "Tickets sold; replays not counted.", registry=REGISTRY
)
KENO_UNITS: Final = Counter(
    "rooms_keno_units_total",
    "What tickets staked and were paid, in the asset's smallest unit.",
    ("part",),
    registry=REGISTRY,
)
KENO_ROUNDS: Final = Counter(
    "rooms_keno_rounds_total",
    "Rounds that came to their end, by how.",
    ("fate",),
    registry=REGISTRY,
)
KENO_LOCK_LATE: Final = Histogram(
    "rooms_keno_lock_late_seconds",
    "By how much the rounds that were locked together came after their lock time, at most.",
    buckets=FAST,
    registry=REGISTRY,
)
KENO_PAY_SECONDS: Final = Histogram(
    "rooms_keno_pay_seconds",
    "Time of a transaction that paid rounds, its commit included.",
    buckets=FAST,
    registry=REGISTRY,
)
KENO_LEADS: Final = Gauge(
    "rooms_keno_leads", "1 where this process leads the clock.", ("shard",), registry=REGISTRY
)
KENO_WITHOUT_KEY: Final = Gauge(
    "rooms_keno_without_key",
    "1 where this process may not lead the clock, for it has not the master key of the chains.",
    ("shard",),
    registry=REGISTRY,
)
KENO_BEHIND: Final = Gauge(
    "rooms_keno_behind_seconds",
    "How long ago the oldest round locked that waits for a step.",
    ("step",),
    registry=REGISTRY,
)
KENO_BANKROLL: Final = Gauge(
    "rooms_keno_bankroll_units",
    "What bankrolls have (funds) and have to stand for (exposure), in the smallest unit.",
    ("operator", "asset", "part"),
    registry=REGISTRY,
)

LEDGER_CHECKED: Final = Counter(
    "rooms_ledger_checked_rows_total",
    "Rows of the books that the continuous check has read.",
    registry=REGISTRY,
)
LEDGER_CHECKED_AT: Final = Gauge(
    "rooms_ledger_checked_timestamp_seconds",
    "When the continuous check last had nothing left to read, in Unix time.",
    registry=REGISTRY,
)
LEDGER_WRONG: Final = Gauge(
    "rooms_ledger_wrong_rows", "Wrong rows that the continuous check has found.", registry=REGISTRY
)

DRAND_ANSWERS: Final = Counter(
    "rooms_drand_answers_total",
    "Answers of drand's mirrors: right, wrong (not of the chain, or not signed by it), no answer.",
    ("mirror", "result"),
    registry=REGISTRY,
)
BEACON_BEHIND: Final = Gauge(
    "rooms_beacon_behind_seconds",
    "For how long the next beacon has been due that no mirror has shown yet.",
    registry=REGISTRY,
)

TICK_SECONDS: Final = Histogram(
    "rooms_oracle_tick_seconds",
    "Time of a tick: asking, agreeing, deciding.",
    buckets=FAST,
    registry=REGISTRY,
)
AGREEMENTS: Final = Counter(
    "rooms_oracle_agreements_total",
    "Prices asked for at ticks: agreed, or why not (quorum, spread, bound).",
    ("result",),
    registry=REGISTRY,
)
QUOTES: Final = Counter(
    "rooms_oracle_quotes_total",
    "Quotes judged at ticks: used, or why not, in the words of the published evidence.",
    ("source", "result"),
    registry=REGISTRY,
)
SOURCE_USED_AT: Final = Gauge(
    "rooms_oracle_source_used_timestamp_seconds",
    "When a quote of this source last made a price, in Unix time.",
    ("source",),
    registry=REGISTRY,
)
LEADS: Final = Gauge(
    "rooms_oracle_leads", "1 where this process leads the oracle.", registry=REGISTRY
)
HEAD_SECONDS: Final = Histogram(
    "rooms_log_head_seconds",
    "Time of a look at what waits for the log, its head included.",
    buckets=FAST,
    registry=REGISTRY,
)
LOG_LEADS: Final = Gauge(
    "rooms_log_leads", "1 where this process leads the log.", registry=REGISTRY
)
LOG_SIZE: Final = Gauge(
    "rooms_log_leaves", "Leaves of the log under its newest head.", registry=REGISTRY
)
LOG_WAITING: Final = Gauge(
    "rooms_log_waiting_records",
    "Records and batches that are not in the log yet; counted up to a thousand.",
    registry=REGISTRY,
)
LOG_LAG: Final = Gauge(
    "rooms_log_lag_seconds",
    "Age of the oldest record or batch that is not in the log yet.",
    registry=REGISTRY,
)
WATCHES: Final = Gauge("rooms_oracle_watches", "Conditions that are watched.", registry=REGISTRY)
PRICE_AGE: Final = Gauge(
    "rooms_oracle_oldest_price_seconds",
    "Age of the newest observation of the watched asset that has been without one for longest.",
    registry=REGISTRY,
)

CONNECTIONS: Final = Gauge(
    "rooms_database_connections",
    "Connections of this process's pool: used, idle, and the most that may be (limit).",
    ("state",),
    registry=REGISTRY,
)
CONNECTION_WAIT: Final = Histogram(
    "rooms_database_wait_seconds",
    "Time that a transaction waited for a connection.",
    buckets=FAST,
    registry=REGISTRY,
)
DATABASE_UP: Final = Gauge(
    "rooms_database_up",
    "1 where the last look at the database succeeded, else what is read from it is left out.",
    registry=REGISTRY,
)
UNAVAILABLE: Final = Counter(
    "rooms_database_unavailable_total",
    "Transactions that ended because the database was not there or went away.",
    registry=REGISTRY,
)
HANDLED: Final = Counter(
    "rooms_outbox_handled_total", "Facts handled.", ("consumer",), registry=REGISTRY
)
UNHANDLED: Final = Counter(
    "rooms_outbox_failed_total",
    "Facts whose reaction failed by a bug; they stay due.",
    ("consumer",),
    registry=REGISTRY,
)

OUTBOX_DUE: Final = Gauge(
    "rooms_outbox_due_facts",
    "Facts that a consumer has not handled; counted up to a thousand.",
    ("consumer",),
    registry=REGISTRY,
)
OUTBOX_LAG: Final = Gauge(
    "rooms_outbox_lag_seconds",
    "Age of the oldest fact that a consumer has not handled.",
    ("consumer",),
    registry=REGISTRY,
)

FEED_CLIENTS: Final = Gauge(
    "rooms_feed_clients", "Connections of the live feed.", registry=REGISTRY
)
FEED_FRAMES: Final = Counter(
    "rooms_feed_frames_total", "Frames of topics written to clients.", registry=REGISTRY
)
FEED_DELAY: Final = Histogram(
    "rooms_feed_delay_seconds",
    "Time from telling of a fact to writing its frame to the clients here.",
    buckets=FAST,
    registry=REGISTRY,
)
FEED_BEHIND: Final = Gauge(
    "rooms_feed_behind_seconds",
    "Age of the oldest fact of which no client was told yet.",
    registry=REGISTRY,
)
FEED_STALE: Final = Gauge(
    "rooms_feed_stale",
    "1 while the clients here are told that what they see may be old.",
    registry=REGISTRY,
)
FEED_DROPPED: Final = Counter(
    "rooms_feed_dropped_total",
    "Clients sent away, because they read too slowly or asked what the feed does not take.",
    ("why",),
    registry=REGISTRY,
)
FEED_GAPS: Final = Counter(
    "rooms_feed_gaps_total", "Clients told that frames are lost to them.", registry=REGISTRY
)
BUILD: Final = Info("rooms_build", "Which program runs.", registry=REGISTRY)
BUILD.info({"version": __version__, "python": platform.python_version()})
LOOP_LAG: Final = Histogram(
    "rooms_event_loop_lag_seconds",
    "By how much a timer of the event loop came late.",
    buckets=FAST,
    registry=REGISTRY,
)
TASK_FAILURES: Final = Counter(
    "rooms_task_failures_total",
    "Tasks that ended by a bug and were started again.",
    ("task",),
    registry=REGISTRY,
)

# Read from the database for whoever asks (``exposition``); these have labels, those have none.
READ: Final = (IN_PLAY, LATE, HOUSE_BALANCE, OUTBOX_DUE, OUTBOX_LAG)
READ_ALONE: Final = (WATCHES, PRICE_AGE, LOG_SIZE, LOG_WAITING, LOG_LAG)

OUTCOMES: Final = ("YES", "NO", "VOID")
LOOK_AT_LOOP_EVERY: Final = 0.1


def _begin_at_zero() -> None:
    """Show what has not happened yet as 0: a rate needs to see the first time too."""
    BATCHES_EXACT.labels("bets"), BATCHES_EXACT.labels("tickets")
    for part in ("staked", "prizes", "refunds"):
        KENO_UNITS.labels(part)
    for fate in ("DRAWN", "VOID", "SKIPPED"):
        KENO_ROUNDS.labels(fate)
    for outcome in OUTCOMES:
        SETTLEMENT_SECONDS.labels(outcome), SETTLEMENT_BETS.labels(outcome)
    for part in ("handle", "takeout"):
        SETTLED.labels(part)
    for result in ("agreed", "quorum", "spread", "bound"):
        AGREEMENTS.labels(result)


_begin_at_zero()


def forget_readings() -> None:
    """Show nothing rather than what the database said before."""
    for gauge in READ:
        gauge.clear()
    for alone in READ_ALONE:
        alone.set(math.nan)


def count_bets(bets: int, stakes: int) -> None:
    """Count bets that were accepted and committed, with the lamports staked by all of them."""
    BETS.inc(bets)
    STAKED.inc(stakes)


def count_tickets(tickets: int, stakes: int) -> None:
    """Count tickets that were sold and committed, with the stakes of all of them."""
    KENO_TICKETS.inc(tickets)
    KENO_UNITS.labels("staked").inc(stakes)


def count_prizes(seconds: float, *, prizes: int, refunds: int) -> None:
    """Count what rounds paid, which one transaction did."""
    KENO_PAY_SECONDS.observe(seconds)
    KENO_UNITS.labels("prizes").inc(prizes)
    KENO_UNITS.labels("refunds").inc(refunds)


def count_check(rows: int, *, wrong: int, done: bool) -> None:
    """Count a step of the ledger's check: rows read, all wrong ones known, nothing left to read."""
    LEDGER_CHECKED.inc(rows)
    LEDGER_WRONG.set(wrong)
    if done:
        LEDGER_CHECKED_AT.set_to_current_time()


def count_settlement(
    seconds: float, *, outcome: str | None, bets: int, handle: int, takeout: int
) -> None:
    """Count a room that was paid, or given back where it has no outcome; amounts in lamports."""
    name = outcome or "VOID"
    SETTLEMENT_SECONDS.labels(name).observe(seconds)
    SETTLEMENT_BETS.labels(name).observe(bets)
    if outcome is not None:
        SETTLED.labels("handle").inc(handle)
        SETTLED.labels("takeout").inc(takeout)


async def watch_loop() -> None:
    """Measure the event loop's lag ten times a second, for ever."""
    time = asyncio.get_running_loop().time
    while True:
        due = time() + LOOK_AT_LOOP_EVERY
        await asyncio.sleep(LOOK_AT_LOOP_EVERY)
        LOOP_LAG.observe(max(0.0, time() - due))
