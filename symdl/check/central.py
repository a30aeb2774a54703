"""Slopes by central differences, with a step and an error estimate for each element.

Enters: a scalar-valued function of named arrays and a point. Leaves: its partial derivatives there by
difference quotients alone, how far off each may be, and where there is none: at kinks, jumps, edges.

Each element starts with quotients of the steps h and h/2, put together by Richardson's extrapolation; their
difference is the estimate of the error. Where it is too large, the step gets smaller, or larger if rounding
is what is wrong. With ``f(x)`` between the two sides, a kink shows: the slopes to the left and to the right
stay apart, however small the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Function = Callable[[dict[str, Array]], float]

FIRST = 1e-3
"""The first step, relative to the element where that is larger than 1."""
EPS = float(np.finfo(float).eps)
_FACTOR, _DOWN, _UP, _RUNGS = 8.0, 12, 4, 6
_SURE = 20.0
"""How many times larger than rounding the gap between the slopes of two sides must be to count."""


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """The partial derivatives of a function with respect to the elements of an array.

    Attributes:
        slopes: of the array's shape, NaN where none was taken.
        errors: how far off they may be, infinite where nothing can be told.
        steps: the step of each.
        left, right: the slopes of the two sides where they stay apart, equal to `slopes` elsewhere.
        kinds: ``""`` for a smooth element; ``"kink"``, ``"jump"`` (the function is not continuous),
            ``"not finite"`` (no slope is finite, or the function is not finite on one side),
            ``"cancellation"`` (rounding hides the slope) or ``"unresolved"`` (no step is small enough).
        taken: which elements were asked for.
    """

    slopes: Array
    errors: Array
    steps: Array
    left: Array
    right: Array
    kinds: Array
    taken: Array

    @staticmethod
    def none(shape: tuple[int, ...]) -> Differences:
        """Return differences of which none is taken."""
        slopes, errors, steps, left, right = (np.full(shape, np.nan) for _ in range(5))
        kinds, taken = np.full(shape, "", "<U12"), np.zeros(shape, bool)
        return Differences(slopes, errors, steps, left, right, kinds, taken)


@dataclass(frozen=True, slots=True)
class _Rung:
    """Four values around a point: what one step tells."""

    step: float
    slope: float
    error: float
    rounding: float
    gaps: tuple[float, float]
    sizes: tuple[float, float]
    left: float
    right: float

    @staticmethod
    def of(values: Sequence[float], middle: float, step: float, noise: float) -> _Rung:
        """Read values at ``+h, -h, +h/2, -h/2``."""
        up, down, near_up, near_down = values
        wide, narrow = (up - down) / (2 * step), (near_up - near_down) / step
        slope = (4 * narrow - wide) / 3
        rounding = 3 * max(noise, EPS * max(abs(up), abs(down))) / step
        far_right, far_left = (up - middle) / step, (middle - down) / step
        right, left = 2 * (near_up - middle) / step, 2 * (middle - near_down) / step
        error = abs(slope - narrow) + rounding
        gaps = abs(far_right - far_left), abs(right - left)
        sizes = max(abs(far_right), abs(far_left)), max(abs(right), abs(left))
        known = np.isfinite(error)
        return _Rung(
            *(step, slope, error if known else np.inf, rounding if known else 0.0, gaps, sizes, left, right)
        )

    @property
    def apart(self) -> bool:
        """Whether, as the step gets smaller, the slopes of the two sides do not come together, or grow."""
        sure = _SURE * self.rounding
        parted = self.gaps[1] > 0.7 * self.gaps[0] and self.gaps[1] > sure
        return parted or (self.sizes[1] > 1.3 * self.sizes[0] and self.sizes[1] > sure)


def central_gradient(
    function: Function,
    at: Mapping[str, Any],
    *,
    wrt: Iterable[str] | None = None,
    entries: Mapping[str, Iterable[int]] | None = None,
) -> dict[str, Array]:
    """Return the gradient of `function` at a point by central differences in float64.

    Args:
        function: maps a dictionary of arrays to a number.
        at: the point; it is not changed.
        wrt: the names to differentiate with respect to; all by default.
        entries: for a name, the flat positions to differentiate with respect to; the others become NaN.

    Returns:
        An array of the value's shape for each name; where the function is smooth, about ten digits.
    """
    point = {name: np.array(value) for name, value in at.items()}
    found = {}
    for name in point if wrt is None else wrt:
        chosen = None if entries is None else entries.get(name)
        positions = range(point[name].size) if chosen is None else chosen
        size = abs(float(function(point)))
        found[name] = differences(function, point, name, positions, scale=1e-3 * size).slopes
    return found


def differences(
    function: Function,
    point: Mapping[str, Array],
    name: str,
    positions: Iterable[int],
    *,
    noise: float = 0.0,
    good: float = 1e-7,
    scale: float = 0.0,
    expected: Array | None = None,
) -> Differences:
    """Return the slopes of `function` along some elements of one array.

    Args:
        function: maps a dictionary of arrays to a number.
        point: where.
        name: the array.
        positions: the flat positions of its elements.
        noise: how far off a value of the function may be by rounding; its last digit at least.
        good: the error that is small enough, relative to the slope or to `scale` if that is larger.
        scale: see `good`.
        expected: the slopes as others have them: where the first step shows another one, more are tried.
    """
    start = np.array(point[name], dtype=float)
    found = Differences.none(start.shape)
    middle = float(function({**point, name: start}))

    def beside(where: tuple[Any, ...], step: float) -> _Rung:
        values = []
        for shift in (step, -step, step / 2, -step / 2):
            moved = start.copy()
            moved[where] += shift
            values.append(float(function({**point, name: moved})))
        return _Rung.of(values, middle, step, noise)

    for position in positions:
        where = np.unravel_index(position, start.shape)
        found.taken[where] = True
        if not np.isfinite(middle):
            found.kinds[where] = "not finite"
            continue
        size = max(1.0, abs(float(start[where])))
        with np.errstate(all="ignore"):
            rung = partial(_scaled, partial(beside, where), size)
            best, kind = _climbed(rung, good, scale, None if expected is None else float(expected[where]))
        found.slopes[where], found.kinds[where] = best.slope, kind
        found.errors[where], found.steps[where] = best.error, best.step
        sides = (best.left, best.right) if kind == "kink" else (best.slope, best.slope)
        found.left[where], found.right[where] = sides
    return found


def _scaled(rung: Callable[[float], _Rung], size: float, step: float) -> _Rung:
    return rung(step * size)


def _climbed(
    rung: Callable[[float], _Rung], good: float, scale: float, expected: float | None
) -> tuple[_Rung, str]:
    """Return the best of the steps that were tried, and what kind of element it is."""
    tried: list[_Rung] = []

    def enough(one: _Rung) -> bool:
        small = good * max(abs(one.slope), scale)
        seen = expected is None or not abs(one.slope - expected) > 3 * one.error + 10 * small
        return one.error <= small and not one.apart and seen

    for step in _ladder(tried):
        tried.append(rung(step))
        if enough(tried[-1]):
            return tried[-1], ""
    best = min(tried, key=lambda r: r.error)
    if not np.isfinite(best.error):
        return best, "not finite"
    apart = [r for r in tried if r.apart]
    if len(apart) >= 2 and apart[-1] is min(tried, key=lambda r: r.step):
        growth = _power(apart, [r.sizes[1] for r in apart])
        if growth < -0.2:
            return apart[-1], "jump" if growth < -0.8 else "not finite"
        if abs(_power(apart, [r.gaps[1] for r in apart])) < 0.2:
            return apart[-1], "kink"
    if any(abs(r.slope - best.slope) > 3 * (r.error + best.error) for r in tried):  # sure of two slopes
        return replace(best, error=np.inf), "unresolved"
    if best.error <= good * max(abs(best.slope), scale):
        return best, ""
    finer = [r.error for r in tried if r.step < best.step]
    return best, "cancellation" if not finer or finer[-1] > best.error else "unresolved"


def _power(rungs: Sequence[_Rung], sizes: Sequence[float]) -> float:
    """Return p where sizes go like the step to the power of p."""
    return float(np.log(sizes[-1] / sizes[0]) / np.log(rungs[-1].step / rungs[0].step))


def _ladder(tried: list[_Rung]) -> Iterator[float]:
    """Yield steps: first up where rounding is what is wrong, then down: the function may bend too much."""
    yield FIRST
    if tried[0].rounding > tried[0].error / 2 and not tried[0].apart:
        yield from (FIRST * _FACTOR**k for k in range(1, _UP + 1))
    for k in range(1, _DOWN + 1):
        yield FIRST / _FACTOR**k
        last, best = tried[-1], min(r.error for r in tried)
        if all(r.apart for r in tried[-_RUNGS:]) and len(tried) >= _RUNGS:
            return
        if last.rounding > best and np.isfinite(best) and not last.apart:
            return
