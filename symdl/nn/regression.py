"""Losses of real-valued predictions.

Enters: predictions and targets of one shape. Leaves: a rank-0 tensor, the mean over all elements, or over
those where `mask` holds; with ``reduction="sum"`` their sum, with ``"none"`` a tensor of all losses. Slopes
at a corner are stated per loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.doors import takes_tensors
from symdl.express.operators import elementwise
from symdl.express.options import Mask
from symdl.express.tensors import Tensor
from symdl.nn.averages import Averaging, at_least, averaged, same_shape


class ResidualLoss(Protocol):
    """A loss that depends on the difference of prediction and target only."""

    def __call__(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        mask: Mask = None,
        reduction: Averaging = "mean",
        name: str | None = "L",
    ) -> Tensor:
        """Return the loss."""
        ...


def of_residual(formula: Callable[[sp.Expr], sp.Expr]) -> ResidualLoss:
    """Return the loss whose terms are a formula of ``r = prediction - target``; the shapes must be equal.

    The formula gives the name and the docstring.
    """

    def loss(
        prediction: Tensor,
        target: Tensor,
        *,
        mask: Mask = None,
        reduction: Averaging = "mean",
        name: str | None = "L",
    ) -> Tensor:
        return _averaged(formula, prediction, target, mask, reduction, name)

    loss.__name__ = loss.__qualname__ = formula.__name__
    loss.__doc__ = formula.__doc__
    return takes_tensors(loss)


def _averaged(
    formula: Callable[[sp.Expr], sp.Expr],
    prediction: Tensor,
    target: Tensor,
    mask: Mask,
    reduction: Averaging,
    name: str | None,
) -> Tensor:
    same_shape(prediction, target)
    each = elementwise(lambda a, y: formula(a - y), prediction, target)
    return averaged(each, mask=mask, reduction=reduction, name=name)


@of_residual
def mean_squared_error(r: sp.Expr) -> sp.Expr:
    """``mean((prediction - target)**2)`` over all elements where `mask` holds; the shapes must be equal.

    >>> p, y = sd.tensor("p", (sd.Dim("n"),)), sd.tensor("y", (sd.Dim("n"),))
    >>> print(sd.formula(sd.grad(sd.nn.mean_squared_error(p, y), p)))
    2/n·(p - y)
    """
    return r**2


@of_residual
def mean_absolute_error(r: sp.Expr) -> sp.Expr:
    """``mean(|prediction - target|)``; the slope at 0 is 0.

    >>> p, y = sd.tensor("p", (sd.Dim("n"),)), sd.tensor("y", (sd.Dim("n"),))
    >>> print(sd.formula(sd.grad(sd.nn.mean_absolute_error(p, y), p)))
    1/n·sgn(p - y)
    """
    return sp.Abs(r)


@of_residual
def log_cosh(r: sp.Expr) -> sp.Expr:
    """``log(cosh(r))`` for ``r = prediction - target``, without overflow; the slope is ``tanh(r)``.

    >>> p, y = sd.tensor("p", (sd.Dim("n"),)), sd.tensor("y", (sd.Dim("n"),))
    >>> print(sd.formula(sd.grad(sd.nn.log_cosh(p, y), p)))
    -1/n·tanh(y - p)
    """
    return sp.log(sp.cosh(r))


@takes_tensors
def huber(
    prediction: Tensor,
    target: Tensor,
    *,
    delta: float = 1.0,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """``r**2/2`` where ``|r| <= delta``, else ``delta*(|r| - delta/2)``, for ``r = prediction - target``.

    >>> p, y = sd.tensor("p", (sd.Dim("n"),)), sd.tensor("y", (sd.Dim("n"),))
    >>> print(sd.formula(sd.grad(sd.nn.huber(p, y), p)))
    g[i] = {1/n·(p[i] - y[i]) if p[i] - y[i] ≤ 1 ∧ y[i] - p[i] ≤ 1; 1/n if y[i] - p[i] < 0; -1/n otherwise}
    """
    d = at_least("delta", delta, 0)

    def formula(r: sp.Expr) -> sp.Expr:
        near = sp.And(r <= d, r >= -d)
        return sp.Piecewise((r**2 / 2, near), (d * (r - d / 2), r > 0), (-d * (r + d / 2), True))

    return _averaged(formula, prediction, target, mask, reduction, name)


@takes_tensors
def pinball(
    prediction: Tensor,
    target: Tensor,
    *,
    quantile: float = 0.5,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean of ``q*r`` where ``r = target - prediction`` is positive, else ``(q - 1)*r``.

    Its least value is at the quantile `q`, a number from 0 to 1 (Koenker and Bassett, 1978). Where `r` is 0,
    the slope is that of negative `r`.
    """
    q = at_least("quantile", quantile, 0)
    if q.is_number and q > 1:
        raise ExpressionError(f"quantile = {quantile}", cure="a quantile is a number from 0 to 1")

    def formula(r: sp.Expr) -> sp.Expr:
        return sp.Piecewise((-q * r, r < 0), ((1 - q) * r, True))

    return _averaged(formula, prediction, target, mask, reduction, name)


@takes_tensors
def poisson_nll(
    log_rate: Tensor,
    target: Tensor,
    *,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """The mean of ``exp(z) - y*z``: counts `y` of which `z` is the logarithm of the expected number.

    The constant ``log(y!)`` is left out.
    """
    same_shape(log_rate, target)
    each = elementwise(lambda z, y: sp.exp(z) - y * z, log_rate, target, rule="poisson nll")
    return averaged(each, mask=mask, reduction=reduction, name=name)


@takes_tensors
def gaussian_nll(
    mean: Tensor,
    target: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-6,
    mask: Mask = None,
    reduction: Averaging = "mean",
    name: str | None = "L",
) -> Tensor:
    """``(log v + (target - mean)**2/v)/2`` with ``v = max(variance, epsilon)``, without its constant.

    Where the variance is at most `epsilon`, its slope is 0.
    """
    same_shape(mean, target)
    same_shape(mean, variance)
    small = at_least("epsilon", epsilon, 0)
    if small == 0:
        raise ExpressionError("epsilon = 0", cure="epsilon must be positive")

    def formula(m: sp.Expr, y: sp.Expr, v: sp.Expr) -> sp.Expr:
        above = (sp.log(v) + (y - m) ** 2 / v) / 2
        below = (sp.log(small) + (y - m) ** 2 / small) / 2
        return sp.Piecewise((below, v <= small), (above, True))

    return averaged(elementwise(formula, mean, target, variance), mask=mask, reduction=reduction, name=name)
