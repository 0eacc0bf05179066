"""Read the layers of settings, lay them over each other, and say what is wrong in words."""

import difflib
import os
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, NestedSecretsSettingsSource, SecretsSettingsSource

from rooms.platform.problem import ExitCode, Problem
from rooms.platform.settings.durations import print_duration
from rooms.platform.settings.model import Settings

_PREFIX: Final = "ROOMS__"
_DELIMITER: Final = "__"
_MASK: Final = "********"
_MASTER_KEY: Final = "fairness__master_key"

Tree = Mapping[str, Any]


class SettingsProblem(Problem):
    """A setting that does not exist or a value that is not accepted; exit code 2."""

    def __init__(self, message: str, *, next_step: str = "see `rooms config show`") -> None:
        super().__init__(message, exit_code=ExitCode.USAGE, next_step=next_step)


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting as it may be shown: secrets masked. ``origin`` is the layer it came from."""

    key: str
    value: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class Layers:
    """Layers of settings from the weakest to the strongest, each with its origin in words."""

    ordered: tuple[tuple[str, Tree], ...]

    def settings(self) -> Settings:
        """Check them all. SettingsProblem names the key, its origin and what is accepted."""
        merged: dict[str, Any] = {}
        for _, tree in self.ordered:
            merged = _laid_over(merged, tree)
        try:
            return Settings(**merged)
        except ValidationError as error:
            raise self._explained(error.errors()[0]) from None

    def show(self) -> list[Shown]:
        """Give every setting in force with its origin."""
        return [
            Shown(key=key, value=_printed(value), origin=self._origin(key))
            for key, value in _leaves(self.settings())
        ]

    def _origin(self, key: str) -> str:
        origin = ""
        for name, tree in self.ordered:
            if _holds(tree, key.split(".")):
                origin = name
        return origin

    def _explained(self, error: ErrorDetails) -> SettingsProblem:
        key = ".".join(str(part) for part in error["loc"] if isinstance(part, str))
        if error["type"] == "extra_forbidden":
            return _unknown(key, self._origin(key))
        message = error["msg"].removeprefix("Value error, ")
        return SettingsProblem(f"{key} ({self._origin(key)}): {message}.")


def load(data: Path, overrides: Tree | None = None, *, profile: Tree | None = None) -> Settings:
    """Give the settings of a data folder: ``profile`` below the user's own, ``overrides`` above.

    SettingsProblem for an unknown setting (the nearest is named) and for a bad value.
    """
    return layers(data, overrides, profile=profile).settings()


def make_master_key(data: Path) -> None:
    """Make the key that seeds follow from, where the data folder has none yet.

    It is a secret file beside the database and never in it: who copies the database alone learns
    no seed. Who loses the file can begin new chains but not finish those of before.
    """
    file = data / "secrets" / _MASTER_KEY
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{_MASTER_KEY}.{os.getpid()}")
    beside.touch(mode=0o600)
    with beside.open("w") as opened:
        opened.write(secrets.token_hex(32))
        opened.flush()
        os.fsync(opened.fileno())
    # A link is made only where nothing has the name: of two who begin, one makes the key.
    with suppress(FileExistsError):
        file.hardlink_to(beside)
    beside.unlink()


def layers(data: Path, overrides: Tree | None = None, *, profile: Tree | None = None) -> Layers:
    """Read every layer: default < profile < rooms.toml < environment < secret file < option."""
    ordered: list[tuple[str, Tree]] = [
        ("default", _tree(Settings())),
        ("profile", profile or {}),
        *((str(path), _read_toml(path)) for path in _files(data)),
        ("environment", _read_environment()),
        ("secret file", _read_secrets(data / "secrets")),
        ("option", overrides or {}),
    ]
    return Layers(tuple(ordered))


def _files(data: Path) -> Iterator[Path]:
    """Give the files there are: here, in the data folder, or the one named by ROOMS_CONFIG."""
    named = os.environ.get("ROOMS_CONFIG")
    if named is not None:
        if not Path(named).is_file():
            raise SettingsProblem(
                f"ROOMS_CONFIG names {named!r}, which is not a file.",
                next_step="name the file with the settings, or unset ROOMS_CONFIG",
            )
        yield Path(named)
        return
    candidates = (Path("rooms.toml"), data / "rooms.toml")
    yield from (path for path in candidates if path.is_file())


def _read_toml(path: Path) -> Tree:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=str)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsProblem(
            f"{path} cannot be read: {error}.", next_step=f"correct {path}"
        ) from error


def _read_environment() -> Tree:
    names = [name for name in os.environ if name.upper().startswith(_PREFIX)]
    for name in names:
        _require_section(name[len(_PREFIX) :].lower(), "environment")
    return EnvSettingsSource(Settings)()


def _read_secrets(folder: Path) -> Tree:
    """Read ``section__key`` files; what the database keeps there is in a folder of its own."""
    if not folder.is_dir():
        return {}
    try:
        for file in folder.iterdir():
            if file.is_file() and not file.name.startswith("."):
                _require_section(file.name.lower(), f"secret file {file}")
        return NestedSecretsSettingsSource(
            SecretsSettingsSource(Settings, secrets_dir=folder),
            secrets_prefix="",
            secrets_nested_delimiter=_DELIMITER,
        )()
    except PermissionError as error:
        raise SettingsProblem(
            f"No permission to read the secret files: {error.filename}.",
            next_step="run as the user who owns the data folder",
        ) from error


def _require_section(name: str, origin: str) -> None:
    # The library passes over names that match no section; a typing error must not go unseen.
    section, *keys = name.split(_DELIMITER)
    if section not in Settings.model_fields or not keys:
        raise _unknown(".".join([section, *keys]), origin)


def _unknown(key: str, origin: str) -> SettingsProblem:
    known = [name for name, _ in _leaves(Settings())]
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
    return SettingsProblem(
        f"There is no setting {key} ({origin})."
        + (f" The nearest is {nearest[0]}." if nearest else "")
    )


def _tree(model: BaseModel) -> dict[str, Any]:
    """Give a model's values by name, models within models as trees."""
    values = {name: getattr(model, name) for name in type(model).model_fields}
    return {
        name: _tree(value) if isinstance(value, BaseModel) else value
        for name, value in values.items()
    }


def _leaves(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _laid_over(below: Tree, above: Tree) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = _laid_over(old, value) if both and old is not None else value
    return merged


def _holds(tree: object, path: list[str]) -> bool:
    for name in path:
        if not isinstance(tree, Mapping) or name not in tree:
            return False
        tree = tree[name]
    return True


def _printed(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return _MASK
    if isinstance(value, timedelta):
        return print_duration(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={each}" for name, each in value.items())
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value)
    return str(value)
