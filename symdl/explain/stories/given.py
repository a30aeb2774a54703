"""The last line of a gradient: its value over what is given, where the line before speaks of helpers.

Enters: the page of a gradient and its program. Leaves: one element with every unnamed tensor written out; the
two sums over the pairs of a symmetric tensor, such as distances, are one there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import sympy as sp

from symdl.explain.notation.order import primitive
from symdl.explain.notation.sizes import written_sizes
from symdl.explain.notation.tree import (
    Array,
    Big,
    Compare,
    Indicator,
    Item,
    Node,
    Product,
    Symbol,
    mapped,
    product,
    walk,
)
from symdl.explain.sections import Step
from symdl.explain.stories.equations import Page, left_side
from symdl.explain.stories.formula import put_in, shown
from symdl.express.dims import Index
from symdl.express.equations import Equation, Guard, InRange, map_guard
from symdl.express.tensors import Access, Tensor, map_accesses, substitute

_LONGEST = 90  # nodes of a line that is still read
_LARGEST = 300  # elements and operations of a value that is written out at all
_LARGEST_BODY = 200  # operations of a body that is compared with another one

Table = Mapping[Tensor, Equation]


def has_helpers(page: Page, node: Node) -> bool:
    """Say whether a line speaks of tensors that the page has made up: bars, and unnamed intermediates."""
    known = {page.output, *page.abbreviations}
    made_up = (t for t in _spoken_of(page, node) if t.name is None and t not in known)
    return any(t.role in ("cotangent", "intermediate") for t in made_up)


def over_what(page: Page, node: Node) -> str:
    """Return what a line without helpers is written in: what is given, or also what has a name."""
    defined = page.program.definitions
    named = any(t in defined and t is not page.output for t in _spoken_of(page, node))
    return f"in the {'named' if named else 'given'} symbols"


def _spoken_of(page: Page, node: Node) -> Iterator[Tensor]:
    hot = {equation.lhs for equation in page.hot}
    for part in walk(node):
        tensor = part.tensor if isinstance(part, Array | Item) else None
        if isinstance(part, Symbol) and isinstance(part.expr, Access):
            tensor = part.expr.tensor
        if tensor is not None and tensor not in hot:
            yield tensor


def element_line(page: Page, table: Table, gradient: Tensor) -> Step | None:
    """Return one element of a gradient over what is given and named; None if that is too long to be read."""
    kept = {t for t in table if t is not gradient and (t.name or t in page.abbreviations)}
    if written_sizes(e for t, e in table.items() if t not in kept)[gradient] > _LARGEST:
        return None
    table = _under_conditions(table)
    table = {**table, gradient: pairs_together(table[gradient], table)}
    program = replace(page.program, outputs=(gradient,)).with_equations(list(table.values()))
    inlined = {t: e for t, e in page.inlined.items() if t not in table}
    made = put_in(replace(page, program=program, inlined=inlined), gradient, keep=page.abbreviations.keys())
    node = shown(*made) if made is not None else None
    if made is None or node is None or has_helpers(page, node):
        return None
    node = _conditions_below(node)
    places = any(isinstance(part, Big) and part.op in ("max", "argmax") for part in walk(node))
    if places or sum(1 for _ in walk(node)) > _LONGEST:
        return None
    return Step(over_what(page, node), left_side(page, made[1]), node, "result", "result")


def _under_conditions(table: Table) -> Table:
    """Put terms that have conditions into users under the same conditions."""
    found: dict[Tensor, Equation] = {}
    for tensor, equation in table.items():
        guards = set(equation.guards)

        def change(access: Access, guards: set[Guard] = guards) -> sp.Expr:
            source = found.get(access.tensor)
            if source is None or not source.guards or source.reduction is not None:
                return access
            places = dict(zip(source.indices, access.indices, strict=True))
            own = {map_guard(g, lambda e: substitute(e, dict(places))) for g in source.guards}
            return substitute(source.body, dict(places)) if own <= guards else access

        found[tensor] = replace(equation, body=map_accesses(equation.body, change)) if guards else equation
    return found


def pairs_together(equation: Equation, table: Table) -> Equation:
    """Write ``sum_j g(r[i,j]) + sum_j g(r[j,i])`` for a symmetric r as one sum, over all ``j != i``."""
    parts = [term.as_coeff_Mul() for term in sp.Add.make_args(equation.body)]
    if len(parts) != 2 or equation.reduction or equation.guards or parts[0][0] != parts[1][0]:
        return equation
    (number, first), (_, second) = parts
    sums = [_sum_at(access, equation, table) for access in (first, second)]
    if sums[0] is None or sums[1] is None:
        return equation
    one, other = sums[0], sums[1]
    (bound,), (last,) = one.bound, other.bound
    other = other.rename({last: bound}) if last != bound else other
    bodies = [_facing(e.body, table) for e in (one, other)]
    if sum(int(sp.count_ops(body)) for body in bodies) > _LARGEST_BODY:
        return equation
    if sp.expand(bodies[0] - bodies[1]) != 0:
        return equation
    front = number
    if one.guards or other.guards:
        place = _sides_of(one, other)
        if place is None:
            return equation
        front = number * sp.Piecewise((1, sp.Ne(bound, place, evaluate=False)), (0, True))
    else:
        front = 2 * number
    body = sp.Mul(front, *primitive(sp.Mul.make_args(one.body)))
    return replace(equation, body=body, reduction=one.reduction)


def _sum_at(access: sp.Expr, user: Equation, table: Table) -> Equation | None:
    """Return the unnamed sum over one index that stands at a place, its indices called as in its user."""
    source = table.get(access.tensor) if isinstance(access, Access) else None
    if source is None or source.lhs.name or source.reduction is None or source.reduction.op != "sum":
        return None
    if len(source.bound) != 1 or access.indices != source.indices or set(source.bound) & set(user.indices):
        return None
    return source


def _sides_of(one: Equation, other: Equation) -> Index | None:
    """Return the index i where one sum runs over ``j > i`` and the other one over ``j < i``."""
    (bound,) = one.bound
    size = one.extents[bound]
    ends: list[sp.Expr] = []
    for equation in (one, other):
        guard = equation.guards[0] if len(equation.guards) == 1 else None
        if not isinstance(guard, InRange):
            return None
        if sp.sympify(guard.extent, strict=True) not in (size, size - 1):
            return None
        ends.append(guard.expr + 1)
    place = sp.expand(bound - ends[0]) if ends[0].coeff(bound) == 1 else sp.expand(bound + ends[0])
    opposite = sp.expand(ends[0] + ends[1]) == 0
    known = isinstance(place, Index) and place in one.indices and one.extents[place] == size
    return place if opposite and known else None


def _facing(body: sp.Expr, table: Table) -> sp.Expr:
    """Write the elements of symmetric tensors with their indices in one order."""

    def change(access: Access) -> sp.Expr:
        if len(access.indices) != 2 or not is_symmetric(access.tensor, table):
            return access
        return Access(access.tensor, *sorted(access.indices, key=sp.default_sort_key))

    return map_accesses(body, change)


def is_symmetric(tensor: Tensor, table: Table) -> bool:
    """Say whether an equation shows that ``r[i,j] = r[j,i]``, as of squared distances."""
    if "symmetric" in tensor.properties:
        return True
    equation = table.get(tensor)
    if equation is None or len(equation.indices) != 2 or tensor.shape[0] != tensor.shape[1]:
        return False
    plain = equation.reduction is None or equation.reduction.op == "sum"
    if equation.guards or not plain or int(sp.count_ops(equation.body)) > _LARGEST_BODY:
        return False
    i, j = equation.indices
    turned = substitute(equation.body, {i: j, j: i})
    return bool(sp.expand(_facing(turned, table) - _facing(equation.body, table)) == 0)


def _conditions_below(node: Node) -> Node:
    """Write the condition of what is summed below the sign of the sum."""

    def change(part: Node) -> Node | None:
        if not isinstance(part, Big) or part.op != "sum" or not isinstance(part.body, Product):
            return None
        tests = [f for f in part.body.args if isinstance(f, Indicator) and isinstance(f.condition, Compare)]
        if part.condition is not None or len(tests) != 1:
            return None
        rest = tuple(f for f in part.body.args if f is not tests[0])
        where = tests[0].condition
        if isinstance(where, Compare) and where.op == "!=" and where.right in [name for name, _ in part.axes]:
            where = Compare("!=", where.right, where.left)
        return replace(part, body=mapped(product(rest), change), condition=where)

    return mapped(node, change)


__all__ = ["element_line", "has_helpers", "over_what", "is_symmetric", "pairs_together"]
