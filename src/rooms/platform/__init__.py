"""Machinery without business: settings, the clock, the embedded PostgreSQL, the database."""
