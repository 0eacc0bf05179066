"""Addresses of databases: another database of a server, another way to it, another user."""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from rooms.platform.postgres import Dsn


def of_database(url: str, database: str) -> str:
    """Give the address of another database on the same server, for the same user."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def through_port(url: str, port: int) -> str:
    """Give the address of the same database by another port of loopback: a proxy's."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}"))


def port_of(url: str) -> int:
    """Give the port that an address names."""
    port = urlsplit(url).port
    assert port is not None, "the address names a port"
    return port


def of_superuser(data: Path, dsn: Dsn, database: str = "postgres") -> str:
    """Give the address of an embedded server's own superuser, who may end sessions."""
    lines = (data / "secrets" / "postgres" / "pgpass").read_text().split()
    password = next(line.split(":")[4] for line in lines if ":postgres:" in line)
    return f"postgresql://postgres:{password}@127.0.0.1:{port_of(dsn.owner)}/{database}"
