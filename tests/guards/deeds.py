"""Rules about what code does: amounts, clocks, sleep, skipped tests, stand-ins."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.guards.rules import MONEY, TESTS, Findings, Rule, Source

CLOCKS: Final = {
    "datetime": ("now", "today", "utcnow"),
    "date": ("today",),
    "time": ("ctime", "gmtime", "localtime", "time", "time_ns"),
}
MARKS: Final = ("skip", "skipif", "xfail")
STAND_INS: Final = ("unittest.mock", "pytest_mock", "mock")


def inexact_numbers(source: Source) -> Findings:
    for node in source.nodes:
        if isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno, "float"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"{node.value} is a float"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield node.lineno, "/ names no rounding"


def clocks_read(source: Source) -> Findings:
    for node in source.nodes:
        match node:
            case ast.Attribute(value=ast.Name(id=of) | ast.Attribute(attr=of), attr=name):
                if name in CLOCKS.get(of, ()):
                    yield node.lineno, f"{of}.{name}"
            case ast.ImportFrom(module="time", names=names):
                for each in names:
                    if each.name in CLOCKS["time"]:
                        yield node.lineno, f"time.{each.name}"
            case _:
                pass


def sleeps(source: Source) -> Findings:
    # A sleep of 0 only lets the others have their turn.
    turns = {node.func for node in source.nodes if isinstance(node, ast.Call) and _is_turn(node)}
    for node in source.nodes:
        match node:
            case ast.Attribute(value=ast.Name(id=of), attr="sleep") if node not in turns:
                yield node.lineno, f"{of}.sleep"
            case ast.ImportFrom(module=of, names=names) if "sleep" in {n.name for n in names}:
                yield node.lineno, f"{of}.sleep"
            case _:
                pass


def _is_turn(call: ast.Call) -> bool:
    return [each.value for each in call.args if isinstance(each, ast.Constant)] == [0]


def skips_without_reason(source: Source) -> Findings:
    reasoned = {
        node.func for node in source.nodes if isinstance(node, ast.Call) and _has_reason(node)
    }
    for node in source.nodes:
        match node:
            case ast.Attribute(value=ast.Attribute(attr="mark"), attr=name) if name in MARKS:
                pass
            case ast.Attribute(value=ast.Name(id="pytest"), attr="skip" | "xfail" as name):
                pass
            case _:
                continue
        if node not in reasoned:
            yield node.lineno, name


def _has_reason(call: ast.Call) -> bool:
    named = [each.value for each in call.keywords if each.arg in ("reason", "msg")]
    condition_first = isinstance(call.func, ast.Attribute) and call.func.attr == "skipif"
    for given in named or ([] if condition_first else call.args[:1]):
        return not (isinstance(given, ast.Constant) and not given.value)
    return False


def stand_ins(source: Source) -> Findings:
    for node in source.nodes:
        for name in _imported(node):
            if name in STAND_INS:
                yield node.lineno, name  # type: ignore[attr-defined]
    yield from _patched_by_name(source)


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (each.name for each in names)
        case ast.ImportFrom(module=str(module), names=names):
            yield module
            yield from (f"{module}.{each.name}" for each in names)
        case _:
            pass


def _patched_by_name(source: Source) -> Findings:
    for node in source.nodes:
        match node:
            case ast.Call(
                func=ast.Attribute(attr="setattr"), args=[ast.Constant(value=str(name)), *_]
            ):
                yield node.lineno, f"{name} is patched"
            case _:
                pass


DEEDS: Final = (
    Rule(
        says="money is counted in whole units",
        where=MONEY,
        find=inexact_numbers,
        bad=(
            Source("src/rooms/kernel/money.py", "def f(x: float): ..."),
            Source("src/rooms/proof/pool.py", "fee = stake * 0.02"),
            Source("src/rooms/contexts/ledger/service.py", "half = amount / 2"),
            Source("src/rooms/contexts/parimutuel/service/settling.py", "amount /= 2"),
        ),
        good=Source("src/rooms/contexts/ledger/service.py", "half = amount // 2"),
    ),
    Rule(
        says="only the platform's clock asks the machine for the time",
        where=re.compile(r"^(src/rooms/(?!platform/clock\.py)|tests/).*\.py$"),
        find=clocks_read,
        bad=(
            Source("src/rooms/kernel/a.py", "datetime.now(UTC)"),
            Source("src/rooms/contexts/keno/a.py", "datetime.datetime.utcnow()"),
            Source("src/rooms/proof/a.py", "date.today()"),
            Source("src/rooms/processes/a.py", "time.time()"),
            Source("src/rooms/platform/http.py", "from time import monotonic, time"),
            Source("tests/proof/test_pool.py", "datetime.now(tz=UTC)"),
        ),
        good=Source("src/rooms/platform/http.py", "time.monotonic() + self.clock.now() + x.time"),
    ),
    Rule(
        says="a test waits for what happens, not for a while",
        where=TESTS,
        find=sleeps,
        bad=(
            Source("tests/a.py", "time.sleep(1)"),
            Source("tests/a.py", "await asyncio.sleep(0.1)"),
            Source("tests/a.py", "from asyncio import sleep"),
        ),
        good=Source("tests/a.py", 'event.wait(); asyncio.sleep(0); Popen(["sleep", "600"])'),
    ),
    Rule(
        says="a test is skipped for a reason",
        where=TESTS,
        find=skips_without_reason,
        bad=(
            Source("tests/a.py", "@pytest.mark.skip\ndef test_a(): ..."),
            Source("tests/a.py", "@pytest.mark.xfail()\ndef test_a(): ..."),
            Source("tests/a.py", '@pytest.mark.skipif("x")\ndef test_a(): ...'),
            Source("tests/a.py", 'pytest.mark.skip(reason="")'),
            Source("tests/a.py", "pytest.skip()"),
        ),
        good=Source(
            "tests/a.py",
            'pytest.mark.skipif(x, reason="no root"); pytest.skip("no disk of its own")',
        ),
    ),
    Rule(
        says="a test stands on the real thing or on the sandbox",
        where=TESTS,
        find=stand_ins,
        bad=(
            Source("tests/a.py", "from unittest.mock import AsyncMock"),
            Source("tests/a.py", "from unittest import mock"),
            Source("tests/a.py", 'monkeypatch.setattr("rooms.platform.clock.SystemClock", x)'),
        ),
        good=Source("tests/a.py", "import unittest"),
    ),
)
