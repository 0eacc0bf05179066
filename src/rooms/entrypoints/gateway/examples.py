"""One story for every example of the description: a room on SOL reaching 165 dollars."""

from typing import Any, Final

Json = dict[str, Any]

AT: Final = "2026-11-20T15:00:00.000Z"
MARKET: Final[Json] = {
    "type": "coin_price",
    "asset": "SOL",
    "direction": "at_or_above",
    "target": "165.00",
}


def amount(lamports: int) -> Json:
    """Write an example's amount."""
    return {"amount": str(lamports), "asset": "SOL"}


NEW_PLAYER: Final[Json] = {"name": "Ada", "fund": amount(10_000_000_000), "referrer": "REF7K2MQX9A"}
PLAYER: Final[Json] = {
    "player_id": "7",
    "access_token": "Vb0ygkNIS2b1oW4KI2bRSSYYuwl0wmYk3c0Zk5VRuVc",
    "referral_code": "REFQ8M3KTW2",
}
NEW_ROOM: Final[Json] = {
    "title": "Will SOL touch $165 this hour?",
    "market": MARKET,
    "resolve": "touch",
    "settles_in": "1h",
    "lock_fraction": 0.5,
}
ROOM: Final[Json] = {
    "id": "12",
    "title": "Will SOL touch $165 this hour?",
    "status": "OPEN",
    "reason": None,
    "market": MARKET,
    "resolve": "touch",
    "host_id": "7",
    "min_players": 2,
    "players": 2,
    "pools": {"YES": amount(100_000_000_000), "NO": amount(50_000_000_000)},
    "dividend": {"YES": "1.4550", "NO": "2.9100"},
    "price": {"value": "164.02", "at": "2026-11-20T15:10:03.000Z"},
    "prices": [{"asset": "SOL", "value": "164.02", "at": "2026-11-20T15:10:03.000Z"}],
    "outcome": None,
    "created_at": AT,
    "locks_at": "2026-11-20T15:30:00.000Z",
    "settles_at": "2026-11-20T16:00:00.000Z",
    "settled_at": None,
    "terms": {
        "protocol_bps": 200,
        "host_bps": 100,
        "reward_bps": [1500, 500, 200],
        "past_post_window": "3s",
        "settle_grace": "15m",
        "confirmations": 2,
        "token_window": "5m",
    },
    "transitions": [{"to": "QUEUING", "at": AT, "cause": "created"}],
    "pending_void": None,
    "text_salt": "6a1f0b9ce35d4c0f8f2f7d3b9c1e4a52",
}
QUOTE: Final[Json] = {
    "side": "YES",
    "stake": amount(10_000_000_000),
    "dividend": "1.4110",
    "payout": amount(14_109_090_909),
    "indicative": True,
}
NEW_BET: Final[Json] = {"side": "YES", "stake": amount(10_000_000_000)}
BET: Final[Json] = {
    "id": "31",
    "ref": "9f1c2a7be03d44c8b1a6e5d2f0c47b83",
    "room_id": "12",
    "side": "YES",
    "stake": amount(10_000_000_000),
    "placed_at": "2026-11-20T15:10:04.127Z",
    "status": "ACCEPTED",
    "payout": None,
    "receipt": {
        "entry": "029f1c2a7be03d44c8b1a6e5d2f0c47b830000019aa1b7f81f00000002540be400013132",
        "index": 0,
        "size": 1,
        "path": [],
        "signature": "5f0c...",
    },
}
OWN_BET: Final[Json] = {name: BET[name] for name in BET if name != "receipt"} | {
    "room_title": "Will SOL touch $165 this hour?",
    "by_host": False,
    "status": "WON",
    "payout": amount(14_550_000_000),
    "net": amount(4_550_000_000),
}
BALANCE: Final[Json] = {
    "asset": "SOL",
    "available": amount(14_550_000_000),
    "held": amount(0),
    "posted": amount(14_550_000_000),
}
ENTRY: Final[Json] = {
    "id": "88",
    "at": "2026-11-20T15:41:09.250Z",
    "kind": "payout",
    "amount": amount(14_550_000_000),
    "balance": amount(14_550_000_000),
    "ref": "room:12",
}
REFERRALS: Final[Json] = {
    "code": "REF7K2MQX9A",
    "levels": [{"level": 1, "players": 4, "earned": amount(45_000_000)}],
}
SETTLEMENT: Final[Json] = {
    "room": {"id": "12", "title": "Will SOL touch $165 this hour?"},
    "outcome": "YES",
    "reason": None,
    "trigger": "touch",
    "t_hit": "2026-11-20T15:41:06.000Z",
    "observations": [],
    "handle": "150000000000",
    "takeout": "4500000000",
    "host_fee": "1500000000",
    "protocol_fee": "3000000000",
    "breakage": "0",
    "scratched": 0,
    "bets_count": 2,
}


ROOT: Final = "9b59b8c16d44d9b72d0c6bc0a1c3ba0d5cba64ea3b4c4b1ad59b4d1c6e0f2a73"
CHECKPOINT: Final = (
    "rooms.example/log\n4711\nm1m4wW1E2bctDGvAocO6DVy6ZOo7TEsa1ZtNHG4PKnM=\n\n"
    "\u2014 rooms.example/log rq7MnLxJ...\n"
)
LOG_KEYS: Final[Json] = {
    "origin": "rooms.example/log",
    "key_id": "aeaecc9c",
    "public_key": "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
    "key": "rooms.example/log+aeaecc9c+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c",
    "receipt_public_key": "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394",
    "witnesses": [],
}
HEAD: Final[Json] = {
    "size": 4711,
    "root": ROOT,
    "at": "2026-11-20T15:41:09.500Z",
    "key_id": "aeaecc9c",
    "signature": "bc49...",
    "checkpoint": CHECKPOINT,
    "cosignatures": [],
}
NEWEST_HEAD: Final[Json] = HEAD | {"witnessed": None}
LOG_ENTRIES: Final[Json] = {
    "start": 4710,
    "entries": [
        f'{{"at":"2026-11-20T15:41:09.500Z","count":2,"kind":"accepted","root":"{ROOT}","v":1}}'
    ],
}
INCLUSION: Final[Json] = {"index": 0, "size": 2, "path": [ROOT]}
CONSISTENCY: Final[Json] = {"from": 1, "to": 2, "path": [ROOT]}
STATEMENT: Final[Json] = {
    "asset": "SOL",
    "at": "2026-11-21T12:00:00.137Z",
    "accounts": 4711,
    "liabilities": {"amount": "81750000000000", "asset": "SOL"},
    "liabilities_root": ROOT,
    "slot": None,
    "addresses": [],
    "assets": {"amount": "0", "asset": "SOL"},
    "record": None,
}
COSIGNED_NOTE: Final[Json] = {"note": CHECKPOINT + "\u2014 witness.example 6v0Nrw...\n"}


def part(item: Json) -> Json:
    """Write an example of a list's only part."""
    return {"items": [item], "next": None}
