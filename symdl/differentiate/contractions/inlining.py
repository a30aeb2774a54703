"""Definitions put into the sums that read them.

Enters: a sum of a product. Leaves: the same with the definitions of its factors in it, down to what is no
sum of a product, or is read elsewhere, too. A product that is no sum costs nothing when it is written twice.
Unit and diagonal matrices go away: the sum over one of their indices has one term.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.contractions.networks import Factor, Network, as_network, factors_of
from symdl.differentiate.guards import settle, substitute_guard
from symdl.differentiate.indexforms import fresh_index
from symdl.express.dims import Index, at_most
from symdl.express.equations import Equal, Equation, Guard, Reduction, stays_inside
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor, substitute

_MOST = 10
"""Factors of a product with definitions in it."""


@dataclass(frozen=True, slots=True)
class Inlined:
    """A sum of a product with definitions in it, and the tensors of the sums among these definitions."""

    network: Network
    sums: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A definition by a product of elements: its equation without those factors that are guards."""

    equation: Equation
    factors: tuple[Factor, ...]
    scale: sp.Expr


@dataclass(slots=True)
class Definitions:
    """What may be put in the place of an element.

    Attributes:
        table: the equations of a program.
        readers: how often tensors are read.
        kept: tensors that somebody asked for, or that a recurrence computes step by step.
        everywhere: sums that may be computed by each of several readers in its own way.
        sources: what was found.
    """

    table: Mapping[Tensor, Equation]
    readers: Counter[Tensor]
    kept: Container[Tensor]
    everywhere: set[Tensor] = field(default_factory=set)
    sources: dict[Tensor, Source | None] = field(default_factory=dict)

    def into(self, network: Network) -> Inlined | None:
        """Return a sum with definitions in it, None if there are none."""
        if all(self.find(factor) is None for factor in network.factors):
            return None
        worker = _Inlining(self, network)
        worker.go()
        return worker.result()

    def find(self, factor: Factor) -> Source | None:
        """Return the definition that a factor may be replaced by."""
        access = factor.value
        if not isinstance(access, Access):
            return None
        if access.tensor not in self.sources:
            self.sources[access.tensor] = self.source(access.tensor)
        source = self.sources[access.tensor]
        if source is None or access.nested():
            return None
        bare = all(isinstance(e, Index) or e.is_Integer for e in access.indices)
        return source if source.equation.reduction is None or bare else None

    def let(self, tensor: Tensor, allowed: bool) -> None:
        """Allow a sum with several readers to be put into all of them, or no longer."""
        self.sources.pop(tensor, None)
        if allowed:
            self.everywhere.add(tensor)
        else:
            self.everywhere.discard(tensor)

    def source(self, tensor: Tensor) -> Source | None:
        """Return the definition of a tensor if it may go where its elements are read."""
        equation = self.table.get(tensor)
        if equation is None or tensor in self.kept or equation.lhs.dtype != "real":
            return None
        if equation.reduction and equation.reduction.op != "sum":
            return None
        if equation.reduction and self.readers[tensor] != 1 and tensor not in self.everywhere:
            return None
        if equation.reduction and not all(at_most(1, size) for _, size in equation.reduction.axes):
            return None  # of no terms it is 0: times 1/0 that is no number, which a sum of no products is not
        whole = with_deltas(equation)
        if not _only_deltas(whole):
            return None
        factors, scale = factors_of(whole.body)
        elements = all(isinstance(f.value, Access) for f in factors)
        diagonal = bool(whole.guards)  # a formula on it is computed once a row, the matrix for each element
        return Source(whole, factors, scale) if elements or diagonal else None


def definitions(program: Program) -> Definitions:
    """Return the definitions of a program."""
    readers = Counter(a.tensor for e in program.equations for a in e.accesses())
    kept = {*program.outputs, *(new for _, new in program.updates)}
    kept.update(e.lhs for r in program.recurrences for e in r.equations)
    return Definitions(program.definitions, readers, kept)


