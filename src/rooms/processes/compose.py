"""Wires the house: every context once, in the order in which they know each other."""

import hashlib
import hmac
import os
import secrets
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

from rooms.contexts.fairness.api import Accepted, Fairness, RecordKind
from rooms.contexts.fairness.module import LogWiring, fairness_module, staff_acts
from rooms.contexts.identity.api import Identity
from rooms.contexts.identity.module import identity_module
from rooms.contexts.keno.api import Keno
from rooms.contexts.keno.domain import Band, Rules
from rooms.contexts.keno.module import Clockwork, keno_module, locked_rounds, ticket_entries
from rooms.contexts.keno.module import Neighbours as KenoNeighbours
from rooms.contexts.ledger.api import Ledger
from rooms.contexts.ledger.module import ledger_module
from rooms.contexts.oracle.module import oracle_module, oracle_terms
from rooms.contexts.parimutuel.api import Rooms
from rooms.contexts.parimutuel.domain import Limits
from rooms.contexts.parimutuel.module import (
    Neighbours,
    bet_entries,
    parimutuel_module,
    settled_rooms,
)
from rooms.contexts.referral.api import Referral
from rooms.contexts.referral.module import referral_module
from rooms.platform.clock import SystemClock
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.exposition import Exposition
from rooms.platform.http import HttpClient
from rooms.platform.keys import shared_key
from rooms.platform.module import Module, Reading
from rooms.platform.outbox import read_lag
from rooms.platform.problem import ExitCode, Problem
from rooms.platform.settings import KenoSettings, ParimutuelSettings, Settings
from rooms.proof.checkpoint import parse_key
from rooms.proof.fields import Malformed
from rooms.proof.pool import Terms, terms_problem
from rooms.proof.terms import RoomTerms


@dataclass(frozen=True, slots=True)
class House:
    """The wired contexts; ``modules`` says what each of them has to run.

    With ``sandbox_token_key`` the sandbox makes an access token again when it is asked twice.
    """

    settings: Settings
    database: Database
    clock: SystemClock
    sandbox_token_key: bytes = field(repr=False)
    identity: Identity
    ledger: Ledger
    referral: Referral
    rooms: Rooms
    fairness: Fairness
    keno: Keno
    modules: Mapping[str, Module[Any]]
    metrics: Exposition


@asynccontextmanager
async def open_house(settings: Settings, database_url: str) -> AsyncIterator[House]:
    """Connect and wire the house. Problem where its settings cannot make one."""
    terms = room_terms(settings)
    clock = SystemClock()
    holder = holder_name()
    database = Database(database_url, Doorbell(), size=settings.database.pool_size)
    await database.open()
    try:
        key = await _ref_key(settings, database)
        async with HttpClient() as http:
            identity = identity_module(database, staff_acts(key))
            ledger = ledger_module(database)
            oracle = oracle_module(database, http, settings.oracle, clock=clock, holder=holder)
            referral = referral_module(
                database,
                identity=identity.face,
                ledger=ledger.face,
                depth=settings.referral.depth,
            )
            fairness = fairness_module(
                database,
                http,
                settings.fairness,
                clock,
                await _log_wiring(settings, database, key, holder),
                ledger=ledger.face,
                ref_key=key,
                locked=locked_rounds(),
            )
            await fairness.face.beacons.learn()
            log = fairness.face.log
            near = Neighbours(identity.face, ledger.face, oracle.face, referral.face, log)
            parimutuel = parimutuel_module(
                database,
                near,
                clock=clock,
                limits=limits(settings),
                terms=terms,
                ref_key=key,
            )
            near_keno = KenoNeighbours(identity.face, ledger.face, fairness.face, referral.face)
            keno = wire_keno(settings.keno, database, near_keno, key, holder)
            modules = (identity, ledger, oracle, fairness, referral, parimutuel, keno)
            yield House(
                settings,
                database,
                clock,
                hmac.new(key, b"rooms/sandbox-tokens/1", hashlib.sha256).digest(),
                identity.face,
                ledger.face,
                referral.face,
                parimutuel.face,
                fairness.face,
                keno.face,
                {module.name: module for module in modules},
                Exposition(database, readings(modules)),
            )
    finally:
        await database.close()


