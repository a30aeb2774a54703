"""Sums of products under conditions as matrix products.

Enters: a program. Leaves: the same values. ``Y[i, d] = sum_j P[i, j] V[j, d] where c`` is no matrix product,
and without the condition a NaN of `V` that does not count would get into it as 0 times NaN. So

- a condition on the result only is asked after the product;
- a factor that has all its indices is laid out with zeros where it fails, unless it is 0 there already;
- where the other factor is 0 then and one has not all indices (a causal attention), the product is made as it
  is. Only what does not count can make it NaN where the sum is not; rows with a NaN are then computed again,
  as the sum is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.differentiate.limits import CLEAN
from symdl.express.dims import Index
from symdl.express.equations import (
    Equal,
    Equation,
    Guard,
    Origin,
    Reduction,
    check,
    guard_terms,
    map_guard,
    stays_inside,
)
from symdl.express.program import Program
from symdl.express.tensors import Access, Tensor, accesses_in, substitute

_DEPTH = 5
"""How many definitions are looked through for a condition."""


@dataclass(frozen=True, slots=True)
class Case:
    """Holds where the truth of `condition` is `holds`."""

    condition: sp.Basic
    holds: bool

    def around(self, value: sp.Expr) -> sp.Expr:
        """Return `value` where it holds, 0 elsewhere."""
        pair = (value, sp.S.Zero) if self.holds else (sp.S.Zero, value)
        return sp.Piecewise((pair[0], self.condition), (pair[1], True))


Limit = Guard | Case


@dataclass(frozen=True, slots=True)
class _Product:
    """The body of a sum: two elements times `scale`, under conditions."""

    pair: tuple[Access, Access]
    scale: sp.Expr
    limits: tuple[Limit, ...]


def with_masks(program: Program) -> Program:
    """Return the program with products under conditions in parts."""
    worker = _Masking(program)
    made = [e for equation in program.equations for e in worker.parts(equation)]
    return program.with_equations(made) if len(made) > len(program.equations) else program


class _Masking:
    def __init__(self, program: Program) -> None:
        self.defined = program.definitions
        self.masked: dict[object, Tensor] = {}

    def parts(self, equation: Equation) -> list[Equation]:
        """Return what computes an equation."""
        found = _as_product(equation)
        if found is None or not _is_matrix_product(equation, found):
            return [equation]
        free = set(equation.indices)
        after = [limit for limit in found.limits if _variables(limit) <= free]
        inside = [limit for limit in found.limits if limit not in after]
        dirty: set[Access] = set()
        masks: dict[Access, list[Limit]] = {access: [] for access in found.pair}
        for limit in inside:
            safe = 0
            for access in found.pair:
                if vanishes(access, limit, self.defined):
                    safe += 1
                elif _variables(limit) <= _variables(access):
                    masks[access].append(limit)
                    safe += 1
                elif access.tensor.role not in CLEAN:
                    dirty.add(access)
            if not safe:
                return [equation]
        if len(dirty) > 1:
            return [equation]
        layouts: list[Equation] = []
        factors = [self.laid_out(equation, access, masks[access], layouts) for access in found.pair]
        body = found.scale * sp.Mul(*factors)
        whole = replace(equation, lhs=_like(equation.lhs), body=body, guards=())
        made = [*layouts, whole]
        if dirty:
            made += _again(equation, whole, dirty.pop())
        if not after:  # the last one is the result
            return [*made[:-1], replace(made[-1], lhs=equation.lhs)]
        return [*made, _under(equation, made[-1].target, after)]

    def laid_out(
        self, equation: Equation, access: Access, limits: Sequence[Limit], layouts: list[Equation]
    ) -> Access:
        """Return the factor with zeros where conditions fail."""
        if not limits:
            return access
        mine = _variables(access)
        bare = [e for e in access.indices if isinstance(e, Index)]  # in the order of its axes, if it can be
        where = tuple(dict.fromkeys((*bare, *(i for i in equation.extents if i in mine))))
        lhs = Tensor(None, [equation.extents[i] for i in where])
        new = _under(Equation(lhs, where, access, origin=Origin("mask", access.tensor)), access, limits)
        key = (new.body, new.guards, where, lhs.shape)
        if key not in self.masked:
            self.masked[key] = lhs
            layouts.append(check(new))
        return self.masked[key].at(*where)


def vanishes(access: Access, limit: Limit, defined: Mapping[Tensor, Equation], depth: int = _DEPTH) -> bool:
    """Say whether an element is 0 where a condition fails, by its definition."""
    source = defined.get(access.tensor)
    if not depth or source is None or (source.reduction is not None and source.reduction.op != "sum"):
        return False
    change = dict(zip(source.indices, access.indices, strict=True))
    bound = set(source.bound)
    if limit in [_moved(g, change) for g in source.guards if not _variables(g) & bound]:
        return True

    def is_zero(term: sp.Expr) -> bool:
        inner, cases = _peeled(term)
        if limit in [_moved(c, change) for c in cases if not _variables(c) & bound]:
            return True
        parts = [f for f in sp.Mul.make_args(inner) if isinstance(f, Access) and not _variables(f) & bound]
        return any(vanishes(substitute(f, dict(change)), limit, defined, depth - 1) for f in parts)

    return all(map(is_zero, sp.Add.make_args(source.body)))


def without_idle_guards(equation: Equation, defined: Mapping[Tensor, Equation]) -> Equation | None:
    """Return a sum of a product without its guards, if only zeros are added then; None if it has to ask.

    A guard is idle that relates indices to each other, where one factor is 0 by its definition if it fails,
    as the elements above a triangle's diagonal, and no other factor has all of these indices. Elements of the
    others then count as often as in a product of matrices.
    """
    accesses = accesses_in(equation.body)
    factors = [f for f in sp.Mul.make_args(equation.body) if isinstance(f, Access)]
    if not _readable(accesses, equation):
        return None
    for guard in equation.guards:
        mine = _variables(guard)
        whole = [access for access in accesses if mine <= _variables(access)]
        zero = len(whole) == 1 and whole[0] in factors and vanishes(whole[0], guard, defined)
        if len(mine) < 2 or not zero:
            return None
    return replace(equation, guards=())


def _like(tensor: Tensor) -> Tensor:
    return Tensor(None, tensor.shape, role="intermediate", of=tensor)


def _under(equation: Equation, value: sp.Expr, limits: Sequence[Limit]) -> Equation:
    """Return an equation that takes a value where all conditions hold."""
    for limit in limits:
        value = limit.around(value) if isinstance(limit, Case) else value
    guards = tuple(limit for limit in limits if not isinstance(limit, Case))
    return replace(equation, body=value, reduction=None, guards=guards)


def _again(equation: Equation, whole: Equation, dirty: Access) -> list[Equation]:
    """Return equations that put the sum as it is written in the place of the product's rows with a NaN."""
    columns = [i for i in equation.indices if i in _variables(dirty)]
    clean = {i for a in equation.body.atoms(Access) if a != dirty for i in _variables(a)}
    columns = [i for i in columns if i not in clean]
    rows = tuple(i for i in equation.indices if i not in columns)
    sizes = [equation.extents[i] for i in rows]
    value = whole.target
    over = Reduction("max", tuple((i, equation.extents[i]) for i in columns)) if columns else None
    largest = Equation(Tensor(None, sizes), rows, value, over, origin=Origin("not a number", equation.lhs))
    # A NaN is the largest of all: of 0 and minus a square the second is chosen for NaN only.
    spoiled = Tensor(None, sizes, dtype="int64", role="index", of=largest.lhs, below=2)
    either = fresh_index(set(equation.extents))
    state = sp.Piecewise((0, sp.Eq(either, 0)), (-(largest.target**2), True))
    flag = Equation(spoiled, rows, state, Reduction("argmax", ((either, 2),)), origin=largest.origin)
    guards = (*equation.guards, Equal(spoiled.at(*rows), sp.Integer(1)))
    again = replace(equation, lhs=_like(equation.lhs), guards=guards)
    body = sp.Piecewise((value, sp.Eq(spoiled.at(*rows), 0)), (again.target, True))
    chosen = Equation(_like(equation.lhs), equation.indices, body, origin=equation.origin)
    return [largest, flag, again, chosen]


