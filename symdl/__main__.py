"""The command ``symdl``, also ``python -m symdl``.

Enters: the arguments of the process. Leaves: its exit code. What the command line needs is an extra; where
that is missing, this file says so.
"""

from __future__ import annotations

import sys

from symdl.errors import MissingExtraError, require_extra


def main() -> int:
    """Run the command line; return the exit code: see docs/command-line.md."""
    try:
        for needed in ("typer", "rich"):
            require_extra(needed, "cli")
    except MissingExtraError as error:
        print(f"symdl: {error}", file=sys.stderr)
        return 2
    from symdl.cli.app import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
