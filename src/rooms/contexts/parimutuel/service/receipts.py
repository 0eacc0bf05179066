"""Receipts of accepted bets: one signature for all that were accepted together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from rooms.contexts.fairness.api import Accepted, Log
from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet
from rooms.kernel.ids import BetId, RoomId
from rooms.kernel.time import Instant, to_millis
from rooms.platform.commands import Answered
from rooms.proof.pool import Side
from rooms.proof.receipt import Receipt
from rooms.proof.records import bet_entry, ref

Answer = TypeVar("Answer")

# Each bet that is sent again is looked up for itself; a storm of them leaves connections to others.
LOOKED_UP_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Receipts:
    """Signs batches, and finds the receipts of bets that were accepted before."""

    log: Log
    ref_key: bytes = field(repr=False)
    _turns: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(LOOKED_UP_AT_ONCE), init=False
    )

    def sign(self, answers: Sequence[Answer]) -> list[Answer]:
        """Give the bets that one transaction accepted their receipts; leave other answers alone.

        The batch is signed in the order of ids, in which the log has it too.
        """
        placed = {
            answer.value.id: answer.value
            for answer in answers
            if isinstance(answer, Answered) and not answer.replayed
        }
        if not placed:
            return list(answers)
        signed = self._signed([placed[bet] for bet in sorted(placed)])
        return [_with_receipt(answer, signed) for answer in answers]

    def of_batch(
        self, ids: Sequence[BetId], at: Instant, commands: Sequence[PlaceBet]
    ) -> list[Answered[BetReceipt]]:
        """Answer bets that were accepted together, none of them before, in the order of ids."""
        staked = [(command.room, command.side, command.stake) for command in commands]
        return [
            Answered(
                BetReceipt(
                    id=bet, room_id=room, side=side, stake=stake, placed_at=at, receipt=receipt
                ),
                replayed=False,
            )
            for bet, (room, side, stake), receipt in zip(
                ids, staked, self._receipts(ids, at, staked), strict=True
            )
        ]

    def _signed(self, bets: Sequence[BetReceipt]) -> dict[BetId, BetReceipt]:
        ids = [bet.id for bet in bets]
        staked = [(bet.room_id, bet.side, bet.stake) for bet in bets]
        receipts = self._receipts(ids, bets[0].placed_at, staked)
        return {bet.id: _signed(bet, receipt) for bet, receipt in zip(bets, receipts, strict=True)}

    def _receipts(
        self, ids: Sequence[BetId], at: Instant, staked: Sequence[tuple[RoomId, Side, int]]
    ) -> list[Receipt]:
        accepted_at = to_millis(at)
        entries = [
            bet_entry(
                ref(self.ref_key, "bet", bet),
                accepted_at,
                stake,
                yes=side is Side.YES,
                room=str(room),
            )
            for bet, (room, side, stake) in zip(ids, staked, strict=True)
        ]
        return self.log.receipts(Accepted.BET, ids, entries)

    async def find(self, answer: Answered[BetReceipt]) -> Answered[BetReceipt]:
        """Give a bet of before the receipt that it got then: the same bytes, made again."""
        bet = answer.value
        if bet.receipt is not None:
            return answer
        async with self._turns:
            receipt = await self.log.receipt(Accepted.BET, bet.id, bet.placed_at)
        return answer if receipt is None else Answered(_signed(bet, receipt), answer.replayed)


def _with_receipt(answer: Answer, signed: dict[BetId, BetReceipt]) -> Answer:
    if isinstance(answer, Answered) and answer.value.id in signed:
        return Answered(signed[answer.value.id], answer.replayed)  # type: ignore[return-value]
    return answer


def _signed(bet: BetReceipt, receipt: Receipt) -> BetReceipt:
    return BetReceipt(
        id=bet.id,
        room_id=bet.room_id,
        side=bet.side,
        stake=bet.stake,
        placed_at=bet.placed_at,
        receipt=receipt,
    )
