"""``rooms run``: some modules as a process of their own, against a database that others share."""

import socket
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from rooms.cli.output import DEFAULT_DATA, LAST_PORT, DataOption, JsonOption, report
from rooms.platform import migrate
from rooms.platform.postgres import use_database
from rooms.platform.problem import ExitCode, Problem
from rooms.platform.settings import Settings, load
from rooms.platform.telemetry import log_to
from rooms.processes.catalogue import CONTEXTS, GATEWAY, MODULES, PURPOSES
from rooms.processes.compose import open_house
from rooms.processes.loop import keep_what_is_loaded, run_loop
from rooms.processes.run import running
from rooms.processes.telemetry import watched
from rooms.processes.up import stop_on_signals
from rooms.processes.web import listen, serve_gateway

app = typer.Typer(help="Run some modules against ROOMS__DATABASE__URL.")
_LISTED = "; ".join(f"{name}: {PURPOSES[name]}" for name in MODULES)


@app.command()
def start(
    modules: Annotated[list[str], typer.Argument(help=_LISTED)],
    *,
    port: Annotated[
        int, typer.Option(min=0, max=LAST_PORT, help="Where the gateway answers.")
    ] = 8600,
    host: Annotated[str, typer.Option(help="The address the gateway binds to.")] = "127.0.0.1",
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Run the modules named, until Ctrl-C or SIGTERM."""
    _require_known(modules)
    settings = load(data)
    log_to(None, settings.telemetry.log_level)
    with use_database(data, settings.database) as dsn:
        migrate.require_current(dsn.app)
        web = listen(host, port, "--port") if GATEWAY in modules else None
        run_loop(_run(modules, settings, dsn.app, web, as_json=as_json))


async def _run(
    modules: list[str],
    settings: Settings,
    database_url: str,
    web: socket.socket | None,
    *,
    as_json: bool,
) -> None:
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(settings, database_url))
        await stack.enter_async_context(watched(house))
        contexts = [name for name in CONTEXTS if name in modules]
        await stack.enter_async_context(running(house, contexts))
        if web is not None:
            await stack.enter_async_context(serve_gateway(house, web, sandbox=False))
        port = None if web is None else web.getsockname()[1]
        keep_what_is_loaded()
        words = f"running {', '.join(modules)}" + (f" on port {port}" if port else "")
        report(
            {"ready": True, "modules": modules, "port": port},
            lambda console: console.print(words),
            as_json=as_json,
        )
        await stop.wait()


def _require_known(modules: list[str]) -> None:
    unknown = [name for name in modules if name not in MODULES]
    if unknown:
        raise Problem(
            f"There is no module {unknown[0]!r}",
            exit_code=ExitCode.USAGE,
            next_step=f"choose among {', '.join(MODULES)}",
        )
