"""Rules about SQL: where it may stand, whose tables it names, which time and numbers it uses."""

import re
from typing import Final

from tests.guards.rules import PRODUCT, ROOT, Findings, Rule, Source

SCHEMAS: Final = (
    "platform",
    *sorted(
        each.name
        for each in (ROOT / "src" / "rooms" / "contexts").iterdir()
        if (each / "api.py").exists()
    ),
)
SQL: Final = re.compile(
    r"\b(SELECT|INSERT INTO|UPDATE [\w.]+|DELETE FROM|TRUNCATE|LOCK TABLE|CREATE (TABLE|TEMP))\b"
)
SCHEMA_OF_PATH: Final = re.compile(
    r"^src/rooms/(?:contexts/(\w+)/(?:\w+_)?(?:storage|queries|checks)\b|(platform)/"
    r"|migrations/versions/\d+_(\w+)\.py)"
)
# A function is called without a space before its bracket; what is inserted into has one.
NAMED: Final = re.compile(rf"(?<![\w.])({'|'.join(SCHEMAS)})\.[a-z_]+\b(?!\()")
TRANSACTION_TIME: Final = re.compile(
    r"\bnow\s*\(\s*\)|\b(current_timestamp|current_date|current_time|localtimestamp)\b"
    r"|\b(transaction|statement)_timestamp\b",
    re.IGNORECASE,
)
INEXACT: Final = re.compile(
    r"\b(floor|trunc|round|ceil)\s*\(|\bfloat[48]?\b|\bdouble precision\b|\breal\b",
    re.IGNORECASE,
)
WITHOUT_SQL: Final = re.compile(
    r"^src/rooms/(?!contexts/\w+/(\w+_)?(storage|queries|checks)\b|platform/|migrations/).*\.py$"
)


def _found(source: Source, pattern: re.Pattern[str]) -> Findings:
    for line, text in source.strings():
        for match in pattern.finditer(text):
            yield line + text[: match.start()].count("\n"), match[0]


def statements(source: Source) -> Findings:
    return _found(source, SQL)


def tables_of_others(source: Source) -> Findings:
    found = SCHEMA_OF_PATH.match(source.path)
    assert found is not None
    own = next(name for name in found.groups() if name)
    for line, named in _found(source, NAMED):
        if named.partition(".")[0] != own:
            yield line, named


def transaction_time(source: Source) -> Findings:
    return _found(source, TRANSACTION_TIME)


def inexact_sql(source: Source) -> Findings:
    return _found(source, INEXACT)


STATEMENTS: Final = (
    Rule(
        says="SQL stands in storage, queries and checks",
        where=WITHOUT_SQL,
        find=statements,
        bad=(
            Source("src/rooms/contexts/ledger/service.py", 'tx.value("SELECT 1")'),
            Source("src/rooms/contexts/keno/service/a.py", 'f"UPDATE keno.rounds SET {x} = 1"'),
            Source("src/rooms/contexts/keno/workers.py", 'tx.execute("DELETE FROM keno.rounds")'),
            Source("src/rooms/entrypoints/gateway/a.py", 'x = "INSERT INTO ledger.entries"'),
        ),
        good=Source("src/rooms/contexts/ledger/service.py", '"""SELECT nothing here."""'),
    ),
    Rule(
        says="a context's SQL names its own tables",
        where=SCHEMA_OF_PATH,
        find=tables_of_others,
        bad=(
            Source("src/rooms/contexts/parimutuel/storage.py", 'x = "SELECT FROM ledger.accounts"'),
            Source(
                "src/rooms/contexts/parimutuel/settlement_storage.py",
                'x = """\nINSERT INTO referral.rewards"""',
            ),
            Source("src/rooms/contexts/oracle/queries.py", 'x = "SELECT FROM platform.outbox"'),
            Source("src/rooms/platform/outbox.py", 'x = "SELECT FROM ledger.entries"'),
            Source("src/rooms/migrations/versions/0009_oracle.py", 'x = "ledger.entries"'),
            Source("src/rooms/migrations/versions/0009_oracle.py", 'x = "INTO ledger.x (id)"'),
        ),
        good=Source(
            "src/rooms/contexts/ledger/storage.py",
            'x = "INSERT INTO pg_temp.movements SELECT FROM ledger.entries, bet.ledger.amount, "'
            '"oracle.newest_ticks(assets)"',
        ),
    ),
    Rule(
        says="SQL decides by clock_timestamp(), not by the transaction's start",
        where=PRODUCT,
        find=transaction_time,
        bad=(
            Source("src/rooms/contexts/keno/storage.py", 'x = "WHERE locks_at <= now()"'),
            Source("src/rooms/platform/outbox.py", 'x = "SELECT CURRENT_TIMESTAMP"'),
            Source("src/rooms/migrations/versions/0001_a.py", 'x = "at date DEFAULT NOW( )"'),
            Source("src/rooms/contexts/keno/queries.py", 'x = "transaction_timestamp()"'),
        ),
        good=Source(
            "src/rooms/contexts/keno/storage.py", 'self.now(); x = "locks_at <= now.at, know()"'
        ),
    ),
    Rule(
        says="SQL counts amounts exactly, by div() and integers",
        where=re.compile(r"^src/rooms/(contexts|migrations)/"),
        find=inexact_sql,
        bad=(
            Source("src/rooms/contexts/keno/storage.py", 'x = "floor(stake * 1.5)"'),
            Source("src/rooms/contexts/keno/storage.py", 'x = "trunc (stake * 1.5)"'),
            Source("src/rooms/contexts/keno/storage.py", 'x = "stake::float"'),
            Source("src/rooms/migrations/versions/0001_a.py", 'x = "stake double precision"'),
        ),
        good=Source(
            "src/rooms/contexts/keno/storage.py",
            "x = \"date_trunc('milliseconds', clock_timestamp()), div(stake, 2), floored\"",
        ),
    ),
)
