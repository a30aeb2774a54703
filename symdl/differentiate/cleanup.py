"""Clean-up of derived equations.

Enters: a program with its derivative equations as the adjoint rule left them. Leaves: the same values from
fewer and plainer equations, each change as a `Rewrite`. *Exact* changes look at structure only; *algebraic*
ones use an identity of real numbers or a declared fact, and are named so in the derivation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.local import structure_of
from symdl.differentiate.record import Rewrite
from symdl.express.dims import Index
from symdl.express.equations import Equation, Reduction, guard_terms, map_guard
from symdl.express.program import Fact, Program
from symdl.express.tensors import Access, Tensor, is_plain, map_accesses, substitute


def clean(program: Program, forward: frozenset[Tensor]) -> tuple[Program, tuple[Rewrite, ...]]:
    """Clean every equation of `program` that is not in `forward`."""
    state = _Cleaner(program, forward)
    for equation in program.equations:
        state.take(equation)
    return program.with_equations(state.done.values()), tuple(state.rewrites)


@dataclass(slots=True)
class _Cleaner:
    """One pass in topological order. `done` holds finished equations, `merged` those to substitute."""

    program: Program
    forward: frozenset[Tensor]
    done: dict[Tensor, Equation] = field(default_factory=dict)
    merged: dict[Tensor, Equation] = field(default_factory=dict)
    rewrites: list[Rewrite] = field(default_factory=list)
    _numbers: dict[object, Tensor] = field(default_factory=dict)
    _bodies: dict[object, Equation] = field(default_factory=dict)

    def take(self, equation: Equation) -> None:
        """Clean one equation and file it."""
        if equation.lhs in self.forward:
            self._remember(equation)
            return
        new = self._step("substitute definition", "exact", equation, self._substituted(equation))
        new = self._step("sum of a constant", "exact", new, _constant_sum(new))
        for fact in self.program.facts:
            new = self._step(f"fact: {fact.kind}", "algebraic", new, _use_fact(new, fact))
        new = self._step("known value", "exact", new, self._known(new))
        if _mergeable(new) and new.lhs not in self.program.outputs:
            self.merged[new.lhs] = new
            self.rewrites.append(Rewrite("substitute definition", "exact", new, None))
            return
        self._remember(new)

    def _step(self, rule: str, level: str, before: Equation, after: Equation) -> Equation:
        if after is not before:
            self.rewrites.append(Rewrite(rule, level, before, after))  # type: ignore[arg-type]
        return after

    def _remember(self, equation: Equation) -> None:
        key = canonical(equation)
        same = self._numbers.get(key)
        if same is not None and equation.lhs not in self.forward:
            copy = replace(equation, body=same.at(*equation.indices), reduction=None, guards=())
            self.rewrites.append(Rewrite("equal to a known tensor", "exact", equation, copy))
            if equation.lhs in self.program.outputs:
                self.done[equation.lhs] = copy
            else:
                self.merged[equation.lhs] = copy
            return
        self._numbers.setdefault(key, equation.lhs)
        self.done[equation.lhs] = equation
        if equation.reduction is None and not equation.guards:
            structure, meaning = structure_of(equation.body)
            if isinstance(structure, sp.Function) or len(meaning) > 1:
                self._bodies.setdefault((structure, _tensors(meaning)), equation)

    def _substituted(self, equation: Equation) -> Equation:
        """Put the definitions of merged tensors in their place."""
        reads = [a for a in equation.body.atoms(Access) if a.tensor in self.merged]
        if not reads:
            return equation
        values = {}
        for access in reads:
            source = self.merged[access.tensor]
            where = dict(zip(source.indices, access.indices, strict=True))
            values[access] = substitute(source.body, dict(where))
        return replace(equation, body=factored(equation.body.xreplace(values)))

    def _known(self, equation: Equation) -> Equation:
        """Replace a function of tensors by the forward tensor that already holds it."""

        def change(node: sp.Expr) -> sp.Expr:
            structure, meaning = structure_of(node)
            source = self._bodies.get((structure, _tensors(meaning)))
            if source is None:
                return node
            own = structure_of(source.body)[1]
            where = _unify(source.indices, own, meaning)
            return node if where is None else source.lhs.at(*where)

        if not self._bodies:
            return equation
        body = change(equation.body) if equation.reduction else equation.body
        if body == equation.body:
            body = body.replace(lambda n: isinstance(n, sp.Function), change)
        return equation if body == equation.body else replace(equation, body=body)


def factored(body: sp.Expr) -> sp.Expr:
    """Take numbers out of indicator terms and a common factor out of a sum: ``(e - [j = t])/n``."""
    if not isinstance(body, sp.Add):
        return body
    return sp.factor_terms(sp.Add(*map(_indicator, body.args)), sign=False)


def _indicator(term: sp.Expr) -> sp.Expr:
    """Write ``Piecewise((c, cond), (0, True))`` as ``c*Piecewise((1, cond), (0, True))``."""
    coefficient, rest = term.as_independent(sp.Piecewise)
    if not isinstance(rest, sp.Piecewise) or len(rest.args) != 2 or rest.args[1][0] != 0:
        return term
    value, condition = rest.args[0]
    if value == 1 or value.atoms(Access, Index):
        return term
    return coefficient * value * sp.Piecewise((1, condition), (0, True))


def _tensors(meaning: dict[sp.Symbol, Access]) -> tuple[int, ...]:
    return tuple(access.tensor.serial for access in meaning.values())


def _unify(
    indices: tuple[Index, ...],
    own: dict[sp.Symbol, Access],
    other: dict[sp.Symbol, Access],
) -> list[sp.Expr] | None:
    """Find index expressions at which a definition's accesses become those of another expression."""
    where: dict[Index, sp.Expr] = {}
    for symbol, access in own.items():
        for mine, theirs in zip(access.indices, other[symbol].indices, strict=True):
            if isinstance(mine, Index):
                if where.setdefault(mine, theirs) != theirs:
                    return None
            elif mine != theirs:
                return None
    return [where[i] for i in indices] if set(indices) <= set(where) else None


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


