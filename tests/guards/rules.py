"""What a rule of tidiness is, and which texts it is asked about."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

Findings = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Source:
    """A text of the project; ``path`` counts from the project's root."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def strings(self) -> Iterator[tuple[int, str]]:
        """Every text that the program uses, docstrings left out, with its line."""
        unused = {node.value for node in self.nodes if isinstance(node, ast.Expr)}
        for node in self.nodes:
            if not isinstance(node, ast.Constant) or node in unused:
                continue
            if isinstance(node.value, str):
                yield node.lineno, node.value

    def matches(self, pattern: re.Pattern[str]) -> Findings:
        """Every place of the text where the pattern is found."""
        for number, line in enumerate(self.text.splitlines(), 1):
            for match in pattern.finditer(line):
                yield number, match[0].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Something that review would otherwise have to remember.

    ``where`` matches the paths it holds for; ``bad`` are texts it finds fault with, each of them,
    ``good`` is one that it must leave in peace.
    """

    says: str
    where: re.Pattern[str]
    find: Callable[[Source], Findings]
    bad: tuple[Source, ...]
    good: Source

    def findings(self, source: Source) -> list[str]:
        if not self.where.search(source.path):
            return []
        return [f"{source.path}:{line}: {what}" for line, what in self.find(source)]


# The guards quote what they forbid.
GUARDS: Final = "tests/guards/"
TEXT: Final = re.compile(rf"^(?!{GUARDS})")
PYTHON: Final = re.compile(r"\.py$")
PRODUCT: Final = re.compile(r"^src/rooms/.*\.py$")
TESTS: Final = re.compile(r"^tests/.*\.py$")
MONEY: Final = re.compile(
    r"^src/rooms/(kernel/money|proof/pool|contexts/(ledger|parimutuel)/(?!workers\.py).*)"
)
FACES: Final = re.compile(r"^src/rooms/(contexts/\w+/api\.py|(kernel|platform|proof)/.*\.py)$")


def any_of(*paths: str) -> re.Pattern[str]:
    """Exactly these paths."""
    return re.compile("^(" + "|".join(re.escape(path) for path in paths) + ")$")


@cache
def project() -> tuple[Source, ...]:
    """Every text that belongs to the project: what ``.gitignore`` names does not."""
    ignored = [".git", *(ROOT / ".gitignore").read_text().split()]
    return tuple(_sources(ROOT, [pattern.rstrip("/") for pattern in ignored]))


def _sources(folder: Path, ignored: list[str]) -> Iterator[Source]:
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir():
            yield from _sources(path, ignored)
        elif b"\0" not in (content := path.read_bytes()):
            yield Source(path.relative_to(ROOT).as_posix(), content.decode(errors="replace"))
