"""A command sent twice is one command: keys are kept for ever, with the answer they got.

A twin that arrives while the first is at work waits for it in the database (its insert waits for
the first transaction), then gets the first one's answer. A refused command rolls its key back
with everything else, so it may be sent again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from rooms.kernel.ids import CommandKey
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Tx

Answer = TypeVar("Answer")


async def earlier_answer(tx: Tx, key: CommandKey, kind: type[Answer]) -> Answer | None:
    """Claim the key, or give the answer its command got before.

    Refuses E-KEY-REUSED where the same key came with another body.
    """
    claimed = await tx.value(
        "INSERT INTO platform.commands (scope, key, body) VALUES ($1, $2, $3) "
        "ON CONFLICT DO NOTHING RETURNING true",
        key.scope,
        key.key,
        key.body,
    )
    return None if claimed else await _stored(tx, key, kind)


async def peek_answer(tx: Tx, key: CommandKey, kind: type[Answer]) -> Answer | None:
    """Give the answer of an earlier command with this key, without claiming it."""
    known = await tx.value(
        "SELECT true FROM platform.commands WHERE scope = $1 AND key = $2", key.scope, key.key
    )
    return await _stored(tx, key, kind) if known else None


async def _stored(tx: Tx, key: CommandKey, kind: type[Answer]) -> Answer:
    row = await tx.row(
        "SELECT body, answer FROM platform.commands WHERE scope = $1 AND key = $2",
        key.scope,
        key.key,
    )
    assert row is not None
    if row["body"] != key.body:
        raise Refusal("E-KEY-REUSED")
    return msgspec.json.decode(row["answer"], type=kind)


async def remember_answer(tx: Tx, key: CommandKey, answer: object) -> None:
    """Store what the command is answered, in the transaction of its effect."""
    await tx.execute(
        "UPDATE platform.commands SET answer = $3 WHERE scope = $1 AND key = $2",
        key.scope,
        key.key,
        msgspec.json.encode(answer),
    )


@dataclass(frozen=True, slots=True)
class Answered(Generic[Answer]):
    """What a command is answered, and whether an earlier sending of it did the work."""

    value: Answer
    replayed: bool


async def once(
    tx: Tx, key: CommandKey, kind: type[Answer], act: Callable[[], Awaitable[Answer]]
) -> Answered[Answer]:
    """Do a command the first time it comes; any other time give the answer it got then."""
    earlier = await earlier_answer(tx, key, kind)
    if earlier is not None:
        return Answered(earlier, replayed=True)
    answer = await act()
    await remember_answer(tx, key, answer)
    return Answered(answer, replayed=False)
