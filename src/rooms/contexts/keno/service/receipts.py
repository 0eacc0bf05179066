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
        at = to_millis(ordered[0].accepted_at)
        entries = [entry for each in ordered for entry in self._entries(each, at)]
        ids = [each.first_ticket + ahead for each in ordered for ahead in range(each.rounds)]
        receipts = iter(self.log.receipts(Accepted.TICKET, ids, entries))
        signed = {
            each.first_ticket: _signed(each, tuple(islice(receipts, each.rounds)))
            for each in ordered
        }
        return [_with_receipts(answer, signed) for answer in answers]

    def _entries(self, bought: Purchase, at: int) -> list[bytes]:
        picks = mask(bought.picks).to_bytes(PICK_BYTES, "big")
        return [
            packed_ticket(
                ref(self.ref_key, "ticket", bought.first_ticket + ahead),
                at,
                bought.stake,
                bought.first_round + ahead,
                picks,
                bought.game,
            )
            for ahead in range(bought.rounds)
        ]

    async def find(self, answer: Answered[Purchase]) -> Answered[Purchase]:
        """Give a purchase of before the receipts that it got then: the same bytes, made again."""
        bought = answer.value
        if bought.receipts:
            return answer
        numbers = range(bought.first_ticket, bought.first_ticket + bought.rounds)
        receipts = await self.log.receipts_of(Accepted.TICKET, numbers, bought.accepted_at)
        return Answered(_signed(bought, tuple(receipts)), answer.replayed)


def _with_receipts(answer: Answer, signed: dict[TicketId, Purchase]) -> Answer:
    if not isinstance(answer, Answered):
        return answer
    bought = signed.get(answer.value.first_ticket, answer.value)
    return Answered(bought, answer.replayed)  # type: ignore[return-value]


def _signed(bought: Purchase, receipts: tuple[Receipt, ...]) -> Purchase:
    return Purchase(
        first_ticket=bought.first_ticket,
        game=bought.game,
        first_round=bought.first_round,
        rounds=bought.rounds,
        picks=bought.picks,
        stake=bought.stake,
        asset=bought.asset,
        accepted_at=bought.accepted_at,
        receipts=receipts,
    )