def _moved(limit: Limit, change: dict[Index, sp.Expr]) -> Limit:
    if isinstance(limit, Case):
        return replace(limit, condition=substitute(limit.condition, dict(change)))
    return map_guard(limit, lambda e: sp.expand(substitute(e, dict(change))))


def _variables(item: Limit | sp.Basic) -> set[Index]:
    if isinstance(item, Case):
        terms: tuple[sp.Basic, ...] = (item.condition,)
    else:
        terms = (item,) if isinstance(item, sp.Basic) else guard_terms(item)
    symbols = {s for term in terms for s in term.free_symbols}
    symbols |= {s for term in terms for a in accesses_in(term) for s in a.free_symbols}
    return {s for s in symbols if isinstance(s, Index)}


def _peeled(body: sp.Expr) -> tuple[sp.Expr, list[Limit]]:
    """Take the conditions off an expression that is 0 where one of them fails."""
    limits: list[Limit] = []
    factors: list[sp.Expr] = []
    todo = list(sp.Mul.make_args(body))
    while todo:
        factor = todo.pop()
        if not isinstance(factor, sp.Piecewise) or len(factor.args) != 2 or factor.args[1][1] != sp.true:
            factors.append(factor)
            continue
        (first, condition), (second, _) = factor.args
        if second == 0:
            parts = condition.args if isinstance(condition, sp.And) else (condition,)
            limits += [Case(part, True) for part in parts]
            todo += sp.Mul.make_args(first)
        elif first == 0:
            limits.append(Case(condition, False))
            todo += sp.Mul.make_args(second)
        else:
            factors.append(factor)
    return sp.Mul(*factors), limits


def _as_product(equation: Equation) -> _Product | None:
    """Read a sum of a product of two elements under conditions; None if it is none."""
    if equation.reduction is None or equation.reduction.op != "sum" or equation.lhs.dtype != "real":
        return None
    if not equation.guards and not equation.body.has(sp.Piecewise):
        return None
    inner, cases = _peeled(equation.body)
    limits = tuple(dict.fromkeys((*equation.guards, *cases)))
    elements = [f for f in sp.Mul.make_args(inner) if isinstance(f, Access) and f.tensor.dtype == "real"]
    scale = inner / sp.Mul(*elements)
    if len(elements) != 2 or not limits or scale.has(Access) or _variables(scale):
        return None
    return _Product((elements[0], elements[1]), scale, limits)


def _is_matrix_product(equation: Equation, found: _Product) -> bool:
    """Say whether the product is one of matrices that can be read without asking the conditions."""
    first, second = map(_variables, found.pair)
    rows = [i for i in equation.indices if (i in first) != (i in second)]
    return (
        _readable(found.pair, equation)
        and bool(rows)
        and set(equation.bound) <= first & second
        and set(equation.indices) <= first | second
    )


def _readable(accesses: Iterable[Access], equation: Equation) -> bool:
    """Say whether elements can be read and no condition asked: none is outside, or found by another one."""
    return all(
        not where.has(Access) and stays_inside(where, size, (), equation.extents)
        for access in accesses
        for where, size in zip(access.indices, access.tensor.shape, strict=True)
    )
