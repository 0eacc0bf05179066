"""What ``rooms doctor`` looks at: each look gives findings, and each problem its next step."""

import shutil
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from rooms.contexts.fairness.storage.chains import ChainStorage
from rooms.contexts.ledger.queries import LedgerQueries
from rooms.kernel.time import rfc3339
from rooms.platform.examination import look_at
from rooms.platform.postgres import EmbeddedPostgres, own_database, use_database
from rooms.platform.problem import Problem
from rooms.platform.settings import OracleSettings, Role, Settings
from rooms.processes.asking import Asked
from rooms.processes.office import ask_books
from rooms.processes.up import Addresses
from rooms.proof.chain import SeedChain, last_seed

Status = Literal["ok", "warning", "problem"]

_CLOCKS_APART: Final = timedelta(seconds=1)
_TIGHT_MEBIBYTES: Final = 1024
_FULL_MEBIBYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; ``next`` says what to do unless all is well."""

    name: str
    status: Status
    detail: str
    next: str | None = None


def disk(data: Path) -> Finding:
    """See how much room is left where the data is, or will be."""
    place = next(folder for folder in (data, *data.parents) if folder.is_dir())
    free = shutil.disk_usage(place).free // 2**20
    detail = f"{free} MiB free under {place}"
    if free < _FULL_MEBIBYTES:
        return Finding("disk", "problem", detail, "free some space before the next start")
    if free < _TIGHT_MEBIBYTES:
        return Finding("disk", "warning", detail, "free some space soon")
    return Finding("disk", "ok", detail)


def held(at: Addresses, up: str) -> Iterator[Finding]:
    """Name the ports that the house of process ``up`` has: those it was started with."""
    for url in (at.api, at.sandbox):
        yield Finding(f"port {urlsplit(url).port}", "ok", f"held by the house, process {up}")


def ports(host: str, wanted: Sequence[tuple[str, int]], up: str | None) -> Iterator[Finding]:
    """See whether `rooms up` could take its ports; ``up`` is the process that has them now."""
    for option, port in wanted:
        name = f"port {port}"
        if up is not None:
            yield Finding(name, "ok", f"left to the house that runs as process {up}")
        elif (taken := _why_taken(host, port)) is not None:
            yield Finding(name, "problem", taken, f"end what uses it, or: rooms up {option} PORT")
        else:
            yield Finding(name, "ok", "free")


def database(data: Path, settings: Settings) -> Iterator[Finding]:
    """See whether the database answers, has this program's version, and shares our time."""
    if own_database(settings.database) is None and not EmbeddedPostgres(data).status().made:
        yield Finding("database", "warning", f"none in {data} yet", "rooms up")
        return
    try:
        with use_database(data, settings.database) as dsn:
            looked = look_at(dsn.app)
    except Problem as problem:
        yield Finding("database", "problem", problem.message, problem.next_step)
        return
    state = looked.version
    version = f"answers; version {state.current or 'none'}, this program has {state.head}"
    if state.pending:
        yield Finding("database", "problem", version, "rooms db migrate")
    else:
        yield Finding("database", "ok", version)
        yield _books(data)
        yield from _master_key(data, settings)
    apart = looked.clocks_apart
    detail = f"the database's and ours are {apart / timedelta(milliseconds=1):g} ms apart"
    if apart > _CLOCKS_APART:
        yield Finding("clock", "problem", detail, "synchronise both machines' clocks (NTP)")
    else:
        yield Finding("clock", "ok", detail)


def feeds(oracle: OracleSettings, answers: Sequence[Asked]) -> Iterator[Finding]:
    """See what each source said, and whether enough independent ones did."""
    for asked in answers:
        yield _source(asked)
    quorums: dict[Role, int] = {"coin": oracle.quorum_coin, "token": oracle.quorum_token}
    for role, quorum in quorums.items():
        in_use = {source.origin for source in oracle.sources.enabled(role).values()}
        answered = {each.origin for each in answers if each.role == role and not each.failure}
        name = f"quorum {role}"
        if len(in_use) < quorum:
            detail = f"{len(in_use)} origins are set up, {quorum} must agree: there is no price"
            yield Finding(name, "problem", detail, f"set up more oracle.sources of role {role}")
        elif len(answered) < quorum:
            detail = f"{len(answered)} of {len(in_use)} origins answered, {quorum} must agree"
            yield Finding(name, "problem", detail, f"see the {role} feeds above")
        else:
            yield Finding(name, "ok", f"{len(answered)} origins answered, {quorum} must agree")


def _why_taken(host: str, port: int) -> str | None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return f"{host}:{port} cannot be used: {error.strerror}"
    return None


def _books(data: Path) -> Finding:
    """See whether the check that never stops has raised an alarm."""
    alarms = ask_books(data, LedgerQueries().alarms)
    if not alarms:
        return Finding("books", "ok", "no alarm was raised")
    first = f"the first, at {rfc3339(alarms[0].at)}: {alarms[0].what}"
    detail = f"{len(alarms)} alarm{'s' * (len(alarms) > 1)}; {first}"
    return Finding("books", "problem", detail, "stop paying out, then: rooms ledger check")


def _master_key(data: Path, settings: Settings) -> Iterator[Finding]:
    """See whether a process with these settings could draw the rounds of the chain begun last."""
    terms = ask_books(data, ChainStorage().last_begun)
    if terms is None:
        return
    chain, key = f"chain {terms.chain} of {terms.game}", settings.fairness.key("master_key")
    next_step = "give every process that runs keno the key that chains were begun with"
    if key is None:
        detail = f"there is none, and {chain} needs it: rounds are not drawn from here"
        yield Finding("master key", "problem", detail, f"{next_step} (fairness.master_key)")
    elif SeedChain.walked(last_seed(key, terms.game, terms.chain), terms.length).terminal != (
        terms.terminal
    ):
        detail = f"it is not the one of {chain}: rounds are not drawn from here"
        yield Finding("master key", "problem", detail, f"{next_step} (fairness.master_key)")
    else:
        yield Finding("master key", "ok", f"it is the one of {chain}")


def _source(asked: Asked) -> Finding:
    name = f"feed {asked.source}"
    if asked.failure is None:
        age = "" if asked.age is None else f", {asked.age / timedelta(seconds=1):.1f} s old"
        return Finding(name, "ok", f"{asked.asset} {asked.price} USD{age}")
    detail = f"no usable price of {asked.asset}: {asked.failure}"
    settings = f"oracle.sources.{asked.source}"
    return Finding(name, "warning", detail, f"check the network, and url and key of {settings}")
