"""Whatever succeeds or fails: log, metrics and problems hold no token, password or key."""

from pathlib import Path
from urllib.parse import urlsplit

from rooms.platform.database import Database
from rooms.platform.postgres import Dsn
from tests.entrypoints.cut_wire import wire_to
from tests.houses import owner
from tests.log_files import logging_to
from tests.watched_house import WatchedHouse, open_watched

__all__ = ["owner"]

SOURCE_KEY = "key-of-a-price-source"
REF_KEY = "c0ffee" * 8
MASTER_KEY = "5eed" * 16
SETTINGS = {
    "oracle": {"interval": "200ms", "sources": {"coindesk": {"key": SOURCE_KEY}}},
    "fairness": {"ref_key": REF_KEY, "master_key": MASTER_KEY, "chain_length": 500},
}
FAULTS = ("http500", "html")


def key(name: str) -> str:
    return f'a "key" that nobody may read, {name}'


async def live(seen: WatchedHouse) -> list[str]:
    """Succeed, be refused and be wrong; give the tokens."""
    host, ada = await seen.player(), await seen.player()
    room = await seen.room(host)
    assert (await seen.bet(room, ada, key=key("bet")))[0] == 201
    assert (await seen.bet(room, ada, key=key("bet")))[0] == 201
    assert (await seen.bet(room, ada, "NO", key=key("bet")))[0] == 422
    assert (await seen.bet(room, ada, key=key("again")))[0] == 409
    assert (await seen.bet(room, ada[:-1] + "-", key=key("wrong")))[0] == 401
    assert (await seen.bet(room, ada, key=key("kéy")))[0] == 400
    for fault in FAULTS:
        body = {"source": "coindesk", "fault": fault}
        async with seen.http.put(f"{seen.feeds}/SOL", json=body) as answer:
            assert answer.status < 300
        await seen.room(host)  # every source is asked
    return [host, ada]


async def break_down(seen: WatchedHouse, owner: Database, token: str) -> None:
    """Let the database refuse what the code did not expect."""
    room = await seen.room(token)
    async with owner.transaction() as tx:
        await tx.execute(
            "ALTER TABLE parimutuel.bets ADD CONSTRAINT surprise CHECK (stake < 0) NOT VALID"
        )
    assert (await seen.bet(room, token, key=key("surprise")))[0] == 500
    async with owner.transaction() as tx:
        await tx.execute("ALTER TABLE identity.tokens RENAME TO nothing_of_the_kind")
    assert (await seen.bet(room, token, key=key("missing")))[0] == 500


async def test_no_secret_is_ever_shown(dsn: Dsn, owner: Database, tmp_path: Path) -> None:
    with logging_to(tmp_path / "log", "debug") as log:
        async with wire_to(dsn.app) as line, open_watched(line.url, tmp_path, SETTINGS) as seen:
            tokens = await live(seen)
            await break_down(seen, owner, tokens[0])
            line.cut()
            assert (await seen.bet("1", tokens[0], key=key("lost")))[0] == 503
            metrics = await seen.text()
            line.mend()
        assert "surprise" in log.text()
        assert "nothing_of_the_kind" not in metrics
        shown = "\n".join([log.text(), metrics, *seen.problems])
        assert [entry for entry in log.lines() if entry.get("command")]
    password = urlsplit(dsn.app).password
    assert password
    for secret in (*tokens, password, SOURCE_KEY, REF_KEY, MASTER_KEY, "nobody may read"):
        assert secret not in shown
