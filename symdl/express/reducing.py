"""Reductions as functions: ``sd.sum(x, 1)`` is ``x.sum(1)``.

Enters: a tensor or a comparison, axes, perhaps a mask. Leaves: the reduced tensor, as `reduction` makes it,
where the options are explained and errors listed. All axes are reduced by default.
"""

from __future__ import annotations

from symdl.express.conditions import Condition
from symdl.express.doors import takes_tensors
from symdl.express.options import Axes, Mask, Ties
from symdl.express.statistics import reduction
from symdl.express.tensors import Tensor


@takes_tensors
def sum(x: Tensor | Condition, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
    """The sum over `axis`, of the elements where `where` holds; of a comparison, how many hold (int64).

    >>> x = sd.tensor("x", (2, 3))
    >>> sd.sum(x, axis=0).shape
    (3,)
    >>> print(sd.formula(sd.grad(sd.sum(x**2), x)))
    2·x
    """
    return reduction("sum", x, axis, keepdims=keepdims, where=where)


@takes_tensors
def mean(x: Tensor | Condition, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
    """The mean over `axis`, of the elements where `where` holds; of a comparison, the share that holds.

    >>> x = sd.tensor("x", (sd.Dim("n"),))
    >>> print(sd.formula(sd.grad(sd.mean(x**2), x)))
    2/n·x
    """
    return reduction("mean", x, axis, keepdims=keepdims, where=where)


@takes_tensors
def prod(x: Tensor | Condition, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
    """The product over `axis`, of the elements where `where` holds.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.prod(x), target="python")(x=[2, 3, 4])
    np.float64(24.0)
    """
    return reduction("prod", x, axis, keepdims=keepdims, where=where)


@takes_tensors
def max(
    x: Tensor, axis: Axes = None, *, keepdims: bool = False, where: Mask = None, ties: Ties = "first"
) -> Tensor:
    """The maximum over `axis`; its first place gets the gradient, all equal ones with ``ties="split"``.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.max(x), target="python")(x=[2, 3, 1])
    np.float64(3.0)
    """
    return reduction("max", x, axis, keepdims=keepdims, where=where, ties=ties)


@takes_tensors
def min(
    x: Tensor, axis: Axes = None, *, keepdims: bool = False, where: Mask = None, ties: Ties = "first"
) -> Tensor:
    """The minimum over `axis`; its first place gets the gradient, all equal ones with ``ties="split"``.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.min(x), target="python")(x=[2, 3, 1])
    np.float64(1.0)
    """
    return reduction("min", x, axis, keepdims=keepdims, where=where, ties=ties)


@takes_tensors
def argmax(x: Tensor, axis: int | None = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
    """The first position of the maximum along `axis` (of the flattened tensor by default), int64.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.argmax(x), target="python")(x=[2, 3, 1])
    np.int64(1)
    """
    return reduction("argmax", x, axis, keepdims=keepdims, where=where)


@takes_tensors
def argmin(x: Tensor, axis: int | None = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
    """The first position of the minimum along `axis` (of the flattened tensor by default), int64.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.argmin(x), target="python")(x=[2, 3, 1])
    np.int64(2)
    """
    return reduction("argmin", x, axis, keepdims=keepdims, where=where)
