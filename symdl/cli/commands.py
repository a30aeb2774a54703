"""The commands, each of which is loaded when it is asked for.

Enters: arguments. Leaves: the command that they name, run, and an exit code. A shell that completes a word
asks for one command, and should not wait for all that the others import.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from symdl.cli.config.settings import meant
from symdl.cli.failures import told
from symdl.errors import CommandError

COMMANDS = ("derive", "kernel", "check", "fit", "train", "report", "export", "bench", "cache", "info")
"""The commands in the order of the help page; each is a file here, with its ``HELP`` and its ``run``."""
_DEBUG = "--debug"


class Commands(TyperGroup):
    """The commands, and what becomes of their errors; ``--debug`` may stand anywhere before ``--``."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name; None to a shell that completes a word.

        Raises:
            CommandError: there is no such command.
        """
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:
                return None
            raise CommandError(f"there is no command {cmd_name!r}", cure=meant(cmd_name, COMMANDS))
        room: Any = importlib.import_module(f"symdl.cli.{cmd_name}")
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name, help=room.HELP)(room.run)
        return typer.main.get_command(alone)

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
            code = told(error, debug=debug)
        sys.exit(code if isinstance(code, int) else 0)


def _without_debug(arguments: list[str]) -> tuple[bool, list[str]]:
    """Return whether ``--debug`` is among the options, and the arguments without it."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != _DEBUG]
    return len(options) < end, [*options, *arguments[end:]]
