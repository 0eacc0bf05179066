"""Whatever a server does, the client answers with a value, and no key leaves by it."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from decimal import Decimal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from rooms import __version__
from rooms.kernel.result import Err, Ok
from rooms.platform.http import BODY_LIMIT, COOL_OFF, FAILURES_TO_OPEN, HttpClient, parse_json

KEY = "key-that-must-not-leak"


class Host:
    """A server that answers each path in its own bad way and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.answers: list[Callable[[], web.Response]] = []
        self.arrived = asyncio.Event()
        self.release = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.arrived.set()
        match request.path:
            case "/next":
                return self.answers.pop(0)()
            case "/hang":
                await self.release.wait()
            case "/cut":
                assert request.transport is not None
                request.transport.close()
            case "/short":
                return await self._short(request)
            case "/status":
                return web.Response(status=int(request.query["code"]), headers={"Location": "/ok"})
        return web.Response(body=BODIES[request.path], headers=HEADERS.get(request.path))

    async def _short(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"price"')
        assert request.transport is not None
        request.transport.close()
        return response


BODIES = {
    "/ok": b'{"price": 1.10, "n": 7, "far": 1e-9}',
    "/nan": b'{"price": NaN}',
    "/html": b"<html>hello</html>",
    "/empty": b"",
    "/latin": b'"\xff\xfe\xff"',
    "/deep": b"[" * 200_000,
    "/digits": b"9" * 10_000,
    "/exponent": b"1e99999999999999999999999",
    "/big": b" " * (BODY_LIMIT + 1),
    "/bomb": gzip.compress(b" " * (BODY_LIMIT * 20)),
    "/gzip": b"this is not gzip",
    "/hang": b"{}",
    "/cut": b"",
}
GZIP = {"Content-Encoding": "gzip"}
HEADERS = {"/bomb": GZIP, "/gzip": GZIP}


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
async def server(host: Host) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_get("/{path:.*}", host.handle)
    server = TestServer(app)
    await server.start_server()
    yield server
    host.release.set()
    await server.close()


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


async def test_a_document_comes_with_exact_decimals_and_says_who_asks(
    host: Host, server: TestServer, client: HttpClient
) -> None:
    answer = await client.get_json(str(server.make_url("/ok")))

    assert answer == Ok({"price": Decimal("1.10"), "n": 7, "far": Decimal("1E-9")})
    assert host.asked[0].headers["User-Agent"] == f"rooms/{__version__}"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/nan", "not_json"),
        ("/html", "not_json"),
        ("/empty", "not_json"),
        ("/latin", "not_json"),
        ("/deep", "not_json"),
        ("/digits", "not_json"),
        ("/exponent", "not_json"),
        ("/big", "too_large"),
        ("/bomb", "too_large"),
        ("/gzip", "unreachable"),
        ("/cut", "unreachable"),
        ("/short", "unreachable"),
        ("/hang", "timeout"),
        ("/status?code=301", "http_301"),
        ("/status?code=404", "http_404"),
        ("/status?code=429", "http_429"),
        ("/status?code=503", "http_503"),
    ],
)
async def test_each_way_to_answer_badly_has_its_kind_and_tells_no_key(
    server: TestServer, client: HttpClient, path: str, kind: str
) -> None:
    answer = await client.get_json(
        str(server.make_url(path)),
        params={"api_key": KEY},
        headers={"Authorization": KEY},
        time_out=0.5,
        attempts=2,
    )

    assert isinstance(answer, Err)
    assert answer.error.kind == kind
    assert KEY not in repr(answer)


async def test_a_port_without_a_server_is_unreachable(
    unused_tcp_port: int, client: HttpClient
) -> None:
    answer = await client.get_json(f"http://127.0.0.1:{unused_tcp_port}/?key={KEY}")

    assert isinstance(answer, Err)
    assert answer.error.kind == "unreachable"
    assert KEY not in repr(answer)


async def test_a_passing_failure_is_asked_again_and_a_lasting_one_is_not(
    host: Host, server: TestServer, client: HttpClient
) -> None:
    url = str(server.make_url("/next"))
    host.answers = [lambda: web.Response(status=500), lambda: web.Response(text="1")]
    assert await client.get_json(url, attempts=2) == Ok(1)

    host.answers = [lambda: web.Response(status=400), lambda: web.Response(text="1")]
    assert isinstance(await client.get_json(url, attempts=2), Err)
    assert len(host.answers) == 1


async def test_who_wants_to_be_left_alone_for_longer_than_there_is_time_is_not_asked_again(
    host: Host, server: TestServer, client: HttpClient
) -> None:
    url = str(server.make_url("/next"))
    host.answers = [
        lambda: web.Response(status=429, headers={"Retry-After": "60"}),
        lambda: web.Response(text="1"),
    ]
    answer = await client.get_json(url, attempts=2, time_out=5)

    assert isinstance(answer, Err)
    assert answer.error.kind == "http_429"
    assert len(host.asked) == 1


async def test_after_enough_failures_a_circuit_is_left_alone_and_then_tried_again(
    host: Host, server: TestServer
) -> None:
    seconds = [0.0]
    async with HttpClient(now=lambda: seconds[0]) as client:
        broken, fine = str(server.make_url("/status?code=500")), str(server.make_url("/ok"))
        for _ in range(FAILURES_TO_OPEN):
            await client.get_json(broken, circuit="one")
        shut = await client.get_json(fine, circuit="one")
        assert isinstance(shut, Err)
        assert shut.error.kind == "open"
        assert len(host.asked) == FAILURES_TO_OPEN
        assert isinstance(await client.get_json(fine, circuit="another"), Ok)

        seconds[0] += COOL_OFF
        assert isinstance(await client.get_json(fine, circuit="one"), Ok)


async def test_a_caller_who_gives_up_is_let_go(
    host: Host, server: TestServer, client: HttpClient
) -> None:
    asking = asyncio.create_task(client.get_json(str(server.make_url("/hang"))))
    await host.arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("body", [b"Infinity", b"-Infinity", b"[NaN]", b"{'a': 1}", b"1 2"])
def test_only_strict_json_is_json(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(body)
