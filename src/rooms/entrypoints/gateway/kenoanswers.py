"""Views of keno as the JSON of the contract."""

from itertools import repeat
from typing import Any

from rooms.contexts.keno.api import (
    BankrollView,
    GameView,
    Keno,
    Purchase,
    RoundView,
    TicketStatus,
    TicketView,
)
from rooms.entrypoints.gateway import kenomessages
from rooms.entrypoints.gateway.answers import receipt_json
from rooms.entrypoints.gateway.messages import Amount
from rooms.kernel.ids import TicketId
from rooms.kernel.money import Asset
from rooms.kernel.time import Instant, rfc3339

AMOUNTS = ("stake_min", "stake_max", "stake_step", "max_win", "round_limit")


def purchase_json(bought: Purchase, keno: Keno) -> kenomessages.Tickets:
    """Write what is answered to who buys: the same for ever."""
    at, picks = rfc3339(bought.accepted_at), list(bought.picks)
    stake = Amount(str(bought.stake), bought.asset)
    receipts = bought.receipts or repeat(None)
    tickets = [
        kenomessages.BoughtTicket(
            id=str(bought.first_ticket + ahead),
            ref=keno.ticket_ref(TicketId(bought.first_ticket + ahead)),
            game=bought.game,
            round=bought.first_round + ahead,
            picks=picks,
            stake=stake,
            accepted_at=at,
            status=TicketStatus.ACCEPTED,
            reason=None,
            catches=None,
            prize=None,
            receipt=None if receipt is None else receipt_json(receipt),
        )
        for ahead, receipt in zip(range(bought.rounds), receipts, strict=False)
    ]
    return kenomessages.Tickets(tickets, Amount(str(bought.stake * bought.rounds), bought.asset))


def ticket_json(ticket: TicketView, keno: Keno) -> kenomessages.Ticket:
    """Write a ticket; its owner is not in it."""
    return kenomessages.Ticket(
        id=str(ticket.id),
        ref=keno.ticket_ref(ticket.id),
        game=ticket.game,
        round=ticket.number,
        picks=list(ticket.picks),
        stake=Amount(str(ticket.stake), ticket.asset),
        accepted_at=rfc3339(ticket.accepted_at),
        status=ticket.status,
        reason=ticket.reason,
        catches=ticket.catches,
        prize=_amount(ticket.prize, ticket.asset),
    )


def game_json(game: GameView) -> kenomessages.Game:
    """Write a game."""
    return kenomessages.Game(
        game=game.game,
        operator=game.operator,
        asset=game.asset,
        status=game.status,
        round=game.round,
        terms=_terms_json(game.terms, game.asset),
        next_terms=_terms_json(game.next_terms, game.asset) if game.next_terms else None,
        at=rfc3339(game.at),
    )


def _terms_json(terms: dict[str, Any], asset: Asset) -> kenomessages.GameTerms:
    amounts = {name: Amount(str(terms[name]), asset) for name in AMOUNTS}
    return kenomessages.GameTerms(**{**terms, **amounts})


def round_json(view: RoundView) -> kenomessages.Round:
    """Write a round."""
    return kenomessages.Round(
        game=view.game,
        number=view.number,
        status=view.status,
        reason=view.reason,
        opens_at=rfc3339(view.opens_at),
        locks_at=rfc3339(view.locks_at),
        commit=view.commit,
        chain=view.chain,
        link=view.link,
        beacon_round=view.beacon_round,
        entropy=view.entropy,
        server_seed=view.server_seed,
        draw=None if view.draw is None else list(view.draw),
        tickets=view.tickets,
        handle=Amount(str(view.handle), view.asset),
        paid=_amount(view.paid, view.asset),
        refunded=_amount(view.refunded, view.asset),
        paytable_hash=view.paytable_hash,
        drawn_at=_time(view.drawn_at),
        settled_at=_time(view.settled_at),
    )


def bankroll_json(view: BankrollView) -> kenomessages.Bankroll:
    """Write a bankroll."""
    return kenomessages.Bankroll(
        view.operator,
        Amount(str(view.funds), view.asset),
        Amount(str(view.exposure), view.asset),
    )


def _amount(units: int | None, asset: Asset) -> Amount | None:
    return None if units is None else Amount(str(units), asset)


def _time(at: Instant | None) -> str | None:
    return None if at is None else rfc3339(at)
