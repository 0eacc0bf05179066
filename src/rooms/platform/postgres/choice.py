"""Which database a process uses: one of the user's own by its address, else the embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rooms.platform.postgres.supervisor import Dsn, EmbeddedPostgres
from rooms.platform.postgres.watch import kept_running
from rooms.platform.settings import DatabaseSettings


@contextmanager
def use_database(data: Path, settings: DatabaseSettings) -> Iterator[Dsn]:
    """Give the addresses of the database; the embedded one is kept running for the duration.

    Problem as for ``EmbeddedPostgres.enter``; a server of the user's own is not asked here.
    """
    own = own_database(settings)
    if own is not None:
        yield own
    else:
        server = EmbeddedPostgres(data)
        with server as dsn, kept_running(server):
            yield dsn


def own_database(settings: DatabaseSettings) -> Dsn | None:
    """Give the addresses of the user's own database, where one is set."""
    if settings.url is None:
        return None
    app = settings.url.get_secret_value()
    owner, reader = settings.owner_url, settings.reader_url
    return Dsn(
        owner=owner.get_secret_value() if owner else app,
        app=app,
        reader=reader.get_secret_value() if reader else app,
    )
