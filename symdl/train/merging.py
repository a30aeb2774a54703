"""A reduction over all samples, put together from its values over some of them.

Enters: values of one reduction, one after another. Leaves: its value over everything; how the samples were
divided and ordered shows in rounding only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Merged:
    """A value that grows: ``sum``, ``prod``, ``max`` or ``logsumexp`` of what is added."""

    def __init__(self, op: str) -> None:
        self.op = op
        self._parts: tuple[Array, Array] | None = None

    def add(self, value: Any) -> None:
        """Take in the value over further samples."""
        new = np.asarray(value)
        new = new if new.dtype.kind == "i" else new.astype("float64")
        if self._parts is None:
            split = self.op == "prod" and new.dtype.kind == "f"
            self._parts = np.frexp(new) if split else (new, np.zeros_like(new))
            return
        with np.errstate(all="ignore"):
            self._parts = _MERGE[self.op](*self._parts, new)

    @property
    def value(self) -> Array:
        """The value over all samples so far."""
        assert self._parts is not None
        main, rest = self._parts
        if main.dtype.kind == "i":
            return main
        with np.errstate(all="ignore"):
            if self.op == "prod":
                return np.ldexp(main, rest)
            return np.where(np.isfinite(main), main + rest, main) if self.op == "sum" else main


def _sum(main: Array, rest: Array, new: Array) -> tuple[Array, Array]:
    """Add with what rounding loses kept apart (Knuth's two-sum)."""
    total = main + new
    back = total - main
    return total, rest + ((main - (total - back)) + (new - back))


def _prod(main: Array, power: Array, new: Array) -> tuple[Array, Array]:
    """Multiply with the exponent kept apart, so that no part of a product over- or underflows."""
    if main.dtype.kind == "i":
        return main * new, power
    value, more = np.frexp(new)
    value, carry = np.frexp(main * value)
    return value, power + more + carry


def _max(main: Array, rest: Array, new: Array) -> tuple[Array, Array]:
    return np.maximum(main, new), rest


def _logsumexp(main: Array, rest: Array, new: Array) -> tuple[Array, Array]:
    return np.logaddexp(main, new), rest


_MERGE = {"sum": _sum, "prod": _prod, "max": _max, "logsumexp": _logsumexp}
