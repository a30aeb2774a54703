"""What went wrong, told in one paragraph.

Enters: a command that is run. Leaves: its exit code, and for an error its text on standard error, without a
traceback. What others typed (names, file names, columns) is shown without control characters.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperGroup

from symdl.cli.screen import printable
from symdl.errors import InternalError, SymdlError, TrainingError

FAILED, BAD_INPUT, FAULT, INTERRUPTED = 1, 2, 3, 130
"""Exit codes besides 0."""
_DEBUG = "--debug"


class Commands(TyperGroup):
    """The commands, and what becomes of their errors; ``--debug`` may stand anywhere before ``--``."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and end the process with its exit code."""
        given = list(sys.argv[1:] if args is None else args)
        debug, given = _without_debug(given)
        try:
            code = super().main(given, prog_name, complete_var, False, windows_expand_args, **extra)
            sys.stdout.flush()
        except BaseException as error:
            code = self.told(error, debug=debug)
        sys.exit(code if isinstance(code, int) else 0)

    def told(self, error: BaseException, *, debug: bool) -> int:
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


def _without_debug(arguments: list[str]) -> tuple[bool, list[str]]:
    """Return whether ``--debug`` is among the options, and the arguments without it."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != _DEBUG]
    return len(options) < end, [*options, *arguments[end:]]


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
