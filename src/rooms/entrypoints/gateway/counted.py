"""Every answer is counted and traced by its route."""

from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any

from rooms.platform.metrics import REQUEST_SECONDS, REQUESTS


def count(traced: Any, method: str, route: str, status: int, begun: float) -> None:
    """Count an answer, and say in its span what it was; ``begun`` is of ``perf_counter``."""
    add, observe = _counters(method, route, status)
    add()
    observe(perf_counter() - begun)
    traced.update_name(f"{method} {route}")
    traced.set_attribute("http.response.status_code", status)


@cache
def _counters(
    method: str, route: str, status: int
) -> tuple[Callable[[], None], Callable[[float], None]]:
    """Give what counts such answers: finding it anew would cost more than the counting."""
    return REQUESTS.labels(method, route, status).inc, REQUEST_SECONDS.labels(route).observe
