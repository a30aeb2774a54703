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
    """The sum over `axis`, of the elements where `where` holds; of a comparison, how many hold (int64)."""
    return reduction("sum", x, axis, keepdims=keepdims, where=where)


@takes_tensors
def mean(x: Tensor | Condition, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
    """The mean over `axis`, of the elements where `where` holds; of a comparison, the share that holds."""
    return reduction("mean", x, axis, keepdims=keepdims, where=where)


@takes_tensors
def prod(x: Tensor | Condition, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
    """The product over `axis`, of the elements where `where` holds."""
    return reduction("prod", x, axis, keepdims=keepdims, where=where)


@takes_tensors
def max(
    x: Tensor, axis: Axes = None, *, keepdims: bool = False, where: Mask = None, ties: Ties = "first"
) -> Tensor:
    """The maximum over `axis`; its first place gets the gradient, all equal ones with ``ties="split"``."""
    return reduction("max", x, axis, keepdims=keepdims, where=where, ties=ties)


@takes_tensors
def min(
    x: Tensor, axis: Axes = None, *, keepdims: bool = False, where: Mask = None, ties: Ties = "first"
) -> Tensor:
    """The minimum over `axis`; its first place gets the gradient, all equal ones with ``ties="split"``."""
    return reduction("min", x, axis, keepdims=keepdims, where=where, ties=ties)


@takes_tensors
def argmax(x: Tensor, axis: int | None = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
    """The first position of the maximum along `axis` (of the flattened tensor by default), int64."""
    return reduction("argmax", x, axis, keepdims=keepdims, where=where)


@takes_tensors
def argmin(x: Tensor, axis: int | None = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
    """The first position of the minimum along `axis` (of the flattened tensor by default), int64."""
    return reduction("argmin", x, axis, keepdims=keepdims, where=where)
