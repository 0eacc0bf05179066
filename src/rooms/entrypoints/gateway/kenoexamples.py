"""One story for the examples of keno: a ticket with two numbers that catches one."""

from typing import Final

from rooms.entrypoints.gateway.examples import Json, amount, part

__all__ = ["part"]

PAYTABLE: Final[Json] = {"spots": {"1": ["0", "3.8"], "2": ["0", "1", "9.5"]}}
HASH: Final = "b05f274e296abcc42360a2adede2bda03c703ad15f2818665f98663d08b157d9"
TERMS: Final[Json] = {
    "chain": 1,
    "first_round": 1,
    "epoch": "2026-11-20T15:00:00.000Z",
    "interval_ms": 5000,
    "lead_ms": 1000,
    "guard_ms": 2000,
    "numbers": 80,
    "drawn": 20,
    "entropy": "drand:52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    "paytable_hash": HASH,
    "spots": [1, 2],
    "stake_min": amount(1_000_000),
    "stake_max": amount(1_000_000_000),
    "stake_step": amount(1_000_000),
    "max_win": amount(40_000_000_000_000),
    "round_limit": amount(400_000_000_000_000),
}
GAME: Final[Json] = {
    "game": "keno-main",
    "operator": "house",
    "asset": "SOL",
    "status": "RUNNING",
    "round": 812,
    "terms": TERMS,
    "next_terms": None,
    "at": "2026-11-20T16:07:36.127Z",
}
ROUND: Final[Json] = {
    "game": "keno-main",
    "number": 812,
    "status": "SETTLED",
    "reason": None,
    "opens_at": "2026-11-20T16:07:35.000Z",
    "locks_at": "2026-11-20T16:07:39.000Z",
    "commit": "2f0f7a2c1a0b8a5f0e6d4d3b9c7e1f5a8b6c4d2e0f1a3b5c7d9e8f6a4b2c0d1e",
    "chain": 1,
    "link": 812,
    "beacon_round": 6214077,
    "entropy": "9d1c3b5a7f8e6d4c2b0a1f3e5d7c9b8a6f4e2d0c1b3a5f7e9d8c6b4a2f0e1d3c",
    "server_seed": "6c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d",
    "draw": [17, 4, 63, 80, 22, 9, 51, 38, 2, 71, 46, 30, 12, 59, 77, 25, 66, 41, 8, 35],
    "tickets": 1,
    "handle": amount(10_000_000),
    "paid": amount(95_000_000),
    "refunded": amount(0),
    "paytable_hash": HASH,
    "drawn_at": "2026-11-20T16:07:42.110Z",
    "settled_at": "2026-11-20T16:07:42.127Z",
}
NEW_TICKETS: Final[Json] = {"picks": [17, 22], "stake": amount(10_000_000), "rounds": 1}
TICKET: Final[Json] = {
    "id": "1280",
    "ref": "0d4c8b1a6e5d2f0c47b839f1c2a7be03",
    "game": "keno-main",
    "round": 812,
    "picks": [17, 22],
    "stake": amount(10_000_000),
    "accepted_at": "2026-11-20T16:07:36.127Z",
    "status": "WON",
    "reason": None,
    "catches": 2,
    "prize": amount(95_000_000),
}
BOUGHT: Final[Json] = TICKET | {
    "status": "ACCEPTED",
    "catches": None,
    "prize": None,
    "receipt": {
        "entry": "010d4c8b1a6e5d2f0c47b839f1c2a7be03000001a1f9b699bf00000000009896800000"
        "00000000032c000000000000002100006b656e6f2d6d61696e",
        "index": 0,
        "size": 1,
        "path": [],
        "signature": "8b2e...",
    },
}
TICKETS: Final[Json] = {
    "tickets": [BOUGHT],
    "total": amount(10_000_000),
}
NEW_GAME: Final[Json] = {
    "game": "keno-lunch",
    "asset": "SOL",
    "interval": "30s",
    "lead": "2s",
    "entropy": TERMS["entropy"],
    "paytable": HASH,
    "stake_min": "1000000",
    "stake_max": "1000000000",
    "stake_step": "1000000",
    "max_win": "40000000000000",
    "round_limit": "400000000000000",
}
BANKROLL: Final[Json] = {
    "operator": "house",
    "funds": amount(1_000_000_000_000_000),
    "exposure": amount(95_000_000),
}