def with_deltas(equation: Equation) -> Equation:
    """Return an equation with those of its factors that are 1 where two indices are equal as guards."""
    found = [f for f in sp.Mul.make_args(equation.body) if isinstance(f, sp.Piecewise)]
    guards = {}
    for factor in found:
        (value, condition), *rest = factor.args
        if value == 1 and isinstance(condition, sp.Eq) and [v for v, _ in rest] == [0]:
            guards[factor] = Equal(*condition.args)
    guards = {f: g for f, g in guards.items() if _of_indices(g)}
    if not guards:
        return equation
    body = sp.Mul(*(f for f in sp.Mul.make_args(equation.body) if f not in guards))
    return replace(equation, body=body, guards=(*equation.guards, *guards.values()))


def without_deltas(equation: Equation) -> Equation:
    """Return a sum without indices that must equal another one; other equations as they are."""
    if equation.reduction is None or equation.reduction.op != "sum" or equation.lhs.dtype != "real":
        return equation
    whole = with_deltas(equation)
    if not whole.guards or not _only_deltas(whole):
        return equation
    settled = settle(whole.body, whole.guards, whole.bound, whole.extents, frozenset())
    if settled is None or settled.guards:
        return equation
    return replace(equation, body=settled.body, reduction=settled.reduction, guards=())


def _only_deltas(equation: Equation) -> bool:
    return all(isinstance(g, Equal) and _of_indices(g) for g in equation.guards)


def _of_indices(guard: Equal) -> bool:
    return isinstance(guard.left, Index) and isinstance(guard.right, Index)


class _Inlining:
    def __init__(self, known: Definitions, network: Network) -> None:
        self.known, self.network = known, network
        self.extents = dict(network.extents)
        self.bound = list(network.equation.bound)
        self.scale = network.scale
        self.guards: list[Guard] = []
        self.sums: list[Tensor] = []
        self.done: list[Factor] = []
        self.changed = False

    def go(self) -> None:
        """Replace factors until none is left that can be."""
        todo = list(self.network.factors)
        while todo:
            factor = todo.pop(0)
            parts = self.parts(factor, [*self.done, *todo])
            if parts is None:
                self.done.append(factor)
            else:
                self.changed = True
                todo[:0] = parts

    def parts(self, factor: Factor, others: Sequence[Factor]) -> Sequence[Factor] | None:
        """Return the factors that one stands for, and take over the rest of its definition."""
        access, found = factor.value, self.known.find(factor)
        if found is None or not isinstance(access, Access) or len(others) + len(found.factors) > _MOST:
            return None
        source = found.equation
        if source.reduction is not None and any(access.tensor in f.tensors for f in others):
            return None  # the square of a sum is no longer one if its sums are taken apart
        names: dict[Index, sp.Expr] = dict(zip(source.indices, access.indices, strict=True))
        taken = {*self.extents, *source.extents}
        axes = []
        for index, size in source.reduction.axes if source.reduction else ():
            names[index] = fresh = fresh_index(taken)
            taken.add(fresh)
            axes.append((fresh, size))
        self.extents |= dict(axes)
        self.bound += [index for index, _ in axes]
        self.scale *= found.scale
        self.guards += [substitute_guard(guard, names) for guard in source.guards]
        if source.reduction is not None:
            self.sums.append(source.lhs)
        return [Factor(substitute(p.value, dict(names))) for p in found.factors]

    def result(self) -> Inlined | None:
        """Return what was made, if it is a sum of a product without conditions."""
        if not self.changed:
            return None
        equation = self.network.equation
        body = self.scale * sp.Mul(*(f.value for f in self.done))
        axes = tuple((index, self.extents[index]) for index in self.bound)
        reduction = Reduction("sum", axes) if axes else None
        whole = without_deltas(replace(equation, body=body, reduction=reduction, guards=tuple(self.guards)))
        network = as_network(whole)
        if network is None or not _readable(whole):
            return None
        return Inlined(network, tuple(self.sums))


def _readable(equation: Equation) -> bool:
    """Say whether all elements are sure to be inside their tensors."""
    return all(
        isinstance(where, Access) or stays_inside(where, size, (), equation.extents)
        for access in equation.accesses()
        for where, size in zip(access.indices, access.tensor.shape, strict=True)
    )
