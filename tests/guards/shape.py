"""Rules of shape: how long, how many, what is it called, is it explained."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from tests.guards.rules import FACES, PYTHON, ROOT, Findings, Rule, Source

LONGEST_FILE: Final = 450
LONGEST_FUNCTION: Final = 60
MOST_PARAMETERS: Final = 8
EMPTY_WORDS: Final = frozenset(
    ("base", "common", "helper", "helpers", "manager", "misc", "stuff", "util", "utils")
)
# Their tests mirror them; all other tests drive many modules at once and are told by subject.
MIRRORED: Final = ("contexts", "kernel", "migrations", "platform", "proof", "sandbox")

Function = ast.FunctionDef | ast.AsyncFunctionDef
CODE: Final = re.compile(r"\.(py|js|css|html)$")


def functions(source: Source) -> Iterator[Function]:
    return (node for node in source.nodes if isinstance(node, Function))


def long_files(source: Source) -> Findings:
    lines = source.text.count("\n")
    if lines > LONGEST_FILE:
        yield 1, f"{lines} lines"


def long_functions(source: Source) -> Findings:
    for node in functions(source):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > LONGEST_FUNCTION:
            yield node.lineno, f"{node.name} has {lines} lines"


def many_parameters(source: Source) -> Findings:
    for node in functions(source):
        given = node.args
        names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        count = len([name for name in names if name not in ("self", "cls")])
        if count > MOST_PARAMETERS:
            yield node.lineno, f"{node.name} has {count} parameters"


def empty_names(source: Source) -> Findings:
    for part in PurePosixPath(source.path).parts:
        for word in re.split(r"[_.\-]", part.lower()):
            if word in EMPTY_WORDS:
                yield 1, f"{part} says nothing about what is in it"


def unexplained(source: Source) -> Findings:
    if not ast.get_docstring(source.tree):
        yield 1, "the module"
    yield from _unexplained_in(source.tree)


def _unexplained_in(parent: ast.Module | ast.ClassDef) -> Findings:
    for node in parent.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield node.lineno, node.name
        if isinstance(node, ast.ClassDef):
            yield from _unexplained_in(node)


def misplaced_tests(source: Source) -> Findings:
    folder = PurePosixPath(source.path).parent.relative_to("tests")
    subject = PurePosixPath(source.path).stem.removeprefix("test_")
    if folder.parts and folder.parts[0] not in MIRRORED:
        return
    mirrored = ROOT / "src" / "rooms" / folder
    known = {folder.name, *(each.stem for each in mirrored.rglob("[a-z]*"))} if folder.name else ()
    if not subject.startswith(tuple(known)):
        yield 1, f"src/rooms/{folder} has nothing called {subject}"


SHAPE: Final = (
    Rule(
        says=f"a file has at most {LONGEST_FILE} lines",
        where=CODE,
        find=long_files,
        bad=(Source("src/rooms/kernel/long.py", "x = 1\n" * 451),),
        good=Source("src/rooms/kernel/long.py", "x = 1\n" * 450),
    ),
    Rule(
        says=f"a function has at most {LONGEST_FUNCTION} lines",
        where=PYTHON,
        find=long_functions,
        bad=(
            Source("tests/test_long.py", "def long():\n" + "    x = 1\n" * 60),
            Source("src/a.py", "class A:\n    async def long(self):\n" + "        x = 1\n" * 60),
        ),
        good=Source("src/a.py", "def f():\n" + "    x = 1\n" * 59 + "x = 1\n" * 9),
    ),
    Rule(
        says=f"a function has at most {MOST_PARAMETERS} parameters",
        where=PYTHON,
        find=many_parameters,
        bad=(
            Source("src/a.py", "def f(a, b, c, d, e, f, g, h, i): pass"),
            Source("src/a.py", "async def f(a, b, c, /, d, e, f, *, g, h, i): pass"),
        ),
        good=Source("src/a.py", "class A:\n    def f(self, a, b, c, d, *, e, f, g, h): pass"),
    ),
    Rule(
        says="a folder is a noun of the business, a file is its role",
        where=re.compile(""),
        find=empty_names,
        bad=tuple(
            Source(path, "")
            for path in (
                "src/rooms/utils/money.py",
                "src/rooms/kernel/helpers.py",
                "src/rooms/contexts/ledger/base_storage.py",
                "tests/common.py",
                "src/rooms/platform/connection_manager.py",
                "docs/misc/notes.md",
            )
        ),
        good=Source("src/rooms/platform/database.py", ""),
    ),
    Rule(
        says="a public face is explained",
        where=FACES,
        find=unexplained,
        bad=(
            Source("src/rooms/kernel/a.py", "x = 1"),
            Source("src/rooms/proof/a.py", '"""A."""\ndef f(): pass'),
            Source("src/rooms/platform/a/b.py", '"""A."""\nclass A: pass'),
            Source(
                "src/rooms/contexts/keno/api.py",
                '"""A."""\nclass A:\n    """A."""\n    async def f(self): ...',
            ),
        ),
        good=Source(
            "src/rooms/proof/a.py",
            '"""A."""\ndef _f(): pass\ndef g():\n    """G."""\n    def h(): pass\n',
        ),
    ),
    Rule(
        says="a test module is named after what it tests",
        where=re.compile(r"^tests/(.*/)?test_\w+\.py$"),
        find=misplaced_tests,
        bad=(
            Source("tests/proof/test_soup.py", ""),
            Source("tests/contexts/nowhere/test_money.py", ""),
            Source("tests/contexts/ledger/test_money.py", ""),
            Source("tests/test_money.py", ""),
        ),
        good=Source("tests/platform/test_database_roles.py", ""),
    ),
)
