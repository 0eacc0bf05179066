"""Receipts of tickets: one signature for all that were accepted together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from rooms.contexts.fairness.api import Accepted, Log
from rooms.contexts.keno.api import Purchase
from rooms.contexts.keno.domain import PICK_BYTES
from rooms.kernel.ids import TicketId
from rooms.kernel.time import to_millis
from rooms.platform.commands import Answered
from rooms.proof.draw import mask
from rooms.proof.receipt import Receipt
from rooms.proof.records import packed_ticket, ref

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Receipts:
    """Signs batches, and finds the receipts of tickets that were accepted before."""

    log: Log
    ref_key: bytes = field(repr=False)

    def sign(self, answers: Sequence[Answer]) -> list[Answer]:
        """Give the tickets that one transaction accepted their receipts; leave other answers alone.

        The batch is signed in the order of ids, in which the log has it too.
        """
        bought = {
            answer.value.first_ticket: answer.value
            for answer in answers
            if isinstance(answer, Answered) and not answer.replayed
        }
        if not bought:
            return list(answers)
        ordered = [bought[first] for first in sorted(bought)]
        signed = {
            each.first_ticket: each._replace(receipts=receipts)
            for each, receipts in zip(ordered, self.of_batch(ordered), strict=True)
        }
        return [_with_receipts(answer, signed) for answer in answers]

    def of_batch(self, bought: Sequence[Purchase]) -> list[tuple[Receipt, ...]]:
        """Sign purchases that one transaction accepted, which come in the order of their ids."""
        at, key = to_millis(bought[0].accepted_at), self.ref_key
        ids, entries = [], []
        for first, game, number, rounds, picks, stake, *_ in bought:
            bits = mask(picks).to_bytes(PICK_BYTES, "big")
            for ahead in range(rounds):
                ids.append(first + ahead)
                reference = ref(key, "ticket", first + ahead)
                entries.append(packed_ticket(reference, at, stake, number + ahead, bits, game))
        receipts = iter(self.log.receipts(Accepted.TICKET, ids, entries))
        return [tuple(islice(receipts, each.rounds)) for each in bought]

    async def find(self, answer: Answered[Purchase]) -> Answered[Purchase]:
        """Give a purchase of before the receipts that it got then: the same bytes, made again."""
        bought = answer.value
        if bought.receipts:
            return answer
        numbers = range(bought.first_ticket, bought.first_ticket + bought.rounds)
        receipts = await self.log.receipts_of(Accepted.TICKET, numbers, bought.accepted_at)
        return Answered(bought._replace(receipts=tuple(receipts)), answer.replayed)


def _with_receipts(answer: Answer, signed: dict[TicketId, Purchase]) -> Answer:
    if not isinstance(answer, Answered):
        return answer
    bought = signed.get(answer.value.first_ticket, answer.value)
    return Answered(bought, answer.replayed)  # type: ignore[return-value]
