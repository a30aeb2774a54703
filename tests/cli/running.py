"""Commands, run in this process."""

from __future__ import annotations

from dataclasses import dataclass

from typer.testing import CliRunner

from symdl.cli.app import app


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str
    both: str


def ran(*arguments: str, typed: str | None = None) -> Ran:
    """Run ``symdl`` with these arguments."""
    found = CliRunner().invoke(app, list(arguments), input=typed, prog_name="symdl", catch_exceptions=False)
    return Ran(found.exit_code, found.stdout, found.stderr, found.output)


def refused(*arguments: str) -> str:
    """Return what a command says that gives up with exit code 2: one paragraph, no traceback."""
    found = ran(*arguments)
    assert found.code == 2, found.both
    assert not found.out and found.err.startswith("symdl: ") and found.err.endswith("\n")
    assert "\n\n" not in found.err.strip() and "Traceback" not in found.err
    return found.err


__all__ = ["Ran", "ran", "refused"]
