"""Medians, quantiles, the most frequent value; and what leaves NaN out.

Enters: a tensor. Leaves: one value for each row along an axis, or for all. A quantile stands at a place among
the ranks of the elements: it is the sum of the elements, each times how near its rank is to that place, so it
is one of them or lies between two, and these share the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.conditions import compare, equal, missing
from symdl.express.conditions import where as choose
from symdl.express.dims import is_number
from symdl.express.doors import as_tensor, takes_tensors
from symdl.express.equations import Origin
from symdl.express.functions import rounded
from symdl.express.operators import as_real, axis_indices, normal_axes, one_axis
from symdl.express.options import Axes
from symdl.express.shaping import as_vector, expand_dims
from symdl.express.sorting import ranks
from symdl.express.statistics import reduction
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.express.variants import variant

Method = Literal["linear", "lower", "higher", "midpoint", "nearest"]
_PLACES = {
    "linear": lambda h: h,
    "lower": sp.floor,
    "higher": sp.ceiling,
    "midpoint": lambda h: (sp.floor(h) + sp.ceiling(h)) / 2,
    "nearest": rounded,
}


def _quantile(
    ignore_nan: bool,
    x: Tensor,
    q: float | Sequence[float] | Tensor,
    axis: int | None = None,
    *,
    method: Method = "linear",
    keepdims: bool = False,
    name: str | None = None,
) -> Tensor:
    if method not in get_args(Method):
        raise ExpressionError(f"method = {method!r}", cure=f"use one of {', '.join(get_args(Method))}")
    shares, x = _shares(q), as_real(x)
    dropped = normal_axes(axis, x.rank)
    x, along = (as_vector(x), 0) if axis is None else (x, dropped[0])
    if x.shape[along] == 0:
        raise ShapeError(f"{x} has no elements and no quantiles", shapes={str(x.name): x.shape})
    *where, k, m = axis_indices(x.rank + 2)
    rest, sizes = (*where[:along], *where[along + 1 :]), (*x.shape[:along], *x.shape[along + 1 :])
    several = (m,) if shares.rank else ()
    last: sp.Expr = sp.sympify(x.shape[along], strict=True) - 1
    if ignore_nan:
        last = reduction("sum", compare("less", missing(x), 1), along).at(*rest) - 1
    body, shape = _PLACES[method](shares.at(*several) * last), (*shares.shape, *sizes)
    place = define(None, (*several, *rest), body, shape=shape, origin=Origin("place"))
    reads = (*where[:along], k, *where[along + 1 :])
    value, gap = x.at(*reads), ranks(x, along).at(*reads) - place.at(*several, *rest)
    cases = [(value * (1 - sp.Abs(gap)), sp.And(gap < 1, gap > -1)), (sp.S.Zero, True)]
    if not ignore_nan:  # one NaN makes all quantiles NaN
        cases[1:] = [(sp.S.Zero, sp.Or(value < 0, value > 0, sp.Eq(value, 0))), (value, True)]
    body = Sum(sp.Piecewise(*cases), (k, x.shape[along]))
    found = define(
        None if keepdims else name, (*several, *rest), body, shape=shape, origin=Origin("quantile")
    )
    return expand_dims(found, [len(several) + a for a in dropped]) if keepdims else found


def _shares(q: Any) -> Tensor:
    """The shares as a tensor of at most one axis."""
    shares = as_real(as_tensor(q, "q"))
    given = [q] if is_number(q) else [] if shares.value is None else shares.value.flat
    if shares.rank > 1 or not all(0 <= share <= 1 for share in given):
        raise ExpressionError(f"q = {q!r}", cure="pass a number from 0 to 1, or a list of them")
    return shares


@variant(_quantile, False)
def quantile() -> None:
    """The value below which a share `q` of the elements lies, along `axis` (of all by default).

    Args:
        x: any shape; it is NaN where an element is, see `nanquantile`.
        q: from 0 to 1: a number, a tensor of rank 0, or several, which give a further axis in front.
        axis: one axis; None flattens the tensor first.
        method: what counts between two elements: ``"linear"`` takes the line between them, ``"lower"`` and
            ``"higher"`` one of them, ``"midpoint"`` their mean, ``"nearest"`` the nearest by its place.
        keepdims: keep the reduced axes with size 1.
        name: of the result.

    Raises:
        ExpressionError: another method, a share outside 0 to 1.
        ShapeError: no elements.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.quantile(x, [0.5, 0.75]), target="python")(x=[1, 5, 3])
    array([3., 4.])
    """


@variant(_quantile, True)
def nanquantile() -> None:
    """The quantiles of the elements that are numbers, as `quantile`; NaN where none is.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.nanquantile(x, [0, 0.5]), target="python")(x=[1, np.nan, 3])
    array([1., 2.])
    """


def median(x: Any, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The middle element along `axis` (of all by default), or the mean of the two in the middle.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.median(x), wrt=x, target="python")(x=[1, 5, 3])
    (np.float64(3.0), {'x': array([0., 0., 1.])})
    """
    return quantile(x, sp.Rational(1, 2), axis, keepdims=keepdims, name=name)


