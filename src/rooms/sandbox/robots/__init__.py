"""Robots: players that know the house only by its public HTTP API, so that it looks lived in."""

from rooms.sandbox.robots.run import run_robots

__all__ = ["run_robots"]
