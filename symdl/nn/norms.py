"""Normalization over the features of one sample: layer norm, RMS norm, group norm.

Enters: a tensor. Leaves: the same shape, shifted and scaled, times a learned gain plus a learned shift. Batch
norm, which normalizes over samples and has statistics to keep, stands in `symdl.nn.batch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.build import parameter
from symdl.express.dims import Extent, Index
from symdl.express.doors import takes_tensors
from symdl.express.equations import InRange, Origin
from symdl.express.operators import axis_indices
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.averages import at_least
from symdl.nn.initializers import fill, zeros


@takes_tensors
def layer_norm(x: Tensor, *, axes: int = 1, affine: bool = True, epsilon: float = 1e-5, name: str) -> Tensor:
    """``gain*(x - mean)/sqrt(variance + epsilon) + shift`` over the last axes (Ba et al., 2016).

    Args:
        x: any shape whose last `axes` sizes are integers.
        axes: how many axes are normalized together.
        affine: whether there are ``name.gain`` (at first 1) and ``name.shift`` (at first 0), of their shape.
        epsilon: added to the variance.
        name: the path of gain and shift, and the name of the result.

    Raises:
        ShapeError: too few axes, or a symbolic size among them.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 3))
        >>> [p.name for p in sd.parameters(sd.nn.layer_norm(x, name="norm"))]
        ['norm.gain', 'norm.shift']
    """
    sizes = _last_sizes(x, axes, name)
    where = axis_indices(x.rank)
    rows, features = where[: x.rank - axes], where[x.rank - axes :]
    run = list(zip(features, sizes, strict=True))
    parts = (where, x.shape, rows, run)
    unit = standardized(x.at(*where), *parts, at_least("epsilon", epsilon, 0), name).unit
    body = affine_form(unit.at(*where), name, sizes, features) if affine else unit.at(*where)
    return define(name, where, body, shape=x.shape, origin=Origin("layer norm"))


@takes_tensors
def rms_norm(x: Tensor, *, axes: int = 1, affine: bool = True, epsilon: float = 1e-6, name: str) -> Tensor:
    """``gain*x/sqrt(mean(x**2) + epsilon)`` over the last axes (Zhang and Sennrich, 2019).

    Arguments as `layer_norm`; there is no shift.

    >>> x = sd.tensor("x", (sd.Dim("n"), 3))
    >>> [p.name for p in sd.parameters(sd.nn.rms_norm(x, name="norm"))]
    ['norm.gain']
    """
    sizes = _last_sizes(x, axes, name)
    where = axis_indices(x.rank)
    rows, features = where[: x.rank - axes], where[x.rank - axes :]
    run = list(zip(features, sizes, strict=True))
    sizes_of_rows = x.shape[: len(rows)]
    _, rstd = inverse_root(x.at(*where) ** 2, rows, sizes_of_rows, run, at_least("epsilon", epsilon, 0), name)
    body = x.at(*where) * rstd.at(*rows)
    if affine:
        body = body * parameter(f"{name}.gain", sizes, init=fill(1.0)).at(*features)
    return define(name, where, body, shape=x.shape, origin=Origin("rms norm"))


@takes_tensors
def group_norm(x: Tensor, groups: int, *, affine: bool = True, epsilon: float = 1e-5, name: str) -> Tensor:
    """Layer norm within groups of channels (Wu and He, 2018).

    Args:
        x: shape ``(batch, channels, ...)``; the number of channels is a multiple of `groups`.
        groups: 1 normalizes each sample, as many as channels each channel of it (instance norm).
        affine: whether there are ``name.gain`` and ``name.shift`` of shape ``(channels,)``.
        epsilon: added to the variance.
        name: the path of gain and shift, and the name of the result.

    Raises:
        ShapeError: the channels are no multiple of the groups.
    """
    channels = x.shape[1] if x.rank >= 2 else None
    if not isinstance(channels, int) or groups < 1 or channels % groups:
        raise ShapeError(f"group norm {name}: {x} in {groups} groups", cure="channels must divide evenly")
    inner = channels // groups
    places = axis_indices(x.rank - 2, skip=(Index("i"), Index("g"), Index("c")))
    i, g, c = map(Index, "igc")
    where, split = (i, g, c, *places), (x.shape[0], groups, inner, *x.shape[2:])
    read = x.at(i, g if inner == 1 else g * inner + c, *places)
    run = list(zip((c, *places), split[2:], strict=True))
    unit = standardized(read, where, split, (i, g), run, at_least("epsilon", epsilon, 0), name).unit
    whole = unit.reshape(*x.shape)
    where = (i, c, *places)
    body = affine_form(whole.at(*where), name, (channels,), (c,)) if affine else whole.at(*where)
    return define(name, where, body, shape=x.shape, origin=Origin("group norm"))


@takes_tensors
def instance_norm(x: Tensor, *, affine: bool = True, epsilon: float = 1e-5, name: str) -> Tensor:
    """Each channel of each sample standardized on its own (Ulyanov et al., 2016).

    Arguments as `group_norm`, of which it is the case of one group a channel.
    """
    channels = x.shape[1] if x.rank >= 3 else None
    if not isinstance(channels, int):
        raise ShapeError(f"instance norm {name}: {x} needs channels of integer size and axes after them")
    return group_norm(x, channels, affine=affine, epsilon=epsilon, name=name)


@takes_tensors
def local_response_norm(
    x: Tensor,
    size: int,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    bias: float = 1.0,
    name: str | None = None,
) -> Tensor:
    """``x / (bias + alpha/size * sum x**2)**beta``, the sum over `size` neighbouring channels.

    Krizhevsky et al. (2012). Of an even number of neighbours one more comes before the channel; beyond the
    first and the last channel there is nothing to sum.

    Args:
        x: shape ``(batch, channels, ...)``.
        size: how many channels are summed, the channel itself among them.
        alpha: the weight of the mean square.
        beta: the exponent.
        bias: added to it, at least 0.
        name: of the result.

    Raises:
        ShapeError: no axis of channels, or a size below 1.
    """
    if x.rank < 2 or size < 1:
        raise ShapeError(f"a norm over {size} channels of {x}", shapes={str(x.name): x.shape})
    weight, power, start = at_least("alpha", alpha, 0), at_least("beta", beta, 0), at_least("bias", bias, 0)
    where = axis_indices(x.rank)
    (r,) = axis_indices(1, skip=where)
    near = where[1] + r - size // 2
    square = Sum(x.at(where[0], near, *where[2:]) ** 2, (r, size))
    guards = [InRange(near, x.shape[1])]
    total = define(None, where, square, shape=x.shape, guards=guards, origin=Origin("sum of squares"))
    body = x.at(*where) * (start + weight / size * total.at(*where)) ** -power
    return define(name, where, body, shape=x.shape, origin=Origin("local response norm"))


def _last_sizes(x: Tensor, axes: int, name: str) -> tuple[int, ...]:
    sizes = x.shape[x.rank - axes :] if 0 < axes <= x.rank else ()
    if not sizes or not all(isinstance(size, int) for size in sizes):
        raise ShapeError(f"norm {name}: the last {axes} axes of {x} need integer sizes")
    return tuple(int(size) for size in sizes)


def affine_form(value: sp.Expr, name: str, sizes: Sequence[int], where: Sequence[Index]) -> sp.Expr:
    """Return ``gain*value + shift`` with new parameters of the given sizes."""
    gain = parameter(f"{name}.gain", sizes, init=fill(1.0))
    shift = parameter(f"{name}.shift", sizes, init=zeros())
    return gain.at(*where) * value + shift.at(*where)


@dataclass(frozen=True, slots=True)
class Standard:
    """A standardized tensor, its mean and its variance."""

    unit: Tensor
    mean: Tensor
    variance: Tensor


def standardized(
    read: sp.Expr,
    where: Sequence[Index],
    shape: Sequence[Extent],
    rows: Sequence[Index],
    run: Sequence[tuple[Index, Extent]],
    epsilon: sp.Expr,
    name: str,
) -> Standard:
    """Return ``(read - mean)/sqrt(variance + epsilon)``, the mean and variance over the indices `run`.

    Its steps have names (``name.mean``, ``.deviation``, ``.variance``, ``.rstd``, ``.unit``): so they are
    computed once, and the derived equations are the textbook's.
    """
    kept = [size for index, size in zip(where, shape, strict=True) if index in rows]
    count = sp.Mul(*(size for _, size in run))
    mean = define(f"{name}.mean", rows, Sum(read / count, *run), shape=kept, origin=Origin("mean"))
    body = read - mean.at(*rows)
    deviation = define(f"{name}.deviation", where, body, shape=shape, origin=Origin("deviation")).at(*where)
    variance, rstd = inverse_root(deviation**2, rows, kept, run, epsilon, name)
    body = deviation * rstd.at(*rows)
    unit = define(f"{name}.unit", where, body, shape=shape, origin=Origin("standardize"))
    return Standard(unit, mean, variance)


def inverse_root(
    square: sp.Expr,
    rows: Sequence[Index],
    sizes: Sequence[Extent],
    run: Sequence[tuple[Index, Extent]],
    epsilon: sp.Expr,
    name: str,
) -> tuple[Tensor, Tensor]:
    """Return ``name.variance``, the mean of `square` over `run`, and ``1/sqrt(it + epsilon)``."""
    count = sp.Mul(*(size for _, size in run))
    mean = define(f"{name}.variance", rows, Sum(square / count, *run), shape=sizes, origin=Origin("variance"))
    body = 1 / sp.sqrt(mean.at(*rows) + epsilon)
    return mean, define(f"{name}.rstd", rows, body, shape=sizes, origin=Origin("inverse root"))
