"""Settings: defaults < ``rooms.toml`` < ``ROOMS__SECTION__KEY`` < secret files, checked once.

``load`` gives immutable settings; ``layers`` also tells where each value came from.
"""

from rooms.platform.settings.durations import parse_duration, print_duration
from rooms.platform.settings.loading import (
    Layers,
    SettingsProblem,
    Shown,
    layers,
    load,
    make_master_key,
)
from rooms.platform.settings.model import (
    DatabaseSettings,
    DrandSettings,
    FairnessSettings,
    GatewaySettings,
    KenoSettings,
    OracleSettings,
    ParimutuelSettings,
    ReferralSettings,
    Settings,
    TelemetrySettings,
)
from rooms.platform.settings.sources import Role, Source, Sources, sandbox_overrides

__all__ = [
    "DatabaseSettings",
    "DrandSettings",
    "FairnessSettings",
    "GatewaySettings",
    "KenoSettings",
    "Layers",
    "OracleSettings",
    "ParimutuelSettings",
    "ReferralSettings",
    "Role",
    "Settings",
    "SettingsProblem",
    "Shown",
    "Source",
    "Sources",
    "TelemetrySettings",
    "layers",
    "load",
    "make_master_key",
    "parse_duration",
    "print_duration",
    "sandbox_overrides",
]
