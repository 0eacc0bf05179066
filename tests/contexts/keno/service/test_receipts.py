import asyncio
from collections import Counter

from rooms.contexts.keno.api import Purchase
from rooms.kernel.ids import TicketId
from rooms.kernel.time import to_millis
from rooms.proof.draw import mask
from rooms.proof.receipt import Receipt, is_receipt_of
from rooms.proof.records import packed_ticket
from tests.houses import LOG, ONE
from tests.keno_houses import GAME, KenoHouse

PUBLIC = LOG.keys.receipt_signer.public


def entry(keno: KenoHouse, bought: Purchase, ahead: int) -> bytes:
    """The entry that the specification says a ticket has."""
    return packed_ticket(
        bytes.fromhex(keno.keno.ticket_ref(TicketId(bought.first_ticket + ahead))),
        to_millis(bought.accepted_at),
        bought.stake,
        bought.first_round + ahead,
        mask(bought.picks).to_bytes(10, "big"),
        GAME,
    )


def signed(keno: KenoHouse, bought: Purchase) -> list[Receipt]:
    """A purchase's receipts: one of each ticket, signed by the house's key."""
    assert [each.entry for each in bought.receipts] == [
        entry(keno, bought, ahead) for ahead in range(bought.rounds)
    ]
    assert all(is_receipt_of(each, PUBLIC) for each in bought.receipts)
    return list(bought.receipts)


async def test_each_ticket_has_a_receipt_and_one_signature_is_for_all_accepted_together(
    keno: KenoHouse,
) -> None:
    await keno.open_game()
    people = [await keno.player(10 * ONE) for _ in range(8)]
    await keno.buy(people[0], 1)  # so that the game is known, and the next ones are sold at once

    bought = await asyncio.gather(*(keno.buy(each, (1, 2), rounds=3) for each in people))

    receipts = [receipt for each in bought for receipt in signed(keno, each)]
    assert len({receipt.entry for receipt in receipts}) == 24
    together = Counter(receipt.signature for receipt in receipts)
    assert all(receipt.size == together[receipt.signature] for receipt in receipts)
    assert len(together) < 8


async def test_a_purchase_sent_again_gets_the_same_receipts_and_so_does_its_twin(
    keno: KenoHouse,
) -> None:
    await keno.open_game()
    ada, bob = await keno.player(10 * ONE), await keno.player(10 * ONE)
    first, twin, other = await asyncio.gather(
        keno.answer(ada, 2, rounds=2, key="mine"),
        keno.answer(ada, 2, rounds=2, key="mine"),
        keno.answer(bob, 1),
    )

    again = await keno.answer(ada, 2, rounds=2, key="mine")

    assert twin.replayed
    assert again.replayed
    assert signed(keno, first.value) == signed(keno, twin.value) == signed(keno, again.value)
    signed(keno, other.value)
