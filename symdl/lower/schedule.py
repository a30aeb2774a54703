"""How a target runs loops.

Enters: the work of a step. Leaves: the same work with a kind bound to every loop. On one core every loop is
``serial``: the compiler below vectorises inner loops by itself. Targets with threads or grids bind here.
"""

from __future__ import annotations

from dataclasses import replace

from symdl.errors import LoweringError
from symdl.lower.classify import Contraction
from symdl.lower.ir import Item, Loop

KINDS = {"cpu": "serial", "python": "serial"}
"""The kind of an outer loop on each target."""


def bind_axes(work: Contraction | tuple[Item, ...], *, target: str) -> Contraction | tuple[Item, ...]:
    """Return the work as `target` runs it.

    Raises:
        LoweringError: an unknown target.
    """
    if target not in KINDS:
        raise LoweringError(f"there is no target {target!r}", cure=f"use one of {', '.join(KINDS)}")
    if isinstance(work, Contraction):
        return work
    return tuple(replace(item, kind="serial") if isinstance(item, Loop) else item for item in work)
