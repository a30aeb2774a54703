"""Values that a program has already, and computes again under another name or inside a formula.

Enters: equations in topological order. Leaves: for each later one the tensor that holds the same values, or
its body with functions of tensors replaced by the tensors that hold them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import sympy as sp

from symdl.differentiate.guards import substitute_guard
from symdl.differentiate.local import structure_of
from symdl.express.computed import loses_form, overflows
from symdl.express.dims import Extent, Index, in_range
from symdl.express.equations import Equation, Guard, guard_terms, map_guard
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, substitute

Extents: TypeAlias = Mapping[Index, Extent]


@dataclass(slots=True)
class KnownValues:
    """The equations so far, by what they compute.

    Attributes:
        exact: tensors whose derivatives keep all digits, see `reuse_output`.
        numbers: for each `canonical` equation the tensor that holds its values.
        bodies: equations whose body is a function, by its structure and the tensors that it reads.
    """

    exact: frozenset[Tensor]
    numbers: dict[object, Tensor] = field(default_factory=dict)
    bodies: dict[object, Equation] = field(default_factory=dict)

    def add(self, equation: Equation, *, given: bool) -> Tensor | None:
        """Remember what an equation computes, or return the tensor that holds those values already.

        A `given` equation is remembered in any case: it stays what it is.
        """
        holder = self.numbers.setdefault(canonical(equation), equation.lhs)
        if holder is not equation.lhs and not given:
            return holder
        if equation.reduction is None:
            structure, meaning = structure_of(equation.body)
            # An index in the body itself (a condition on it) would have to be matched as well.
            loose = any(isinstance(symbol, Index) for symbol in structure.free_symbols)
            if not loose and (isinstance(structure, sp.Function) or len(meaning) > 1):
                self.bodies.setdefault((structure, _tensors(meaning)), equation)
        return None

    def written_in(self, equation: Equation) -> sp.Expr | None:
        """Return the body with known values in place of functions of tensors, None where it stays.

        Not where a value could overflow, or lose the digits, that the formula keeps.
        """
        replaced: dict[sp.Expr, sp.Expr] = {}

        def change(node: sp.Expr) -> sp.Expr:
            structure, meaning = structure_of(node)
            source = self.bodies.get((structure, _tensors(meaning)))
            if source is None or (isinstance(node, sp.tanh) and source.lhs in self.exact):
                return node  # 1 - tanh(z)**2 has digits that its value has lost
            where = _unify(source, structure_of(source.body)[1], meaning, equation.extents)
            if where is None or not set(guards_at(source, where)) <= set(equation.guards):
                return node
            if isinstance(node, sp.exp | sp.cosh | sp.sinh):
                replaced[node] = source.lhs.at(*where)
            return source.lhs.at(*where)

        if not self.bodies:
            return None
        body = change(equation.body) if equation.reduction else equation.body
        if body == equation.body:
            body = body.replace(lambda n: isinstance(n, sp.Function), change)
        new = body.atoms(Access) - equation.body.atoms(Access)
        if body == equation.body or overflows(body, new) or loses_form(equation.body, replaced):
            return None
        return body


def canonical(equation: Equation) -> object:
    """A key that two equations share exactly when they compute the same values."""
    names = {index: Index(f"_{number}") for number, index in enumerate((*equation.indices, *equation.bound))}

    def change(expr: sp.Expr) -> sp.Expr:
        return substitute(expr, dict(names))

    # Placeholders instead of accesses: SymPy knows their signs already, so conditions are cheap to rebuild.
    found = {
        access: (access.tensor.serial, *map(change, access.indices)) for access in equation.body.atoms(Access)
    }
    ordered = sorted(found, key=lambda access: str(found[access]))
    marks = {access: sp.Symbol(f"u{number}", real=True) for number, access in enumerate(ordered)}
    body = rebuilt(equation.body, {**marks, **names})
    reduction = equation.reduction
    op = (reduction.op, tuple(size for _, size in reduction.axes)) if reduction else None
    guards = frozenset(map_guard(guard, change) for guard in equation.guards)
    reads = tuple(found[access] for access in ordered)
    return equation.lhs.shape, equation.lhs.dtype, op, body, reads, guards


def guards_at(source: Equation, where: Sequence[sp.Expr]) -> list[Guard]:
    """Return where an element of a tensor is not 0 by its definition."""
    if source.reduction is not None and source.reduction.op != "sum":
        return []
    change = dict(zip(source.indices, where, strict=True))
    bound = set(source.bound)
    outer = [g for g in source.guards if not any(term.free_symbols & bound for term in guard_terms(g))]
    return [substitute_guard(guard, change) for guard in outer]


def _tensors(meaning: Mapping[sp.Symbol, Access]) -> tuple[int, ...]:
    return tuple(access.tensor.serial for access in meaning.values())


def _unify(
    source: Equation, own: Mapping[sp.Symbol, Access], other: Mapping[sp.Symbol, Access], extents: Extents
) -> list[sp.Expr] | None:
    """Find index expressions at which a definition's accesses become those of another expression.

    They must lie inside the defined tensor, which may cover only a part of what it reads.
    """
    where: dict[Index, sp.Expr] = {}
    inside: set[Index] = set()
    for symbol, access in own.items():
        for axis, (mine, theirs) in enumerate(zip(access.indices, other[symbol].indices, strict=True)):
            if isinstance(mine, Index):
                where.setdefault(mine, theirs)
                if access.tensor.shape[axis] == source.extents[mine]:
                    inside.add(mine)
    if not set(source.indices) <= set(where):
        return None
    if any(substitute(access, dict(where)) != other[symbol] for symbol, access in own.items()):
        return None
    if not all(i in inside or in_range(where[i], source.extents[i], extents) for i in source.indices):
        return None
    return [where[index] for index in source.indices]
