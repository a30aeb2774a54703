"""``symdl cache``: compiled kernels on disk.

Enters: nothing, or the wish to remove them. Leaves: where they are and how much they take.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from symdl.cli.screen import say, show_table
from symdl.files import user_cache
from symdl.run.modules import folder
from symdl.run.pruning import clear, limits, usage

HELP = """Show where compiled kernels are kept, or remove them.

They are made again when they are needed. SYMDL_CACHE names another folder, SYMDL_CACHE_MB and
SYMDL_CACHE_DAYS say how much is kept, and how long. Other files in that folder are left alone.

Examples:

\b
  symdl cache
  symdl cache --clean
"""


def run(
    *,
    clean: Annotated[bool, typer.Option("--clean", help="Remove all of them.")] = False,
) -> None:
    """Print the place and size of the cache; empty it if that is wished.

    Raises:
        CompileError: the folder cannot be used.
    """
    where = folder()
    if clean:
        count, size = clear(where)
        say(f"removed {count} files, {_megabytes(size)}, from {where}")
        return
    count, size = usage(where)
    megabytes, days = limits()
    rows = [
        ("kernels", str(where)),
        ("", f"{count} files, {_megabytes(size)}; at most {megabytes} MB, none unused for {days} days"),
        ("data sets", str(user_cache(os.environ))),
    ]
    show_table(("", ""), rows)


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MB"
