"""Views of the faces as the JSON of the contract."""

from typing import Any

import msgspec
from litestar import Response

from rooms.contexts.fairness.api import Head, PublicKeys, StatementView
from rooms.contexts.ledger.api import Balance, StatementLine
from rooms.contexts.parimutuel.api import BetReceipt, OwnBet, PriceView, QuoteView, Rooms, RoomView
from rooms.contexts.referral.api import ReferralSummary
from rooms.entrypoints.gateway import messages
from rooms.entrypoints.gateway.described import JSON
from rooms.entrypoints.gateway.messages import Amount
from rooms.kernel.money import SOL
from rooms.kernel.time import rfc3339
from rooms.platform.settings.durations import print_duration
from rooms.proof.checkpoint import parse_note
from rooms.proof.decimals import written
from rooms.proof.leaves import leaf_json
from rooms.proof.pool import Side
from rooms.proof.receipt import Receipt, ref_of
from rooms.proof.terms import parse_terms


def answer(value: object, *, replayed: bool = False) -> Response[bytes]:
    """Answer a question with JSON, or a command that made nothing new."""
    headers = {"Idempotent-Replay": "true"} if replayed else {}
    return Response(msgspec.json.encode(value), media_type=JSON, headers=headers)


def made(value: object, *, replayed: bool, at: str | None = None) -> Response[bytes]:
    """Answer a command with what it made and where that is.

    ``replayed`` says that an earlier sending of the command did the work.
    """
    headers = {"Location": at} if at else {}
    if replayed:
        headers["Idempotent-Replay"] = "true"
    return Response(msgspec.json.encode(value), status_code=201, media_type=JSON, headers=headers)


def sol(lamports: int) -> Amount:
    """Write lamports."""
    return Amount(str(lamports), SOL)


def room_json(room: RoomView) -> messages.Room:
    """Write a room."""
    prices = [price_json(each) for each in room.prices]
    void = room.pending_void
    return messages.Room(
        id=str(room.id),
        title=room.title,
        status=room.status,
        reason=room.reason,
        market=room.market,
        resolve=room.resolve,
        host_id=str(room.host_id),
        min_players=room.min_players,
        players=room.players,
        pools=messages.Sides(sol(room.pools[Side.YES]), sol(room.pools[Side.NO])),
        dividend=messages.Dividends(room.dividend[Side.YES], room.dividend[Side.NO]),
        price=messages.PriceNow(prices[0].value, prices[0].at) if prices else None,
        prices=prices,
        outcome=room.outcome,
        created_at=rfc3339(room.created_at),
        locks_at=rfc3339(room.locks_at),
        settles_at=rfc3339(room.settles_at),
        settled_at=rfc3339(room.settled_at) if room.settled_at else None,
        terms=_terms_json(room),
        transitions=[
            messages.Transition(each.to, rfc3339(each.at), each.cause) for each in room.transitions
        ],
        pending_void=messages.PendingVoid(void.reason, rfc3339(void.effective_at))
        if void
        else None,
        text_salt=room.text_salt,
    )


def price_json(price: PriceView) -> messages.Price:
    """Write a price."""
    return messages.Price(price.asset, written(price.value), rfc3339(price.at))


def _terms_json(room: RoomView) -> messages.Terms:
    terms = parse_terms(room.terms)
    return messages.Terms(
        protocol_bps=terms.pool.protocol_bps,
        host_bps=terms.pool.host_bps,
        reward_bps=list(terms.pool.reward_bps),
        past_post_window=print_duration(terms.past_post),
        settle_grace=print_duration(terms.settle_grace),
        confirmations=terms.confirmations,
        token_window=print_duration(terms.token_window),
    )


def quote_json(quote: QuoteView) -> messages.Quote:
    """Write a quote."""
    return messages.Quote(
        side=quote.side,
        stake=sol(quote.stake),
        dividend=quote.dividend,
        payout=sol(quote.payout),
        indicative=True,
    )


