"""What went wrong, told in one paragraph.

Enters: what a command raised. Leaves: its exit code, and for an error its text on standard error, without a
traceback. What others typed (names, file names, columns) is shown without control characters.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

import typer

from symdl.errors import InternalError, SymdlError, TrainingError, printable

FAILED, BAD_INPUT, FAULT, INTERRUPTED = 1, 2, 3, 130
"""Exit codes besides 0."""


def told(error: BaseException, *, debug: bool) -> int:
    """Say what went wrong; return the exit code."""
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
        with suppress(OSError):  # who read has seen enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else BAD_INPUT
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return _said("interrupted", INTERRUPTED)
    if debug:
        _said("".join(traceback.format_exception(error)).rstrip(), 0, head="")
    if isinstance(error, typer.TyperException):
        return _said(_usage(error), error.exit_code or BAD_INPUT)
    if isinstance(error, SymdlError) and not isinstance(error, InternalError):
        return _said(str(error), FAILED if isinstance(error, TrainingError) else BAD_INPUT)
    where = "" if debug else "; symdl --debug shows where"
    text = str(error) if isinstance(error, SymdlError) else f"{type(error).__name__}: {error}{where}"
    return _said(f"{text}\n  cure: please report this, with the command", FAULT)


def _usage(error: typer.TyperException) -> str:
    """Return what is wrong with arguments, and where to read how they are."""
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "symdl")
    text = error.format_message().rstrip()
    if text.startswith("No such option"):
        text += "\n  (an expression that begins with a minus stands at the end, after --)"
    return f"{text}\n  cure: {path} --help shows what it takes, with examples"


def _said(text: str, code: int, *, head: str = "symdl: ") -> int:
    with suppress(OSError, ValueError):  # standard error is closed
        print(printable(head + text), file=sys.stderr)
    return code
