"""Every source by its name. Adding one is its file here and its line in the settings' Sources."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final, cast

from rooms.contexts.oracle.adapters.dialect import Dialect
from rooms.contexts.oracle.adapters.feed import TIME_OUT, HttpFeed
from rooms.contexts.oracle.ports import SourceSettings
from rooms.kernel.time import Clock
from rooms.platform.http import HttpClient
from rooms.platform.settings import Sources

# A source's dialect is the module of its name; the contract tests speak each of them.
DIALECTS: Final[Mapping[str, Dialect]] = {
    name: cast("Dialect", import_module(f"rooms.contexts.oracle.adapters.{name}"))
    for name in Sources.model_fields
}


def make_feed(
    name: str,
    source: SourceSettings,
    *,
    http: HttpClient,
    clock: Clock,
    time_out: float = TIME_OUT,
) -> HttpFeed:
    """Make the feed of a source in ``DIALECTS``; KeyError for a name that is not there."""
    return HttpFeed(
        name=name,
        source=source,
        dialect=DIALECTS[name],
        http=http,
        clock=clock,
        time_out=time_out,
    )
