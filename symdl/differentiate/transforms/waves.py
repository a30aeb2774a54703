"""Sums that are discrete Fourier transforms, found by what they are.

Enters: an equation. Leaves: its terms ``± sum_n u[n] cos(2πkn/N)`` and ``± sum_n u[n] sin(2πkn/N)``, or
nothing if it is anything else. Who wrote the sum, or whether it is a gradient, makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import sympy as sp

from symdl.express.dims import Extent, Index
from symdl.express.equations import Equation
from symdl.express.operators import axis_indices
from symdl.express.tensors import Access, substitute


@dataclass(frozen=True, slots=True)
class Kind:
    """What transforms of one kind have in common.

    Attributes:
        size: N.
        length: over how many elements a sum runs; those up to N count as 0.
        batch: the sizes of all other axes.
    """

    size: int
    length: int
    batch: tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """What is transformed: a formula over the indices of a batch and one more.

    Attributes:
        kind: its sizes.
        body: in the names that `names` gives.
    """

    kind: Kind
    body: sp.Expr

    @property
    def names(self) -> tuple[Index, ...]:
        """The indices of the batch, then the one that is summed."""
        return axis_indices(len(self.kind.batch) + 1)

    def at(self, batch: tuple[sp.Expr, ...], place: sp.Expr) -> sp.Expr:
        """Return the element at a place."""
        return substitute(self.body, dict(zip(self.names, (*batch, place), strict=True)))


@dataclass(frozen=True, slots=True)
class Term:
    """``sign`` times the sum of a source times a cosine or a sine."""

    sign: int
    wave: Literal["cos", "sin"]
    source: Source


@dataclass(frozen=True, slots=True)
class Waves:
    """An equation that is a sum of such terms; `axis` is that of k."""

    equation: Equation
    axis: int
    terms: tuple[Term, ...]

    @property
    def size(self) -> int:
        """N, which all terms have in common."""
        return self.terms[0].source.kind.size


def as_waves(equation: Equation) -> Waves | None:
    """Return an equation as a sum of cosine and sine transforms, or None."""
    reduction = equation.reduction
    if reduction is None or reduction.op != "sum" or len(reduction.axes) != 1 or equation.guards:
        return None
    (bound, length), parts = reduction.axes[0], [_parts(t) for t in sp.Add.make_args(equation.body)]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts) or len({(frequency, size) for *_, frequency, size in found}) != 1:
        return None
    *_, frequency, size = found[0]
    if bound not in frequency or len(frequency - {bound}) != 1:
        return None
    (free,) = frequency - {bound}
    if free not in equation.indices or not isinstance(length, int):
        return None
    axis = equation.indices.index(free)
    count = equation.lhs.shape[axis]
    if not isinstance(count, int) or max(length, count) > size:
        return None
    batch = tuple(i for i in equation.indices if i != free)
    kind = Kind(size, length, tuple(equation.extents[i] for i in batch))
    names = dict(zip((*batch, bound), axis_indices(len(batch) + 1), strict=True))
    terms = []
    for sign, wave, rest, *_ in found:
        if free in rest.free_symbols or not rest.has(Access):
            return None
        terms.append(Term(sign, wave, Source(kind, substitute(rest, dict(names)))))
    return Waves(equation, axis, tuple(terms))


def _parts(
    term: sp.Expr,
) -> tuple[int, Literal["cos", "sin"], sp.Expr, frozenset[Index], int] | None:
    """Return sign, function, what it is multiplied with, its two indices, and N; or None."""
    waves = list(_angles(term))
    if len(waves) != 1:
        return None
    factor, indices, size = waves[0]
    rest = term / factor
    scale, _ = rest.as_coeff_Mul()
    sign = -1 if scale.is_negative else 1
    return sign, "cos" if isinstance(factor, sp.cos) else "sin", sign * rest, indices, size


def _angles(term: sp.Expr) -> Iterator[tuple[sp.Expr, frozenset[Index], int]]:
    """Yield the factors ``cos(2πkn/N)`` and ``sin(2πkn/N)`` of a product."""
    for factor in sp.Mul.make_args(term):
        if not isinstance(factor, sp.cos | sp.sin):
            continue
        indices = frozenset(a for a in sp.Mul.make_args(factor.args[0]) if isinstance(a, Index))
        turns = factor.args[0] / sp.Mul(2 * sp.pi, *indices)
        if len(indices) == 2 and turns.is_Rational and turns.p == 1:
            yield factor, indices, int(turns.q)
