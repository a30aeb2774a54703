"""Symbolic sizes that shapes such as ``(4*n, n - 1)`` tell.

Enters: the axes of given arrays whose declared sizes are expressions, each with a way to compute it, and the
sizes that plain axes told. Leaves: all sizes, or `ArgumentError`. Compiled functions and the reference
interpreter have expressions of their own and this one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from symdl.errors import ArgumentError
from symdl.run import misfits

_LARGEST = 1 << 40


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a given array.

    Attributes:
        name: of the input.
        shape: of the array that was given.
        wanted: the declared shape, for people.
        size: the extent of the array along this axis.
        unknown: the names of the sizes in the declared extent.
        value: computes that extent from all of them.
    """

    name: str
    shape: tuple[int, ...]
    wanted: str
    size: int
    unknown: frozenset[str]
    value: Callable[[Mapping[str, int]], int]


def solve(axes: Sequence[Axis], sizes: dict[str, int]) -> None:
    """Add to `sizes` what the axes tell, each as soon as all but one of its sizes are known, and check all.

    Raises:
        ArgumentError: an axis has another size than declared, or shows more sizes than can be told.
    """
    waiting = list(axes)
    while waiting:
        ready = [axis for axis in waiting if len(axis.unknown - sizes.keys()) < 2]
        if not ready:
            names = ", ".join(sorted(waiting[0].unknown - sizes.keys()))
            raise ArgumentError(
                f"the sizes {names} cannot be told from {waiting[0].name}",
                cure="pass an input that has them as its own axes",
            )
        axis = ready[0]
        waiting.remove(axis)
        for name in axis.unknown - sizes.keys():
            found = _positive(partial(_value, axis, sizes, name), axis.size)
            if found is None:
                raise misfits.wrong_shape(axis.name, axis.shape, axis.wanted, sizes)
            sizes[name] = found
        if axis.value(sizes) != axis.size:
            raise misfits.wrong_shape(axis.name, axis.shape, axis.wanted, sizes)


def _value(axis: Axis, sizes: Mapping[str, int], name: str, value: int) -> int:
    return axis.value({**sizes, name: value})


def _positive(value: Callable[[int], int], size: int) -> int | None:
    """Return the one positive argument at which a monotonic function is `size`, or None."""
    sign = 1 if value(_LARGEST) > value(1) else -1
    low, high = 1, 1
    while sign * (value(high) - size) < 0:
        high *= 2
        if high > _LARGEST:
            return None
    while low < high:
        middle = (low + high) // 2
        if sign * (value(middle) - size) < 0:
            low = middle + 1
        else:
            high = middle
    return low if value(low) == size and value(low + 1) != size else None
