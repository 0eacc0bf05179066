"""Wires fairness."""

from rooms.contexts.fairness.api import Fairness
from rooms.contexts.fairness.service.recording import LogService
from rooms.contexts.fairness.storage.pending import PendingStorage
from rooms.platform.module import Module


def fairness_module() -> Module[Fairness]:
    """Wire fairness."""
    return Module("fairness", Fairness(LogService(PendingStorage())))
