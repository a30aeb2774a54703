"""Equations as sums of products of factors.

Enters: an equation. Leaves: its factors with their indices, and what they are multiplied by; None if the
equation is no sum of a product, or one that must stay as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdl.differentiate.contractions.costs import Operand
from symdl.express.dims import Extent, Index
from symdl.express.equations import Equation
from symdl.express.tensors import Access, Tensor

_FUNCTION = 8
"""Operations that an elementary function counts for."""


@dataclass(frozen=True)
class Factor:
    """One factor: an element of a tensor, or a formula of elements."""

    value: sp.Expr

    @cached_property
    def indices(self) -> frozenset[Index]:
        """The index variables that it depends on."""
        leaves = (leaf for leaf in _nodes(self.value) if not leaf.args)
        return frozenset(s for leaf in leaves for s in leaf.free_symbols if isinstance(s, Index))

    @cached_property
    def tensors(self) -> frozenset[Tensor]:
        """The tensors that it reads."""
        return frozenset(a.tensor for a in self.value.atoms(Access))

    @property
    def stored(self) -> bool:
        """Whether a matrix product can read it where it is: an element of a real tensor, nothing gathered."""
        value = self.value
        return isinstance(value, Access) and value.tensor.dtype == "real" and not value.nested()

    @cached_property
    def operations(self) -> int:
        """How many operations make it of elements."""
        operations = (node for node in _nodes(self.value) if node.args)
        return sum(_FUNCTION if isinstance(node, sp.Function) else 1 for node in operations)


def _nodes(expr: sp.Basic) -> Iterator[sp.Basic]:
    """Yield the distinct parts of an expression."""
    seen: set[sp.Basic] = set()
    todo: list[sp.Basic] = [expr]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += node.args
            yield node


@dataclass(frozen=True)
class Network:
    """``lhs[indices] = scale * sum of the product of factors`` over all indices that are not free.

    Attributes:
        equation: what it was read from; the left-hand side and the names of free indices are its own.
        factors: what depends on elements of tensors or on indices.
        scale: what depends on sizes only.
        extents: the size of each index.
    """

    equation: Equation
    factors: tuple[Factor, ...]
    scale: sp.Expr
    extents: Mapping[Index, Extent]

    @cached_property
    def indices(self) -> tuple[Index, ...]:
        """All index variables, in the order in which the axes of the factors have them."""
        accesses = (f.value for f in self.factors if isinstance(f.value, Access))
        found = dict.fromkeys(e for a in accesses for e in a.indices if isinstance(e, Index))
        return tuple({**found, **dict.fromkeys(self.extents)})

    @cached_property
    def operands(self) -> tuple[Operand, ...]:
        """The factors for a planner, which knows an index by its place in `indices`."""
        return tuple(Operand(self.bits(f.indices), f.operations, f.stored) for f in self.factors)

    @cached_property
    def elements(self) -> tuple[int, ...]:
        """For each element that the factors read the indices that it depends on, for a planner."""
        accesses = {a for f in self.factors for a in f.value.atoms(Access)}
        return tuple(self.bits(Factor(a).indices) for a in accesses)

    @property
    def result(self) -> int:
        """The free indices for a planner."""
        return self.bits(self.equation.indices)

    def bits(self, indices: Sequence[Index] | frozenset[Index]) -> int:
        """Return a set of indices as bits."""
        return sum(1 << place for place, index in enumerate(self.indices) if index in indices)

    def named(self, bits: int) -> tuple[Index, ...]:
        """Return the indices of a set of bits."""
        return tuple(index for place, index in enumerate(self.indices) if bits >> place & 1)

    @property
    def loose(self) -> bool:
        """Whether an index that is summed over belongs to one factor, so that this can be summed first."""
        bound = set(self.equation.bound)
        times = [i for f in self.factors for i in f.indices if i in bound]
        return len(self.factors) > 1 and any(times.count(i) == 1 for i in bound)


def as_network(equation: Equation) -> Network | None:
    """Return an equation as a sum of a product, or None; conditions are asked before anything is read."""
    op = equation.reduction.op if equation.reduction else "sum"
    if op != "sum" or equation.guards or equation.lhs.dtype != "real":
        return None
    factors, scale = factors_of(equation.body)
    if not {i for f in factors for i in f.indices} >= set(equation.bound):
        return None
    return Network(equation, factors, scale, equation.extents) if factors else None


def factors_of(body: sp.Expr) -> tuple[tuple[Factor, ...], sp.Expr]:
    """Return the factors of a product that depend on elements or indices, and the rest."""
    factors, scale = [], []
    for factor in sp.Mul.make_args(body):
        if isinstance(factor, sp.Pow) and factor.exp == 2 and isinstance(factor.base, Access):
            factors += [Factor(factor.base), Factor(factor.base)]
        elif any(isinstance(leaf, Access | Index) for leaf in _nodes(factor)):
            factors.append(Factor(factor))
        else:
            scale.append(factor)
    return tuple(factors), sp.Mul(*scale)
