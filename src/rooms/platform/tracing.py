"""Traces by OpenTelemetry: an extra. Without it, or without an address, a span is nothing.

A span says what was done and for how long; its attributes are names, ids and counts, never a
header or a body. A trace begins with a request, a tick, a batch or a fact that is delivered.
"""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from rooms import __version__
from rooms.platform.clock import SystemClock
from rooms.platform.problem import ExitCode, Problem

Attribute = str | int

# Seconds that a collector has to take spans: no process waits longer for it when it ends.
PATIENCE: Final = 2

NEXT: Final = (
    "pip install --require-hashes -r requirements/tracing.txt into .venv, "
    "or unset telemetry.otlp_endpoint"
)


class _NoSpan:
    """Takes what a span takes and keeps nothing."""

    def set_attribute(self, _name: str, _value: Attribute) -> None:
        pass

    def update_name(self, _name: str) -> None:
        pass


@dataclass(slots=True)
class _Tracing:
    """Where spans go; ``tracer`` is None where nobody looks at them."""

    tracer: Any = None


_tracing: Final = _Tracing()
_NOTHING: Final[AbstractContextManager[Any]] = nullcontext(_NoSpan())


def span(
    name: str, *, begun: float | None = None, **attributes: Attribute
) -> AbstractContextManager[Any]:
    """Time what is done inside; an exception that passes is noted by its type, not its words.

    What began before, at ``begun`` of ``perf_counter``, is timed from then.
    """
    if _tracing.tracer is None:
        return _NOTHING
    return _recorded(name, begun, attributes)


@contextmanager
def _recorded(name: str, begun: float | None, attributes: dict[str, Attribute]) -> Iterator[Any]:
    since = None
    if begun is not None:
        ago = perf_counter() - begun
        since = int((SystemClock().now().timestamp() - ago) * 1e9)
    # The words of an exception may quote what somebody sent, so the library must not take them.
    with _tracing.tracer.start_as_current_span(
        name,
        attributes=attributes,
        start_time=since,
        record_exception=False,
        set_status_on_exception=False,
    ) as recorded:
        try:
            yield recorded
        except Exception as error:
            recorded.set_attribute("error.type", type(error).__name__)
            raise


def trace_ids() -> dict[str, str]:
    """Give the ids of the current span, for the log; nothing where there is none."""
    if _tracing.tracer is None:
        return {}
    from opentelemetry.trace import get_current_span  # noqa: PLC0415 - an extra

    context = get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


@asynccontextmanager
async def tracing_to(endpoint: str | None) -> AsyncIterator[None]:
    """Send the spans made inside to this OTLP/HTTP address; what is left is sent on leaving.

    Problem where an address is set and OpenTelemetry is not installed.
    """
    if endpoint is None:
        yield
        return
    if importlib.util.find_spec("opentelemetry") is None:
        raise Problem(
            "Traces were asked for by telemetry.otlp_endpoint, but OpenTelemetry is not installed",
            exit_code=ExitCode.DEPENDENCY_DOWN,
            next_step=NEXT,
        )
    provider = _provider(endpoint)
    _tracing.tracer = provider.get_tracer("rooms", __version__)
    try:
        yield
    finally:
        _tracing.tracer = None
        # It sends what is left, which may take seconds.
        await asyncio.to_thread(provider.shutdown)


def _provider(endpoint: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({"service.name": "rooms", "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=PATIENCE))
    )
    return provider
