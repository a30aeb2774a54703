"""Weights written through others: length and direction, or a largest singular value of 1.

Enters: a tensor of weights. Leaves: the weights that a layer uses, such as ``x @ W + b`` or `convolution`.
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.build import parameter
from symdl.express.dims import is_whole
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.modes import with_modes
from symdl.express.operators import axis_indices, elementwise, one_axis
from symdl.express.stopping import stop_gradient
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.averages import at_least
from symdl.nn.initializers import fill, uniform
from symdl.nn.similarity import normalized


@takes_tensors
def weight_norm(v: Tensor, *, axis: int = -1, name: str) -> Tensor:
    """Length and direction apart (Salimans and Kingma, 2016): ``W = gain * v / |v|``, a length for each unit.

    Args:
        v: the direction, usually a parameter; its slope is at right angles to it.
        axis: of the units: the last one of a dense layer's weight, 0 of a convolution's.
        name: the path of ``name.gain`` (units,), ones at first, and the name of the result.

    Returns:
        The shape of `v`.

    Raises:
        ShapeError: `v` has fewer than two axes, or no such axis.

    Example:
        >>> x, v = sd.tensor("x", (sd.Dim("n"), 3)), sd.parameter("v", (3, 5))
        >>> (x @ sd.nn.weight_norm(v, name="weight")).shape
        (n, 5)
    """
    if v.rank < 2:
        raise ShapeError(f"weight norm {name}: {v} has no axes beside that of the units")
    along, where = one_axis(axis, v.rank), axis_indices(v.rank)
    unit = where[along]
    gain = parameter(f"{name}.gain", (v.shape[along],), init=fill(1.0))
    others = [(i, size) for a, (i, size) in enumerate(zip(where, v.shape, strict=True)) if a != along]
    length = define(None, (unit,), Sum(v.at(*where) ** 2, *others), shape=gain.shape, origin=Origin("length"))
    body = gain.at(unit) * v.at(*where) / sp.sqrt(length.at(unit))
    return define(name, where, body, shape=v.shape, origin=Origin("weight norm"))


@takes_tensors
def spectral_norm(w: Tensor, *, iterations: int = 1, epsilon: float = 1e-12, name: str) -> Tensor:
    """``W/sigma`` with the largest singular value `sigma` of the matrix (Miyato et al., 2018).

    Power iteration finds it: each training step moves the states ``name.u`` and ``name.v`` by
    ``v = W^T u/|W^T u|`` and ``u = W v/|W v|``, then ``sigma = u^T W v``, whose slope takes `u` and `v` as
    constants. At inference they stay as the last step has left them.

    Args:
        w: a matrix, or more axes, of which all but the first are taken as one; integer sizes.
        iterations: how often a step repeats both lines.
        epsilon: what keeps a length of zero finite.
        name: the path of the states, and the name of the result.

    Returns:
        The shape of `w`.

    Raises:
        ShapeError: fewer than two axes, or number of iterations below 1.

    Example:
        >>> x, w = sd.tensor("x", (sd.Dim("n"), 3)), sd.parameter("w", (3, 5))
        >>> y = x @ sd.nn.spectral_norm(w, name="weight")
        >>> [state.name for state, _ in sd.training_updates(y)]
        ['weight.u', 'weight.v']
    """
    if w.rank < 2:
        raise ShapeError(f"spectral norm {name}: {w} is no matrix")
    if not is_whole(iterations) or iterations < 1:
        raise ShapeError(f"spectral norm {name}: iterations = {iterations!r}", cure="repeat at least once")
    at_least("epsilon", epsilon, 0)
    matrix = w.reshape(w.shape[0], -1)
    rows, columns = matrix.shape
    first_u = Tensor(f"{name}.u", (rows,), role="state", init=uniform(-1, 1))
    first_v = Tensor(f"{name}.v", (columns,), role="state", init=uniform(-1, 1))
    fixed = stop_gradient(matrix)
    u, v = first_u, first_v
    for _ in range(iterations):
        v = normalized(u @ fixed, epsilon=epsilon**2)
        u = normalized(fixed @ v, epsilon=epsilon**2)

    def divided(u: Tensor, v: Tensor) -> Tensor:
        sigma = (u * (matrix @ v)).sum()
        return elementwise(lambda x, s: x / s, w, sigma, name=name, rule="spectral norm")

    learning = divided(stop_gradient(u), stop_gradient(v))
    return with_modes(learning, updates=[(first_u, u), (first_v, v)], inference=divided(first_u, first_v))