def _constant_sum(equation: Equation) -> Equation:
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
    body = sp.cancel(sp.Mul(*(size for _, size in loose)) * _front(equation.body)[0])
    body = body * _front(equation.body)[1]
    return replace(equation, body=body, reduction=Reduction("sum", axes) if axes else None)


def _front(body: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Split a body into its factor without accesses and the rest."""
    factors = sp.Mul.make_args(body)
    constant = [f for f in factors if not f.atoms(Access)]
    return sp.Mul(*constant), sp.Mul(*(f for f in factors if f.atoms(Access)))


def _use_fact(equation: Equation, fact: Fact) -> Equation:
    """Replace the sum over a probability row by one."""
    reduction = equation.reduction
    if reduction is None or reduction.op != "sum" or equation.guards:
        return equation
    for access in equation.body.atoms(Access):
        if access.tensor is not fact.tensor or not is_plain(access):
            continue
        index = access.indices[fact.axis]
        rest = equation.body / access
        if index not in equation.bound or rest.has(access) or index in rest.free_symbols:
            continue
        axes = tuple(axis for axis in reduction.axes if axis[0] != index)
        return replace(equation, body=rest, reduction=Reduction("sum", axes) if axes else None)
    return equation


def canonical(equation: Equation) -> object:
    """A key that two equations share exactly when they compute the same values."""
    names = {index: Index(f"_{number}") for number, index in enumerate((*equation.indices, *equation.bound))}

    def change(expr: sp.Expr) -> sp.Expr:
        return map_accesses(substitute(expr, dict(names)), lambda a: a)

    reduction = equation.reduction
    op = (reduction.op, tuple(size for _, size in reduction.axes)) if reduction else None
    guards = frozenset(map_guard(guard, change) for guard in equation.guards)
    return equation.lhs.shape, op, change(equation.body), guards
