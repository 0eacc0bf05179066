"""What a well-meaning client asks: every route that the house's own description has."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.torture.hostile_requests import Ask, Headers

Json = dict[str, Any]
METHODS: Final = ("get", "post", "put", "patch", "delete")
IN_PATH: Final = re.compile(r"{(\w+)}")
TILE: Final = 256
BETS: Final = 0.3
"""How many of the requests are bets, beside those that have their turn as every route has."""
PLACE_BET: Final = "POST /v1/rooms/{room}/bets"
STAFFS_GAME: Final = "keno-torture"
"""What is done to games is done to games of its own: others are to be sold meanwhile."""
HANDSHAKE: Final = (
    *((b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")),
    *((b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"Sec-WebSocket-Version", b"13")),
)
NEW_ROOM: Final = {
    "title": "Will SOL touch 100000 this day?",
    "market": {
        "type": "coin_price",
        "asset": "SOL",
        "direction": "at_or_above",
        "target": "100000",
    },
    "resolve": "touch",
    "settles_in": "20h",
    "lock_fraction": 0.5,
}


@dataclass(frozen=True, slots=True)
class Route:
    """A route with what OpenAPI says of it; nothing of one that is not described."""

    method: str
    path: str
    operation: Json

    @property
    def name(self) -> str:
        """Give what tells it from all others."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What works at this house: tokens of players with money, rooms that take bets, and so on.

    The gambler alone buys keno, so that the sums of the players are known without prizes.
    ``tickets`` are the gambler's, as (id, reference); ``size`` is that of the log.
    """

    routes: Sequence[Route]
    tokens: Sequence[str]
    rooms: Sequence[str]
    gambler: str
    staff: str
    tickets: Sequence[tuple[str, str]]
    game: Json
    size: int
    checkpoint: str


PAGES: Final = tuple(
    Route("GET", path, {})
    for path in (
        *("/", "/r/{room}", "/keno", "/verify", "/errors/E-STAKE", "/api/docs"),
        *("/v1/live", "/live/rooms", "/live/rooms/{room}"),
    )
)


def documented(document: Json) -> list[Route]:
    """Give every route of an OpenAPI document, in its order."""
    return [
        Route(method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    ]


def working(random: Random, standing: Standing, number: int) -> Ask:
    """Make the request of a well-meaning client, with a key of its own."""
    bets = random.random() < BETS
    routes = [each for each in standing.routes if each.name == PLACE_BET] if bets else None
    return asking(random, standing, random.choice(routes or [*standing.routes, *PAGES]), number)


def asking(random: Random, standing: Standing, route: Route, number: int) -> Ask:
    """Ask a route as its description says. KeyError names a value that nobody knows here."""
    values = _values(random, standing)
    if "/admin/" in route.path:
        values["game"] = _staffs_game(random)
    parameters = route.operation.get("parameters", ())
    path = IN_PATH.sub(lambda found: values[found[1]], route.path)
    body = _body(random, standing, route)
    return Ask(
        route.method.encode(),
        (path + _query(random, parameters, values)).encode(),
        tuple(_headers(random, standing, route, number)),
        None if body is None else json.dumps(body).encode(),
        route=route.name,
        handshake=route.path == "/v1/live",
        endless=route.path.startswith("/live/"),
    )


def _values(random: Random, standing: Standing) -> dict[str, str]:
    """Give what stands in addresses, by its name there."""
    ticket, ref = random.choice(standing.tickets)
    first, last = sorted(random.choices(range(standing.size), k=2))
    rounds, whole = standing.game["round"], standing.size >= TILE
    return {
        "room": random.choice(standing.rooms),
        "status": "OPEN",
        "asset": "SOL",
        "host": "1",
        "side": random.choice(("YES", "NO")),
        "stake": "1000000000",
        "limit": "2",
        "game": standing.game["game"],
        "number": str(random.randint(1, rounds)),
        "before": str(rounds),
        "round": str(rounds),
        "day": standing.game["at"].partition("T")[0],
        "digest": standing.game["terms"]["paytable_hash"],
        "ticket": ticket,
        "bet": "1",
        "ref": ref,
        "level": random.choice(("0", "entries")),
        "name": "000" if whole else f"000.p/{standing.size}",
        "index": str(first),
        "size": str(standing.size),
        "start": str(first),
        "end": str(last),
        "from": str(first + 1),
        "to": str(last + 1),
    }


def _query(random: Random, parameters: Sequence[Json], values: dict[str, str]) -> str:
    names = [
        each["name"]
        for each in parameters
        if each["in"] == "query"
        and (each["required"] or (each["name"] in values and random.random() < 0.5))
    ]
    pairs = "&".join(f"{name}={values[name]}" for name in names)
    return "?" + pairs if pairs else ""


def _headers(
    random: Random, standing: Standing, route: Route, number: int
) -> Iterator[tuple[bytes, bytes]]:
    schemes = {name for each in route.operation.get("security", ()) for name in each}
    if "staff" in schemes:
        yield from bearer(standing.staff)
    elif "bearer" in schemes:
        own = standing.gambler if "/keno/" in route.path else random.choice(standing.tokens)
        yield from bearer(own)
    names = {each["name"] for each in route.operation.get("parameters", ())}
    if "Idempotency-Key" in names:
        yield b"Idempotency-Key", b"torture-%d" % number
    if route.path == "/v1/live":
        yield from HANDSHAKE


def bearer(token: str) -> Headers:
    """Give the header by which somebody is known."""
    return ((b"Authorization", b"Bearer " + token.encode()),)


def _body(random: Random, standing: Standing, route: Route) -> Json | None:
    """Write what a route wants: what is known to work here, else the description's example."""
    if "requestBody" not in route.operation:
        return None
    if route.name in BODIES:
        return BODIES[route.name](random, standing)
    example: Json = route.operation["requestBody"]["content"]["application/json"]["example"]
    return example


