"""Sums, products and powers as a person would write them.

Enters: a notation, which reads their parts, and a SymPy expression. Leaves: a node: negative powers below a
fraction bar, a common denominator taken out, roots below, indicators last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import sympy as sp

from symdl.explain.notation.known import by_normal
from symdl.explain.notation.numbers import LARGEST_BOTTOM, as_whole, number_node
from symdl.explain.notation.order import (
    by_degree,
    content_of,
    ordered_factors,
    ordered_places,
    ordered_terms,
    primitive,
)
from symdl.explain.notation.sigmoids import sigmoid_power, sigmoids
from symdl.explain.notation.tree import (
    Big,
    Call,
    Fraction,
    Indicator,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Symbol,
    Terms,
    number,
    product,
)
from symdl.express.corners import is_switch, known_corner
from symdl.express.dims import Dim
from symdl.express.tensors import Access

if TYPE_CHECKING:
    from symdl.explain.notation.notation import Notation


def product_of(notation: Notation, factors: tuple[sp.Expr, ...]) -> Node:
    """Return the product of SymPy factors in the order given, negative powers below a fraction bar."""
    sign, top, bottom, constant = 1, list[Node](), list[Node](), sp.Integer(1)
    factors = tuple(map(by_normal, factors)) if notation.normal else factors
    factors = tuple(part for f in factors for part in sp.Mul.make_args(f))
    shown = {} if not notation.sigmoid else sigmoids(factors)
    factors, roots = _roots_below(switches_apart(factors))
    for factor in primitive(factors):
        factor = as_whole(factor) if isinstance(factor, sp.Float) else factor
        if factor in shown:
            top += [_sigmoid(notation, *power) for power in shown[factor]]
        elif factor.is_Rational:
            constant *= factor
        elif isinstance(factor, sp.Pow) and _is_below(factor):
            bottom.append(notation.read(1 / factor))
        elif factor.is_Number:
            sign = -sign if factor.is_negative else sign
            top.insert(0, notation.read(abs(factor)))
        else:
            node = notation.read(factor)
            if isinstance(factor, sp.Piecewise) and isinstance(node, Negative):
                node, sign = node.arg, -sign
            share, node = _number_apart(node)  # what is written out may begin with a number
            constant *= share
            top += node.args if isinstance(factor, sp.Piecewise) and isinstance(node, Product) else (node,)
    sign = -sign if constant.is_negative else sign
    if constant.q > LARGEST_BOTTOM:
        top.insert(0, number_node(abs(constant)))
    else:
        top[:0] = [number_node(sp.Integer(abs(constant.p)))] if abs(constant.p) != 1 else []
        bottom[:0] = [number(int(constant.q))] if constant.q != 1 else []
    top = sums_last(list(_squared(top)))
    tests = [node for node in top if isinstance(node, Indicator)]
    if not bottom and not roots:
        result = product(tuple(top))
    else:  # c/n [a > 0] rather than c [a > 0]/n
        front = _quotient(tuple(n for n in top if n not in tests), _one_root((*_squared(bottom), *roots)))
        result = product(
            tuple(sums_last([*(front.args if isinstance(front, Product) else (front,)), *tests]))
        )
    return result if sign > 0 else Negative(result)


def _number_apart(node: Node) -> tuple[sp.Rational, Node]:
    """Take the number in front out of a product."""
    first = node.args[0] if isinstance(node, Product) and not node.dots else None
    above, below = (first.top, first.bottom) if isinstance(first, Fraction) else (first, number(1))
    if not (isinstance(above, Number) and isinstance(below, Number) and isinstance(node, Product)):
        return sp.Integer(1), node
    value = above.value / below.value
    return (value, product(node.args[1:])) if value.is_Rational else (sp.Integer(1), node)


def sums_last(factors: list[Node]) -> list[Node]:
    """Write the only sum in a product last: ``P·∑ Y`` can be read without brackets, ``∑ Y·P`` cannot."""
    flat = [g for f in factors for g in (f.args if isinstance(f, Product) and not f.dots else (f,))]
    sums = [f for f in flat if isinstance(f, Big)]
    return factors if len(sums) != 1 else [*(f for f in flat if f is not sums[0]), *sums]


def _sigmoid(notation: Notation, argument: sp.Expr, power: int) -> Node:
    """``sigma(u)**power``, or ``1 - sigma(u)`` for the power 0."""
    value = Call("sigmoid", (notation.read(argument),))
    if power == 0:
        return Terms((number(1), Negative(value)))
    return value if power == 1 else Power(value, number(power))


def sum_of(notation: Notation, expr: sp.Add) -> Node:
    """Return a sum: a common denominator below, a common number in front, terms in order."""
    places = ordered_places(expr.args, notation.rank)
    below = math.lcm(*(int(getattr(term.as_coeff_Mul()[0], "q", 1)) for term in places or ()))
    if below != 1:  # (p - r)/2
        return Fraction(notation.read(sp.expand(below * expr)), number(int(below)))
    content, rest = content_of(expr) if not places else (sp.Integer(1), expr)
    if content != 1 and all(abs(term.as_coeff_Mul()[0]) == 1 for term in sp.Add.make_args(rest)):
        return product_of(notation, (content, rest))
    known = [notation.read(term) for term in places] if places else _by_length(notation, expr.args)
    flat = [part for node in known for part in (node.args if isinstance(node, Terms) else (node,))]
    if any(access.tensor in notation.inline for access in expr.atoms(Access)):
        flat.sort(key=lambda part: isinstance(part, Negative))  # what is written out may have a sign
    return Terms(tuple(flat)) if len(flat) > 1 else flat[0]


def _by_length(notation: Notation, args: tuple[sp.Expr, ...]) -> list[Node]:
    """Positive before negative; a contraction that is written out first; then wide before narrow."""
    powers = by_degree(args)
    if powers:
        return list(map(notation.read, powers))
    terms = ordered_terms(args)
    number_last = terms[-1].is_number

    def rank(term: sp.Expr) -> tuple[bool, bool, int]:
        accesses = term.atoms(Access)
        inlined = any(a.tensor in notation.inline for a in accesses)
        width = max((len(a.indices) for a in accesses), default=-99 if number_last else 99)
        return term.could_extract_minus_sign(), not inlined, -width

    return [notation.read(term) for term in sorted(terms, key=rank)]


def power_of(notation: Notation, expr: sp.Pow) -> Node:
    """Return a power, a root, or a fraction."""
    base, exponent = expr.args
    if isinstance(exponent, sp.Float) and as_whole(exponent) is not exponent:
        return notation.read(sp.Pow(base, as_whole(exponent)))
    sigmoid = sigmoid_power(expr) if notation.sigmoid else None
    if sigmoid is not None:
        return _sigmoid(notation, *sigmoid)
    if _is_below(expr):
        return Fraction(number(1), notation.read(1 / expr))
    if exponent == sp.Rational(1, 2):
        return Call("sqrt", (notation.read(base),))
    return Power(notation.read(base), notation.read(exponent))


def switches_apart(factors: Iterable[sp.Expr]) -> tuple[sp.Expr, ...]:
    """Write what is 0 unless a condition holds as a product with an indicator, that last."""
    values: list[sp.Expr] = []
    switches: list[sp.Expr] = []
    for factor in factors:
        if not is_switch(factor) or known_corner(factor.args) is not None:
            values.append(factor)
            continue
        value, condition = factor.args[0]
        values += ordered_factors(value) if value != 1 else ()
        switches.append(sp.Piecewise((1, condition), (0, True)))
    return (*values, *switches)


def _is_below(expr: sp.Pow) -> bool:
    return bool(expr.exp.is_Number and expr.exp.is_negative) or bool(
        expr.exp.could_extract_minus_sign() and expr.base.is_number and expr.base is not sp.E
    )


def _roots_below(factors: tuple[sp.Expr, ...]) -> tuple[tuple[sp.Expr, ...], list[Node]]:
    """Write ``sqrt(2)/2`` as ``1/sqrt(2)``: the factors without such roots, and what they are divided by."""
    front: sp.Rational = sp.Mul(*(f for f in factors if f.is_Rational))
    rest = [f for f in factors if not f.is_Rational]
    below: list[Node] = []
    for root in [f for f in rest if f.is_Pow and f.exp == sp.Rational(1, 2) and f.base.is_Integer]:
        if front.q % int(root.base) == 0:
            front = front * root.base
            rest.remove(root)
            below.append(Call("sqrt", (number(int(root.base)),)))
    return ((front, *rest), below) if below else (factors, below)


def _quotient(top: tuple[Node, ...], bottom: tuple[Node, ...]) -> Node:
    if not bottom:
        return product(top)
    long = len(top) > 1 or (top and isinstance(top[0], Terms | Big | Product))
    if long and all(_is_size(node) for node in bottom):
        numbers = tuple(node for node in top[:1] if isinstance(node, Number))
        return product((Fraction(product(numbers), product(bottom)), *top[len(numbers) :]))
    return Fraction(product(top), product(bottom))


def _one_root(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Write square roots of numbers as one, in front: ``sqrt(2 pi)``."""
    roots = {
        n: n.args[0]
        for n in nodes
        if isinstance(n, Call) and n.name == "sqrt" and isinstance(n.args[0], Number)
    }
    if len(roots) < 2:
        return nodes
    inside = [part for part in roots.values() if isinstance(part, Number)]
    inside.sort(key=lambda part: not isinstance(part.value, sp.Integer))
    return (Call("sqrt", (product(tuple(inside)),)), *(n for n in nodes if n not in roots))


def _squared(nodes: list[Node]) -> tuple[Node, ...]:
    """Write equal factors as a power."""
    counts = {node: nodes.count(node) for node in nodes}
    return tuple(node if n == 1 else Power(node, number(n)) for node, n in counts.items())


def _is_size(node: Node) -> bool:
    if isinstance(node, Power):
        return _is_size(node.base)
    if isinstance(node, Call) and node.name == "sqrt":
        return not isinstance(node.args[0], Number) and _is_size(node.args[0])
    return isinstance(node, Number) or (isinstance(node, Symbol) and isinstance(node.expr, Dim))
