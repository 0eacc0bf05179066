"""Which modules there are. A process is a list of them."""

from typing import Final

CONTEXTS: Final = ("ledger", "oracle", "fairness", "parimutuel")
GATEWAY: Final = "gateway"
MODULES: Final = (*CONTEXTS, GATEWAY)

PURPOSES: Final = {
    "ledger": "ends holds whose time has come, checks the books without end",
    "oracle": "watches the prices that rooms need (one process leads, others stand by)",
    "fairness": "appends to the public log (one process leads), watches for public randomness",
    "parimutuel": "locks, settles and voids rooms",
    "gateway": "answers players over HTTP",
}