def _amount(units: int) -> Json:
    return {"amount": str(units), "asset": "SOL"}


def _bet(random: Random, _: Standing) -> Json:
    stake = _amount(random.randrange(10**6, 10**9))
    return {"side": random.choice(("YES", "NO")), "stake": stake}


def _player(random: Random, _: Standing) -> Json:
    return {"name": "Ada", "fund": _amount(random.randrange(10**6, 10**9))}


def _tickets(random: Random, _: Standing) -> Json:
    asked: Json = {"stake": _amount(10**7), "rounds": random.randint(1, 3)}
    if random.random() < 0.5:
        return asked | {"quick_pick": 2}
    return asked | {"picks": random.sample(range(1, 81), 2)}


def _staffs_game(random: Random) -> str:
    return random.choice((STAFFS_GAME, *(f"{STAFFS_GAME}-{number}" for number in range(3))))


def new_game(name: str, like: Json) -> Json:
    """Describe a game with the paytable and the beacons of one that runs."""
    terms = like["terms"]
    amounts = ("stake_min", "stake_max", "stake_step", "max_win", "round_limit")
    return {
        "game": name,
        "asset": "SOL",
        "interval": "60s",
        "lead": "2s",
        "entropy": terms["entropy"],
        "paytable": terms["paytable_hash"],
        **{each: terms[each]["amount"] for each in amounts},
    }


BODIES: Final[dict[str, Callable[[Random, Standing], Json]]] = {
    PLACE_BET: _bet,
    "POST /v1/rooms": lambda _, __: NEW_ROOM,
    "POST /v1/sandbox/players": _player,
    "POST /v1/keno/games/{game}/tickets": _tickets,
    "PUT /v1/log/cosignatures": lambda _, standing: {"note": standing.checkpoint},
    "POST /v1/admin/keno/games": lambda random, standing: new_game(
        _staffs_game(random), standing.game
    ),
    "POST /v1/admin/keno/games/{game}/status": lambda random, _: {
        "status": random.choice(("RUNNING", "PAUSED", "DRAINING"))
    },
    "POST /v1/admin/keno/bankrolls": lambda random, _: {
        "amount": _amount(random.randrange(1, 10**9))
    },
}
