"""Order: the positions of the smallest and largest elements, and the elements in their order.

Enters: a tensor. Leaves: positions, and elements read at them. The rank of an element is how many come before
it, which is a sum over comparisons; what stands at rank `k` is found by its rank. So a gradient goes back to
where an element came from. On a processor such sums are found by sorting (`symdl.lower.equations.ranks`).
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.conditions import missing
from symdl.express.dims import Extent, Index, at_most
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, one_axis
from symdl.express.selecting import take_along_axis
from symdl.express.surface import ArgMax, Sum, define
from symdl.express.tensors import Tensor


@takes_tensors
def argsort(x: Tensor, axis: int = -1, *, descending: bool = False, name: str | None = None) -> Tensor:
    """The positions of the elements along `axis` in rising order; equal ones keep theirs (int64).

    NaN counts as larger than all numbers: last in rising order, as in NumPy, and first in falling order.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.argsort(x), target="python")(x=[3, 1, 2])
    array([1, 2, 0])
    """
    along = one_axis(axis, x.rank)
    return _ranked(x, along, x.shape[along], descending, name)


@takes_tensors
def sort(x: Tensor, axis: int = -1, *, descending: bool = False, name: str | None = None) -> Tensor:
    """The elements along `axis` in rising order, as `argsort`; the gradient goes to where each came from.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.sort(x), target="python")(x=[3, 1, 2])
    array([1., 2., 3.])
    """
    return take_along_axis(x, argsort(x, axis, descending=descending), axis, name=name)


@takes_tensors
def top_k(x: Tensor, count: int, axis: int = -1, *, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The `count` largest elements along `axis`, in falling order, and their positions (int64).

    With ``largest=False`` the smallest in rising order. Of equal elements the first come first. NaN is the
    largest of all.

    Raises:
        ShapeError: more elements than there are, or less than one.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> largest, where = sd.top_k(x, 2)
        >>> sd.compile([largest, where], target="python")(x=[3, 1, 2])
        (array([3., 2.]), array([0, 2]))
    """
    along = one_axis(axis, x.rank)
    if count < 1 or not at_most(count, x.shape[along]):
        raise ShapeError(f"there are no {count} of {x.shape[along]} elements", shapes={str(x.name): x.shape})
    positions = _ranked(x, along, count, largest, None)
    return take_along_axis(x, positions, along), positions


def ranks(x: Tensor, along: int, *, descending: bool = False) -> Tensor:
    """Return how many elements along an axis come before each one; NaN is larger than all numbers."""
    *where, k = axis_indices(x.rank + 1)
    size, own = x.shape[along], where[along]

    def read(index: Index) -> sp.Expr:
        return x.at(*where[:along], index, *where[along + 1 :])

    comes = sp.StrictGreaterThan if descending else sp.StrictLessThan
    before, same = comes(read(k), read(own)), sp.Eq(read(k), read(own))
    if x.dtype == "real":  # no comparison holds for NaN
        unknown = missing(x)
        one, other = (unknown.at(*read(index).indices) for index in (k, own))
        before, same = sp.Or(before, comes(one, other)), sp.Or(same, one + other > 1)
    one = sp.Piecewise((1, sp.Or(before, sp.And(same, k < own))), (0, True))
    return define(None, where, Sum(one, (k, size)), shape=x.shape, dtype="int64", origin=Origin("rank"))


def _ranked(x: Tensor, along: int, count: Extent, descending: bool, name: str | None) -> Tensor:
    """Where the elements of rank 0, 1, … are."""
    *where, k = axis_indices(x.rank + 1)
    rank = ranks(x, along, descending=descending)
    found = rank.at(*where[:along], k, *where[along + 1 :])
    body = ArgMax(sp.Piecewise((1, sp.Eq(found, where[along])), (0, True)), (k, x.shape[along]))
    shape = (*x.shape[:along], count, *x.shape[along + 1 :])
    return define(name, where, body, shape=shape, origin=Origin("position of a rank"))
