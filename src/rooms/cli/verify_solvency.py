"""``rooms verify solvency``: check that one's own balance is in what the house says it owes."""

from typing import Annotated

import typer

from rooms.cli.verdict import Data, Json, Key, give, read_keys
from rooms.cli.verify_keno import read_proof
from rooms.proof.leaves import Signers
from rooms.proof.solvency import parse_balance, verify_solvency

File = Annotated[
    str,
    typer.Argument(metavar="FILE", help="What /v1/wallet/solvency answers; - is standard input."),
]


def verify_a_balance(
    file: File, *, as_json: Json = False, key: Key = None, data: Data = ".rooms"
) -> None:
    """Check that a balance is in the sum of liabilities, and that the log has the sum."""
    del data
    proof = read_proof(file, parse_balance)
    report = verify_solvency(proof, Signers(read_keys(key)))
    give(report, report.unchecked, as_json=as_json)
