"""Planted bugs: each is a patch that breaks one promise, and names the tests that catch it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "tests" / "planted"
CAUGHT_BY: Final = "Caught by: "
_DIFF: Final = re.compile(r"^--- a/", re.MULTILINE)


class Misfit(Exception):  # noqa: N818 - what the report calls it
    """The lines that a patch changes are not in the tree, or are there more than once."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines of one file before and after."""

    path: str
    before: str
    after: str

    def changed(self, text: str) -> str:
        """Change a file's text, wherever the lines stand in it by now. Raises Misfit."""
        place = re.compile("^" + re.escape(self.before), re.MULTILINE)
        changed, found = place.subn(lambda _: self.after, text)
        if found != 1:
            raise Misfit(f"{self.path} has {found} places, not one, that read\n{self.before}")
        return changed


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug. ``words`` say what it breaks and what that costs, ``tests`` what catches it."""

    name: str
    words: str
    tests: tuple[str, ...]
    hunks: tuple[Hunk, ...]

    def plant(self, tree: Path) -> None:
        """Put the bug into a copy of the project. Raises Misfit."""
        for hunk in self.hunks:
            file = tree / hunk.path
            file.write_text(hunk.changed(file.read_text()))


def bugs_in(folder: Path = FOLDER) -> list[Bug]:
    """Read all bugs of a folder, in the order of their names."""
    return [read_bug(path) for path in sorted(folder.glob("*.patch"))]


def read_bug(path: Path) -> Bug:
    """Read a patch: words, the tests, and a unified diff."""
    head, *diffs = _DIFF.split(path.read_text())
    lines = head.splitlines()
    return Bug(
        name=path.stem,
        words=" ".join(line for line in lines if not line.startswith(CAUGHT_BY)).strip(),
        tests=tuple(line.removeprefix(CAUGHT_BY) for line in lines if line.startswith(CAUGHT_BY)),
        hunks=tuple(hunk for diff in diffs for hunk in _hunks(diff.splitlines(keepends=True))),
    )


def _hunks(diff: Sequence[str]) -> Iterator[Hunk]:
    path = diff[0].strip()
    starts = [number for number, line in enumerate(diff) if line.startswith("@@ ")]
    for start, end in zip(starts, [*starts[1:], len(diff)], strict=True):
        lines = diff[start + 1 : end]
        yield Hunk(
            path,
            before="".join(line[1:] for line in lines if line[0] in " -"),
            after="".join(line[1:] for line in lines if line[0] in " +"),
        )
