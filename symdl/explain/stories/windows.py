"""The gradient of pooling, told from the window: each output goes to the places that it was made of.

Enters: a page, a derivative, and the cotangent of what is pooled. Leaves: its line with the place in the
window at the left, ``x_bar[2 h + r] = y_bar[h] [m[h] = r]``: no quotient and no remainder is needed.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symdl.differentiate.record import Contribution, Derivative
from symdl.explain.notation.conditions import condition
from symdl.explain.notation.tree import Compare, Indicator, Item, Logic, Node, product
from symdl.explain.sections import Step
from symdl.explain.stories.equations import Page
from symdl.express.dims import Index
from symdl.express.equations import Equal, Equation, InRange
from symdl.express.tensors import Access


def spread_line(page: Page, derivative: Derivative, equation: Equation) -> Step | None:
    """Return the line of a cotangent by the windows that read its tensor; None where it is no pooling.

    Where windows overlap it is a ``+=``: every output adds to its places.
    """
    uses = derivative.record.uses.get(equation.lhs.of, ()) if equation.lhs.of is not None else ()
    if len(uses) != 1 or derivative.cotangents[uses[0].via.lhs] not in page.shown or not is_pooling(uses[0]):
        return None
    (use,) = uses
    via, read = use.via, page.notation.read
    assert via.reduction is not None
    # That a place lies inside the array is said by its standing at the left.
    inside = [g for g in via.guards if isinstance(g, InRange) and g.expr in use.access.indices]
    counted = where_it_counts(page, replace(via, guards=tuple(g for g in via.guards if g not in inside)))
    left = Item(page.notation.label(equation.lhs), equation.lhs, tuple(map(read, use.access.indices)))
    weight = () if use.weight == 1 else (read(use.weight),)
    bar = read(derivative.cotangents[via.lhs].at(*via.indices))
    rule = "to the place of the maximum" if via.reduction.op == "max" else "to each place of its window"
    disjoint = all(_is_disjoint(place, via) for place in use.access.indices)
    if not disjoint:
        rule += ", added up"
    elif not all(map(lambda place, size: _is_whole(place, size, via), use.access.indices, use.tensor.shape)):
        rule += ", 0 elsewhere"
    ranges = tuple(
        Compare("<", page.notation.symbol(i), read(sp.sympify(e, strict=True))) for i, e in via.reduction.axes
    )
    return Step(
        f"{rule}; for",
        left,
        product((*weight, bar, *counted)),
        "adjoint",
        relation="=" if disjoint else "+=",
        about=ranges[0] if len(ranges) == 1 else Logic("and", ranges),
    )


def where_it_counts(page: Page, via: Equation) -> tuple[Node, ...]:
    """The conditions of an equation, and for a maximum that this is its position, as indicators."""
    found = [Indicator(condition(page.notation, guard, via.extents)) for guard in via.guards]
    if via.reduction and via.reduction.op == "max":
        position = page.positions[via.lhs]
        chosen = condition(page.notation, Equal(position.at(*via.indices), via.reduction.place), via.extents)
        found.append(Indicator(chosen))
    return tuple(found)


def is_pooling(use: Contribution) -> bool:
    """Say whether a window moves along an array and adds up its elements, or takes the largest of them."""
    via, places = use.via, use.access.indices
    if via.reduction is None or via.reduction.op not in ("sum", "max"):
        return False
    names = [s for place in places for s in place.free_symbols]
    affine = all(place.is_polynomial(*place.free_symbols) for place in places if place.free_symbols)
    own = via.body.as_independent(Access, as_Add=False)[1] == use.access
    whole = own and affine and len(names) == len(set(names)) and set(names) == {*via.indices, *via.bound}
    return whole and any(len(_steps(place)) > 1 for place in places)


def _steps(place: sp.Expr) -> list[tuple[int, Index]]:
    """The index variables of an affine place with their factors, the smallest first."""
    found = [(int(place.coeff(s)), s) for s in place.free_symbols if isinstance(s, Index)]
    return sorted(found, key=lambda pair: (pair[0], str(pair[1])))


def _is_disjoint(place: sp.Expr, via: Equation) -> bool:
    """Say whether different values of the index variables are different places, as digits are."""
    reach: sp.Expr = sp.Integer(0)
    for factor, index in _steps(place):
        if not (reach - factor).is_negative:
            return False
        reach += factor * (via.extents[index] - 1)
    return True


def _is_whole(place: sp.Expr, size: object, via: Equation) -> bool:
    """Say whether disjoint places are all that there are."""
    count = sp.Mul(*(via.extents[index] for _, index in _steps(place)))
    first = place.subs(dict.fromkeys(place.free_symbols, 0))
    return bool(first == 0 and sp.expand(count - size) == 0)


__all__ = ["is_pooling", "spread_line", "where_it_counts"]
