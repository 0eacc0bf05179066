"""Paytables as commands are given them: a file, or the name of one that ships."""

from pathlib import Path
from typing import Final

from rooms.platform.problem import ExitCode, Problem
from rooms.proof.fields import Malformed
from rooms.proof.paytable import Paytable, parse_toml

SHIPPED: Final = Path(__file__).parents[1] / "proof" / "paytables"


def read_paytable(file: str) -> Paytable:
    """Read it. Problem (exit code 2) where it is none."""
    shipped = SHIPPED / f"{file}.toml"
    try:
        text = (shipped if file.isalpha() and shipped.is_file() else Path(file)).read_text()
        return parse_toml(text)
    except (OSError, UnicodeDecodeError, Malformed) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise Problem(
            f"{file} is no paytable: {reason}",
            exit_code=ExitCode.USAGE,
            next_step='write [spots] and lines like 2 = ["0", "1", "9.5"]',
        ) from problem
