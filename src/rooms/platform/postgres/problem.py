"""Why the embedded database cannot be used, from what PostgreSQL's programs print."""

import re
from pathlib import Path
from typing import Final

from rooms.platform.datafolder import disk_full, no_permission
from rooms.platform.problem import ExitCode, Problem

_WORST: Final = re.compile(r"(?:FATAL|PANIC|error|could not):? .*", re.IGNORECASE)


class PostgresProblem(Problem):
    """The embedded database cannot be used; exit code 5 unless said otherwise."""

    def __init__(
        self, message: str, *, next_step: str, exit_code: ExitCode = ExitCode.DEPENDENCY_DOWN
    ) -> None:
        super().__init__(message, exit_code=exit_code, next_step=next_step)


def problem_from_output(what: str, output: str, data: Path) -> Problem:
    """Turn the output of a failed program into one sentence."""
    if "No space left on device" in output:
        return disk_full(data, f"{what} could not write")
    if "Permission denied" in output:
        return no_permission(data)
    if "Address already in use" in output:
        return PostgresProblem(
            f"{what} failed: another program has taken the port by which it is known.",
            next_step="end that program, or end every process of this house and start again",
        )
    lines = _WORST.findall(output) or output.strip().splitlines() or ["it printed nothing"]
    return PostgresProblem(
        f"{what} failed: {lines[-1].strip()}",
        next_step=f"read {data / 'postgres.log'}, then try again",
    )
