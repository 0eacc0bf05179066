"""Bad news in words: one sentence, `Next: ...`, and the exit code of the contract."""

import sys

import typer
from typer.exceptions import TyperException

from rooms.entrypoints.catalogue import catalogue
from rooms.kernel.refusal import Refusal
from rooms.platform.examination import NO_DATABASE, no_database
from rooms.platform.problem import ExitCode, Problem

INTERRUPTED = 130


def tell(error: BaseException, command: str) -> int | None:
    """Tell what ended a command and give its exit code; None for a bug, which is raised on."""
    match error:
        case Problem():
            _say(error.message, error.next_step)
            return error.exit_code
        case Refusal():
            words = catalogue()[error.code].words(error.data)
            _say(f"{error.code}: {words.title}. {words.detail}", words.next)
            return ExitCode.FAILED
        case TyperException():
            _say(error.format_message(), f"{command} --help")
            return ExitCode.USAGE
        case KeyboardInterrupt() | typer.Abort():
            return INTERRUPTED
        case BrokenPipeError():
            return ExitCode.FAILED
    return tell(no_database(error), command) if isinstance(error, NO_DATABASE) else None


def _say(message: str, next_step: str) -> None:
    sentence = f"{message.rstrip('.')}.\n" if message else ""
    sys.stderr.write(f"{sentence}Next: {next_step}\n")
