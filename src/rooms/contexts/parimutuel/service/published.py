"""What the public log says of rooms: docs/spec/fairness.md, section 5."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rooms.contexts.parimutuel.queries import SettlementQueries
from rooms.contexts.parimutuel.storage import NewRoom
from rooms.kernel.ids import RoomId
from rooms.kernel.time import rfc3339
from rooms.platform.database import Row, Tx
from rooms.proof.condition import market_json
from rooms.proof.consensus import parse_observation
from rooms.proof.merkle import Frontier, leaf_hash
from rooms.proof.pool import Side
from rooms.proof.records import Salts, canonical_hash, payout_entry, ref, salted_hash
from rooms.proof.roomfile import Head, RoomFacts, head_json
from rooms.proof.terms import parse_terms, terms_json

GIVE_WAY_EVERY: Final = 1_000
FIRST_BYTES: Final = 256


def opened_fields(room: RoomId, new: NewRoom, salts: Salts) -> dict[str, Any]:
    """Say what is fixed at a room's creation. The title is hashed: it may have to be erased."""
    return {
        "room": str(room),
        "text_hash": salted_hash(salts.of(f"room|{room}"), new.title),
        "market": market_json(new.condition),
        "terms": terms_json(new.terms),
    }


@dataclass(frozen=True, slots=True)
class SettledRooms:
    """Completes the record of a settled or voided room from its rows, which never change."""

    files: SettlementQueries
    ref_key: bytes = field(repr=False)

    async def complete(self, tx: Tx, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give what came of the room, with the root over what every bet was paid."""
        room = RoomId(int(fields["room"]))
        head = head_of(await self.files.head(tx, room))
        payouts = await self._payouts(self.files.bets(tx, room))
        return {
            "outcome": head.outcome and head.outcome.value,
            "reason": head.reason,
            "trigger": head.trigger,
            "t_hit": head.t_hit and rfc3339(head.t_hit),
            "observations_hash": canonical_hash(head_json(head)["observations"]),
            "bets": head.bets_count,
            "handle_yes": str(payouts.handles[Side.YES]),
            "handle_no": str(payouts.handles[Side.NO]),
            "takeout": str(head.takeout),
            "host_fee": str(head.host_fee),
            "protocol_fee": str(head.protocol_fee),
            "breakage": str(head.breakage),
            "scratched": head.scratched,
            "payouts_root": (await payouts.root()).hex(),
        }

    async def _payouts(self, bets: AsyncIterator[Row]) -> "Payouts":
        payouts, number = Payouts(), 0
        async for bet in bets:
            if bet["counted"]:
                payouts.handles[Side(bet["side"])] += bet["stake"]
            reference = ref(self.ref_key, "bet", bet["id"])
            payouts.entries[reference[0]].append(payout_entry(reference, bet["payout"]))
            number += 1
            await _give_way(number)
        return payouts


@dataclass(slots=True)
class Payouts:
    """What bets were paid, by the first byte of their references, and what counted of each side.

    So many short lists are sorted one by one: a long one would keep everybody waiting.
    """

    entries: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(FIRST_BYTES)])
    handles: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))

    async def root(self) -> bytes:
        """Give the root over all payouts, in the order of the references."""
        tree = Frontier()
        for some in self.entries:
            for entry in sorted(some):
                tree.append(leaf_hash(entry))
                await _give_way(tree.size)
        return tree.root()


async def _give_way(number: int) -> None:
    """Let others run now and then in a long loop that never waits."""
    if number % GIVE_WAY_EVERY == 0:
        await asyncio.sleep(0)


def head_of(row: Row) -> Head:
    """Read the head of a settled room's file from its rows."""
    return Head(
        room=RoomFacts(
            id=str(row["id"]),
            title=row["title"],
            market=row["market"],
            resolve=row["resolve"],
            host_id=str(row["host_id"]),
            min_players=row["min_players"],
            created_at=row["created_at"],
            locks_at=row["locks_at"],
            settles_at=row["settles_at"],
            terms=parse_terms(row["terms"]),
        ),
        outcome=Side(row["outcome"]) if row["outcome"] else None,
        observations=tuple(parse_observation(each) for each in row["evidence"]),
        **{
            name: row[name]
            for name in (
                *("reason", "trigger", "t_hit", "t_clear", "cutoff", "handle", "winning"),
                *("takeout", "host_fee", "protocol_fee", "breakage", "scratched", "bets_count"),
            )
        },
    )
