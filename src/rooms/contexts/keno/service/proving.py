"""The files by which anybody checks a round, a ticket or a day: docs/spec/verification.md."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Final

from rooms.contexts.fairness.api import Accepted, Fairness, RecordKind
from rooms.contexts.keno.api import TicketStatus, TicketView
from rooms.contexts.keno.domain import Terms
from rooms.contexts.keno.queries.proofs import ProofQueries, ProofRow
from rooms.contexts.keno.service.showing import Looked, Showing
from rooms.kernel.ids import TicketId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import to_millis
from rooms.platform.database import Database
from rooms.proof.beacon import Beacon, DrandChain
from rooms.proof.binding import Bound
from rooms.proof.dayfile import DayHash, DayHead, DayRound, DayTicket, day_json, day_round_json
from rooms.proof.leaves import LeafProof
from rooms.proof.paytable import spots_json
from rooms.proof.records import ref
from rooms.proof.roundfile import RoundProof, TicketProof, round_json, ticket_json

# Rounds of a day that are read and written at a time, so that no reader keeps a connection.
AT_A_TIME: Final = 500
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Proving:
    """Writes what ``rooms verify`` reads. ``ref_key`` makes the tickets' public references."""

    database: Database
    showing: Showing
    queries: ProofQueries
    fairness: Fairness
    ref_key: bytes = field(repr=False)

    async def round(self, game: str, number: int) -> dict[str, Any]:
        """Write a round's proof."""
        return round_json(await self._round(game, number))

    async def _round(self, game: str, number: int) -> RoundProof:
        async with self.database.snapshot() as tx:
            looked = await self.showing.look_up_to(tx, game, number)
            (row,) = await self.queries.rounds(tx, looked.game.id, number, number)
            skips = await self.queries.skips(tx, looked.game.id, number, number)
        terms = _terms(looked, number)
        commits = await self.fairness.seeds.commits(game, number, number)
        drand = self.fairness.beacons.chain(terms.chain.entropy)
        voids = [number] if row.fate == "VOID" else []
        return RoundProof(
            game=game,
            number=number,
            chain=await self._chain(terms),
            paytable=await self._paytable(terms),
            commit=commits[number],
            server_seed=row.server_seed,
            drand=drand,
            beacon=_beacon(row),
            draw=None if row.draw is None else tuple(row.draw),
            void=next(iter(await self._voids(game, voids)), None),
            skipped=next(iter(await self._skips(game, skips)), None),
        )

    async def ticket(self, number: TicketId, view: TicketView) -> dict[str, Any]:
        """Write a ticket's proof, with its round's."""
        bound = await self.fairness.log.binding(Accepted.TICKET, number, view.accepted_at)
        binding = None
        if bound is not None:
            accepted = await self.fairness.log.leaf_at(bound.leaf)
            binding = Bound(
                index=bound.index, size=bound.size, path=tuple(bound.path), accepted=accepted
            )
        proof = TicketProof(
            ref=ref(self.ref_key, "ticket", number),
            picks=view.picks,
            stake=view.stake,
            accepted_at=view.accepted_at,
            prize=_prize(view),
            refund=_refund(view),
            binding=binding,
            receipt=await self.fairness.log.receipt(Accepted.TICKET, number, view.accepted_at),
            round=await self._round(view.game, view.number),
        )
        return ticket_json(proof)

    async def day(self, game: str, day: date) -> AsyncIterator[bytes]:
        """Write a day's file: the head, a line per round, the hash of them."""
        looked, first, last = await self._rounds_of(game, day)
        head = await self._head(looked, day, first, last)
        running = DayHash()
        yield running.write(day_json(head))
        for start in range(first, last + 1, AT_A_TIME):
            end = min(start + AT_A_TIME - 1, last)
            yield b"".join(running.write(line) for line in await self._lines(looked, start, end))
        yield running.line()

    async def _rounds_of(self, game: str, day: date) -> tuple[Looked, int, int]:
        begins = to_millis(datetime.combine(day, time(), UTC))
        async with self.database.snapshot() as tx:
            looked = await self.showing.look_up_to(tx, game, 1)
        ends = min(begins + DAY_MS, looked.now + 1)
        first, last = looked.schedule.between(begins, ends)
        if last < first:
            raise Refusal("E-DAY-UNKNOWN", game=game, day=day.isoformat())
        return looked, first, last

    async def _head(self, looked: Looked, day: date, first: int, last: int) -> DayHead:
        game = looked.game
        async with self.database.snapshot() as tx:
            skips = await self.queries.skips(tx, game.id, first, last)
            voids = await self.queries.voids(tx, game.id, first, last)
        terms = looked.schedule.of_rounds(first, last)
        paytables = {each.paytable.hash: each for each in terms}.values()
        return DayHead(
            game=game.name,
            date=day,
            rounds=last - first + 1,
            chains=tuple([await self._chain(each) for each in terms]),
            paytables=tuple([await self._paytable(each) for each in paytables]),
            drand=self._drand(terms),
            voids=tuple(await self._voids(game.name, voids)),
            skipped=tuple(await self._skips(game.name, skips)),
        )

    def _drand(self, terms: Sequence[Terms]) -> tuple[DrandChain, ...]:
        entropies = dict.fromkeys(each.chain.entropy for each in terms)
        found = [self.fairness.beacons.chain(each) for each in entropies]
        return tuple(each for each in found if each is not None)

    async def _lines(self, looked: Looked, first: int, last: int) -> list[dict[str, Any]]:
        game = looked.game
        async with self.database.snapshot() as tx:
            rows = await self.queries.rounds(tx, game.id, first, last)
            tickets = await self.queries.tickets(tx, game.id, first, last)
        commits = await self.fairness.seeds.commits(game.name, first, last)
        return [
            day_round_json(
                DayRound(
                    row.number,
                    commits[row.number],
                    row.server_seed,
                    _beacon(row),
                    None if row.draw is None else tuple(row.draw),
                    tuple(self._day_ticket(each) for each in tickets.get(row.number, ())),
                )
            )
            for row in rows
        ]

    def _day_ticket(self, view: TicketView) -> DayTicket:
        reference = ref(self.ref_key, "ticket", view.id)
        return DayTicket(reference, view.picks, view.stake, _prize(view), _refund(view))

    async def _chain(self, terms: Terms) -> LeafProof:
        chain = terms.chain
        return await self._leaf(RecordKind.KENO_CHAIN, game=chain.game, chain=chain.chain)

    async def _paytable(self, terms: Terms) -> LeafProof:
        return await self._leaf(RecordKind.KENO_PAYTABLE, spots=spots_json(terms.paytable))

    async def _voids(self, game: str, rounds: Collection[int]) -> list[LeafProof]:
        kind = RecordKind.KENO_VOID
        return [await self._leaf(kind, game=game, round=each) for each in rounds]

    async def _skips(self, game: str, firsts: Collection[int]) -> list[LeafProof]:
        kind = RecordKind.KENO_SKIPPED
        return [await self._leaf(kind, **{"game": game, "from": each}) for each in firsts]

    async def _leaf(self, kind: RecordKind, **fields: Any) -> LeafProof:
        """Prove a record that was noted; the log may need a moment for it."""
        found = await self.fairness.log.leaf_of(kind, fields)
        if found is None:
            raise Refusal("E-PROOF-WAITS", kind=kind)
        return found


def _terms(looked: Looked, number: int) -> Terms:
    terms = looked.schedule.of(number)
    assert terms is not None, "a round that is shown has terms"
    return terms


def _beacon(row: ProofRow) -> Beacon | None:
    if row.signature is None or row.beacon_round is None:
        return None
    return Beacon(row.beacon_round, row.signature)


def _refund(view: TicketView) -> str | None:
    if view.status is TicketStatus.CANCELLED:
        return "CANCELLED"
    if view.status is not TicketStatus.REFUNDED:
        return None
    return "LATE_BINDING" if view.reason == "LATE_BINDING" else "VOID"


def _prize(view: TicketView) -> int | None:
    return view.stake if _refund(view) else view.prize
