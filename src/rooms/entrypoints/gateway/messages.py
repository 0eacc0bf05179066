"""Every JSON object that goes in or out, field by field as the contract writes it."""

from typing import Annotated, Any, Final, Generic, TypeVar

from msgspec import Meta, Struct, field

from rooms.contexts.parimutuel.api import RoomStatus
from rooms.proof.pool import Side

Item = TypeVar("Item")

Id = Annotated[str, Meta(description="A number as text.", pattern="^[0-9]{1,19}$")]
Time = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, milliseconds.",
        extra_json_schema={"format": "date-time", "examples": ["2026-11-20T15:00:00.000Z"]},
    ),
]
Market = Annotated[
    Any,
    Meta(
        description="coin_price, token_market_cap, or all / any of up to five of them.",
        extra_json_schema={"type": "object"},
    ),
]
Limit = Annotated[int, Meta(ge=1, le=10**9)]
LONGEST_PART: Final = 200
AssetName = Annotated[str, Meta(pattern="^[A-Za-z0-9]{1,64}$")]


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for has known fields only: a misspelt one is told, not ignored."""


class AmountAsked(Asked, frozen=True):
    """An amount in the asset's smallest unit: 1 SOL is "1000000000"."""

    amount: str
    asset: str


class NewPlayer(Asked, frozen=True):
    """A player of the sandbox, with play money."""

    name: str
    fund: AmountAsked
    referrer: str | None = None


class NewRoom(Asked, frozen=True):
    """A room; exactly one of settles_in and settles_at."""

    title: str
    market: Market
    resolve: Annotated[str, Meta(extra_json_schema={"enum": ["touch", "at_close"]})]
    settles_in: Annotated[str, Meta(description="A duration: 90s, 15m, 24h.")] | None = None
    settles_at: Time | None = None
    lock_fraction: Annotated[float, Meta(description="0.1 to 0.9")] | None = None
    min_players: int | None = None


class NewBet(Asked, frozen=True):
    """A stake on a side."""

    side: Side
    stake: AmountAsked


class PageQuery(Struct, frozen=True):
    """Which part of a list: ``cursor`` is the ``next`` of the part before.

    A part has ``limit`` items, but never more than 200.
    """

    cursor: str | None = None
    limit: Limit = 50

    @property
    def most(self) -> int:
        """How many items the part may have."""
        return min(self.limit, LONGEST_PART)


class RoomsQuery(PageQuery, frozen=True):
    """Which rooms."""

    status: RoomStatus | None = None
    asset: AssetName | None = None
    host: Id | None = None


class QuoteQuery(Struct, frozen=True):
    """A stake (lamports) on a side."""

    side: Side
    stake: str


class Amount(Struct, frozen=True):
    """An amount in the asset's smallest unit: 1 SOL is "1000000000"."""

    amount: str
    asset: str


class Player(Struct, frozen=True):
    """A new player; the token is shown here only."""

    player_id: Id
    access_token: str
    referral_code: str


class Price(Struct, frozen=True):
    """What a part of the room's question is compared with, in USD."""

    asset: str
    value: str
    at: Time


class PriceNow(Struct, frozen=True):
    """The first of the prices."""

    value: str
    at: Time


class Sides(Struct, frozen=True, rename="upper"):
    """An amount for each side."""

    yes: Amount
    no: Amount


class Dividends(Struct, frozen=True, rename="upper"):
    """What a staked unit is paid if the side wins now; null while nobody backs it."""

    yes: str | None
    no: str | None


class Terms(Struct, frozen=True):
    """What is fixed for the room's whole life; rates in 1/10,000."""

    protocol_bps: int
    host_bps: int
    reward_bps: list[int]
    past_post_window: str
    settle_grace: str
    confirmations: int
    token_window: str


class Transition(Struct, frozen=True):
    """A status that the room reached."""

    to: RoomStatus
    at: Time
    cause: str


class PendingVoid(Struct, frozen=True):
    """Two administrators asked for a void."""

    reason: str
    effective_at: Time


class Room(Struct, frozen=True):
    """A room. Dividends are indicative until it locks.

    SHA-256 of ``text_salt`` and the title is what the public log has of the title.
    """

    id: Id
    title: str
    status: RoomStatus
    reason: str | None
    market: Market
    resolve: str
    host_id: Id
    min_players: int
    players: int
    pools: Sides
    dividend: Dividends
    price: PriceNow | None
    prices: list[Price]
    outcome: Side | None
    created_at: Time
    locks_at: Time
    settles_at: Time
    settled_at: Time | None
    terms: Terms
    transitions: list[Transition]
    pending_void: PendingVoid | None
    text_salt: str


class Quote(Struct, frozen=True):
    """What a stake would be paid if the room settled now; final only at lock."""

    side: Side
    stake: Amount
    dividend: str
    payout: Amount
    indicative: bool


