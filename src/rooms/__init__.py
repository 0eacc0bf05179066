"""ROOMS: a self-hosted wagering platform, one ledger under two products."""

__version__ = "0.1.0"
