"""Normal distributions of tensors and symbols: what is said of them, and their means and covariances.

Enters: a mean and a covariance or variances. Leaves: `Normal`, and `Source`: a random tensor whose elements
have means and covariances as expressions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent
from symdl.express.doors import operand
from symdl.express.tensors import Access, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """A normal distribution: ``sd.Normal(mu, S)``, or ``sd.Normal(mu, variance=v)``.

    Attributes:
        mean: a tensor that broadcasts to the random one, a number, or an expression.
        covariance: of each vector along the last axis: ``(..., d, d)``, symmetric; axes before them broadcast
            to those of the random tensor, whose vectors are independent. Of a scalar its variance.
        variance: of independent entries: a tensor that broadcasts to the random one, a number or an
            expression.

    Raises:
        ExpressionError: not exactly one of `covariance` and `variance` is given.

    Example:
        >>> x, m, S = sd.tensor("x", (3,)), sd.tensor("m", (3,)), sd.tensor("S", (3, 3), symmetric=True)
        >>> print(sd.formula(sd.expectation(x, {x: sd.Normal(m, S)})))
        m
    """

    mean: Any = 0
    covariance: Any = None
    variance: Any = None

    def __post_init__(self) -> None:
        if (self.covariance is None) == (self.variance is None):
            raise ExpressionError(
                "a normal distribution has a covariance, or variances of independent entries",
                cure="pass sd.Normal(mean, S) or sd.Normal(mean, variance=v)",
            )


@dataclass(frozen=True, slots=True)
class Covariance:
    """``value`` where all pairs of positions are equal, else 0; each pair with the size of its axis."""

    value: sp.Expr
    equal: tuple[tuple[sp.Expr, sp.Expr, Extent], ...] = ()


ZERO = Covariance(sp.Integer(0))


@dataclass(frozen=True, slots=True)
class Source:
    """A tensor that is given at random.

    Attributes:
        tensor: the random tensor; of a symbol one of rank 0 that takes its place.
        mean: a tensor or an expression.
        spread: the covariance, or the variances.
        joint: whether entries along the last axis depend on each other.
    """

    tensor: Tensor
    mean: Any
    spread: Any
    joint: bool

    def mean_at(self, where: Sequence[sp.Expr]) -> sp.Expr:
        """Return the mean of one element."""
        return _at(self.mean, where)

    def covariance_at(self, left: Sequence[sp.Expr], right: Sequence[sp.Expr]) -> Covariance:
        """Return the covariance of two elements."""
        apart = len(left) - (1 if self.joint else 0)
        sizes = zip(left[:apart], right[:apart], self.tensor.shape, strict=False)
        pairs = tuple((a, b, n) for a, b, n in sizes if n != 1 and a != b)
        if any(a.is_Integer and b.is_Integer for a, b, _ in pairs):
            return ZERO
        where = (*left[:apart], left[-1], right[-1]) if self.joint else left
        return Covariance(_at(self.spread, where), pairs)


def source(tensor: Tensor, law: Normal) -> Source:
    """Return a random tensor with its distribution, checked.

    Raises:
        ShapeError: the mean or the spread does not fit the tensor.
        ExpressionError: the tensor is one of whole numbers, or is defined by an equation.
    """
    if tensor.equation is not None or tensor.dtype != "real":
        raise ExpressionError(
            f"{tensor} is no given tensor of reals, so it has no distribution of its own",
            cure="give the distribution of the inputs that it is computed from",
        )
    mean = operand(law.mean, "the mean")
    joint = law.covariance is not None and tensor.rank > 0
    spread = operand(law.covariance if law.variance is None else law.variance, "the spread")
    _fits(mean, tensor.shape, tensor, "mean")
    if joint:
        size = tensor.shape[-1]
        if not isinstance(spread, Tensor) or spread.shape[-2:] != (size, size):
            raise ShapeError(
                f"the covariance of {tensor} is no {size} by {size} matrix",
                shapes={"covariance": getattr(spread, "shape", ())},
                cure="pass a matrix over the last axis, or variance= for independent entries",
            )
        _fits(spread, (*tensor.shape[:-1], size, size), tensor, "covariance")
    else:
        _fits(spread, tensor.shape, tensor, "variance")
    return Source(tensor, mean, spread, joint)


def _fits(value: Any, shape: Sequence[Extent], tensor: Tensor, what: str) -> None:
    if not isinstance(value, Tensor):
        return
    tail = tuple(shape)[len(shape) - value.rank :] if value.rank <= len(shape) else None
    if tail is None or any(a not in (1, b) for a, b in zip(value.shape, tail, strict=True)):
        raise ShapeError(
            f"the {what} does not fit {tensor}",
            shapes={str(tensor.name): tensor.shape, what: value.shape},
            cure=f"pass a {what} that broadcasts to {tuple(shape)}",
        )


def _at(value: Any, where: Sequence[sp.Expr]) -> sp.Expr:
    if not isinstance(value, Tensor):
        return sp.sympify(value, strict=True)
    aligned = where[len(where) - value.rank :]
    return Access(value, *(0 if size == 1 else i for i, size in zip(aligned, value.shape, strict=True)))
