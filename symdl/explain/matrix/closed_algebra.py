"""The algebra of closed matrix formulas.

Enters: a matrix expression as it was read from indices. Leaves: the same value, written as a person would:
like terms collected, numbers in front, ``A A^-1`` cancelled, ``(A B)^-1`` as ``B^-1 A^-1`` where the factors
are square, ``x' A' A x`` as a squared norm, ``v/c`` as a fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

import sympy as sp

from symdl.explain.matrix.algebra import transposed
from symdl.explain.matrix.monomials import Monomial, build, parse, power_of, shape, times_of
from symdl.explain.matrix.sums import collected
from symdl.explain.notation.tree import (
    Array,
    Call,
    Diagonal,
    Fraction,
    Hadamard,
    Multiply,
    Negative,
    Node,
    Norm,
    Ones,
    Power,
    Product,
    Terms,
    Transpose,
    number,
)


def tidy(node: Node) -> Node:
    """Return a matrix expression in the form of this module."""
    match node:
        case Negative() | Product() | Fraction():
            return build(parse(_inside(node)))
        case Terms():
            return collected([tidy(term) for term in node.args], _product)
        case Multiply():
            return _product([tidy(factor) for factor in node.args])
        case Hadamard():
            return build(_entries([tidy(factor) for factor in node.args]))
        case Transpose():
            return _turned(tidy(node.arg))
        case Diagonal():
            return Diagonal(tidy(node.arg))
        case Norm():
            return Norm(tidy(node.arg))
        case Power():
            return power_of(tidy(node.base), tidy(node.exponent))
        case Call():
            return _call(node.name, tuple(map(tidy, node.args)))
        case _:
            return node


def _inside(node: Node) -> Node:
    match node:
        case Negative():
            return Negative(tidy(node.arg))
        case Product():
            return Product(tuple(map(tidy, node.args)))
        case Fraction():
            return Fraction(tidy(node.top), tidy(node.bottom))
    return node


def _product(factors: Sequence[Node]) -> Node:
    """Multiply matrices: flatten, cancel inverses, drop unit matrices, recognise norms."""
    whole = parse(Multiply(tuple(factors)))
    core = whole.core if whole.core is not None else None
    rest = list(whole.top)
    if core is None:  # a scalar such as x' A x
        rest = [f for f in whole.top if not isinstance(f, Multiply)]
        products = [_scalar(f) for f in whole.top if isinstance(f, Multiply)]
        return build(
            times_of([Monomial(whole.coefficient, tuple(rest), whole.bottom), *map(parse, products)])
        )
    if isinstance(core, Multiply):
        core = _chain(core.args)
    return build(times_of([Monomial(whole.coefficient, tuple(rest), whole.bottom), parse(core)]))


def _chain(factors: Sequence[Node]) -> Node:
    flat: list[Node] = []
    sizes = shape(factors[0])
    for factor in factors:
        for inner in factor.args if isinstance(factor, Multiply) else (factor,):
            if isinstance(inner, Diagonal) and isinstance(inner.arg, Ones):
                continue
            if flat and _inverse(flat[-1]) == inner and _is_square(inner):
                flat.pop()
                continue
            if flat and isinstance(flat[-1], Diagonal) and isinstance(inner, Ones):
                flat[-1] = flat[-1].arg  # diag(v) 1 is v
                continue
            if flat and _is_one(flat[-1], inner):
                flat.pop()
                continue
            if flat and isinstance(inner, Terms) and _spreads(flat[-1], inner):
                inner = _spread(flat.pop(), inner)
            if flat and isinstance(flat[-1], Diagonal) and _has_ones(inner):
                front = flat.pop()  # diag(v) (W - 1 u' W) is (diag(v) - v u') W
                inner = collected([_product([front, term]) for term in inner.args], _product)
            flat += inner.args if isinstance(inner, Multiply) else (inner,)
    if not flat:
        return Diagonal(Ones(sizes[0])) if sizes and sizes[0] != 1 else number(1)
    return flat[0] if len(flat) == 1 else Multiply(tuple(flat))


def _has_ones(node: Node) -> TypeGuard[Terms]:
    """Say whether a sum has a term ``1 u'``, which a diagonal matrix before it turns into ``v u'``."""
    cores = [parse(term).core for term in node.args] if isinstance(node, Terms) else []
    return any(isinstance(core, Multiply) and isinstance(core.args[0], Ones) for core in cores)


def _is_one(row: Node, column: Node) -> bool:
    """Say whether a product is a sum of probabilities: ``softmax(v)' 1``, or ``1' softmax(v)``."""
    if not isinstance(row, Transpose):
        return False
    if isinstance(column, Ones):
        return _sums_to_one(row)
    return isinstance(row.arg, Ones) and _sums_to_one(Transpose(column))


def _sums_to_one(node: Node) -> bool:
    """Say whether a row is the transpose of a softmax of a vector."""
    if not isinstance(node, Transpose) or not isinstance(node.arg, Call) or node.arg.name != "softmax":
        return False
    sizes = shape(node.arg)
    return sizes is not None and len(sizes) == 2 and sizes[1] == 1


def _spreads(row: Node, total: Terms) -> bool:
    """Say whether a row makes a number of a term of a sum that is the same in all places."""
    if isinstance(row, Transpose) and isinstance(row.arg, Ones):
        return _has_sums(total)
    return _sums_to_one(row) and _has_constants(total)


def _has_constants(node: Terms) -> bool:
    """Say whether a sum has a term that is the same in all places."""
    return any(map(_is_constant, node.args))


def _has_sums(node: Terms) -> bool:
    """Say whether a sum has a term that is itself a sum, the same in all places."""
    return any(isinstance(f, Multiply) for t in node.args if _is_constant(t) for f in parse(t).top)


def _is_constant(term: Node) -> bool:
    part = parse(term)
    return part.core is None or isinstance(part.core, Ones)


def _spread(row: Node, total: Terms) -> Node:
    """Multiply a row by a sum term by term."""
    sizes = shape(row)
    assert sizes is not None and len(sizes) == 2
    column = Ones(sizes[1])
    spread = []
    for term in total.args:
        part = parse(term)
        inner = _product([row, column if part.core is None else part.core])
        spread.append(build(times_of([replace(part, core=None), parse(inner)])))
    return collected(spread, _product)


def _scalar(node: Multiply) -> Node:
    chain = _chain(node.args)
    if not isinstance(chain, Multiply):
        return chain
    half = len(chain.args) // 2
    if len(chain.args) % 2 == 0:
        right = chain.args[half:]
        inner = right[0] if len(right) == 1 else Multiply(right)
        left = chain.args[:half]
        if (left[0] if half == 1 else Multiply(left)) == transposed(inner):
            return Norm(inner)
    other = transposed(chain)
    if isinstance(other, Multiply) and not isinstance(short := _chain(other.args), Multiply):
        return short
    begins = Transpose(Ones(chain.args[-1].size)) if isinstance(chain.args[-1], Ones) else None
    if isinstance(other, Multiply) and other.args[0] == begins:
        return other  # 1' v
    return min(chain, other, key=lambda n: (str(n).count("Transpose("), str(n)))


def _entries(factors: Sequence[Node]) -> Monomial:
    parts = [parse(f) for f in factors]
    cores = [p.core for p in parts if p.core is not None]
    front = times_of([Monomial(p.coefficient, p.top, p.bottom) for p in parts])
    core = cores[0] if len(cores) == 1 else Hadamard(tuple(cores))
    return times_of([front, Monomial(sp.Integer(1), core=core)])


def _inverse(node: Node) -> Node:
    if isinstance(node, Call) and node.name == "inverse":
        return node.args[0]
    if isinstance(node, Transpose):
        return _turned(_inverse(node.arg))
    if isinstance(node, Array) and "orthogonal" in node.properties:
        return Transpose(node)
    if isinstance(node, Diagonal):
        return node if isinstance(node.arg, Ones) else Diagonal(Power(node.arg, number(-1)))
    return Call("inverse", (node,))


def _is_square(node: Node) -> bool:
    sizes = shape(node)
    return bool(sizes) and sizes is not None and len(sizes) == 2 and sizes[0] == sizes[1]


def _turned(node: Node) -> Node:
    """Transpose a tidy expression."""
    if isinstance(node, Diagonal) or shape(node) == ():
        return node
    if isinstance(node, Multiply):
        return Multiply(tuple(_turned(f) for f in reversed(node.args)))
    return transposed(node)


def _call(name: str, args: tuple[Node, ...]) -> Node:
    (first, *_) = args
    if name == "inverse":
        return _inverted(first)
    if name in ("trace", "diagonal"):
        part = parse(first)
        if part.core is not None:
            inner = _traced(part.core) if name == "trace" else _on_diagonal(part.core)
            return build(times_of([Monomial(part.coefficient, part.top, part.bottom), parse(inner)]))
    return Call(name, args)


def _inverted(node: Node) -> Node:
    """Invert a tidy matrix: factor by factor, where each of them is square."""
    if isinstance(node, Transpose):
        return _turned(_inverted(node.arg))
    if isinstance(node, Multiply) and all(map(_is_square, node.args)):
        return _chain([_inverted(factor) for factor in reversed(node.args)])
    if isinstance(node, Array | Call | Diagonal):
        return _inverse(node)
    part = parse(node)
    if part.core is None or part.core == node or part.coefficient == 0:
        return Call("inverse", (node,))
    front = Monomial(1 / part.coefficient, part.bottom, part.top)
    return build(times_of([front, parse(_inverted(part.core))]))


def _traced(node: Node) -> Node:
    """Return a trace: a factor goes round where it cancels, or where a number is left."""
    while isinstance(node, Multiply):
        first, last = node.args[0], node.args[-1]
        sizes = shape(first)
        if len(node.args) > 2 and _is_square(first) and _inverse(first) == last:
            node = _chain(node.args[1:-1])
        elif sizes and sizes[-1] == 1:
            return _scalar(Multiply((*node.args[1:], first)))
        else:
            half = node.args[: len(node.args) // 2], node.args[len(node.args) // 2 :]
            left, right = (side[0] if len(side) == 1 else Multiply(side) for side in half)
            norm = left != right and left == transposed(right)
            return Norm(right) if norm else Call("trace", (node,))
    return Call("trace", (node,))


def _on_diagonal(node: Node) -> Node:
    """Return the vector on the diagonal of a matrix."""
    if isinstance(node, Diagonal):
        return node.arg
    return _on_diagonal(node.arg) if isinstance(node, Transpose) else Call("diagonal", (node,))
