"""Quotients entry by entry: ``y/x`` for vectors, not ``y . x^(-1)``.

Enters: a matrix expression. Leaves: the same with negative powers of arrays below a fraction bar.
"""

from __future__ import annotations

from symdl.explain.matrix.algebra import hadamard
from symdl.explain.matrix.monomials import power_of, shape
from symdl.explain.notation.tree import (
    Call,
    Fraction,
    Hadamard,
    Negative,
    Node,
    Number,
    Power,
    mapped,
    number,
)

_HALF = Fraction(number(1), number(2))


def divided(node: Node) -> Node:
    """Write negative powers of arrays as quotients."""

    def change(part: Node) -> Node | None:
        if isinstance(part, Power):
            below = _below(part)
            if below is not None:
                return Fraction(number(1), divided(below))
            return Call("sqrt", (divided(part.base),)) if part.exponent == _HALF else None
        if not isinstance(part, Hadamard):
            return None
        below_ = [(factor, _below(factor)) for factor in part.args]
        bottoms = [divided(below) for _, below in below_ if below is not None]
        tops = [divided(factor) for factor, below in below_ if below is None]
        if not bottoms:
            return hadamard(tops)
        return Fraction(hadamard(tops) if tops else number(1), hadamard(bottoms))

    return mapped(node, change)


def _below(node: Node) -> Node | None:
    """Return what a negative power of an array divides by."""
    if not isinstance(node, Power) or not shape(node.base):
        return None
    exponent = node.exponent
    if isinstance(exponent, Negative):
        return power_of(node.base, exponent.arg)
    if isinstance(exponent, Number) and exponent.value.is_negative:
        return power_of(node.base, Number(-exponent.value))
    return None
