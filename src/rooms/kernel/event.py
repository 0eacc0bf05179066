"""A fact: something that happened, told to others after the transaction that made it true."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Base of every published fact; the class name is its name on the outbox.

    Fields are plain values that JSON holds (str, int, bool, None, lists, dicts of these).
    """
