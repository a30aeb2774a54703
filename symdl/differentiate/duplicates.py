"""Equations that compute the same values, up to the names and the order of their indices.

Enters: a program. Leaves: the same with one of several equal equations, which all others' readers read, at
transposed positions where it has its indices in another order. Equations are compared with those only that
read the same tensors in the same way, so the time is linear in their number.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symdl.differentiate.record import Rewrite
from symdl.express.dims import Index
from symdl.express.equations import MATRIX_OPS, Equation, map_guard
from symdl.express.program import Program
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, map_accesses

_ANY_ORDER = ("sum", "prod", "max", "logsumexp")
"""Reductions whose indices may be exchanged: a position counts them, a matrix has rows and columns."""
_MATCHES = 24
"""How many ways to pair elements of the same tensors are tried."""


def without_duplicates(
    program: Program, *, may_go: Callable[[Equation], bool], fixed: Collection[Tensor] = ()
) -> tuple[Program, tuple[Rewrite, ...]]:
    """Return the program with equal equations once, and what changed.

    Args:
        program: any.
        may_go: whether an equation may be replaced by an equal one.
        fixed: tensors that are neither replaced nor read in the place of others.
    """
    same = _Same()
    for equation in program.equations:
        if equation.lhs not in fixed:
            same.take(same.read_by(equation), may_go(equation))
    if not same.places:
        return program, ()
    rewrites, equations = [], []
    for equation in program.equations:  # once more: a recurrence may read one that comes after it
        if equation.lhs in same.places:
            continue
        new = same.read_by(equation)
        if new is not equation:
            rewrites.append(Rewrite("equal to a known tensor", "exact", equation, new))
        equations.append(new)
    return program.with_equations(equations), tuple(rewrites)


def with_shared_equations(program: Program) -> Program:
    """Return the program with equal sums and functions of elements once, whatever they are called."""
    kept = {*program.outputs, *(new for _, new in program.updates)}
    steps = {e.lhs for r in program.recurrences for e in r.equations}

    matrices = laid_out(program)

    def may_go(equation: Equation) -> bool:
        costly = equation.reduction is not None or equation.body.has(sp.Function)
        return (costly or equation.lhs in matrices) and equation.lhs not in kept

    return without_duplicates(program, may_go=may_go, fixed=steps)[0]


def laid_out(program: Program) -> set[Tensor]:
    """Return what functions of matrices read, directly or through functions of elements.

    Such a tensor costs little, but two of them are two factorisations.
    """
    found: set[Tensor] = set()
    for equation in reversed(program.equations):
        of_elements = equation.reduction is None and equation.lhs in found
        if of_elements or (equation.reduction is not None and equation.reduction.op in MATRIX_OPS):
            found.update(equation.reads())
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the elements of a tensor are found: ``tensor`` with the axes in another order."""

    tensor: Tensor
    axes: tuple[int, ...]

    def at(self, where: Sequence[sp.Expr]) -> Access:
        return self.tensor.at(*(where[axis] for axis in self.axes))


@dataclass(slots=True)
class _Same:
    """What was seen.

    Attributes:
        places: for each tensor that goes, where its values are.
        seen: equations by what they read, and where that is the same by the form of what they compute.
    """

    places: dict[Tensor, _Place] = field(default_factory=dict)
    seen: defaultdict[object, dict[object, list[Equation]]] = field(default_factory=lambda: defaultdict(dict))

    def take(self, equation: Equation, may_go: bool) -> None:
        """Find an equation that computes the same, or remember this one."""
        forms = self.seen[_key(equation)]
        for first in forms.pop(None, ()):
            forms.setdefault(_form(first), []).append(first)
        alike = forms.setdefault(_form(equation) if forms else None, [])
        if may_go:
            for other in alike:
                axes = match(equation, other)
                if axes is not None:
                    self.places[equation.lhs] = _Place(other.lhs, axes)
                    return
        alike.append(equation)

    def read_by(self, equation: Equation) -> Equation:
        """Return an equation that reads what stays."""
        if self.places.keys().isdisjoint(equation.reads()):
            return equation
        guards = tuple(map_guard(guard, self.moved) for guard in equation.guards)
        return replace(equation, body=self.moved(equation.body), guards=guards)

    def moved(self, expr: sp.Expr) -> sp.Expr:
        """Return an expression that reads what stays."""

        def change(access: Access) -> sp.Expr:
            where = tuple(self.moved(e) if e.has(Access) else e for e in access.indices)
            place = self.places.get(access.tensor)
            if place is not None:
                return place.at(where)
            return access if where == access.indices else Access(access.tensor, *where)

        return map_accesses(expr, change)


