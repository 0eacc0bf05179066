"""What an operator has to put right: one sentence, the next step, and the exit code."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the contract."""

    OK = 0
    FAILED = 1
    USAGE = 2
    PROBLEMS_FOUND = 3
    NEEDS_CONFIRMATION = 4
    DEPENDENCY_DOWN = 5


class Problem(Exception):  # noqa: N818 - the word that the commands show
    """Something outside the program keeps it from going on; only ``cli`` prints it."""

    def __init__(self, message: str, *, exit_code: ExitCode, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.next_step = next_step
