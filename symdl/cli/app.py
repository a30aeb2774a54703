"""The command ``symdl``: all commands under one name.

Enters: arguments. Leaves: what the command prints and writes, and an exit code.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import symdl
from symdl.cli.commands import Commands
from symdl.cli.screen import prepared, say

_ABOUT = """Derive gradients, look at the kernels that compute them, fit formulas, train networks.

Exit codes: 0 all is well, 1 a check failed, training diverged or a fit did not converge, 2 bad input,
3 a fault of symdl, 130 interrupted.
"""


def _start(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the program an error arose.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    """Hear what is said before the name of a command."""
    if version:
        say(f"symdl {symdl.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app = typer.Typer(
    name="symdl",
    cls=Commands,
    help=_ABOUT,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.callback()(_start)


def run() -> int:
    """Run the command that this process was started with; return its exit code."""
    prepared(sys.stdout, sys.stderr)
    try:
        app(prog_name="symdl")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0
