"""Reductions with masks, shares of ties, and what is built from them.

Enters: a tensor, axes, perhaps a condition. Leaves: the reduced tensor.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.conditions import Condition, as_condition, equal
from symdl.express.dims import at_most
from symdl.express.doors import takes_tensors
from symdl.express.equations import InRange, Origin
from symdl.express.operators import (
    as_real,
    axis_indices,
    broadcast_shapes,
    counted,
    elementwise,
    normal_axes,
    one_axis,
    reduce,
)
from symdl.express.options import Axes, Mask, Ties
from symdl.express.shaping import as_vector, squeeze
from symdl.express.stopping import stop_gradient
from symdl.express.surface import LogSumExp, Max, Prod, Reduce, Sum, define
from symdl.express.tensors import DType, Tensor
from symdl.express.variants import variant


@takes_tensors
def reduction(
    op: str,
    x: Tensor | Condition,
    axis: Axes = None,
    *,
    keepdims: bool = False,
    where: Mask = None,
    ties: Ties = "first",
    name: str | None = None,
) -> Tensor:
    """Reduce by ``sum``, ``prod``, ``mean``, ``max``, ``min``, ``logsumexp``, ``argmax`` or ``argmin``.

    Args:
        op: one of these.
        x: any shape; a comparison counts as ones and zeros.
        axis: one axis or several, all by default.
        keepdims: keep the reduced axes with size 1.
        where: a condition, or an int64 tensor of zeros and ones: which elements count. Nothing to count
            gives what an empty axis gives: 0 for a sum, 1 for a product, minus infinity for a maximum and
            NaN for a mean; position 0.
        ties: of max and min: ``first`` gives the gradient to the first of equal values, ``split`` an equal
            share to each of them.
        name: of the result.

    Raises:
        ShapeError: an axis that is not there, or a mask that does not broadcast to `x`.
        ExpressionError: another `op` or way to treat ties.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> sd.compile(sd.reduction("max", x), target="python")(x=[2, 3, 1])
        np.float64(3.0)
    """
    if isinstance(x, Condition):
        x = x.as_counts() if op in ("sum", "prod") else x.as_tensor()
    if ties not in ("first", "split"):
        raise ExpressionError(f"ties = {ties!r}", cure="use 'first' or 'split'")
    if ties == "split" and op not in ("max", "min"):
        raise ExpressionError(f"a {op} has no ties to split", cure="leave ties out")
    mask = None if where is None else _fitting(where, x)
    if ties == "split" and x.dtype == "real":  # integers have no gradient to share
        return _shared(op, x, axis, keepdims, mask, name)
    condition = None if mask is None else mask.at
    if op != "mean" or condition is None:
        return reduce(op, x, axis, keepdims=keepdims, condition=condition, name=name)
    total = reduce("sum", as_real(x), axis, keepdims=keepdims, condition=condition)
    count = counted(x, axis, keepdims, condition)
    return elementwise(lambda s, c: s / c, total, count, name=name, rule="mean")


@takes_tensors
def logsumexp(
    x: Tensor, axis: Axes = None, *, keepdims: bool = False, where: Mask = None, name: str | None = None
) -> Tensor:
    """``log(sum(exp(x)))`` over `axis`, without overflow, of the elements where `where` holds.

    >>> x = sd.tensor("x", (3,))
    >>> print(sd.formula(sd.grad(sd.logsumexp(x).sum(), x)))
    softmax(x)
    """
    return reduction("logsumexp", x, axis, keepdims=keepdims, where=where, name=name)


def _fitting(mask: Any, x: Tensor) -> Condition:
    condition = as_condition(mask)
    if broadcast_shapes(condition.shape, x.shape) != x.shape:
        raise ShapeError(
            "the mask of a reduction does not broadcast to the tensor",
            shapes={"mask": condition.shape, "tensor": x.shape},
        )
    return condition


def _shared(
    op: str, x: Tensor, axis: Axes, keepdims: bool, mask: Condition | None, name: str | None
) -> Tensor:
    """The mean of the elements that equal the extreme one: the same value, the gradient shared.

    Where none does, as of NaN or of nothing, it is the extreme one itself.
    """
    extreme = reduce(op, x, axis, keepdims=True, condition=None if mask is None else mask.at)
    tied = equal(x, extreme) if mask is None else equal(x, extreme) & mask
    total = reduce("sum", x, axis, keepdims=keepdims, condition=tied.at)
    count = counted(x, axis, keepdims, tied.at)
    alone = stop_gradient(extreme if keepdims else squeeze(extreme, normal_axes(axis, x.rank)))

    def shared(s: sp.Expr, c: sp.Expr, e: sp.Expr) -> sp.Expr:
        return sp.Piecewise((s / c, c > 0), (e, True))

    return elementwise(shared, total, count, alone, name=name, rule=f"{op}, ties split")


def _spread(
    rooted: bool,
    x: Tensor,
    axis: Axes = None,
    *,
    correction: int | None = None,
    ddof: int | None = None,
    keepdims: bool = False,
    where: Mask = None,
    name: str | None = None,
) -> Tensor:
    if correction is not None and ddof is not None:
        raise ExpressionError("ddof is another name of correction", cure="pass one of them")
    less = correction or ddof or 0
    condition = None if where is None else _fitting(where, x)
    if not rooted:
        return _variance(x, axis, less, keepdims, condition, name)
    variance = _variance(x, axis, less, keepdims, condition, None)
    return elementwise(sp.sqrt, variance, name=name, rule="standard deviation")


def _variance(
    x: Tensor, axis: Axes, less: int, keepdims: bool, mask: Condition | None, name: str | None
) -> Tensor:
    condition = None if mask is None else mask.at
    mean = reduction("mean", x, axis, keepdims=True, where=mask)
    square = elementwise(lambda a, m: (a - m) ** 2, x, mean, rule="squared deviation")
    total = reduce("sum", square, axis, keepdims=keepdims, condition=condition)
    size = sp.Mul(*(x.shape[a] for a in normal_axes(axis, x.rank)))
    if condition is None and at_most(less, size) and size != less:
        return elementwise(lambda s: s / (size - less), total, name=name, rule="variance")
    count = counted(x, axis, keepdims, condition)

    def formula(s: sp.Expr, c: sp.Expr) -> sp.Expr:
        if less <= 0:
            return s / (c - less)
        return sp.Piecewise((s / (c - less), c > less), (sp.oo, s > 0))  # else 0/0: no case is NaN

    return elementwise(formula, total, count, name=name, rule="variance")


@variant(_spread, False)
def var() -> None:
    """The sum of squared deviations from the mean, over the count less `correction`, but no less than 0.

    `ddof` is NumPy's older name of `correction`, which is 0 by default.

    Raises:
        ExpressionError: both are given.

    Example:
        >>> x = sd.tensor("x", (2,))
        >>> sd.compile(sd.var(x), target="python")(x=[1, 3])
        np.float64(1.0)
    """


@variant(_spread, True)
def std() -> None:
    """The square root of the variance; its slope is not finite where the variance is 0.

    >>> x = sd.tensor("x", (2,))
    >>> sd.compile(sd.std(x), target="python")(x=[1, 3])
    np.float64(1.0000000000000002)
    """


def _cumulated(
    op: type[Reduce],
    x: Tensor,
    axis: int | None = None,
    *,
    reverse: bool = False,
    exclusive: bool = False,
    name: str | None = None,
) -> Tensor:
    x, axis = (x, axis) if axis is not None else (as_vector(x), 0)
    along = one_axis(axis, x.rank)
    where = axis_indices(x.rank)
    (k,) = axis_indices(1, skip=where)
    i, size = where[along], x.shape[along]
    term = x.at(*where[:along], k, *where[along + 1 :])
    distance = (k - i if reverse else i - k) - int(exclusive)
    body, guard, origin = op(term, (k, size)), InRange(distance, size), Origin(f"cumulative {_WORDS[op]}")
    dtype: DType = "real" if op is LogSumExp else x.dtype
    return define(name, where, body, shape=x.shape, dtype=dtype, origin=origin, guards=[guard])


_WORDS = {Sum: "sum", Prod: "product", Max: "maximum", LogSumExp: "logsumexp"}


@variant(_cumulated, Sum)
def cumsum() -> None:
    """``y[i] = sum of x[k] for k <= i`` along `axis`; for ``k >= i`` if `reverse`.

    Without an axis the tensor is flattened first, as in NumPy.
    With `exclusive` the element itself does not count: the first sum (the last one if `reverse`) is 0.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.cumsum(x), target="python")(x=[1, 2, 3])
    array([1., 3., 6.])
    """


@variant(_cumulated, Prod)
def cumprod() -> None:
    """``y[i] = product of x[k] for k <= i`` along `axis`; options as in `cumsum`, an empty product is 1.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.cumprod(x), target="python")(x=[1, 2, 3])
    array([1., 2., 6.])
    """


@variant(_cumulated, Max)
def cummax() -> None:
    """``y[i] = max of x[k] for k <= i`` along `axis`; options as in `cumsum`, of nothing minus infinity.

    The first of equal elements gets the gradient.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.cummax(x), target="python")(x=[1, 3, 2])
    array([1., 3., 3.])
    """


@takes_tensors
def cummin(
    x: Tensor,
    axis: int | None = None,
    *,
    reverse: bool = False,
    exclusive: bool = False,
    name: str | None = None,
) -> Tensor:
    """``y[i] = min of x[k] for k <= i`` along `axis`; options as in `cumsum`, of nothing infinity.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.cummin(x), target="python")(x=[2, 1, 3])
    array([2., 1., 1.])
    """
    end = -1 if x.dtype == "int64" else 0  # -1 - x goes down from the largest int64 to the smallest

    def turned(tensor: Tensor, name: str | None = None) -> Tensor:
        rule = "cumulative minimum"
        return elementwise(lambda v: end - v, tensor, name=name, rule=rule, dtype=tensor.dtype)

    return turned(cummax(turned(x), axis, reverse=reverse, exclusive=exclusive), name)


@variant(_cumulated, LogSumExp)
def logcumsumexp() -> None:
    """``y[i] = log(sum of exp(x[k]) for k <= i)`` along `axis`, without overflow; options as in `cumsum`.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.logcumsumexp(x), target="python")(x=[0, 0, 0])
    array([0.        , 0.69314718, 1.09861229])
    """
