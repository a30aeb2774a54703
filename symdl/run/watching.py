"""What the environment asks to see and to check while a program is lowered and scheduled.

Enters: ``SYMDL_SHOW`` and ``SYMDL_CHECK``. Leaves: options of `symdl.lower.pipeline.lower`, and whether
schedules are checked.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from symdl.lower.show import shown
from symdl.lower.state import Observer, Pass, State


def checking() -> bool:
    """Say whether ``SYMDL_CHECK=1`` asks for every check there is, not only for cheap ones."""
    return os.environ.get("SYMDL_CHECK", "") not in ("", "0")


def asked_for() -> tuple[str, str]:
    """Return what the environment asks for: what was made under other wishes is made again."""
    return os.environ.get("SYMDL_SHOW", ""), os.environ.get("SYMDL_CHECK", "")


def watched() -> dict[str, Any]:
    """Return the options for lowering; with ``SYMDL_SHOW=passes`` each pass is printed."""
    wanted = os.environ.get("SYMDL_SHOW", "").split(",")
    return {"observer": printing() if "passes" in wanted else None, "check": checking()}


def printing() -> Observer:
    """Return an observer that prints what each pass left, if it changed anything, and its time."""
    last = ""

    def observer(step: Pass, state: State, seconds: float) -> None:
        nonlocal last
        text = shown(step, state)
        head = f"== {step.name} ({step.level}, {seconds * 1e3:.1f} ms): {step.purpose}"
        print(head if text == last else f"{head}\n{text}\n", file=sys.stderr)
        last = text

    return observer
