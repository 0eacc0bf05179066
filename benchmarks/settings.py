"""The product's own settings but for where prices come from and what limits a client."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.feeds import Feeds
from rooms.platform.settings import Settings, load, sandbox_overrides
from rooms.platform.settings.durations import print_duration

UNLIMITED: Final = 1_000_000_000
Changes = Mapping[str, Mapping[str, Any]]


def settings_for(folder: Path, feeds: Feeds, changes: Changes | None = None) -> Settings:
    """Give them to a house in this process; ``changes`` go by section."""
    return load(folder, _tree(feeds, changes or {}))


def environment_for(feeds: Feeds, database: str, changes: Changes | None = None) -> dict[str, str]:
    """Give the same to a house in another process, with the database's address."""
    return dict(_named("ROOMS", _tree(feeds, {**(changes or {}), "database": {"url": database}})))


def _tree(feeds: Feeds, changes: Changes) -> dict[str, Any]:
    sections: dict[str, dict[str, Any]] = {
        "oracle": {"sources": _sources(feeds)},
        "parimutuel": {
            "rooms_per_host": UNLIMITED,
            "new_assets_per_host": UNLIMITED,
            "new_assets": UNLIMITED,
        },
        "gateway": {"rate_per_token": UNLIMITED, "rate_per_ip": UNLIMITED},
    }
    for section, changed in changes.items():
        sections[section] = {**sections.get(section, {}), **changed}
    return sections


def _sources(feeds: Feeds) -> dict[str, Any]:
    """Point every source at the feeds, which may be asked as often as one likes."""
    moved = sandbox_overrides(feeds.url)["oracle"]["sources"]
    return {name: {**source, "min_interval": timedelta()} for name, source in moved.items()}


def _named(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        name = f"{prefix}__{key.upper()}"
        match value:
            case Mapping():
                yield from _named(name, value)
            case timedelta():
                yield name, print_duration(value)
            case _:
                yield name, str(value)
