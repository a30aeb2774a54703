"""The sum that is a discrete Fourier transform, and what it is multiplied by.

Enters: the parts of a tensor, N and how many results are wanted. Leaves: real and imaginary part of
``scale * sum_n x[n] exp(±2πikn/N)``, each one equation. Sizes and norms of transforms are checked here.
"""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.complexes import ComplexTensor, parts_names
from symdl.express.dims import Extent, Index, is_whole
from symdl.express.equations import Origin
from symdl.express.operators import axis_indices, one_axis
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor

Norm = Literal["backward", "ortho", "forward"]
NORMS = ("backward", "ortho", "forward")
K, N = Index("k"), Index("n")


def transform(
    parts: tuple[Any, Any],
    size: int,
    count: int,
    axis: int,
    sign: int,
    scale: sp.Expr,
    name: str | None,
) -> ComplexTensor:
    """Return ``scale * sum_n x[n] exp(sign 2πikn/N)`` for the first `count` values of k."""
    names = (None, None) if name is None else parts_names(name)
    re, im = (part_of(parts, size, count, axis, sign, scale, at, names[at]) for at in (0, 1))
    return ComplexTensor(re, im, name)


def part_of(
    parts: tuple[Any, Any],
    size: int,
    count: int,
    axis: int,
    sign: int,
    scale: sp.Expr,
    which: int,
    name: str | None,
) -> Tensor:
    """Return the real part of a transform, or the imaginary one."""
    real, imaginary = parts
    at = one_axis(axis, real.rank)
    where = axis_names(real.rank, at, K)
    reads = [N if i == K else i for i in where]
    a, b = (part.at(*reads) if isinstance(part, Tensor) else part for part in (real, imaginary))
    angle = 2 * sp.pi * K * N / size
    cos, sin = sp.cos(angle), sign * sp.sin(angle)
    body = a * cos - b * sin if which == 0 else a * sin + b * cos
    over = (N, min(known_size(real, at, "a transform"), size))
    shape = (*real.shape[:at], count, *real.shape[at + 1 :])
    whole = scale * Sum(body, over) if body != 0 else sp.Integer(0)
    found = define(name, where, whole, shape=shape, origin=Origin("Fourier transform"))
    return found.derived(*(part for part in parts if isinstance(part, Tensor)))


def axis_names(rank: int, at: int, index: Index) -> tuple[Index, ...]:
    """Return the indices of a tensor whose axis `at` has this one."""
    names = list(axis_indices(rank - 1, skip=(K, N)))
    return (*names[:at], index, *names[at:])


def normed(norm: Norm | None) -> Norm:
    if norm is None:
        return "backward"
    if norm not in NORMS:
        raise ExpressionError(f"norm = {norm!r}", cure="use 'backward', 'ortho' or 'forward'")
    return norm


def scale_of(size: int, norm: Norm | None, sign: int) -> sp.Expr:
    """Return what a sum is multiplied by."""
    chosen = normed(norm)
    if chosen == "ortho":
        return sp.sqrt(sp.Rational(1, size))
    return sp.Rational(1, size) if (chosen == "forward") == (sign < 0) else sp.Integer(1)


def known_size(x: Tensor, at: int, what: str) -> int:
    found: Extent = x.shape[at]
    if not isinstance(found, int):
        raise ShapeError(
            f"{what} along axis {at} of {x}, whose size is a symbol",
            shapes={str(x.name or "tensor"): x.shape},
            cure="a transform needs an integer size along its axis; the others may be symbols",
        )
    return found


def size_of(x: Tensor, n: Any, axis: int, what: str) -> int:
    """Return N."""
    known = known_size(x, one_axis(axis, x.rank), what)
    return positive(known if n is None else n, what)


def positive(n: Any, what: str) -> int:
    if not is_whole(n) or n < 1:
        raise ShapeError(f"{what} of {n!r} elements", cure="use a positive integer")
    return int(n)
