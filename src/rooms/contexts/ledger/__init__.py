"""Accounts, journals, entries, holds: the only place where balances live."""
