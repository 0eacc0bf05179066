"""What the public description says of a route; it stands beside the route's handler."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

OPT: Final = "described"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A route in words and types. ``codes`` are its own refusals; common ones are added.

    ``player`` marks a route that acts for a player or shows what is theirs, ``staff`` one for
    administrators; ``command`` one that changes something and has no body. A command that is not
    ``keyed`` may be sent again without a key, because it says itself what it is.
    """

    summary: str
    tag: str
    answer: Any
    example: object
    body: type | None = None
    body_example: object = None
    query: type | None = None
    codes: tuple[str, ...] = ()
    player: bool = False
    keyed: bool = True
    staff: bool = False
    command: bool = False
    media_type: str = JSON

    @property
    def changes(self) -> bool:
        """Say whether the route is a command, which carries a key."""
        return self.command or (self.body is not None and self.keyed)


def describing(**described: Any) -> Mapping[str, Any]:
    """Give a handler its description, as its ``opt``."""
    return {OPT: Described(**described)}
