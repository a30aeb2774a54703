"""The exponential of a matrix: scaling and squaring, in equations.

Enters: tensors whose last two axes are a square; axes before them count a batch. Leaves: tensors defined by
equations, so that the derivative is derived, of any order and on every target.

``exp(A) = exp(A/2^s)^(2^s)``, where `s` is so large that the norm of ``A/2^s`` is at most 5.37. There Padé's
approximant of degree 13 has all digits of a double (Higham, *The scaling and squaring method for the matrix
exponential revisited*, 2005). The `s` squarings are a recurrence. Its derivative is the way in which Al-Mohy
and Higham compute Fréchet's derivative (*Computing the Fréchet derivative of the matrix exponential*, 2009):
that of the approximant, and of each squaring.
"""

from __future__ import annotations

from fractions import Fraction

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.conditions import where
from symdl.express.diagonals import eye
from symdl.express.dims import is_whole
from symdl.express.doors import takes_tensors
from symdl.express.elementary import log2
from symdl.express.functions import absolute, ceil
from symdl.express.linalg import inv, square
from symdl.express.operators import apply, matmul, maximum
from symdl.express.patterns import arange
from symdl.express.recurrent import recurrence
from symdl.express.reducing import max as largest
from symdl.express.shaping import expand_dims
from symdl.express.stopping import stop_gradient
from symdl.express.tensors import Tensor
from symdl.express.views import reshape

_NORM = 5.371920351148152
"""Up to this norm the approximant is exact to half a unit in the last place of a double."""
_DEGREE = 13


def _pade() -> list[sp.Rational]:
    """Return the coefficients of the numerator; those of the denominator have alternating signs."""
    found = [Fraction(1)]
    for k in range(_DEGREE):
        found.append(found[-1] * Fraction(_DEGREE - k, (2 * _DEGREE - k) * (k + 1)))
    return [sp.Rational(c.numerator, c.denominator) for c in found]


@takes_tensors
def expm(matrix: Tensor, *, squarings: int = 16, name: str | None = None) -> Tensor:
    """The exponential of a square matrix, ``I + A + A²/2 + A³/6 + …``: shape ``(..., n, n)``.

    Args:
        matrix: shape ``(..., n, n)``.
        squarings: how many there may be; each takes a product of matrices, needed or not. They reach up to
            the norm ``5.37*2**squarings`` (the largest sum of sizes in a column), beyond which all is NaN.
        name: of the result.

    Raises:
        ShapeError: the last two axes are no square.
        ExpressionError: `squarings` is no positive integer.

    Example:
        >>> A = sd.tensor("A", (2, 2))
        >>> sd.compile(sd.expm(A), target="python")(A=[[0, 1], [0, 0]])
        array([[1., 1.],
               [0., 1.]])
    """
    square(matrix, "exponential")
    if not is_whole(squarings) or squarings < 1:
        raise ExpressionError(f"squarings = {squarings!r} is no positive integer", cure="pass 1 or more")
    size = stop_gradient(largest(absolute(matrix).sum(-2, keepdims=True), -1, keepdims=True))
    count = ceil(log2(maximum(size / _NORM, 1)))
    small = _approximant(matrix * apply(lambda u: 2**-u, count))

    steps = reshape(arange(squarings), squarings, *(1,) * matrix.rank)
    needed = steps < expand_dims(count, 0)

    def step(previous: Tensor) -> Tensor:
        after: Tensor = where(needed, matmul(previous, previous), previous)
        return after

    (powers,) = recurrence([None], [(squarings, *matrix.shape)], step, initial=[small])
    value: Tensor = where(count <= squarings, powers[squarings - 1], sp.nan, name=name)
    return value


def _approximant(matrix: Tensor) -> Tensor:
    """Return Padé's approximant ``(V - U)^-1 (V + U)`` of the exponential, by the powers 2, 4 and 6."""
    b, one = _pade(), eye(matrix.shape[-1])
    second = matmul(matrix, matrix)
    fourth = matmul(second, second)
    sixth = matmul(fourth, second)

    def half(first: int) -> Tensor:
        """Return the terms whose powers are `first`, ``first + 2``, …, without what all of them share."""
        low = b[first] * one + b[first + 2] * second + b[first + 4] * fourth + b[first + 6] * sixth
        high = b[first + 8] * second + b[first + 10] * fourth + b[first + 12] * sixth
        terms: Tensor = matmul(sixth, high) + low
        return terms

    odd, even = matmul(matrix, half(1)), half(0)
    value: Tensor = matmul(inv(even - odd), even + odd)
    return value
