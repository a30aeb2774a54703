"""Terms of closed matrix formulas: a number, scalars above and below, one array.

Enters: a matrix expression. Leaves: its shape; its `Monomial`; what a monomial is written as.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.explain.notation.numbers import as_whole
from symdl.explain.notation.tree import (
    Array,
    Call,
    Commutation,
    Diagonal,
    Fraction,
    Hadamard,
    Kronecker,
    Multiply,
    Negative,
    Node,
    Norm,
    Number,
    Ones,
    Power,
    Product,
    Row,
    Symbol,
    Terms,
    Transpose,
    number,
    product,
    walk,
)
from symdl.express.dims import Dim, Extent
from symdl.express.equations import MATRIX_FACTORS, MATRIX_OPS, Op

_FACTORS = range(2, 9)  # powers of scalars that are counted factor by factor
_SCALAR_CALLS = ("trace", "determinant")
_OWN_SHAPES = (*_SCALAR_CALLS, *MATRIX_FACTORS, "vec", "diagonal")
Shape = tuple[Extent, Extent] | tuple[()]


def shape(node: Node) -> Shape | None:
    """Return the shape of a matrix expression, ``()`` for a scalar, None if it is not known."""
    while isinstance(node, Call) and node.args and node.name not in _OWN_SHAPES:
        node = node.args[0]  # entry by entry
    match node:
        case Array():
            sizes = node.tensor.shape
            return (sizes[0], 1) if len(sizes) == 1 else (sizes[0], sizes[1]) if len(sizes) == 2 else None
        case Number() | Symbol() | Norm():
            return ()
        case Call(name=name) if name in _SCALAR_CALLS:
            return ()
        case Transpose():
            inner = shape(node.arg)
            return (inner[1], inner[0]) if inner else inner
        case Ones():
            return (node.size, 1)
        case Diagonal():
            inner = shape(node.arg)
            return (inner[0], inner[0]) if inner else None
        case Row():
            inner = shape(node.arg)
            return (inner[1], 1) if inner else None
        case Call(name=name) if name in MATRIX_FACTORS:
            return _of_factor(name, shape(node.args[0]))
        case Call(name="vec"):
            inner = shape(node.args[0])
            return (inner[0] * inner[1], 1) if inner else None
        case Kronecker():
            left, right = map(shape, node.args)
            return (left[0] * right[0], left[1] * right[1]) if left and right else None
        case Commutation():
            return (node.rows * node.columns, node.rows * node.columns)
        case Multiply():
            first, last = shape(node.args[0]), shape(node.args[-1])
            if not first or not last:
                return None
            return () if first[0] == 1 == last[1] else (first[0], last[1])
        case Negative():
            return shape(node.arg)
        case Power():
            return shape(node.base)
        case Fraction():
            return shape(node.top) or shape(node.bottom)  # entry by entry where an array is below
        case Call(name="diagonal"):
            inner = shape(node.args[0])
            return (inner[0], 1) if inner else None
        case Terms() | Product() | Hadamard():
            found = [shape(arg) for arg in node.args]
            return next((s for s in found if s), None if None in found else ())
    return None


def _of_factor(name: Op, sizes: Shape | None) -> Shape | None:
    """Return the shape of a factor of a matrix."""
    if not sizes:
        return None
    own = [sizes[axis] for axis in MATRIX_OPS[name].axes]
    return (own[0], own[1] if len(own) > 1 else 1)


@dataclass(frozen=True, slots=True)
class Monomial:
    """``coefficient * top/bottom * core``: scalars above and below, at most one array."""

    coefficient: sp.Rational
    top: tuple[Node, ...] = ()
    bottom: tuple[Node, ...] = ()
    core: Node | None = None


def parse(node: Node) -> Monomial:
    """Split an expression into its number, its scalars and its array."""
    match node:
        case Number() if isinstance(node.value, sp.Rational):
            return Monomial(node.value)
        case Number() if isinstance(node.value, sp.Float) and isinstance(as_whole(node.value), sp.Rational):
            return Monomial(as_whole(node.value))
        case Negative():
            inner = parse(node.arg)
            return Monomial(-inner.coefficient, inner.top, inner.bottom, inner.core)
        case Product():
            return times_of([parse(arg) for arg in node.args])
        case Norm():
            return Monomial(sp.Integer(1), (Call("sqrt", (node,)),) * 2)
        case Power(exponent=Number() as power) if shape(node.base) == () and power.value in _FACTORS:
            return times_of([parse(node.base)] * int(power.value))
        case Fraction():
            below = parse(node.bottom)
            if below.core is None and below.coefficient != 0:
                inverse = Monomial(1 / below.coefficient, below.bottom, below.top)
                return times_of([parse(node.top), inverse])
        case Multiply():
            parts = [parse(factor) for factor in node.args]
            if any(p.core is None or (p.coefficient, p.top, p.bottom) != (1, (), ()) for p in parts):
                cores = [p.core for p in parts if p.core is not None]
                front = times_of([Monomial(p.coefficient, p.top, p.bottom) for p in parts])
                if cores:
                    core = cores[0] if len(cores) == 1 else Multiply(tuple(cores))
                    return times_of([front, core_of(core)])
    return core_of(node)


def core_of(node: Node) -> Monomial:
    """Return a monomial of one scalar or of one array."""
    return Monomial(sp.Integer(1), (node,)) if shape(node) == () else Monomial(sp.Integer(1), core=node)


def times_of(parts: Sequence[Monomial]) -> Monomial:
    """Multiply monomials, of which one at most has an array."""
    coefficient: sp.Rational = sp.Integer(1)
    top: list[Node] = []
    bottom: list[Node] = []
    cores: list[Node] = []
    for part in parts:
        coefficient = coefficient * part.coefficient
        top += part.top
        bottom += part.bottom
        cores += [part.core] if part.core is not None else []
    for factor in list(bottom):
        if factor in top:
            top.remove(factor)
            bottom.remove(factor)
    if len(cores) > 1:  # a product of arrays side by side is entry by entry nowhere else
        return Monomial(coefficient, tuple(top), tuple(bottom), Product(tuple(cores)))
    return Monomial(coefficient, tuple(top), tuple(bottom), cores[0] if cores else None)


def build(monomial: Monomial) -> Node:
    """Write a monomial."""
    coefficient = abs(monomial.coefficient)
    if coefficient == 0:
        return number(0)
    above = (number(int(coefficient.p)),) if coefficient.p != 1 else ()
    below = (number(int(coefficient.q)),) if coefficient.q != 1 else ()
    below = (*below, *_powers(monomial.bottom))
    top = _powers(monomial.top)
    core = () if monomial.core is None else (monomial.core,)
    if not below:
        node = product((*above, *top, *core))
    elif core and (
        all(is_size(n) for n in below)
        or any(isinstance(n, Multiply) for n in top)
        or (isinstance(core[0], Terms) and any(isinstance(part, Fraction) for part in walk(core[0])))
    ):
        node = product((Fraction(product((*above, *top)), product(below)), *core))
    elif all(is_size(n) for n in below) and top and isinstance(top[-1], Multiply):
        node = product((Fraction(product((*above, *top[:-1])), product(below)), top[-1]))
    else:
        node = Fraction(product((*above, *top, *core)), product(below))
    return Negative(node) if monomial.coefficient < 0 else node


def _powers(factors: Sequence[Node]) -> tuple[Node, ...]:
    """Write equal scalar factors as one power."""
    counts: dict[Node, int] = {}
    for factor in factors:
        counts[factor] = counts.get(factor, 0) + 1
    return tuple(f if n == 1 else power_of(f, number(n)) for f, n in counts.items())


def is_size(node: Node) -> bool:
    """Say whether a scalar is a number, a size or a power of one."""
    if isinstance(node, Power):
        return is_size(node.base)
    return isinstance(node, Number) or (isinstance(node, Symbol) and isinstance(node.expr, Dim))


def power_of(base: Node, exponent: Node) -> Node:
    """Return a power: of a squared norm one of the norm, of a root what is below it."""
    if exponent == number(1):
        return base
    if isinstance(base, Norm) and isinstance(exponent, Fraction) and exponent.bottom == number(2):
        return power_of(Call("sqrt", (base,)), exponent.top)
    if isinstance(base, Power) and isinstance(base.exponent, Number) and isinstance(exponent, Number):
        return power_of(base.base, Number(base.exponent.value * exponent.value))
    if isinstance(base, Norm) and isinstance(exponent, Number) and exponent.value.is_Integer:
        return Power(Call("sqrt", (base,)), Number(2 * exponent.value))
    if isinstance(base, Call) and base.name == "sqrt" and exponent == number(2) and shape(base) == ():
        return base.args[0]
    return Power(base, exponent)
