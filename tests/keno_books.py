"""What must be true of keno's books beside the ledger's own, whatever has happened."""

from typing import Final

from rooms.platform.database import Tx

BOOKS: Final = """
    WITH unpaid AS (
        SELECT ticket.stake FROM keno.tickets AS ticket
        LEFT JOIN keno.refunds AS refund ON refund.ticket_id = ticket.id
        LEFT JOIN keno.settlements AS settlement
          ON settlement.game_id = ticket.game_id AND settlement.number = ticket.number
        WHERE settlement.number IS NULL AND refund.reason IS DISTINCT FROM 'CANCELLED'
    )
    SELECT (SELECT coalesce(sum(balance), 0) FROM ledger.accounts WHERE kind = 'keno_stakes')
               AS stakes,
           (SELECT coalesce(sum(stake), 0) FROM unpaid) AS sold,
           (SELECT count(*) FROM unpaid) AS tickets,
           (SELECT coalesce(sum(tickets), 0) FROM keno.rounds LEFT JOIN keno.settlements AS done
            USING (game_id, number) WHERE done.number IS NULL) AS counted,
           (SELECT coalesce(sum(funds), 0) FROM keno.bankrolls) AS funds,
           (SELECT coalesce(sum(balance), 0) FROM ledger.accounts WHERE kind = 'bankroll')
               AS bankroll,
           (SELECT coalesce(sum(exposure), 0) FROM keno.bankrolls) AS exposure,
           (SELECT coalesce(sum(exposure), 0) FROM keno.rounds LEFT JOIN keno.settlements AS done
            USING (game_id, number) WHERE done.number IS NULL) AS exposed
"""


async def wrong_with_keno(tx: Tx) -> list[str]:
    """Re-sum everything; say what is wrong.

    Stakes are held for unpaid tickets alone, a bankroll is what the ledger has, and it covers
    the top prizes of all tickets that are not paid.
    """
    found = await tx.row(BOOKS)
    assert found is not None
    same = {
        "stakes held and tickets unpaid": ("stakes", "sold"),
        "bankrolls and their accounts": ("funds", "bankroll"),
        "what bankrolls cover and what rounds may cost": ("exposure", "exposed"),
        "tickets counted and tickets there": ("counted", "tickets"),
    }
    wrong = [
        f"{what}: {found[one]} and {found[other]}"
        for what, (one, other) in same.items()
        if found[one] != found[other]
    ]
    if not 0 <= found["exposure"] <= found["funds"]:
        wrong.append(f"bankrolls of {found['funds']} stand for {found['exposure']}")
    return wrong
