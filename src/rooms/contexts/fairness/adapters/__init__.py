"""How the outside is asked: a file per service."""
