"""What must be true of a ring's log afterwards: each thing under one leaf, each receipt kept."""

import json
from collections import Counter
from itertools import chain
from typing import Final

from rooms.kernel.ids import TicketId
from rooms.platform.database import Row, Tx
from rooms.proof.fields import read_object
from rooms.proof.leaves import PublishedKeys, Signers
from rooms.proof.merkle import leaf_hash, root_of
from rooms.proof.receipt import Receipt, is_receipt_of
from rooms.proof.roundfile import parse_ticket
from rooms.proof.ticketcheck import BINDING, LATE_BINDING, verify_ticket
from tests.torture.clock_ring import Ring
from tests.torture.crash_picture import wrong_heads

VERIFIED: Final = 20
"""So many tickets of a ring are verified as a stranger would, with their rounds."""


async def wrong_with_the_log(ring: Ring) -> list[str]:
    """Look at every leaf, head and receipt of a ring, and verify some tickets from outside."""
    async with ring.owner.transaction() as tx:
        wrong = await wrong_heads(tx)
        wrong += await _not_once(tx)
        leaves = await tx.fetch(ACCEPTED)
        ring.leaves = await tx.value("SELECT count(*) FROM fairness.leaves")
        refunded = [row["ticket_id"] for row in await tx.fetch(LATE)]
    keys = await ring.house.fairness.log.keys()
    receipts = _receipts(ring)
    wrong += [
        f"the receipt of ticket {each} is missing"
        for each in ring.tickets().keys() - receipts.keys()
    ]
    wrong += [
        f"the receipt of ticket {number} is not the house's"
        for number, receipt in receipts.items()
        if not is_receipt_of(receipt, keys.receipts)
    ]
    wrong += _not_as_receipts_say(leaves, receipts)
    signers = Signers(PublishedKeys(origin=keys.head.name, head=keys.head, receipts=keys.receipts))
    for number in _some(ring, sorted(receipts)) + _some(ring, refunded):
        wrong += await _unverified(ring, number, signers)
    return wrong


def _receipts(ring: Ring) -> dict[TicketId, Receipt]:
    """Give what the players hold."""
    return {
        TicketId(bought.first_ticket + ahead): receipt
        for _, bought in ring.sold
        for ahead, receipt in enumerate(bought.receipts)
    }


def _some(ring: Ring, numbers: list[TicketId]) -> list[TicketId]:
    return ring.dice.sample(numbers, min(VERIFIED, len(numbers)))


async def _not_once(tx: Tx) -> list[str]:
    """Whatever was noted is under a leaf, and no leaf says anything else."""
    return [f"{row['what']}: {row['of']}" for row in await tx.fetch(NOT_ONCE)]


def _not_as_receipts_say(leaves: list[Row], receipts: dict[TicketId, Receipt]) -> list[str]:
    """Each receipt's entry is under one leaf, and a leaf's root is over nothing else."""
    wrong = []
    for row in leaves:
        under = [TicketId(each) for ids in json.loads(row["ids"]) for each in ids]
        entries = [receipts[each].entry for each in under if each in receipts]
        root = root_of([leaf_hash(each) for each in entries]).hex()
        says = read_object(row["entry"].encode())
        if (len(under), root) != (says["count"], says["root"]):
            wrong.append(f"leaf {row['index']} is not over the receipts of tickets {under}")
    placed = Counter(chain.from_iterable(each for row in leaves for each in json.loads(row["ids"])))
    wrong += [f"ticket {each} is under {n} leaves" for each, n in placed.items() if n > 1]
    return wrong + [f"ticket {each} is under no leaf" for each in receipts.keys() - placed.keys()]


async def _unverified(ring: Ring, number: TicketId, signers: Signers) -> list[str]:
    proof = parse_ticket(await ring.house.keno.ticket_proof(number, None))
    report = verify_ticket(proof, signers)
    if report.verdict == "verified":
        return []
    # Given back while no head had it in time; then the clock was set back, and a head was signed
    # by it at a time that had been over (decision 0067).
    wrong = [step for step in report.steps if not step.ok]
    if ring.stepped and proof.refund == LATE_BINDING and [each.name for each in wrong] == [BINDING]:
        return []
    return [f"ticket {number}: {report.verdict}: {report.steps}"]


ACCEPTED: Final = """
    SELECT leaf.index, leaf.entry,
           json_agg(noted.ids ORDER BY noted.at, noted.id)::text AS ids
    FROM fairness.leaves AS leaf
    JOIN fairness.sequenced AS done ON done.leaf = leaf.index
    JOIN fairness.pending AS noted ON noted.id = done.pending_id
    WHERE noted.ids IS NOT NULL GROUP BY leaf.index ORDER BY leaf.index
"""
LATE: Final = "SELECT ticket_id FROM keno.refunds WHERE reason = 'LATE_BINDING' ORDER BY ticket_id"
NOT_ONCE: Final = """
    SELECT 'not in the log' AS what, noted.kind || ' ' || noted.id AS of
    FROM fairness.pending AS noted
    WHERE NOT EXISTS (SELECT FROM fairness.sequenced AS done WHERE done.pending_id = noted.id)
    UNION ALL
    SELECT 'a leaf of nothing', leaf.index::text FROM fairness.leaves AS leaf
    WHERE NOT EXISTS (SELECT FROM fairness.sequenced AS done WHERE done.leaf = leaf.index)
    UNION ALL
    SELECT 'records that share a leaf', done.leaf::text
    FROM fairness.sequenced AS done JOIN fairness.pending AS noted ON noted.id = done.pending_id
    WHERE noted.fields IS NOT NULL GROUP BY done.leaf HAVING count(*) > 1
    UNION ALL
    SELECT 'leaves of the same entry', min(index) || ' and ' || max(index) FROM fairness.leaves
    GROUP BY entry HAVING count(*) > 1
"""