class Receipt(Struct, frozen=True):
    """The house's signature for a bet or ticket: its entry, and the path to the batch's root.

    In hexadecimal; docs/spec/fairness.md, section 5.
    """

    entry: str
    index: int
    size: int
    path: list[str]
    signature: str


class Bet(Struct, frozen=True):
    """An accepted bet."""

    id: Id
    ref: str
    room_id: Id
    side: Side
    stake: Amount
    placed_at: Time
    status: str
    payout: Amount | None
    receipt: Receipt | None


class OwnBet(Struct, frozen=True):
    """A bet of one's own; net is payout less stake once the room has ended."""

    id: Id
    ref: str
    room_id: Id
    room_title: str
    side: Side
    stake: Amount
    placed_at: Time
    by_host: bool
    status: str
    payout: Amount | None
    net: Amount | None


class Balance(Struct, frozen=True):
    """What a player has of an asset: posted less held is available."""

    asset: str
    available: Amount
    held: Amount
    posted: Amount


class Wallet(Struct, frozen=True):
    """A player's balances."""

    balances: list[Balance]


class Entry(Struct, frozen=True):
    """A movement on a player's account, with the balance after it."""

    id: Id
    at: Time
    kind: str
    amount: Amount
    balance: Amount
    ref: str


class Level(Struct, frozen=True):
    """A level of invited people and what their bets earned."""

    level: int
    players: int
    earned: Amount


class Referrals(Struct, frozen=True):
    """A player's own code and levels."""

    code: str
    levels: list[Level]


Hash = Annotated[str, Meta(description="SHA-256, hexadecimal.", pattern="^[0-9a-f]{64}$")]
LeafNumber = Annotated[int, Meta(ge=0, le=2**62)]


class EntriesQuery(Struct, frozen=True):
    """Which entries, counted from 0, both ends included."""

    start: LeafNumber
    end: LeafNumber


class InclusionQuery(Struct, frozen=True):
    """Which leaf, in the tree of which size."""

    index: LeafNumber
    size: LeafNumber


class ConsistencyQuery(Struct, frozen=True):
    """Between the trees of which sizes."""

    from_: LeafNumber = field(name="from")
    to: LeafNumber


class CosignedNote(Asked, frozen=True):
    """A signed note of one of the log's heads with a witness's line."""

    note: str


class LogKeys(Struct, frozen=True):
    """The log's name and public keys; keys in hexadecimal, and as note keys ``name+id+key``."""

    origin: str
    key_id: str
    public_key: Hash
    key: str
    receipt_public_key: Hash
    witnesses: list[str]


class AssetQuery(Struct, frozen=True):
    """Of which asset."""

    asset: AssetName = "SOL"


class Statement(Struct, frozen=True):
    """What the house said that it owes and owns of an asset, in its smallest unit.

    ``accounts`` is how many balances are under ``liabilities_root``; ``record`` is the record's
    place in the log, null while it waits for it.
    """

    asset: str
    at: Time
    accounts: int
    liabilities: Amount
    liabilities_root: Hash
    slot: int | None
    addresses: list[str]
    assets: Amount
    record: dict[str, Any] | None


class LogHead(Struct, frozen=True):
    """A signed head: the log had ``size`` leaves and this root at that time."""

    size: int
    root: Hash
    at: Time
    key_id: str
    signature: str
    checkpoint: str
    cosignatures: list[str]


class NewestHead(LogHead, frozen=True):
    """The newest head; ``witnessed`` is the newest that a witness cosigned, if there is one."""

    witnessed: LogHead | None


class LogEntries(Struct, frozen=True):
    """Entries as they are hashed: canonical JSON, a text each."""

    start: int
    entries: list[str]


class Inclusion(Struct, frozen=True):
    """An inclusion proof of RFC 9162, from the leaf up."""

    index: int
    size: int
    path: list[Hash]


class Consistency(Struct, frozen=True):
    """A consistency proof of RFC 9162."""

    from_: int = field(name="from")
    to: int
    path: list[Hash]


class Cosigned(Struct, frozen=True):
    """How many cosignatures of known witnesses the note had."""

    cosignatures: int


class Part(Struct, Generic[Item], frozen=True):
    """Part of a list; ``next`` is the cursor of the following part, null at the end."""

    items: list[Item]
    next: str | None


class Problem(Struct, frozen=True):
    """Bad news: what happened, where the money is, what to do. RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    money: str
    next: str


class Alive(Struct, frozen=True):
    """The process answers."""

    alive: bool


class Ready(Struct, frozen=True):
    """Whether the house can serve, and what it waits for."""

    ready: bool
    waiting_for: list[str]


class Version(Struct, frozen=True):
    """Which program answers."""

    name: str
    version: str
    sandbox: bool
