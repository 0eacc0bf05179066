"""Whether the house lives, can serve, and which it is."""

from litestar import Response, get

from rooms.entrypoints.gateway import messages
from rooms.entrypoints.gateway.answers import answer
from rooms.entrypoints.gateway.calls import Call, gateway_of
from rooms.entrypoints.gateway.described import describing
from rooms.entrypoints.gateway.problems import RETRY, ProblemAnswer
from rooms.platform.exposition import CONTENT_TYPE


@get(
    "/livez",
    opt=describing(
        summary="The process answers.",
        tag="system",
        answer=messages.Alive,
        example={"alive": True},
    ),
)
async def livez() -> Response[bytes]:
    """Answer, whatever else is down."""
    return answer(messages.Alive(alive=True))


@get(
    "/readyz",
    opt=describing(
        summary="Whether the house can serve, and what it waits for.",
        tag="system",
        answer=messages.Ready,
        example={"ready": True, "waiting_for": []},
        codes=("E-NOT-READY",),
    ),
)
async def readyz(request: Call) -> Response[bytes]:
    """Say whether the house can serve."""
    waiting = await gateway_of(request).ready()
    if not waiting:
        return answer(messages.Ready(ready=True, waiting_for=[]))
    return ProblemAnswer(
        "E-NOT-READY",
        {"waiting_for": ", ".join(waiting)},
        {"Retry-After": RETRY},
        {"ready": False, "waiting_for": waiting},
    ).response()


@get(
    "/metrics",
    opt=describing(
        summary="What the process counts and times, as Prometheus reads it.",
        tag="system",
        answer=str,
        example=None,
        media_type="text/plain",
    ),
)
async def metrics(request: Call) -> Response[bytes]:
    """Give the metrics of this process."""
    return Response(await gateway_of(request).metrics(), media_type=CONTENT_TYPE)


@get(
    "/version",
    opt=describing(
        summary="Which program answers.",
        tag="system",
        answer=messages.Version,
        example={"name": "rooms", "version": "0.1.0", "sandbox": True},
    ),
)
async def version(request: Call) -> Response[bytes]:
    """Say the program's name and version."""
    gateway = gateway_of(request)
    return answer(messages.Version("rooms", gateway.version, gateway.sandbox))
