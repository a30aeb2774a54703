"""Index expressions as linear forms.

Enters: an index expression such as ``2*p + r - 1`` or ``floor(j/6)``. Leaves: its coefficients, or the
digits of a flat position in a mixed radix (what a reshape reads).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.express.dims import Extent, Index, in_range
from symdl.express.equations import Divisible, Guard
from symdl.express.tensors import Access


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


def exact_quotients(expr: sp.Expr, guards: Sequence[Guard]) -> sp.Expr:
    """Write ``floor(e/m)`` as ``e/m`` where a guard says that `m` divides `e`."""
    divisors = [g for g in guards if isinstance(g, Divisible)]
    if not divisors or not expr.has(sp.floor):
        return expr

    def divides(inner: sp.Expr) -> bool:
        for guard in divisors:
            for sign in (1, -1):
                gap = sp.expand(inner - sign * guard.expr / guard.by)
                if gap.is_Integer or (gap.free_symbols and gap.is_integer):
                    return True
        return False

    return expr.replace(
        lambda node: isinstance(node, sp.floor) and divides(node.args[0]), lambda node: node.args[0]
    )


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


def join_digits(entries: Mapping[int, sp.Expr], targets: Sequence[Index]) -> dict[int, sp.Expr]:
    """Find digits that together are one flat position.

    Args:
        entries: axis → index expression, those that are not linear.
        targets: the index variable that each axis of the tensor is to equal.

    Returns:
        ``{first axis: flat - sum(target * below)}`` for a complete set of digits, which must be zero; empty
        if the digits do not fit together. The set then replaces all of its axes.
    """
    found = {axis: digit(expr) for axis, expr in entries.items()}
    digits = {axis: d for axis, d in found.items() if d is not None}
    if len(digits) < len(entries) or len({d.flat for d in digits.values()}) != 1:
        return {}
    ordered = sorted(digits.items(), key=lambda item: sp.default_sort_key(-item[1].below))
    ordered = _by_weight(list(digits.items()))
    expected: sp.Expr = sp.Integer(1)
    flat = ordered[0][1].flat
    for _, d in ordered:
        if sp.expand(d.below - expected) != 0:
            return {}
        if d.size is None:
            break
        expected = sp.expand(expected * d.size)
    if ordered[-1][1].size is not None or any(d.size is None for _, d in ordered[:-1]):
        return {}
    value = sp.Add(*(targets[axis] * d.below for axis, d in ordered))
    return {min(digits): sp.expand(flat - value)}


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
