"""Polynomials that approximate a function as well as their coefficients allow.

Enters: a function, the powers, a weight, an interval, the format of the coefficients. Leaves: `fit`: the
coefficients and the worst weighted error. Remez' exchange finds the best real coefficients, in 40 digits; a
search among numbers of the format around them finds those to be used.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

Real = Callable[[Any], Any]
_POINTS, _ROUNDS, _DIGITS = 400, 12, 40


@dataclass(frozen=True, slots=True)
class Problem:
    """Find c so that ``|weight(x) * (sum of c[p] * x**p - f(x))|`` is small everywhere on an interval.

    `fixed` are coefficients that are given.
    """

    f: Real
    weight: Real
    low: Any
    high: Any
    powers: tuple[int, ...]
    fixed: tuple[tuple[int, float], ...] = ()
    dtype: str = "float32"

    def points(self, count: int) -> list[Any]:
        """Return points that are dense at the ends."""
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        return [middle - half * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]

    def wanted(self, x: Any) -> Any:
        """Return what the free coefficients have to give."""
        return self.f(x) - sum(c * x**p for p, c in self.fixed)


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients in the format, highest power first, and their worst error; that of the best real ones."""

    coefficients: tuple[float, ...]
    error: float
    best: float


def exchange(problem: Problem) -> tuple[list[Any], float]:
    """Return the best real coefficients in the order of the powers, and their worst error (Remez)."""
    powers, unknown = problem.powers, len(problem.powers) + 1
    grid = problem.points(_POINTS)
    wanted, weights = [problem.wanted(x) for x in grid], [problem.weight(x) for x in grid]
    chosen = [round((2 * i + 1) * (_POINTS - 1) / (2 * unknown)) for i in range(unknown)]
    for _ in range(_ROUNDS):
        rows = [[grid[i] ** p for p in powers] + [(-1) ** n / weights[i]] for n, i in enumerate(chosen)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([wanted[i] for i in chosen]))
        found = list(solution[: len(powers)])
        errors = [
            w * (y - sum(c * x**p for c, p in zip(found, powers, strict=True)))
            for x, y, w in zip(grid, wanted, weights, strict=True)
        ]
        before, chosen = chosen, _alternating(errors, unknown)
        if chosen == before:
            break
    return found, float(max(map(abs, errors)))


def _alternating(errors: Sequence[Any], count: int) -> list[int]:
    """Return the places of extrema with signs in turn, the largest ones."""
    runs = [list(run) for _, run in itertools.groupby(range(len(errors)), lambda i: errors[i] > 0)]
    places = [max(run, key=lambda i: abs(errors[i])) for run in runs]
    while len(places) > count:
        places.pop(0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1)
    assert len(places) == count, "the error has too few extrema: is the weight 0 somewhere?"
    return places


def _powers(problem: Problem) -> list[int]:
    """Return all powers, the highest first."""
    return sorted((*problem.powers, *(p for p, _ in problem.fixed)), reverse=True)


class _Errors:
    """The worst error of coefficients on a fine grid, computed in float64 with what is small kept apart."""

    def __init__(self, problem: Problem) -> None:
        grid = problem.points(4 * _POINTS)
        self.all = _powers(problem)
        with mp.workdps(_DIGITS):
            self.reference = [mp.mpf(float(c)) for c in self._rough(problem)]
            exact = [
                w * (sum(c * x**p for c, p in zip(self.reference, self.all, strict=True)) - problem.f(x))
                for x in grid
                for w in [problem.weight(x)]
            ]
            basis = [[problem.weight(x) * x**p for p in self.all] for x in grid]
        self.start = np.array([float(c) for c in self.reference])
        self.exact, self.basis = np.array(exact, "float64"), np.array(basis, "float64")

    @staticmethod
    def _rough(problem: Problem) -> list[Any]:
        """Return coefficients near which errors are wanted."""
        found = dict(zip(problem.powers, exchange(problem)[0], strict=True)) | dict(problem.fixed)
        return [found[p] for p in _powers(problem)]

    def of(self, coefficients: Any) -> float:
        """Return the worst error."""
        return float(abs(self.exact + self.basis @ (coefficients - self.start)).max())


def fit(problem: Problem) -> Fit:
    """Return the coefficients that `search` finds."""
    with mp.workdps(_DIGITS):
        errors = _Errors(problem)
        _, best = exchange(problem)
    start = errors.start.astype(problem.dtype)
    free = [at for at, p in enumerate(errors.all) if p in problem.powers]
    found = search(errors.of, start, free)
    return Fit(tuple(map(float, found)), errors.of(found.astype("float64")), best)


def search(error: Callable[[Any], float], start: Any, free: Sequence[int]) -> Any:
    """Return numbers of a format from which no step along one or two of them lessens the error.

    A step of two is one along the first, of 1, 2, 4 ... places, with as many of the second as then suit best,
    which the errors of neighbours tell.
    """
    found, least = start.copy(), error(start.astype("float64"))
    improved = True
    while improved:
        improved = False
        for at, size, sign in itertools.product(reversed(free), [2**n for n in range(12)], (1, -1)):
            moved = found.copy()
            moved[at] = _stepped(moved[at], sign * size)
            for other in (*free, at):
                tried, value = _along(error, moved, other) if other != at else (moved, None)
                value = error(tried.astype("float64")) if value is None else value
                if value < least * (1 - 1e-9):
                    found, least, improved = tried, value, True
    return found


def _along(error: Callable[[Any], float], start: Any, at: int) -> tuple[Any, float]:
    """Return the best numbers along one of them: the worst error is convex there."""

    def value(steps: int) -> tuple[float, Any]:
        moved = start.copy()
        moved[at] = _stepped(moved[at], steps)
        return error(moved.astype("float64")), moved

    low, high = -(2**22), 2**22
    while high - low > 2:
        third = (high - low) // 3
        if value(low + third)[0] <= value(high - third)[0]:
            high -= third
        else:
            low += third
    best = min((value(steps) for steps in range(low, high + 1)), key=lambda pair: pair[0])
    return best[1], best[0]


def _stepped(value: Any, steps: int) -> Any:
    """Return the number so many places further in its format."""
    whole = np.asarray(value).view(f"int{8 * value.itemsize}")
    return (whole + whole.dtype.type(steps)).view(value.dtype)
