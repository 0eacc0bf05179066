"""Keno as rows: a file for each group of tables."""
