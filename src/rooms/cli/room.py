"""``rooms room``: what staff may do to a room."""

from typing import Annotated

import typer
from rich.console import Console

from rooms.cli.output import (
    DEFAULT_DATA,
    DataOption,
    DryRunOption,
    JsonOption,
    YesOption,
    confirm,
    report,
    table,
)
from rooms.contexts.identity.api import BY_COMMAND
from rooms.contexts.parimutuel.api import Preview, RoomView, VoidRequest
from rooms.kernel.ids import RoomId
from rooms.kernel.time import rfc3339
from rooms.processes.compose import House
from rooms.processes.office import ask_house

app = typer.Typer(help="Settle or void a room as staff.", no_args_is_help=True)
Room = Annotated[int, typer.Argument(help="The room's number.", min=1)]
Token = Annotated[
    str, typer.Option(envvar="ROOMS_STAFF_TOKEN", help="Yours, of `rooms staff token`.")
]


@app.command()
def show(room: Room, *, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Show a room and its life."""
    view = ask_house(data, lambda house: house.rooms.room(RoomId(room)))
    report(view, lambda console: _show_room(console, view), as_json=as_json)


def _show_room(console: Console, view: RoomView) -> None:
    console.print(f"{view.title}", markup=False)
    rows = [(rfc3339(move.at), move.to.value, move.cause) for move in view.transitions]
    console.print(table(("at", "status", "cause"), rows))


@app.command()
def settle(
    room: Room,
    *,
    token: Token = "",
    dry_run: DryRunOption = False,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
    yes: YesOption = False,
) -> None:
    """Pay a decided room now; with --dry-run only say what settling would do.

    Staff cannot choose an outcome: only the oracle's observations decide.
    """
    if dry_run:
        preview = ask_house(data, lambda house: _preview(house, RoomId(room), token))
        report(preview, lambda console: _show_preview(console, preview), as_json=as_json)
        return
    confirm(f"Pay room {room} now?", yes=yes)

    async def pay(house: House) -> RoomView:
        staff = await house.identity.administrator_of(token)
        return await house.rooms.settle(RoomId(room), staff)

    view = ask_house(data, pay)
    report(view, lambda console: _show_room(console, view), as_json=as_json)


async def _preview(house: House, room: RoomId, token: str) -> Preview:
    staff = await house.identity.administrator_of(token) if token else None
    preview = await house.rooms.preview(room)
    async with house.database.transaction() as tx:
        await house.identity.note(
            tx,
            action="room.preview",
            subject=f"room:{room}",
            reason=BY_COMMAND,
            by=None if staff is None else staff.id,
        )
    return preview


def _show_preview(console: Console, preview: Preview) -> None:
    known = "decided" if preview.decided else "not decided yet; for each outcome"
    console.print(f"Room {preview.room_id} is {preview.status}, {known}:")
    for outcome, figures in preview.outcomes.items():
        rows = [
            (name, f"{value:,}" if isinstance(value, int) else value)
            for name, value in figures.items()
        ]
        console.print(table((outcome, ""), rows))


@app.command()
def void(
    room: Room,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the public: 5 to 500 characters.")],
    token: Token,
    dry_run: DryRunOption = False,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
    yes: YesOption = False,
) -> None:
    """Ask for a room to be voided; it takes two administrators and a public delay."""
    if dry_run:
        preview = ask_house(data, lambda house: _preview(house, RoomId(room), token))
        report(preview, lambda console: _show_preview(console, preview), as_json=as_json)
        return
    confirm(f"Ask for room {room} to be voided, every stake refunded?", yes=yes)

    async def ask(house: House) -> VoidRequest:
        staff = await house.identity.administrator_of(token)
        return await house.rooms.request_void(RoomId(room), staff, reason)

    asked = ask_house(data, ask)
    report(asked, lambda console: console.print(_void_words(asked)), as_json=as_json)


def _void_words(asked: VoidRequest) -> str:
    if asked.asked_by == 1:
        again = f"rooms room void {asked.room_id} --reason ..."
        return f"Asked. A second administrator has to ask too: {again}"
    if asked.effective_at is None:
        return "Noted. Two had asked before, and their delay runs already."
    at = rfc3339(asked.effective_at)
    return f"Two asked. The void takes effect at {at} unless the outcome comes first."