def nanmedian(x: Any, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Tensor:
    """The median of the elements that are numbers; NaN where none is.

    >>> x = sd.tensor("x", (1, 3))
    >>> sd.compile(sd.nanmedian(x, 1), target="python")(x=[[1, np.nan, 3]])
    array([2.])
    """
    return nanquantile(x, sp.Rational(1, 2), axis, keepdims=keepdims, name=name)


@takes_tensors
def mode(x: Tensor, axis: int = -1, *, name: str | None = None) -> Tensor:
    """The most frequent value along `axis`; of several the smallest, whose first place gets the gradient.

    >>> x = sd.tensor("x", (1, 3))
    >>> sd.compile(sd.mode(x, 1), target="python")(x=[[2, 2, 3]])
    array([2.])
    """
    along = one_axis(axis, x.rank)
    *where, k = axis_indices(x.rank + 1)
    other = x.at(*where[:along], k, *where[along + 1 :])
    same = Sum(sp.Piecewise((1, sp.Eq(other, x.at(*where))), (0, True)), (k, x.shape[along]))
    count = define(None, where, same, shape=x.shape, dtype="int64", origin=Origin("frequency"))
    often = equal(count, reduction("max", count, along, keepdims=True))
    return reduction("min", x, along, where=often, name=name)


def _without_nan(
    op: str, x: Tensor, axis: Axes = None, *, keepdims: bool = False, name: str | None = None
) -> Tensor:
    present = compare("less", missing(x), 1)
    if op in ("sum", "mean") or x.dtype != "real":
        return reduction(op, x, axis, keepdims=keepdims, where=present, name=name)
    extreme = reduction(op, x, axis, keepdims=keepdims, where=present)  # infinite where none is a number
    count = reduction("sum", present, axis, keepdims=keepdims)
    return choose(compare("greater", count, 0), extreme, sp.nan, name=name)


@variant(_without_nan, "sum")
def nansum() -> None:
    """The sum over `axis` of the elements that are numbers; 0 where none is.

    >>> x = sd.tensor("x", (1, 3))
    >>> sd.compile(sd.nansum(x, 1), target="python")(x=[[1, np.nan, 3]])
    array([4.])
    """


@variant(_without_nan, "mean")
def nanmean() -> None:
    """The mean over `axis` of the elements that are numbers; NaN where none is.

    >>> x = sd.tensor("x", (1, 3))
    >>> sd.compile(sd.nanmean(x, 1), target="python")(x=[[1, np.nan, 3]])
    array([2.])
    """


@variant(_without_nan, "max")
def nanmax() -> None:
    """The maximum over `axis` of the elements that are numbers; NaN where none is.

    >>> x = sd.tensor("x", (1, 3))
    >>> sd.compile(sd.nanmax(x, 1), target="python")(x=[[1, np.nan, 3]])
    array([3.])
    """


@variant(_without_nan, "min")
def nanmin() -> None:
    """The minimum over `axis` of the elements that are numbers; NaN where none is.

    >>> x = sd.tensor("x", (1, 3))
    >>> sd.compile(sd.nanmin(x, 1), target="python")(x=[[1, np.nan, 3]])
    array([1.])
    """
