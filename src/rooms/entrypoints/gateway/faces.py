"""What the gateway stands on: the faces it calls and how it is set."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rooms.contexts.fairness.api import Log, Solvency
from rooms.contexts.identity.api import Identity
from rooms.contexts.keno.api import Keno
from rooms.contexts.ledger.api import Ledger
from rooms.contexts.parimutuel.api import Rooms
from rooms.contexts.referral.api import Referral
from rooms.kernel.time import Clock
from rooms.platform.doorbell import Doorbell


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Faces and settings. Rates are requests per second; streams are those open at a time.

    ``ready`` says what the house still waits for; nothing means that it can serve. ``metrics``
    writes what Prometheus reads. Under ``sandbox`` anyone can sign up with play money;
    ``token_key`` makes the tokens then.
    """

    identity: Identity
    ledger: Ledger
    referral: Referral
    rooms: Rooms
    log: Log
    solvency: Solvency
    keno: Keno
    rate_per_token: int
    rate_per_ip: int
    streams_per_ip: int
    sandbox: bool
    token_key: bytes | None = field(repr=False)
    ready: Callable[[], Awaitable[list[str]]]
    metrics: Callable[[], Awaitable[bytes]]
    doorbell: Doorbell
    clock: Clock
    version: str
