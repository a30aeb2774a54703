"""Shorter forms of tidy matrix formulas, where products or inverses hide them.

Enters: a tidy formula. Leaves: the same value: products of sums multiplied out where factors cancel
(``(I - A S) S^-1`` is ``S^-1 - A``), ``diag(1/x) A^-1 diag(1/y)`` as the inverse of ``A . y x'``, the squared
norm of a symmetric inverse as the trace of a power, one fraction bar for a number and a quotient.
"""

from __future__ import annotations

from collections.abc import Callable

from symdl.explain.matrix.algebra import hadamard, is_symmetric, multiply
from symdl.explain.matrix.facts import expanded
from symdl.explain.notation.tree import (
    Array,
    Call,
    Diagonal,
    Fraction,
    Multiply,
    Negative,
    Node,
    Norm,
    Power,
    Product,
    Terms,
    Transpose,
    mapped,
    number,
    product,
    walk,
)


def shortest(node: Node, tidy: Callable[[Node], Node]) -> Node:
    """Return a shorter formula of the same value, or the formula itself; `tidy` is its normal form."""

    def change(part: Node) -> Node | None:
        match part:
            case Multiply():
                inner = Multiply(tuple(shortest(factor, tidy) for factor in part.args))
                return _cancelled(_scaled(inner), tidy)
            case Norm(arg=Call(name="inverse") as inverse) if is_symmetric(inverse):
                return Call("trace", (Multiply((inverse, inverse)),))
        return None

    return mapped(node, change)


def _cancelled(node: Node, tidy: Callable[[Node], Node]) -> Node:
    """Multiply a product out where factors cancel, so that fewer matrices are left."""
    if not isinstance(node, Multiply) or not any(isinstance(factor, Terms) for factor in node.args):
        return node
    out = tidy(expanded(node))
    return out if _arrays(out) < _arrays(node) else node


def _arrays(node: Node) -> int:
    return sum(isinstance(part, Array) for part in walk(node))


def _scaled(node: Node) -> Node:
    """Write the inverse of a matrix whose rows and columns are scaled as one inverse."""
    if not isinstance(node, Multiply):
        return node
    factors = list(node.args)
    for place in range(len(factors) - 2):
        left, middle, right = factors[place : place + 3]
        below, beside = _reciprocal(left), _reciprocal(right)
        turned = isinstance(middle, Transpose)
        inverse = middle.arg if isinstance(middle, Transpose) else middle
        if below is None or beside is None or not isinstance(inverse, Call) or inverse.name != "inverse":
            continue
        outer = Multiply((below, Transpose(beside)) if turned else (beside, Transpose(below)))
        new: Node = Call("inverse", (hadamard([inverse.args[0], outer]),))
        new = Transpose(new) if turned else new
        return _scaled(multiply(*factors[:place], new, *factors[place + 3 :]))
    return node


def _reciprocal(node: Node) -> Node | None:
    """Return x of ``diag(1/x)``."""
    inner = node.arg if isinstance(node, Diagonal) else None
    return inner.base if isinstance(inner, Power) and inner.exponent == number(-1) else None


def with_one_bar(node: Node) -> Node:
    """Write ``1/2 1/x`` as ``1/(2 x)``, and ``e^(1/2 u)`` as ``e^(u/2)``."""

    def change(part: Node) -> Node | None:
        match part:
            case Product(args=(*front, Fraction(top=above) as one, Fraction(top=top) as two)):
                if above != number(1) or top != number(1):
                    return None
                below = product((one.bottom, with_one_bar(two.bottom)))
                return product((*map(with_one_bar, front), Fraction(top, below)))
            case Call(name="exp", args=(inner,)):
                return Call("exp", (_over(with_one_bar(inner)),))
        return None

    return mapped(node, change)


def _over(node: Node) -> Node:
    """Put the number below a fraction in front under all that it multiplies."""
    match node:
        case Negative():
            return Negative(_over(node.arg))
        case Product(args=(Fraction() as front, *rest)):
            above = () if front.top == number(1) else (front.top,)
            return Fraction(product((*above, *rest)), front.bottom)
    return node


__all__ = ["shortest", "with_one_bar"]
