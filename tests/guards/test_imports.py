"""Who may import whom: the tree keeps every contract, and every contract bites."""

import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Final

import grimp
import pytest
from importlinter import Contract
from importlinter.api import read_configuration
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

ROOT: Final = Path(__file__).parents[2]
TYPES: Final[Mapping[str, type[Contract]]] = {
    "forbidden": ForbiddenContract,
    "layers": LayersContract,
    "protected": ProtectedContract,
}

# What each contract forbids: a chain of imports, or a file that no plan knows.
BAD: Final[Mapping[str, tuple[str, ...]]] = {
    "house": (
        "rooms.kernel.money -> rooms.proof.pool",
        "rooms.proof.pool -> rooms.platform.database",
        "rooms.platform.http -> rooms.contexts.ledger.api",
        "rooms.contexts.ledger.service -> rooms.entrypoints.catalogue",
        "rooms.entrypoints.catalogue -> rooms.processes.compose",
        "rooms.processes.compose -> rooms.cli.main",
        "rooms.sandbox.world -> rooms.contexts.oracle.api",
        "rooms.contexts.oracle.ports -> rooms.sandbox.names",
        "rooms.migrations -> rooms.kernel.money",
        "rooms.helpers",
    ),
    "sandbox": (
        "rooms.cli.main -> rooms.sandbox.server",
        "rooms.entrypoints.gateway -> rooms.sandbox.world",
    ),
    "entrypoints": (
        "rooms.entrypoints.gateway -> rooms.entrypoints.bot",
        "rooms.entrypoints.catalogue -> rooms.entrypoints.gateway",
        "rooms.entrypoints.phrases",
    ),
    "floor_plan": (
        "rooms.contexts.parimutuel.domain -> rooms.contexts.parimutuel.storage",
        "rooms.contexts.parimutuel.api -> rooms.contexts.parimutuel.domain",
        "rooms.contexts.parimutuel.events -> rooms.contexts.parimutuel.domain",
        "rooms.contexts.parimutuel.service -> rooms.contexts.parimutuel.workers",
        "rooms.contexts.parimutuel.workers -> rooms.contexts.parimutuel.consumers",
        "rooms.contexts.ledger.storage -> rooms.contexts.ledger.service",
        "rooms.contexts.ledger.queries -> rooms.contexts.ledger.storage",
        "rooms.contexts.ledger.workers -> rooms.contexts.ledger.module",
        "rooms.contexts.oracle.ports -> rooms.contexts.oracle.adapters.registry",
        "rooms.contexts.ledger.odds_and_ends",
    ),
    "tiers": (
        "rooms.contexts.identity.service -> rooms.contexts.ledger.api",
        "rooms.contexts.ledger.service -> rooms.contexts.parimutuel.events",
        "rooms.contexts.oracle.api -> rooms.contexts.referral.api",
        "rooms.contexts.referral.service -> rooms.contexts.parimutuel.api",
        "rooms.contexts.keno.service -> rooms.contexts.parimutuel.api",
        "rooms.contexts.lottery",
    ),
    "faces": (
        "rooms.contexts.parimutuel.service -> rooms.contexts.ledger.storage",
        "rooms.contexts.parimutuel.domain -> rooms.contexts.oracle.ports",
        "rooms.contexts.referral.module -> rooms.contexts.identity.module",
    ),
    "faces_above": (
        "rooms.entrypoints.gateway -> rooms.contexts.parimutuel.queries",
        "rooms.entrypoints.gateway -> rooms.contexts.identity.domain",
        "rooms.cli.main -> rooms.contexts.ledger.service",
    ),
    "faces_of_wiring": (
        "rooms.processes.compose -> rooms.contexts.ledger.storage",
        "rooms.processes.run -> rooms.contexts.parimutuel.workers",
    ),
    "rules_without_driver": (
        "rooms.contexts.parimutuel.domain -> asyncpg",
        "rooms.contexts.referral.service -> asyncpg",
        "rooms.contexts.oracle.ports -> aiohttp",
        "rooms.contexts.ledger.workers -> sqlalchemy",
    ),
    "pure": (
        "rooms.kernel.time -> time",
        "rooms.proof.pool -> random",
        "rooms.proof.consensus -> asyncpg",
    ),
    "verify": (
        "rooms.cli.verify -> rooms.platform.settings",
        "rooms.cli.verify -> rooms.cli.output -> rooms.platform.problem",
        "rooms.cli.verify -> rooms.proof.pool -> asyncpg",
    ),
    "clock": (
        "rooms.contexts.parimutuel.service -> rooms.platform.clock",
        "rooms.contexts.oracle.adapters.feed -> time",
    ),
    "no_screen": (
        "rooms.contexts.parimutuel.service -> litestar",
        "rooms.contexts.identity.service -> aiogram",
        "rooms.contexts.ledger.checks -> rich",
        "rooms.platform.http -> typer",
        "rooms.proof.pool -> rich",
    ),
    "http_door": ("rooms.contexts.oracle.adapters.feed -> aiohttp",),
    "database_door": (
        "rooms.contexts.parimutuel.workers -> asyncpg",
        "rooms.entrypoints.gateway -> asyncpg",
        "rooms.cli.db -> asyncpg",
    ),
    "migration_door": ("rooms.cli.db -> alembic", "rooms.platform.database -> alembic"),
    "metrics_door": ("rooms.contexts.oracle.workers -> prometheus_client",),
    "tracing_door": (
        "rooms.platform.telemetry -> opentelemetry",
        "rooms.entrypoints.gateway.front -> opentelemetry",
    ),
    "pairing_door": ("rooms.contexts.fairness.adapters.drand -> pyblst",),
    "signature_door": ("rooms.contexts.fairness.module -> cryptography",),
    "validation_door": (
        "rooms.contexts.parimutuel.api -> pydantic",
        "rooms.platform.http -> pydantic_settings",
    ),
}


