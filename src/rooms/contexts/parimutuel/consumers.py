"""What parimutuel does when the oracle tells something."""

from rooms.contexts.oracle.events import ConditionMet, ConditionNotMet
from rooms.contexts.parimutuel.service.settling import Settling
from rooms.platform.module import Consumer


def decide_rooms(settling: Settling) -> Consumer:
    """Decide a room in the transaction that notes the fact as handled."""
    return Consumer(
        "parimutuel.decide",
        {
            ConditionMet: settling.condition_met,
            ConditionNotMet: settling.condition_not_met,
        },
    )