def holder_name() -> str:
    """Name this process among those that want to lead."""
    # Processes in containers may well share the host's name and a number.
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def readings(modules: Iterable[Module[Any]]) -> list[Reading]:
    """Say what metrics read from the database: what each context does, and its consumers' lag."""
    found: list[Reading] = []
    for module in modules:
        found += module.readings
        found += [partial(read_lag, consumer=consumer) for consumer in module.consumers]
    return found


async def _ref_key(settings: Settings, database: Database) -> bytes:
    """Give the key of the bets' public references: the database's own, or the setting's."""
    return await _key(database, settings.fairness.key("ref_key"), "references")


async def _log_wiring(
    settings: Settings, database: Database, ref_key: bytes, holder: str
) -> LogWiring:
    """Say who the log is and whose rows are in it. Problem where a witness's key is no key."""
    mine = settings.fairness
    try:
        witnesses = [parse_key(each) for each in mine.witnesses]
    except Malformed as problem:
        raise Problem(
            f"A witness's key in fairness.witnesses cannot be read: {problem}.",
            exit_code=ExitCode.USAGE,
            next_step="write each as its witness publishes it: name+id+key",
        ) from problem
    return LogWiring(
        origin=f"{mine.deployment}/log",
        log_seed=await _key(database, mine.key("log_key"), "log"),
        receipt_seed=await _key(database, mine.key("receipt_key"), "receipts"),
        witnesses=witnesses,
        sources={
            Accepted.BET: bet_entries(ref_key),
            Accepted.TICKET: ticket_entries(ref_key),
        },
        completions={RecordKind.ROOM_SETTLED: settled_rooms(ref_key)},
        holder=holder,
        interval=mine.head_interval,
    )


async def _key(database: Database, from_settings: bytes | None, name: str) -> bytes:
    if from_settings is not None:
        return from_settings
    async with database.transaction() as tx:
        return await shared_key(tx, name)


def limits(settings: Settings) -> Limits:
    """Say what the house allows, from the settings."""
    mine: ParimutuelSettings = settings.parimutuel
    return Limits(
        duration_min=mine.duration_min,
        duration_max=mine.duration_max,
        lock_fraction=mine.lock_fraction,
        min_players=mine.min_players,
        stake_min=mine.stake_min,
        stake_max=mine.stake_max,
        rooms_per_host=mine.rooms_per_host,
        new_assets_per_host=mine.new_assets_per_host,
        new_assets=mine.new_assets,
        admin_void_delay=mine.admin_void_delay,
        stale_after=settings.oracle.stale_after,
        token_depth_bps=mine.token_depth_bps,
        token_liquidity_floor=mine.token_liquidity_floor,
    )


def wire_keno(
    settings: KenoSettings, database: Database, near: KenoNeighbours, ref_key: bytes, holder: str
) -> Module[Keno]:
    """Wire keno; ``holder`` names this process among those that want to lead its clock."""
    band = Band(lowest=Fraction(settings.rtp_lowest), highest=Fraction(settings.rtp_highest))
    return keno_module(
        database,
        near,
        rules=Rules(
            band=band, ahead=settings.commits_ahead, without_entropy=settings.without_entropy
        ),
        clockwork=Clockwork(
            holder=holder,
            shards=settings.shards,
            grace=settings.entropy_grace,
            insist=settings.entropy_insist,
            lease=settings.lease,
        ),
        ref_key=ref_key,
    )


def room_terms(settings: Settings) -> RoomTerms:
    """Say on which terms rooms are created now. Problem where no room may be on these."""
    pool = Terms(
        protocol_bps=settings.parimutuel.protocol_bps,
        host_bps=settings.parimutuel.host_bps,
        reward_bps=settings.referral.bps[:3],
    )
    problem = terms_problem(pool)
    if problem is not None:
        raise Problem(
            f"No room may be created on these fees: {TERMS_WORDS[problem]}.",
            exit_code=ExitCode.USAGE,
            next_step="change parimutuel.protocol_bps, parimutuel.host_bps or referral.bps",
        )
    return RoomTerms(
        pool=pool,
        past_post=settings.parimutuel.past_post_window,
        settle_grace=settings.parimutuel.settle_grace,
        confirmations=settings.oracle.confirmations,
        token_window=settings.parimutuel.token_window,
        oracle=oracle_terms(settings.oracle),
    )


TERMS_WORDS = {
    "negative": "a rate is below zero",
    "takeout": "protocol and host together take more than 10 %",
    "rewards": "the rewards of three levels could exceed the protocol's share",
}
