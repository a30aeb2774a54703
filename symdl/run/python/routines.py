"""Routines for plain Python.

Enters: the name of a routine, as generated modules import it. Leaves: a function of numbers or arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdl.run.values import values


def __getattr__(name: str) -> Callable[..., Any]:
    """Return the routine of a name."""
    if name.startswith("_"):
        raise AttributeError(name)
    return values(name)
