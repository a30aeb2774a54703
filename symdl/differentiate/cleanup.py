"""Clean-up of derived equations.

Enters: a program with its derivative equations as the adjoint rule left them. Leaves: the same values from
fewer and plainer equations, each change as a `Rewrite`. *Exact* changes look at structure only; *algebraic*
ones use an identity of real numbers or a declared fact, and are named so in the derivation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import sympy as sp

from symdl.differentiate.guards import settle, substitute_guard
from symdl.differentiate.known_values import KnownValues, guards_at
from symdl.differentiate.limits import CLEAN
from symdl.differentiate.record import Rewrite
from symdl.differentiate.totals import is_total
from symdl.express.dims import Extent, Index
from symdl.express.equations import Equal, Equation, Guard, Reduction, guard_terms, map_guard, stays_inside
from symdl.express.program import Fact, Program
from symdl.express.tensors import Access, Tensor, is_plain, map_accesses, substitute

Extents: TypeAlias = Mapping[Index, Extent]


def clean(
    program: Program, forward: frozenset[Tensor], exact: frozenset[Tensor] = frozenset()
) -> tuple[Program, tuple[Rewrite, ...]]:
    """Clean every equation of `program` that is not in `forward`; `exact` as in `reuse_output`."""
    state = _Cleaner(program, forward, KnownValues(exact))
    for equation in program.equations:
        state.take(equation)
    state.finish()
    return program.with_equations(state.done.values()), tuple(state.rewrites)


@dataclass(slots=True)
class _Cleaner:
    """One pass in topological order.

    `values` knows what has been computed, `done` holds finished equations, `merged` those to substitute,
    `deltas` diagonal matrices.
    """

    program: Program
    forward: frozenset[Tensor]
    values: KnownValues
    done: dict[Tensor, Equation] = field(default_factory=dict)
    merged: dict[Tensor, Equation] = field(default_factory=dict)
    deltas: dict[Tensor, Equation] = field(default_factory=dict)
    rewrites: list[Rewrite] = field(default_factory=list)

    def take(self, equation: Equation) -> None:
        """Clean one equation and file it."""
        if equation.lhs in self.forward:
            self._remember(equation)
            return
        new = self._step("substitute definition", "exact", equation, self._substituted(equation))
        new = self._step("sum of a constant", "exact", new, constant_sum(new))
        for fact in self.program.facts:
            new = self._step(f"fact: {fact.kind}", "algebraic", new, _use_fact(new, fact))
        new = self._step("contraction of δ", "exact", new, self._contracted(new))
        new = self._step("known value", "exact", new, self._known(new))
        new = self._step("zero where the guard fails", "algebraic", new, self._unguarded(new))
        if _mergeable(new) and new.lhs not in self.program.outputs:
            self.merged[new.lhs] = new
            self.rewrites.append(Rewrite("substitute definition", "exact", new, None))
            return
        if is_diagonal(new):
            self.deltas[new.lhs] = new
        self._remember(new)

    def finish(self) -> None:
        """Put merged tensors in the place of uses that come before them, in a recurrence."""
        if not self.program.recurrences:
            return
        late = list(self.done.values())
        while late:
            changed = [(e, self._substituted(e)) for e in late]
            late = [new for old, new in changed if new is not old]
            self.done.update({e.lhs: e for e in late})

    def _step(self, rule: str, level: str, before: Equation, after: Equation) -> Equation:
        if after is not before:
            self.rewrites.append(Rewrite(rule, level, before, after))  # type: ignore[arg-type]
        return after

    def _remember(self, equation: Equation) -> None:
        same = self.values.add(equation, given=equation.lhs in self.forward)
        if same is not None:
            copy = replace(equation, body=same.at(*equation.indices), reduction=None, guards=())
            self.rewrites.append(Rewrite("equal to a known tensor", "exact", equation, copy))
            if equation.lhs in self.program.outputs:
                self.done[equation.lhs] = copy
            else:
                self.merged[equation.lhs] = copy
            return
        self.done[equation.lhs] = equation

    def _substituted(self, equation: Equation) -> Equation:
        """Put the definitions of merged tensors in their place."""
        if not any(tensor in self.merged for tensor in equation.reads()):
            return equation
        body = self._inserted(equation.body)
        guards = tuple(map_guard(guard, self._inserted) for guard in equation.guards)
        return replace(equation, body=factored(body), guards=guards)

    def _inserted(self, expr: sp.Expr) -> sp.Expr:
        """Return `expr` with merged tensors replaced, inside index expressions too."""

        def change(access: Access) -> sp.Expr:
            where = tuple(self._inserted(e) if e.has(Access) else e for e in access.indices)
            source = self.merged.get(access.tensor)
            if source is None:
                return access if where == access.indices else Access(access.tensor, *where)
            return substitute(source.body, dict(zip(source.indices, where, strict=True)))

        return map_accesses(expr, change)

    def _contracted(self, equation: Equation) -> Equation:
        """Put the definitions of diagonal matrices into products of them: the sums over δ go away."""
        found = [
            a for a in sp.Mul.make_args(equation.body) if isinstance(a, Access) and a.tensor in self.deltas
        ]
        if not found or (equation.reduction is not None and equation.reduction.op != "sum"):
            return equation
        body, guards = equation.body, list(equation.guards)
        for access in found:
            source = self.deltas[access.tensor]
            change = dict(zip(source.indices, access.indices, strict=True))
            body = body / access * substitute(source.body, dict(change))
            guards += [substitute_guard(guard, change) for guard in source.guards]
        settled = settle(body, guards, equation.bound, equation.extents, frozenset())
        if settled is None:
            return replace(equation, body=sp.Integer(0), guards=(), reduction=None)
        return replace(equation, body=settled.body, guards=settled.guards, reduction=settled.reduction)

    def _known(self, equation: Equation) -> Equation:
        """Replace a function of tensors by the forward tensor that already holds it."""
        body = self.values.written_in(equation)
        return equation if body is None else replace(equation, body=factored(body))

    def _unguarded(self, equation: Equation) -> Equation:
        """Drop guards that a factor makes needless: it is 0 where they fail, and the others are finite."""
        if not equation.guards or (equation.reduction is not None and equation.reduction.op != "sum"):
            return equation
        zero = {a: self._zeros(a) for a in equation.body.atoms(Access)}
        of_factors = [zero[f] for f in sp.Mul.make_args(equation.body) if isinstance(f, Access)]
        unsafe = [guards for a, guards in zero.items() if a.tensor.role not in CLEAN]
        needless = [
            g for g in equation.guards if any(g in z for z in of_factors) and all(g in z for z in unsafe)
        ]
        fewer = tuple(guard for guard in equation.guards if guard not in needless)
        if (
            not needless
            or not is_total(equation.body, self.done)
            or not _in_range(replace(equation, guards=fewer))
        ):
            return equation
        return replace(equation, guards=fewer)

    def _zeros(self, access: Access) -> list[Guard]:
        source = self.done.get(access.tensor)
        return [] if source is None else guards_at(source, access.indices)


def factored(body: sp.Expr) -> sp.Expr:
    """Take numbers out of indicator terms and a common factor out of a sum: ``(e - [j = t])/n``."""
    if isinstance(body, sp.Mul) and any(isinstance(f, sp.Add) for f in body.args):
        factors = [factored(f) for f in body.args]
        return body if factors == list(body.args) else sp.Mul(*factors)
    if not isinstance(body, sp.Add):
        return body
    terms = [_indicator(term) for term in body.args]
    # A number inside a bracket stays there: a (2 b + 1/9) + c is not (a (18 b + 1) + 9 c)/9.
    brackets = {f for term in terms for f in sp.Mul.make_args(term) if isinstance(f, sp.Add)}
    names = {bracket: sp.Dummy(real=True) for bracket in brackets}
    closed = sp.factor_terms(sp.Add(*(_renamed(term, names) for term in terms)), sign=False)
    return closed.xreplace({name: bracket for bracket, name in names.items()}) if names else closed


def _renamed(term: sp.Expr, names: Mapping[sp.Expr, sp.Dummy]) -> sp.Expr:
    return sp.Mul(*(names.get(factor, factor) for factor in sp.Mul.make_args(term)))


def _indicator(term: sp.Expr) -> sp.Expr:
    """Write ``Piecewise((c, cond), (0, True))`` as ``c*Piecewise((1, cond), (0, True))``."""
    coefficient, rest = term.as_independent(sp.Piecewise)
    if not isinstance(rest, sp.Piecewise) or len(rest.args) != 2 or rest.args[1][0] != 0:
        return term
    value, condition = rest.args[0]
    if value == 1 or value.atoms(Access, Index):
        return term
    return coefficient * value * sp.Piecewise((1, condition), (0, True))


def _in_range(equation: Equation) -> bool:
    """Say whether all accesses of an equation, those of its guards included, are sure to stay in range."""
    return all(
        stays_inside(index, size, equation.guards, equation.extents)
        for access in equation.accesses()
        for index, size in zip(access.indices, access.tensor.shape, strict=True)
    )


def _mergeable(equation: Equation) -> bool:
    """A constant, or a number times one access that only permutes the indices."""
    if equation.reduction or equation.guards or equation.lhs.dtype != "real":
        return False
    accesses = equation.body.atoms(Access)
    if not accesses:
        return not equation.body.free_symbols & set(equation.indices)
    if len(accesses) > 1:
        return False
    (access,) = accesses
    factor = equation.body / access
    permutes = is_plain(access) and set(access.indices) == set(equation.indices)
    return permutes and not factor.has(Access) and not factor.free_symbols & set(equation.indices)


def is_diagonal(equation: Equation) -> bool:
    """Say whether an equation is zero but where indices are equal, and one access at most elsewhere."""
    if equation.reduction or not equation.guards or len(equation.body.atoms(Access)) > 1:
        return False
    sides = [side for g in equation.guards for side in guard_terms(g)]
    plain = all(isinstance(g, Equal) for g in equation.guards) and all(isinstance(s, Index) for s in sides)
    return plain and equation.lhs.dtype == "real"


def constant_sum(equation: Equation) -> Equation:
    """Sum a body that is free of a bound index by multiplying with its range."""
    reduction = equation.reduction
    if reduction is None or reduction.op != "sum":
        return equation
    used: set[sp.Basic] = set(equation.body.free_symbols)
    for guard in equation.guards:
        for term in guard_terms(guard):
            used |= term.free_symbols
    loose = [(index, size) for index, size in reduction.axes if index not in used]
    if not loose:
        return equation
    axes = tuple(axis for axis in reduction.axes if axis not in loose)
    front, rest = _front(equation.body)
    body = sp.cancel(sp.Mul(*(size for _, size in loose)) * front) * rest
    return replace(equation, body=body, reduction=Reduction("sum", axes) if axes else None)


def _front(body: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Split a body into its factor without accesses and the rest."""
    factors = sp.Mul.make_args(body)
    constant = [f for f in factors if not f.atoms(Access)]
    return sp.Mul(*constant), sp.Mul(*(f for f in factors if f.atoms(Access)))


def _use_fact(equation: Equation, fact: Fact) -> Equation:
    """Replace the sum over a probability row by one."""
    reduction = equation.reduction
    if reduction is None or reduction.op != "sum" or equation.guards or fact.kind != "sums_to_one":
        return equation
    for access in equation.body.atoms(Access):
        if access.tensor is not fact.tensor or not is_plain(access):
            continue
        index = access.indices[fact.axis]
        rest = equation.body / access
        if index not in equation.bound or rest.has(access) or index in rest.free_symbols:
            continue
        if equation.extents[index] != fact.tensor.shape[fact.axis]:
            continue  # a part of the row
        axes = tuple(axis for axis in reduction.axes if axis[0] != index)
        return replace(equation, body=rest, reduction=Reduction("sum", axes) if axes else None)
    return equation