def bet_json(bet: BetReceipt, rooms: Rooms) -> messages.Bet:
    """Write the receipt of an accepted bet: the same bytes for ever."""
    return messages.Bet(
        id=str(bet.id),
        ref=rooms.bet_ref(bet.id) if bet.receipt is None else ref_of(bet.receipt),
        room_id=str(bet.room_id),
        side=bet.side,
        stake=sol(bet.stake),
        placed_at=rfc3339(bet.placed_at),
        status="ACCEPTED",
        payout=None,
        receipt=None if bet.receipt is None else receipt_json(bet.receipt),
    )


def receipt_json(receipt: Receipt) -> messages.Receipt:
    """Write a receipt."""
    return messages.Receipt(
        entry=receipt.entry.hex(),
        index=receipt.index,
        size=receipt.size,
        path=[each.hex() for each in receipt.path],
        signature=receipt.signature.hex(),
    )


def own_bet_json(bet: OwnBet, rooms: Rooms) -> messages.OwnBet:
    """Write a bet for its owner."""
    return messages.OwnBet(
        id=str(bet.id),
        ref=rooms.bet_ref(bet.id),
        room_id=str(bet.room_id),
        room_title=bet.room_title,
        side=bet.side,
        stake=sol(bet.stake),
        placed_at=rfc3339(bet.placed_at),
        by_host=bet.by_host,
        status=bet.status,
        payout=None if bet.payout is None else sol(bet.payout),
        net=None if bet.net is None else sol(bet.net),
    )


def balance_json(balance: Balance) -> messages.Balance:
    """Write a balance."""
    asset = balance.asset
    return messages.Balance(
        asset=asset,
        available=Amount(str(balance.available), asset),
        held=Amount(str(balance.held), asset),
        posted=Amount(str(balance.posted), asset),
    )


def entry_json(line: StatementLine) -> messages.Entry:
    """Write a line of a statement."""
    return messages.Entry(
        id=str(line.id),
        at=rfc3339(line.at),
        kind=line.kind,
        amount=Amount(str(line.amount), line.asset),
        balance=Amount(str(line.balance), line.asset),
        ref=line.ref,
    )


def referrals_json(summary: ReferralSummary) -> messages.Referrals:
    """Write a player's code and levels."""
    levels = [
        messages.Level(each.level, each.players, sol(each.earned.get(SOL, 0)))
        for each in summary.levels
    ]
    return messages.Referrals(summary.code, levels)


def statement_json(found: StatementView) -> messages.Statement:
    """Write what the house said that it owes."""
    said = found.statement
    return messages.Statement(
        asset=said.asset,
        at=rfc3339(said.at),
        accounts=found.size,
        liabilities=Amount(str(said.liabilities), said.asset),
        liabilities_root=said.root.hex(),
        slot=said.slot,
        addresses=list(said.addresses),
        assets=Amount(str(said.assets), said.asset),
        record=None if found.record is None else leaf_json(found.record),
    )


def log_keys_json(keys: PublicKeys) -> messages.LogKeys:
    """Write the log's public keys."""
    return messages.LogKeys(
        origin=keys.head.name,
        key_id=keys.head.id.hex(),
        public_key=keys.head.public.hex(),
        key=keys.head.text(),
        receipt_public_key=keys.receipts.hex(),
        witnesses=[each.text() for each in keys.witnesses],
    )


def head_json(newest: Head, witnessed: Head | None) -> messages.NewestHead:
    """Write the newest head, and the newest that was cosigned."""
    cosigned = None if witnessed is None else messages.LogHead(**_head_fields(witnessed))
    return messages.NewestHead(**_head_fields(newest), witnessed=cosigned)


def _head_fields(head: Head) -> dict[str, Any]:
    own = parse_note(head.checkpoint).signatures[0]
    return {
        "size": head.size,
        "root": head.root.hex(),
        "at": rfc3339(head.at),
        "key_id": own.key_id.hex(),
        "signature": own.signature.hex(),
        "checkpoint": head.note,
        "cosignatures": list(head.cosignatures),
    }
