"""CoinDesk Data: the CADLI index's latest tick."""

from collections.abc import Sequence
from typing import Final

from rooms.contexts.oracle.adapters import strict
from rooms.contexts.oracle.adapters.dialect import Answer, Request, UnusableError
from rooms.contexts.oracle.ports import Reading, SourceSettings

BATCH: Final = 1
_NANOS: Final = 1_000_000_000


def name_of(asset: str) -> str | None:
    coin = strict.ticker(asset)
    return coin and f"{coin}-USD"


def request(names: Sequence[str], source: SourceSettings) -> Request:
    params = {"market": "cadli", "instruments": names[0], "groups": "VALUE"}
    headers = {"Authorization": f"Apikey {source.key}"} if source.key else {}
    return Request("/index/cc/v1/latest/tick", params, headers)


def read(name: str, answer: Answer) -> Reading:
    if strict.optional(answer.body, "Err"):
        raise UnusableError("error_answer")
    tick = strict.member(answer.body, "Data", name)
    strict.same(strict.member(tick, "INSTRUMENT"), name)
    seconds = strict.whole(strict.member(tick, "VALUE_LAST_UPDATE_TS"))
    fraction = strict.optional(tick, "VALUE_LAST_UPDATE_TS_NS")
    nanos = 0 if fraction is None else strict.whole(fraction)
    if not 0 <= nanos < _NANOS:
        raise UnusableError("absurd")
    return Reading(
        price=strict.positive(strict.member(tick, "VALUE")),
        source_time=strict.moment(seconds * _NANOS + nanos, answer.received_at, per_second=_NANOS),
        received_at=answer.received_at,
    )
