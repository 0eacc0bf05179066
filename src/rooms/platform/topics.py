"""Topics: numbered frames for whoever watches, the same in every process and after a restart.

Nothing is written for a topic that nobody watches. A topic's numbers go up by one; a jump says
that frames are missing, as after a time in which nobody watched. Frames are news, no archive: what
they tell stands in the tables of their contexts, and only a topic's newest are kept.

All who write stand in one line alone, whoever looks at a topic stands in it with others. So what
a looker reads there is no older than any frame that follows the number he was given, and ids become
visible in their order.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import msgspec

from rooms.kernel.time import Instant, rfc3339
from rooms.platform.database import Tx

KEPT: Final = 500
WATCHED_FOR: Final = timedelta(hours=1)
# What tells the doorbell that there are frames.
TOLD: Final = "Frames"
LINE: Final = "hashtextextended('platform.topics', 0)"


class News(NamedTuple):
    """What is told on a topic: what happened, and JSON that shows what it is like now.

    ``shown`` is what its watchers call the topic, where that is another name.
    """

    topic: str
    type: str
    data: object
    shown: str | None = None


class Numbered(NamedTuple):
    """A frame as it is sent: JSON text; ``id`` orders the frames of all topics."""

    id: int
    topic: str
    seq: int
    frame: str


def written(kind: str, topic: str | None, seq: int | None, at: Instant, data: object) -> bytes:
    """Write a frame: one JSON object of five members, in this order."""
    frame = {"type": kind, "topic": topic, "seq": seq, "at": rfc3339(at), "data": data}
    return msgspec.json.encode(frame)


async def stand_alone(tx: Tx) -> None:
    """Wait until nobody else writes or looks, and let nobody until the transaction ends."""
    await tx.execute(f"SELECT pg_advisory_xact_lock({LINE})")


async def watched(tx: Tx, topics: Collection[str]) -> set[str]:
    """Say which of these topics anybody watches; alone in the line, that holds to the end."""
    rows = await tx.fetch(
        "SELECT topic FROM platform.topics "
        "WHERE topic = ANY ($1) AND watched_until > clock_timestamp()",
        list(topics),
    )
    return {row["topic"] for row in rows}


async def told_to(tx: Tx, prefix: str) -> Mapping[str, int]:
    """Give the marks of the watched topics that begin so: what was told of them last."""
    rows = await tx.fetch(
        "SELECT topic, told_to FROM platform.topics "
        "WHERE starts_with(topic, $1) AND watched_until > clock_timestamp()",
        prefix,
    )
    return {row["topic"]: row["told_to"] for row in rows}


async def mark(tx: Tx, marks: Mapping[str, int]) -> None:
    """Remember what was told of topics last."""
    await tx.execute(
        "UPDATE platform.topics AS known SET told_to = new.mark "
        "FROM unnest($1::text[], $2::bigint[]) AS new (topic, mark) WHERE known.topic = new.topic",
        list(marks),
        list(marks.values()),
    )


async def tell(tx: Tx, told: Sequence[News], at: Instant) -> None:
    """Number what is told and keep it for all who watch; one stands alone in the line."""
    if not told:
        return
    count: dict[str, int] = {}
    for news in told:
        count[news.topic] = count.get(news.topic, 0) + 1
    rows = await tx.fetch(
        "UPDATE platform.topics AS known SET seq = known.seq + new.count "
        "FROM unnest($1::text[], $2::bigint[]) AS new (topic, count) "
        "WHERE known.topic = new.topic RETURNING known.topic, known.seq",
        list(count),
        list(count.values()),
    )
    reached = {row["topic"]: row["seq"] - count[row["topic"]] for row in rows}
    frames = []
    for news in told:
        reached[news.topic] += 1
        seq = reached[news.topic]
        frame = written(news.type, news.shown or news.topic, seq, at, news.data)
        frames.append((news.topic, seq, frame.decode()))
    await tx.execute(
        "INSERT INTO platform.frames (topic, seq, frame) "
        "SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])",
        *([each[column] for each in frames] for column in range(3)),
    )
    tx.told.add(TOLD)


async def look(tx: Tx, topics: Iterable[str]) -> dict[str, int]:
    """Watch topics from now on and give their newest numbers; nothing is told meanwhile.

    A topic that nobody had watched for a while goes on with a gap.
    """
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({LINE})")
    rows = await tx.fetch(
        """
        INSERT INTO platform.topics AS known (topic, watched_until)
        SELECT DISTINCT topic, clock_timestamp() + $2::interval FROM unnest($1::text[]) AS topic
        ORDER BY topic
        ON CONFLICT (topic) DO UPDATE
        SET watched_until = excluded.watched_until,
            seq = known.seq + (known.watched_until <= clock_timestamp())::integer,
            told_to = CASE WHEN known.watched_until <= clock_timestamp() THEN 0
                           ELSE known.told_to END
        RETURNING topic, seq
        """,
        list(topics),
        WATCHED_FOR,
    )
    return {row["topic"]: row["seq"] for row in rows}


async def newest(tx: Tx) -> int:
    """Give the id of the newest frame of all."""
    return int(await tx.value("SELECT coalesce(max(id), 0) FROM platform.frames"))


async def after(tx: Tx, last: int, most: int) -> list[Numbered]:
    """Give the frames of all topics after the one with this id, in order."""
    rows = await tx.fetch(
        "SELECT id, topic, seq, frame FROM platform.frames WHERE id > $1 ORDER BY id LIMIT $2",
        last,
        most,
    )
    return [Numbered(*row) for row in rows]


async def since(tx: Tx, topic: str, seq: int) -> list[Numbered]:
    """Give what is kept of a topic after this number, in order."""
    rows = await tx.fetch(
        "SELECT id, topic, seq, frame FROM platform.frames "
        "WHERE topic = $1 AND seq > $2 ORDER BY seq",
        topic,
        seq,
    )
    return [Numbered(*row) for row in rows]


async def forget(tx: Tx) -> int:
    """Drop what is older than a topic's newest frames; give how many were dropped."""
    return await tx.execute(
        """
        DELETE FROM platform.frames AS old USING platform.topics AS known
        WHERE old.topic = known.topic
          AND old.seq <= CASE WHEN known.watched_until > clock_timestamp()
                              THEN known.seq - $1 ELSE known.seq END
        """,
        KEPT,
    )
