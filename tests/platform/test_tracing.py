"""Traces: real spans, by the real library, to a receiver on loopback."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rooms.platform.postgres import Dsn
from rooms.platform.tracing import span, tracing_to
from tests.log_files import logging_to
from tests.watched_house import open_watched

SOURCE = Path(__file__).parents[2] / "src"


@dataclass(slots=True)
class Receiver:
    """Takes what an OpenTelemetry collector would take."""

    url: str = ""
    raw: bytes = b""
    spans: list[Any] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return web.Response(content_type="application/x-protobuf")

    def named(self, name: str) -> list[Any]:
        return [each for each in self.spans if each.name == name]

    def parent(self, child: Any) -> str | None:
        found = [each for each in self.spans if each.span_id == child.parent_span_id]
        return found[0].name if found else None


def attributes(of: Any) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in of.attributes}


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.add_routes([web.post("/v1/traces", receiver.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def test_a_house_sends_what_it_did_and_how_that_hangs_together(
    dsn: Dsn, tmp_path: Path
) -> None:
    async with receiving() as received:
        settings = {"telemetry": {"otlp_endpoint": received.url}}
        async with open_watched(dsn.app, tmp_path, settings) as seen:
            await seen.live_a_little()
    bets = received.named("POST /v1/rooms/{room}/bets")
    answered = sorted(attributes(each)["http.response.status_code"] for each in bets)
    assert answered == [201, 201, 409]
    parents = {received.parent(each) for each in received.named("transaction")}
    assert {"POST /v1/rooms", "batch", "oracle tick", "fact", "room pay"} <= parents
    # A batch works for many requests, so it begins a trace of its own.
    batches = received.named("batch")
    assert {"bets", "tokens"} <= {attributes(each)["lane"] for each in batches}
    assert {received.parent(each) for each in batches} == {None}
    (fact,) = received.named("fact")
    assert attributes(fact)["consumer"] == "parimutuel.decide"
    (paid,) = received.named("room pay")
    assert attributes(paid) == {"room": 1}
    for secret in (b"Bearer", b"the first", b"postgresql://"):
        assert secret not in received.raw


async def test_what_failed_is_named_but_not_quoted_and_its_log_finds_the_trace(
    tmp_path: Path,
) -> None:
    with logging_to(tmp_path / "log") as log:
        async with receiving() as received, tracing_to(received.url):
            try:
                with span("an act", room=7):
                    structlog.get_logger().info("in the act")
                    raise ValueError("a secret")
            except ValueError:
                pass
        (act,) = received.named("an act")
        assert attributes(act) == {"room": 7, "error.type": "ValueError"}
        assert b"a secret" not in received.raw
        (line,) = log.lines()
        assert (line["trace_id"], line["span_id"]) == (act.trace_id.hex(), act.span_id.hex())


async def test_a_collector_that_is_away_costs_nothing_but_the_spans() -> None:
    async with asyncio.timeout(60), tracing_to("http://127.0.0.1:1/v1/traces"):
        with span("an act"):
            pass


def test_without_an_address_a_span_is_always_the_same_nothing() -> None:
    assert span("one", room=1) is span("another")
    with span("one") as nothing:
        nothing.set_attribute("room", 1)
        nothing.update_name("two")


def test_without_the_library_a_house_runs_and_says_what_is_missing_where_traces_are_wanted() -> (
    None
):
    program = """
import asyncio
from rooms.platform.problem import Problem
from rooms.platform.tracing import span, trace_ids, tracing_to

async def main():
    async with tracing_to(None):
        with span("an act"):
            assert trace_ids() == {}
    try:
        async with tracing_to("http://127.0.0.1:4318/v1/traces"):
            pass
    except Problem as problem:
        print(problem.message, problem.next_step)

asyncio.run(main())
"""
    done = subprocess.run(  # -S: a Python without anything installed
        [sys.executable, "-S", "-c", program],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "OpenTelemetry is not installed" in done.stdout
    assert "requirements/tracing.txt" in done.stdout
