"""Rules about words: what is left to do, whose machine it was, codes and settings that exist."""

import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from rooms.entrypoints.catalogue import catalogue
from rooms.platform.settings import Settings
from tests.guards.rules import PRODUCT, TEXT, Findings, Rule, Source

UNFINISHED: Final = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError|NotImplemented)\b")
BLANKET: Final = re.compile(r"#\s*(noqa(?!:\s*[A-Z]+\d)|type:\s*ignore(?!\[)|ruff:\s*noqa(?!:)).*")
MACHINES: Final = re.compile(
    r"(?<![\w.])/(work|home|root|Users|mnt|workspace)/\w+|\b[A-Z]:\\Users|\.\.[/]shared"
    r"|\b(pypi|pythonhosted|npmjs|crates)\.(org|io|com)\b|\bproxy\.golang\.org\b"
    r"|--(extra-)?index-url|--find-links|^\s*-[if] |\bindex-url\b|\bPIP_INDEX|\bUV_(DEFAULT_)?INDEX",
    re.MULTILINE,
)
CODE: Final = re.compile(r"E-[A-Z][A-Z0-9-]+")
SETTING: Final = re.compile(r"\bROOMS__[A-Z][A-Z0-9_]*[A-Z0-9]")
# How the documentation says "any setting".
ANY_SETTING: Final = "ROOMS__SECTION__KEY"
LOCKED: Final = re.compile(
    r"^[a-z0-9._-]+==[^\s=@]+( ; [^#@]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+"
)
REMARK: Final = re.compile(r"^( {4})?#[^\n]*\n")
ADDRESS: Final = re.compile(r"https?://|\bgit\+|\bfile:")


def unfinished(source: Source) -> Findings:
    return source.matches(UNFINISHED)


def blanket_permissions(source: Source) -> Findings:
    return source.matches(BLANKET)


def other_machines(source: Source) -> Findings:
    return source.matches(MACHINES)


def unlocked(source: Source) -> Findings:
    yield from source.matches(ADDRESS)
    rest, line = source.text, 1
    while rest:
        entry = LOCKED.match(rest) or REMARK.match(rest)
        if entry is None:
            yield line, rest.partition("\n")[0]
            return
        rest, line = rest[entry.end() :], line + entry[0].count("\n")


def codes_without_words(source: Source) -> Findings:
    for line, text in source.strings():
        if CODE.fullmatch(text) and text not in catalogue():
            yield line, text


def unknown_settings(source: Source) -> Findings:
    for line, name in source.matches(SETTING):
        if name != ANY_SETTING and name not in set(_names("ROOMS", Settings)):
            yield line, name


def _names(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    for key, field in model.model_fields.items():
        name = f"{prefix}__{key.upper()}"
        kind: Any = field.annotation
        yield name
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _names(name, kind)


# Put together, so that no search for them ends here.
INDEX: Final = "pypi"
ABOVE: Final = ".."
HASH: Final = "    --hash=sha256:" + "0" * 64

WORDS: Final = (
    Rule(
        says="nothing is left to do",
        where=TEXT,
        find=unfinished,
        bad=(
            Source("src/rooms/a.py", "# TODO: later"),
            Source("docs/a.md", "FIXME"),
            Source("src/rooms/a.py", "raise NotImplementedError"),
        ),
        good=Source("src/rooms/a.py", "todos = XXXL"),
    ),
    Rule(
        says="a warning is silenced by its name",
        where=re.compile(r"^(?!tests/guards/).*\.py$"),
        find=blanket_permissions,
        bad=(
            Source("src/rooms/a.py", "import a  # noqa"),
            Source("src/rooms/a.py", "import a  # noqa: because"),
            Source("src/rooms/a.py", "# ruff: noqa"),
            Source("src/rooms/a.py", "x = f()  # type: ignore"),
        ),
        good=Source("src/rooms/a.py", "x = f()  # type: ignore[misc]  # noqa: E501 - a reason"),
    ),
    Rule(
        says="the project knows no machine and no package index",
        where=TEXT,
        find=other_machines,
        bad=(
            Source("docs/a.md", "see /mnt/disk/x"),
            Source("tests/a.py", 'Path("/home/someone/x")'),
            Source("requirements/run.txt", "--index-url https://packages.example/simple"),
            Source("requirements/run.txt", "-i https://packages.example/simple"),
            Source("a.toml", 'index-url = "x"'),
            Source("a.md", f"https://{INDEX}.org/simple"),
            Source("tests/a.py", f'open("{ABOVE}/shared/spec")'),
        ),
        good=Source("docs/a.md", "the folder .rooms, docs/home/notes, https://docs.example/home/"),
    ),
    Rule(
        says="every requirement is locked by its hashes and names no address",
        where=re.compile(r"^requirements/\w+\.txt$"),
        find=unlocked,
        bad=(
            Source("requirements/a.txt", "aiohttp==3.14.5\n"),
            Source("requirements/a.txt", "aiohttp\n"),
            Source("requirements/a.txt", f"aiohttp>=3 \\\n{HASH}\n"),
            Source("requirements/a.txt", f"aiohttp==3 \\\n{HASH}\nattrs==1\n"),
            Source("requirements/a.txt", "aiohttp @ https://files.example/aiohttp.whl\n"),
            Source("requirements/a.txt", "-r other.txt\n"),
            Source("requirements/a.txt", f"a==1 \\\n{HASH}\n    # from https://packages.example\n"),
        ),
        good=Source(
            "requirements/a.txt",
            f"# made by uv\na==1 ; sys_platform == 'x' \\\n{HASH} \\\n{HASH}\n    # via b\nb==2 \\\n{HASH}\n",
        ),
    ),
    Rule(
        says="every refusal has its words in the catalogue",
        where=PRODUCT,
        find=codes_without_words,
        bad=(
            Source("src/rooms/a.py", 'raise Refusal("E-NEVER-HEARD-OF")'),
            Source("src/rooms/a.py", 'problem = "E-NEVER-HEARD-OF" if a else None'),
        ),
        good=Source("src/rooms/a.py", 'raise Refusal("E-BAL-LOW", e="E-")'),
    ),
    Rule(
        says="a setting that is spoken of exists",
        where=re.compile(r"^(?!tests/)"),
        find=unknown_settings,
        bad=(
            Source("README.md", "set ROOMS__DATABASE__ADDRESS"),
            Source("src/rooms/a.py", 'x = "ROOMS__ORACLE__SOURCES__BINANCE__HOST"'),
        ),
        good=Source(
            "README.md",
            "ROOMS__SECTION__KEY, ROOMS__DATABASE__URL, ROOMS__ORACLE__SOURCES__PYTH__KEY",
        ),
    ),
)
