"""``rooms ledger``: the books, re-summed and explained."""

import re
from itertools import count
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from rooms.cli.output import DEFAULT_DATA, DataOption, JsonOption, progress, report, table
from rooms.contexts.ledger.api import StatementLine
from rooms.contexts.ledger.checks import CHECKS, Finding, check_books
from rooms.contexts.ledger.queries import (
    AccountView,
    JournalLine,
    JournalView,
    LedgerQueries,
)
from rooms.kernel.ids import JournalId
from rooms.kernel.time import rfc3339
from rooms.platform.database import Tx
from rooms.platform.problem import ExitCode, Problem
from rooms.processes.office import ask_books

app = typer.Typer(help="Check the books, explain an account or a journal.", no_args_is_help=True)

JOURNAL: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


@app.command()
def check(*, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Re-sum everything and compare with the balances; exit code 3 where something is wrong."""
    progress("re-summing every entry ...")
    checks = count(1)
    findings = ask_books(
        data,
        lambda tx: check_books(
            tx, lambda name: progress(f"{next(checks)} of {len(CHECKS)}: {name} ...")
        ),
    )
    wrong = [finding for finding in findings if finding.wrong]
    report(
        {"ok": not wrong, "checks": findings},
        lambda console: _show_findings(console, findings),
        as_json=as_json,
    )
    if wrong:
        raise Problem(
            f"The books are wrong in {len(wrong)} of {len(findings)} checks",
            exit_code=ExitCode.PROBLEMS_FOUND,
            next_step="stop paying out, keep the database as it is, rooms ledger explain "
            "ACCOUNT, or journal:NUMBER",
        )


def _show_findings(console: Console, findings: list[Finding]) -> None:
    rows = [
        ("✔" if not finding.wrong else "✖", finding.name, f"{finding.checked:,} checked")
        for finding in findings
    ]
    console.print(table(("", "check", ""), rows))
    for finding in findings:
        for line in finding.wrong:
            console.print(f"  ✖ {finding.name}: {line}", markup=False)


@app.command(name="trial-balance")
def trial_balance(*, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Show what each kind of account holds; per asset it sums to zero."""
    lines = ask_books(data, LedgerQueries().trial_balance)
    totals = {line.asset: 0 for line in lines}
    for line in lines:
        totals[line.asset] += line.balance
    rows = [
        (line.asset, line.kind, f"{line.accounts:,}", f"{line.balance:,}", f"{line.held:,}")
        for line in lines
    ] + [(asset, "sum", "", f"{total:,}", "") for asset, total in totals.items()]
    heads = ("asset", "kind", "accounts", "balance", "held")
    report(
        {"lines": lines, "sums": totals},
        lambda console: console.print(table(heads, rows)),
        as_json=as_json,
    )
    if any(totals.values()):
        raise Problem(
            "The accounts of an asset do not sum to zero",
            exit_code=ExitCode.PROBLEMS_FOUND,
            next_step="rooms ledger check",
        )


@app.command()
def explain(
    what: Annotated[
        str,
        typer.Argument(help="An account, by its number or as player:7, or a journal: journal:12."),
    ],
    *,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many entries.")] = 50,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Show an account's statement, newest first, or what a journal moved on which accounts."""
    kind, _, number = what.partition(":")
    if kind == "journal" and JOURNAL.fullmatch(number):
        _explain_journal(JournalId(int(number)), limit, data, as_json=as_json)
    else:
        _explain_account(what, limit, data, as_json=as_json)


def _explain_account(account: str, limit: int, data: Path, *, as_json: bool) -> None:
    async def ask(tx: Tx) -> tuple[AccountView | None, list[StatementLine]]:
        queries = LedgerQueries()
        found = await queries.account(tx, account)
        return found, [] if found is None else await queries.chain(tx, found.id, None, limit)

    found, lines = ask_books(data, ask)
    if found is None:
        raise Problem(
            f"There is no account {account!r}",
            exit_code=ExitCode.FAILED,
            next_step="rooms ledger trial-balance shows the kinds; name one as kind:owner",
        )
    rows = [
        (
            str(line.id),
            rfc3339(line.at),
            line.kind,
            f"{line.amount:,}",
            f"{line.balance:,}",
            line.ref,
        )
        for line in lines
    ]
    heads = ("entry", "at", "kind", "amount", "balance", "for")
    name = f"{found.kind}:{found.owner} in {found.asset}"
    title = f"{name}, balance {found.balance:,}, held {found.held:,}"

    def show(console: Console) -> None:
        console.print(title, markup=False)
        console.print(table(heads, rows))

    report({"account": found, "entries": lines}, show, as_json=as_json)


def _explain_journal(number: JournalId, limit: int, data: Path, *, as_json: bool) -> None:
    async def ask(tx: Tx) -> tuple[JournalView | None, list[JournalLine]]:
        queries = LedgerQueries()
        found = await queries.journal(tx, number)
        return found, [] if found is None else await queries.journal_lines(tx, number, limit)

    found, lines = ask_books(data, ask)
    if found is None:
        raise Problem(
            f"There is no journal {number}",
            exit_code=ExitCode.FAILED,
            next_step="rooms ledger check names the journals that are wrong",
        )
    rows = [
        (
            str(line.id),
            str(line.account_id),
            line.account,
            line.kind,
            f"{line.amount:,} {line.asset}",
            f"{line.balance:,}",
            line.ref,
        )
        for line in lines
    ]
    heads = ("entry", "number", "account", "kind", "amount", "balance", "for")

    def show(console: Console) -> None:
        console.print(f"{found.key} at {rfc3339(found.at)}", markup=False)
        console.print(table(heads, rows))

    report({"journal": found, "entries": lines}, show, as_json=as_json)
