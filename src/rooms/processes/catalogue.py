"""Which modules there are. A process is a list of them."""

from typing import Final

CONTEXTS: Final = ("ledger", "oracle", "fairness", "parimutuel", "keno")
GATEWAY: Final = "gateway"
MODULES: Final = (*CONTEXTS, GATEWAY)

PURPOSES: Final = {
    "ledger": "ends holds whose time has come, checks the books without end",
    "oracle": "watches the prices that rooms need (one process leads, others stand by)",
    "fairness": "appends to the public log (one process leads), watches for public randomness",
    "parimutuel": "locks, settles and voids rooms",
    "keno": "locks, draws and pays rounds (one process leads each shard, others stand by)",
    "gateway": "answers players over HTTP",
}
