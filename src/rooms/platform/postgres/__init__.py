"""The embedded PostgreSQL: the server's binaries from a package, watched over by us.

``EmbeddedPostgres`` is the face. The last process that uses a data folder stops its server.
"""

from rooms.platform.postgres.choice import own_database, use_database
from rooms.platform.postgres.problem import PostgresProblem
from rooms.platform.postgres.supervisor import Dsn, EmbeddedPostgres, PostgresStatus

__all__ = [
    "Dsn",
    "EmbeddedPostgres",
    "PostgresProblem",
    "PostgresStatus",
    "own_database",
    "use_database",
]
