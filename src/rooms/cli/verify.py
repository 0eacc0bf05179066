"""``rooms verify``: check the house without it. Needs kernel and proof, and nothing that runs."""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, BinaryIO, Final

import typer

from rooms.cli.verdict import Data, Json, Key, give, read_keys, refuse
from rooms.cli.verify_keno import (
    read_proof,
    verify_a_bet,
    verify_a_day,
    verify_a_round,
    verify_a_ticket,
)
from rooms.cli.verify_log import verify_the_log
from rooms.cli.verify_solvency import verify_a_balance
from rooms.proof.chain import GAME, SEED_BYTES
from rooms.proof.draw import commit
from rooms.proof.draw import draw as draw_numbers
from rooms.proof.evidence import verify_room
from rooms.proof.fields import Fields, Malformed, amount, octets, read_object, tables, text, whole
from rooms.proof.leaves import Signers, parse_leaf
from rooms.proof.pool import Settlement, Side, Stake, Terms, settle
from rooms.proof.verifypage import verify_page

BEACON: Final = re.compile(r"[0-9a-f]{64}")
LINES_PER_PROGRESS: Final = 100_000

app = typer.Typer(help="Check what the house published, without the house.", no_args_is_help=True)
app.command("round")(verify_a_round)
app.command("ticket")(verify_a_ticket)
app.command("bet")(verify_a_bet)
app.command("day")(verify_a_day)
app.command("log")(verify_the_log)
app.command("solvency")(verify_a_balance)

Record = Annotated[
    str | None,
    typer.Option(
        "--record",
        metavar="URL|FILE",
        help="The room's record in the log: what /v1/rooms/{id}/settlement/record answers.",
    ),
]
File = Annotated[str, typer.Argument(metavar="FILE", help="A room's file; - is standard input.")]


@app.command()
def pool(*, as_json: Json = False, data: Data = ".rooms") -> None:
    """Divide pools: one JSON object per line of standard input, one answer per line."""
    del as_json, data  # the answer is JSON either way, and no house is asked
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            answer = _pool_json(_settled(read_object(line)))
        except Malformed as problem:
            refuse(f"line {number}: {problem}.", "write each line as docs/spec/pool.md shows.")
        sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
    sys.stdout.flush()


@app.command()
def page(*, as_json: Json = False, data: Data = ".rooms") -> None:
    """Write the page that checks rounds, tickets, days and rooms in a browser: > verify.html."""
    del as_json, data  # the answer is the page either way, and no house is asked
    sys.stdout.buffer.write(verify_page())
    sys.stdout.buffer.flush()


@app.command()
def draw(*, as_json: Json = False, data: Data = ".rooms") -> None:
    """Draw keno rounds: one JSON object per line of standard input, one answer per line."""
    del as_json, data  # the answer is JSON either way, and no house is asked
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            answer = _drawn(read_object(line))
        except Malformed as problem:
            refuse(f"line {number}: {problem}.", "write each line as docs/spec/fairness.md shows.")
        sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
    sys.stdout.flush()


@app.command()
def room(
    file: File,
    *,
    record: Record = None,
    as_json: Json = False,
    key: Key = None,
    data: Data = ".rooms",
) -> None:
    """Check a settled room: weights, outliers, median, trigger, scratches, fees, payouts."""
    del data
    leaf = None if record is None else read_proof(record, parse_leaf)
    signers = Signers(read_keys(key))
    try:
        with _opened(file) as lines:
            report = verify_room(_counted(lines), leaf, signers)
    except OSError as error:
        refuse(f"{file} cannot be read: {error.strerror}.", "name a file that can, or - .")
    except Malformed as problem:
        refuse(f"{file} is no room file: {problem}.", "fetch the room's settlement file again.")
    signer = [_signer(key)] if leaf is None else []
    give(report, [*signer, *report.unchecked], as_json=as_json)


def _settled(fields: Fields) -> Settlement:
    bets = [_stake(bet) for bet in tables(fields, "bets")]
    if len({bet.id for bet in bets}) < len(bets):
        raise Malformed("two bets have one id")
    terms = Terms(protocol_bps=_bps(fields, "protocol_bps"), host_bps=_bps(fields, "host_bps"))
    return settle(bets, _side(fields, "outcome"), terms)


def _stake(bet: Fields) -> Stake:
    stake = amount(bet, "stake")
    if stake < 1:
        raise Malformed('"stake" is not positive')
    return Stake(text(bet, "id"), _side(bet, "side"), stake)


def _side(fields: Fields, name: str) -> Side:
    value = text(fields, name)
    if value not in tuple(Side):
        raise Malformed(f'"{name}" is not YES or NO')
    return Side(value)


def _bps(fields: Fields, name: str) -> int:
    value = whole(fields, name)
    if value < 0:
        raise Malformed(f'"{name}" is negative')
    return value


def _pool_json(settlement: Settlement) -> dict[str, object]:
    return {
        "void": settlement.void,
        "takeout": str(settlement.takeout),
        "host_fee": str(settlement.host_fee),
        "protocol_fee": str(settlement.protocol_fee),
        "breakage": str(settlement.breakage),
        "payouts": {bet: str(paid) for bet, paid in settlement.payouts.items()},
        "rewards": {bet: [str(level) for level in due] for bet, due in settlement.rewards.items()},
    }


def _drawn(fields: Fields) -> dict[str, object]:
    seed, game = octets(fields, "server_seed", SEED_BYTES), text(fields, "game")
    number, entropy = whole(fields, "round"), text(fields, "entropy")
    if not GAME.fullmatch(game):
        raise Malformed('"game" is no name of a game')
    if number < 0:
        raise Malformed('"round" is negative')
    if entropy and not BEACON.fullmatch(entropy):
        raise Malformed('"entropy" is neither empty nor 32 bytes in lower-case hex')
    drawn = draw_numbers(seed, game, number, entropy)
    return {"commit": commit(seed).hex(), "draw": list(drawn)}


def _opened(file: str) -> BinaryIO:
    return sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: PTH123


def _counted(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Tell a person who waits at a terminal how far the file is read."""
    watched = sys.stderr.isatty()
    for number, line in enumerate(lines):
        if watched and number and number % LINES_PER_PROGRESS == 0:
            sys.stderr.write(f"\r{number:,} bets checked")
        yield line
    if watched:
        sys.stderr.write("\r\033[K")


def _signer(key: str | None) -> str:
    if key is None:
        return "the signer: no --key was given"
    return "the signer: a room's file carries no signature, its --record does"
