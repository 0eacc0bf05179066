"""What was set by hand: which names are known, scripted prices, faults; kept in one file."""

import os
from pathlib import Path
from typing import Final

import msgspec

from rooms.sandbox import names
from rooms.sandbox.prices import STARTS, Script

FAULTS: Final = ("timeout", "http500", "stale", "html", "zero", "times1000", "error200")
FILE: Final = "feeds.json"


class Fault(msgspec.Struct, frozen=True):
    """How one source misbehaves about one asset, since when (Unix milliseconds)."""

    fault: str
    since: int


class Setting(msgspec.Struct, frozen=True):
    """All that was set for one asset and not yet deleted."""

    script: Script | None = None
    faults: dict[str, Fault] = {}


class Board:
    """The settings by asset. Every change is on disk before it is in force.

    OSError where the folder cannot be written; ValueError where the file is not what was written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / FILE
        self._settings: dict[str, Setting] = {}
        if self._file.exists():
            kept = self._file.read_bytes()
            self._settings = msgspec.json.decode(kept, type=dict[str, Setting])

    def knows(self, asset: str) -> bool:
        """Whether any source has heard of the asset."""
        return asset in STARTS or asset in self._settings

    def assets(self) -> list[str]:
        """Name all that are known: those from the start, then those that were added."""
        return [*STARTS, *(asset for asset in self._settings if asset not in STARTS)]

    def coins(self) -> list[str]:
        """Name the known assets that are coins."""
        return [asset for asset in self.assets() if names.is_ticker(asset)]

    def setting(self, asset: str) -> Setting:
        """Give what was set for an asset; nothing, if nothing was."""
        return self._settings.get(asset, Setting())

    def put(self, asset: str, setting: Setting) -> None:
        """Replace an asset's setting."""
        self._keep({**self._settings, asset: setting})

    def delete(self, asset: str) -> None:
        """Forget what was set for an asset, and the asset itself if it was added."""
        self._keep({name: kept for name, kept in self._settings.items() if name != asset})

    def _keep(self, settings: dict[str, Setting]) -> None:
        beside = self._file.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(msgspec.json.encode(settings))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)
        self._settings = settings