def _key(equation: Equation) -> object:
    """Return what equal equations have in common, whatever their indices are called."""
    reads = tuple(sorted(a.tensor.serial for a in equation.accesses()))
    return reads, _kind(equation), equation.body.func, frozenset(map(str, equation.extents.values()))


def _kind(equation: Equation) -> object:
    op = equation.reduction.op if equation.reduction else None
    return op, equation.lhs.dtype, equation.lhs.below, len(equation.indices), len(equation.bound)


def _form(equation: Equation) -> object:
    """Return the body without positions: most equations that differ have another one."""
    marks: dict[sp.Basic, sp.Basic] = {
        a: sp.Symbol(f"u{a.tensor.serial}", real=True) for a in equation.body.atoms(Access)
    }
    return rebuilt(equation.body, {**marks, **dict.fromkeys(equation.extents, Index("_"))})


def match(equation: Equation, other: Equation) -> tuple[int, ...] | None:
    """Return for each axis of the `other` tensor which one of the first it is; None if they differ."""
    if _kind(equation) != _kind(other):
        return None
    for pairs in _pairs(equation.accesses(), other.accesses()):
        names = _names(equation, other, pairs)
        if names is not None and _equal(equation.rename(names), other):
            back = {new: old for old, new in names.items()}
            return tuple(equation.indices.index(back[i]) for i in other.indices)
    return None


def _pairs(first: Sequence[Access], second: Sequence[Access]) -> Iterator[list[tuple[Access, Access]]]:
    """Yield the ways to pair elements of the same tensors."""
    groups: dict[Tensor, tuple[list[Access], list[Access]]] = {}
    for side, accesses in enumerate((first, second)):
        for access in accesses:
            groups.setdefault(access.tensor, ([], []))[side].append(access)
    if any(len(a) != len(b) for a, b in groups.values()):
        return
    ways = [[list(zip(a, order, strict=True)) for order in _orders(b)] for a, b in groups.values()]
    for chosen in itertools.islice(itertools.product(*ways), _MATCHES):
        yield [pair for group in chosen for pair in group]


def _orders(accesses: list[Access]) -> Iterator[tuple[Access, ...]]:
    return itertools.islice(itertools.permutations(accesses), _MATCHES)


def _names(
    equation: Equation, other: Equation, pairs: Sequence[tuple[Access, Access]]
) -> dict[Index, Index] | None:
    """Return which index is which, free ones free and bound ones bound; None where it cannot be."""
    names: dict[Index, Index] = {}
    for mine, theirs in pairs:
        for a, b in zip(mine.indices, theirs.indices, strict=True):
            if isinstance(a, Index) and isinstance(b, Index) and names.setdefault(a, b) != b:
                return None
    for mine_, theirs_ in ((equation.indices, other.indices), (equation.bound, other.bound)):
        left = [i for i in mine_ if i not in names]
        right = [i for i in theirs_ if i not in names.values()]
        if len(left) != len(right):
            return None
        names |= dict(zip(left, right, strict=True))
        if not {names[i] for i in mine_} <= set(theirs_):
            return None
    sizes, others = equation.extents, other.extents
    fits = len(set(names.values())) == len(names) and all(sizes[a] == others[b] for a, b in names.items())
    if equation.reduction is not None and equation.reduction.op not in _ANY_ORDER:
        order = [names[i] for i in (*equation.indices, *equation.bound)]
        fits = fits and order == [*other.indices, *other.bound]
    return names if fits else None


def _equal(first: Equation, second: Equation) -> bool:
    return first.body == second.body and set(first.guards) == set(second.guards)
