"""The algebra of closed matrix formulas.

Enters: a matrix expression as it was read from indices. Leaves: the same value, written as a person would:
like terms collected, numbers in front, ``A A^-1`` cancelled, ``(A B)^-1`` as ``B^-1 A^-1`` where the factors
are square, ``x' A' A x`` as a squared norm, ``v/c`` as a fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy as sp

from symdl.explain.matrix.algebra import transposed
from symdl.explain.matrix.monomials import Monomial, build, parse, power_of, shape, times_of
from symdl.explain.matrix.signs import differences, signed, straight
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
            return _collected([tidy(term) for term in node.args])
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


def _collected(terms: Sequence[Node]) -> Node:
    """Add like terms; a term and its transpose are one where they are scalars."""
    flat = [inner for term in terms for inner in (term.args if isinstance(term, Terms) else (term,))]
    found: dict[tuple[object, ...], Monomial] = {}
    for term in flat:
        part = parse(term)
        key: tuple[object, ...] = (frozenset(part.top), len(part.top), part.bottom)
        if part.core is not None:
            sign, core = straight(part.core)
            part = replace(part, coefficient=part.coefficient * sign, core=core)
            key = (*key, signed(core)[1])
        if key in found:
            part = replace(found[key], coefficient=found[key].coefficient + part.coefficient)
        found[key] = part
    kept = [part for part in found.values() if part.coefficient != 0]
    if not kept:
        return number(0)
    kept.sort(key=lambda part: bool(part.coefficient < 0) and not _turns(part.core))
    nodes = _common(kept) or _by_groups(kept)
    return nodes[0] if len(nodes) == 1 else Terms(tuple(nodes))


def _turns(core: Node | None) -> bool:
    """Say whether a sign can go into a core: there is one difference in it."""
    return core is not None and len(differences(core)) == 1


def _by_groups(parts: Sequence[Monomial]) -> list[Node]:
    """Write a sum whose terms have a common end in groups only: ``(A + A') x + b``."""
    for place in (-1, 0):
        groups: dict[object, list[Monomial]] = {}
        for part in parts:
            chain = part.core.args if isinstance(part.core, Multiply) else ()
            end = signed(chain[place])[1] if chain else None
            key = (abs(part.coefficient), part.top, part.bottom, end) if chain else part
            groups.setdefault(key, []).append(part)
        if 1 < len(groups) < len(parts):
            together = [(group, _common(group)) for group in groups.values()]
            return [n for group, found in together for n in found or [build(part) for part in group]]
    return [build(part) for part in parts]


def _common(parts: Sequence[Monomial]) -> list[Node] | None:
    """Take out what all terms begin with, where that shortens: ``(A + A')/2``, ``A' (x - y)``."""
    whole = [p.core for p in parts if p.core is not None]
    if len(parts) < 2 or len(whole) < len(parts):
        return None
    front = (abs(parts[0].coefficient), parts[0].top, parts[0].bottom)
    if any((abs(p.coefficient), p.top, p.bottom) != front for p in parts):
        return None
    chains: list[tuple[Node, ...]] = [c.args if isinstance(c, Multiply) else (c,) for c in whole]
    ends = {place: [signed(c[place]) for c in chains] for place in (0, -1)}
    long = all(len(c) > 1 for c in chains)
    sides = [place for place, found in ends.items() if long and all(core == found[0][1] for _, core in found)]
    if not sides and front == (1, (), ()):
        return None
    cut = {0: slice(1, None), -1: slice(None, -1)}
    rests = [c[cut[sides[0]]] if sides else c for c in chains]
    cores = [c[0] if len(c) == 1 else Multiply(c) for c in rests]
    signs = [sign * ends[sides[0]][0][0] if sides else 1 for sign, _ in ends[sides[0] if sides else 0]]
    rest = [
        build(Monomial(sp.sign(p.coefficient) * sign, core=c))
        for p, sign, c in zip(parts, signs, cores, strict=True)
    ]
    inner = _collected(rest)
    if not sides:
        return [build(Monomial(*front, core=inner))]
    outer = chains[0][sides[0]]
    both = (outer, inner) if sides[0] == 0 else (inner, outer)
    whole_product = parse(_product([*both]))
    scaled = Monomial(front[0], front[1], front[2], None)
    return [build(times_of([scaled, whole_product]))]


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
            flat.append(inner)
    if not flat:
        return Diagonal(Ones(sizes[0])) if sizes else number(1)
    return flat[0] if len(flat) == 1 else Multiply(tuple(flat))


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
        if isinstance(first, Transpose):
            return Transpose(_call(name, (first.arg,)))
        if isinstance(first, Call) and first.name == "inverse":
            return first.args[0]
        if isinstance(first, Array):
            return _inverse(first)
        if isinstance(first, Multiply) and all(map(_is_square, first.args)):
            return _chain([_call(name, (f,)) for f in reversed(first.args)])
    if name == "trace" and isinstance(first, Negative | Product | Fraction):
        part = parse(first)
        if part.core is not None:
            inner = Monomial(sp.Integer(1), (Call("trace", (part.core,)),))
            return build(times_of([Monomial(part.coefficient, part.top, part.bottom), inner]))
    return Call(name, args)
