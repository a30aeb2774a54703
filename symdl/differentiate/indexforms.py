"""Index expressions as linear forms.

Enters: an index expression such as ``2*p + r - 1`` or ``floor(j/6)``. Leaves: its coefficients, or the
digits of a flat position in a mixed radix (what a reshape reads).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.express.dims import Extent, Index, as_extent, at_most, bounds, in_range
from symdl.express.tensors import Access


def fresh_index(taken: set[Index], wish: Index | None = None) -> Index:
    """Return an index variable that is not in `taken`: the wish, a letter, or a numbered letter."""
    candidates = [wish] if wish is not None else []
    candidates += [Index(letter) for letter in "pqrsuvwijklmn"]
    candidates += [Index(f"p{number}") for number in range(1, len(taken) + 2)]
    return next(c for c in candidates if c not in taken)


@dataclass(frozen=True, slots=True)
class Linear:
    """``sum(coefficients[v] * v) + rest``, where `rest` holds none of the variables."""

    coefficients: dict[Index, sp.Expr]
    rest: sp.Expr


def linear(expr: sp.Expr, variables: Collection[Index]) -> Linear | None:
    """Return `expr` as a linear form in `variables`, or None if it is not one."""
    coefficients: dict[Index, sp.Expr] = {}
    rest = sp.expand(expr)
    for variable in variables:
        if not rest.has(variable):
            continue
        coefficient = rest.coeff(variable, 1)
        remainder = sp.expand(rest - coefficient * variable)
        if remainder.has(variable) or any(coefficient.has(v) for v in variables):
            return None
        coefficients[variable] = coefficient
        rest = remainder
    if any(a.free_symbols & set(variables) for a in rest.atoms(Access)):
        return None
    return Linear(coefficients, rest)


def quotient(numerator: sp.Expr, by: sp.Expr) -> sp.Expr:
    """Return ``numerator/by`` as an integer expression: exact if `by` is a unit, else a floor."""
    value = sp.expand(numerator / by)
    return value if abs(by) == 1 else sp.floor(value)


@dataclass(frozen=True, slots=True)
class Digit:
    """``expr == floor(flat/below) mod size`` (`size` None: no mod, the leading digit)."""

    flat: sp.Expr
    below: sp.Expr
    size: sp.Expr | None


def digit(expr: sp.Expr) -> Digit | None:
    """Recognise one digit of a flat position, or return None."""
    size = None
    if isinstance(expr, sp.Mod):
        expr, size = expr.args
    if isinstance(expr, sp.floor):
        inner = expr.args[0]
        below = sp.denom(sp.together(inner))
        return Digit(sp.expand(inner * below), below, size)
    return Digit(sp.expand(expr), sp.Integer(1), size) if size is not None else None


def join_digits(
    entries: Mapping[int, sp.Expr], targets: Sequence[Index], extents: Mapping[Index, Extent]
) -> dict[tuple[int, ...], sp.Expr]:
    """Find axes whose entries are all the digits of one flat position.

    Args:
        entries: axis → index expression, those that are not linear.
        targets: the index variable that each axis of the tensor is to equal.
        extents: ranges of the targets; a digit counts only if it takes every value of its axis.

    Returns:
        ``{axes: flat - sum(target * below)}``, which must be zero and then replaces those axes.
    """
    groups: dict[sp.Expr, list[tuple[int, Digit]]] = {}
    for axis, expr in entries.items():
        found = digit(expr)
        if found is not None:
            groups.setdefault(found.flat, []).append((axis, found))
    joined: dict[tuple[int, ...], sp.Expr] = {}
    for flat, items in groups.items():
        ordered = _by_weight(items)
        expected: sp.Expr = sp.Integer(1)
        for axis, d in ordered:
            if sp.expand(d.below - expected) != 0 or d.size not in (None, extents[targets[axis]]):
                break
            expected = sp.expand(expected * (d.size or 1))
        else:
            sizes = [d.size for _, d in ordered]
            if sizes[-1] is None and None not in sizes[:-1]:
                value = sp.Add(*(targets[axis] * d.below for axis, d in ordered))
                joined[tuple(axis for axis, _ in ordered)] = sp.expand(flat - value)
    return joined


def _by_weight(items: list[tuple[int, Digit]]) -> list[tuple[int, Digit]]:
    """Order digits from the lowest weight up; weights are products of sizes, so division orders them."""
    return sorted(items, key=lambda item: (item[1].size is None, _degree(item[1].below)))


def _degree(weight: sp.Expr) -> tuple[int, float]:
    symbols = sorted(weight.free_symbols, key=str)
    degree = sp.Poly(weight, *symbols).total_degree() if symbols else 0
    return degree, float(weight.subs(dict.fromkeys(symbols, 2)))


def radix_solution(
    form: Linear, value: sp.Expr, extents: Mapping[Index, Extent]
) -> dict[Index, sp.Expr] | None:
    """Solve ``sum(c_v * v) = value`` where the variables are the digits of a mixed radix.

    Returns:
        Each variable as a digit of `value`, or None if the coefficients are not products of the extents.
        The leading digit is not reduced, so it still needs its range checked.
    """
    left = dict(form.coefficients)
    expected: sp.Expr = sp.Integer(1)
    solution: dict[Index, sp.Expr] = {}
    while left:
        chosen = [v for v, c in left.items() if sp.expand(c - expected) == 0]
        if len(chosen) != 1:
            return None
        (v,) = chosen
        del left[v]
        shifted = value if expected == 1 else sp.floor(sp.expand(value / expected))
        solution[v] = sp.Mod(shifted, extents[v]) if left else shifted
        expected = sp.expand(expected * extents[v])
    return solution


def needs_range(expr: sp.Expr, extent: Extent, extents: Mapping[Index, Extent]) -> bool:
    """Say whether ``0 <= expr < extent`` is not implied by the ranges of the variables."""
    return not in_range(expr, extent, extents)


def reduced(expr: sp.Expr, extents: Mapping[Index, Extent]) -> sp.Expr:
    """Return `expr` without the quotients and remainders that the ranges decide: ``floor((4*a + b)/4)`` is
    ``a`` where ``b < 4``."""
    if not expr.has(sp.floor, sp.Mod):
        return expr

    def decide(node: sp.Expr) -> sp.Expr:
        whole, rest, by = _division(node, extents)
        if not in_range(rest, by, extents):
            return node
        return whole if isinstance(node, sp.floor) else rest

    return expr.replace(lambda node: isinstance(node, sp.floor | sp.Mod), decide)


def _division(node: sp.Expr, extents: Mapping[Index, Extent]) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Return ``whole, rest, by``: the operand is ``whole*by + rest`` with as little in `rest` as can be."""
    if isinstance(node, sp.floor):
        by = sp.denom(sp.together(node.args[0]))
        operand = node.args[0] * by
    else:
        operand, by = node.args
    whole: list[sp.Expr] = []
    rest: list[sp.Expr] = []
    for term in sp.Add.make_args(sp.expand(operand)):
        part = sp.cancel(term / by)
        if part.is_integer and not term.is_number:
            whole.append(part)
        else:
            rest.append(term)
    left = sp.Add(*rest)
    limits = bounds(left, extents)
    if limits is not None and limits[0].is_Integer and by.is_Integer:
        shift = limits[0] // by
        return sp.Add(*whole, shift), left - shift * by, by
    return sp.Add(*whole), left, by


