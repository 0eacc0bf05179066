"""Keno: games, rounds and their clock, tickets, prizes."""