@pytest.fixture(scope="module")
def house() -> grimp.ImportGraph:
    """The house as it stands, with every import taken out."""
    graph = grimp.build_graph("rooms", include_external_packages=True, cache_dir=None)
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            graph.remove_import(importer=importer, imported=imported)
    return graph


@pytest.fixture(scope="module")
def contracts() -> Mapping[str, Contract]:
    """The contracts of ``.importlinter`` by their ids."""
    configuration = read_configuration(str(ROOT / ".importlinter"))
    return {
        options["id"]: TYPES[options["type"]](
            options["name"],
            configuration["session_options"],
            # In a house without imports no exception can match one.
            {**options, "unmatched_ignore_imports_alerting": "none"},
        )
        for options in configuration["contracts_options"]
    }


def is_kept(contract: Contract, graph: grimp.ImportGraph) -> bool:
    return contract.check(deepcopy(graph), verbose=False).kept


def with_bad(house: grimp.ImportGraph, bad: str) -> grimp.ImportGraph:
    """The house with one more module, or one more chain of imports."""
    graph = deepcopy(house)
    names = bad.split(" -> ")
    for name in names:
        for known in (name.rpartition(".")[0], name):
            if known and known not in graph.modules:
                graph.add_module(known, is_squashed=not known.startswith("rooms."))
    for importer, imported in pairwise(names):
        graph.add_import(importer=importer, imported=imported, line_number=1, line_contents="")
    return graph


def test_the_tree_keeps_every_contract() -> None:
    lint = "from importlinter.cli import lint_imports_command as lint; lint()"
    done = subprocess.run(
        [sys.executable, "-c", lint, "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_has_a_bad_sample(contracts: Mapping[str, Contract]) -> None:
    assert set(contracts) == set(BAD)


@pytest.mark.parametrize(
    ("contract", "bad"), [(contract, bad) for contract, each in BAD.items() for bad in each]
)
def test_one_bad_import_breaks_its_contract(
    contract: str, bad: str, contracts: Mapping[str, Contract], house: grimp.ImportGraph
) -> None:
    assert is_kept(contracts[contract], house)
    assert not is_kept(contracts[contract], with_bad(house, bad))