@dataclass(frozen=True, slots=True)
class Split:
    """``variable = weight*high + low`` with ``low < weight``, ``high < count``; `exact` if the sizes fit."""

    variable: Index
    weight: sp.Expr
    high: Index
    low: Index
    count: Extent
    exact: bool

    @property
    def value(self) -> sp.Expr:
        """The variable in terms of its two parts."""
        return self.weight * self.high + self.low


def open_digits(
    entries: Mapping[int, sp.Expr],
    free: Collection[Index],
    extents: Mapping[Index, Extent],
    fresh: Callable[[], Index],
) -> tuple[dict[int, sp.Expr], list[Split]] | None:
    """Split variables into digits until no quotient or remainder of them is left, or return None."""
    known, open_, opened = dict(extents), set(free), dict(entries)
    splits: list[Split] = []
    while True:
        opened = {axis: sp.expand(reduced(expr, known)) for axis, expr in opened.items()}
        nodes = [n for e in opened.values() for n in e.atoms(sp.floor, sp.Mod) if n.free_symbols & open_]
        if not nodes:
            return opened, splits
        node = min(nodes, key=lambda n: (n.count(sp.floor) + n.count(sp.Mod), sp.default_sort_key(n)))
        split = _cut(node, open_, known, fresh)
        if split is None:
            return None
        splits.append(split)
        open_ = (open_ - {split.variable}) | {split.high, split.low}
        known |= {split.high: split.count, split.low: as_extent(split.weight)}
        opened = {axis: e.xreplace({split.variable: split.value}) for axis, e in opened.items()}


def _cut(
    node: sp.Expr, free: Collection[Index], extents: Mapping[Index, Extent], fresh: Callable[[], Index]
) -> Split | None:
    """Choose a variable under a quotient or remainder whose own high digits can leave it."""
    _, rest, by = _division(node, extents)
    form = linear(rest, sorted(free, key=str))
    for variable, coefficient in form.coefficients.items() if form else ():
        weight, size = sp.cancel(by / coefficient), sp.sympify(extents[variable], strict=True)
        whole = weight.is_integer and sp.denom(weight) == 1 and weight.is_positive
        if not whole or weight == 1 or at_most(size, weight):
            continue
        count = sp.cancel(size / weight)
        exact = bool(count.is_integer) and sp.denom(count) == 1
        if exact or (size.is_Integer and weight.is_Integer):
            return Split(variable, weight, fresh(), fresh(), as_extent(sp.ceiling(count)), exact)
    return None
