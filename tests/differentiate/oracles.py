"""What the tests of the differentiator compare with: enumeration, central differences, autograd."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.record import Derivative
from symdl.express.dims import Index
from symdl.express.equations import Divisible, Equal, Guard, InRange
from symdl.express.program import Fact
from symdl.express.tensors import Access, Tensor
from symdl.run.reference.interpreter import evaluate

Point = Mapping[Index, int]
Arrays = Mapping[Tensor, np.ndarray]


def integer(expr: sp.Expr, at: Point, arrays: Arrays) -> Fraction:
    """The value of an index expression at one point."""
    if isinstance(expr, Index):
        return Fraction(at[expr])
    if isinstance(expr, Access):
        where = tuple(int(integer(e, at, arrays)) for e in expr.indices)
        return Fraction(int(arrays[expr.tensor][where]))
    if expr.is_Rational:
        return Fraction(int(expr.p), int(expr.q))
    parts = [integer(arg, at, arrays) for arg in expr.args]
    if isinstance(expr, sp.Add):
        return sum(parts, Fraction(0))
    if isinstance(expr, sp.Mul):
        return math.prod(parts, start=Fraction(1))
    if isinstance(expr, sp.floor):
        return Fraction(math.floor(parts[0]))
    assert isinstance(expr, sp.Mod), expr
    return parts[0] % parts[1]


def holds(guard: Guard, at: Point, arrays: Arrays) -> bool:
    """Whether a guard holds at one point; its expressions must be integers there."""
    if isinstance(guard, Equal):
        return integer(guard.left, at, arrays) == integer(guard.right, at, arrays)
    value = integer(guard.expr, at, arrays)
    if isinstance(guard, Divisible):
        assert value.denominator == 1
        return value % guard.by == 0
    assert isinstance(guard, InRange)
    return 0 <= value < int(guard.extent)


def points(extents: Mapping[Index, int]) -> Iterator[dict[Index, int]]:
    """Every assignment of the index variables."""
    for numbers in itertools.product(*(range(int(size)) for size in extents.values())):
        yield dict(zip(extents, numbers, strict=True))


def gradients(
    loss: Tensor, wrt: Sequence[Tensor], values: Mapping[str, Any], *, facts: Sequence[Fact] = ()
) -> tuple[Derivative, list[np.ndarray]]:
    """Differentiate and evaluate with the reference interpreter."""
    derivative = differentiate(loss, wrt, facts=facts)
    found = evaluate(derivative.program, given(derivative.program.inputs, values))
    return derivative, [found[derivative.gradient(tensor)] for tensor in wrt]


def given(inputs: Sequence[Tensor], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a program asks for."""
    return {str(t.name): values[str(t.name)] for t in inputs}


def central(f: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """The gradient of `f` by a central difference of order six."""
    weights = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
    result = np.zeros_like(at, dtype=float)
    for where in np.ndindex(*at.shape):
        for count, weight in weights:
            moved = [at.astype(float).copy() for _ in range(2)]
            moved[0][where] += count * step
            moved[1][where] -= count * step
            result[where] += weight * (f(moved[0]) - f(moved[1])) / step
    return result


def assert_close(actual: Any, expected: Any, *, rtol: float = 1e-9, what: object = "") -> None:
    """Compare relative to the largest entry, since an entry may cancel to nearly nothing."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, what
    assert np.isfinite(actual).all(), what
    scale = max(1e-3, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual / scale, expected / scale, rtol=0, atol=rtol, err_msg=str(what))
