"""Rules of traces, one at a time, until every differential stands at the end of its product.

Enters: a line with differentials, such as ``tr(A dX' B)``. Leaves: the lines that follow, each with its
rule: ``tr(B' dX A')`` by ``tr A = tr A'``, ``tr(A' B' dX)`` by ``tr AB = tr BA``. What they add up to is the
next line of the derivation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from symdl.explain.matrix.algebra import transposed
from symdl.explain.matrix.monomials import Monomial, build, parse, shape, times_of
from symdl.explain.notation.tree import (
    Call,
    Hadamard,
    Multiply,
    Negative,
    Node,
    Terms,
    Transpose,
    walk,
)

ADDED = "tr(A + B) = tr A + tr B, (15)"
TURNED = "tr A = tr Aᵀ, (13)"
CYCLIC = "tr AB = tr BA, (16)"
NUMBER_TURNED = "a number is its own transpose"
NUMBER_TRACED = "aᵀ B c = tr(c aᵀ B)"
ENTRIES = "tr(Aᵀ (B ⊙ C)) = tr((A ⊙ B)ᵀ C)"


def following(line: Node) -> Iterator[tuple[str, Node]]:
    """Yield the lines that follow, each with the rule that leads to it."""
    for rule, change in _RULES:
        new = flat(_everywhere(line, change))
        if new != line:
            yield rule, new
            line = new


def last_rule(line: Node, final: Node) -> str:
    """The rule that leads from the last of these lines to the sum of all."""
    if any(isinstance(part, Hadamard) and has_differential(part) for part in walk(line)):
        return ENTRIES
    inverse = any(isinstance(part, Call) and part.name == "inverse" for part in walk(line))
    count = [len(node.args) if isinstance(node, Terms) else 1 for node in (line, final)]
    if count[1] < count[0]:
        return "like terms together"
    return "A A⁻¹ = I" if inverse else ""


def has_differential(node: Node) -> bool:
    """Say whether a formula has a differential in it."""
    return any(isinstance(part, Call) and part.name == "differential" for part in walk(node))


def flat(node: Node) -> Node:
    """Write a sum of sums as one, signs with the terms."""
    if isinstance(node, Negative) and isinstance(node.arg, Terms):
        return flat(Terms(tuple(_negative(term) for term in node.arg.args)))
    if not isinstance(node, Terms):
        return node
    terms: list[Node] = []
    for term in map(flat, node.args):
        terms += term.args if isinstance(term, Terms) else (term,)
    return Terms(tuple(terms))


def _negative(node: Node) -> Node:
    return node.arg if isinstance(node, Negative) else Negative(node)


def _everywhere(line: Node, change: Callable[[Node], Node | None]) -> Node:
    """Change the number of every term, a trace or a product of vectors; what is in front stays there."""
    if isinstance(line, Terms):
        return Terms(tuple(_everywhere(term, change) for term in line.args))
    if isinstance(line, Negative):
        return flat(Negative(_everywhere(line.arg, change)))
    part = parse(line)
    for place, factor in enumerate(part.top):
        new = change(factor) if has_differential(factor) else None
        if isinstance(factor, Terms) and has_differential(factor):
            new = _everywhere(factor, change)
        if new is None or new == factor:
            continue
        rest = Monomial(part.coefficient, part.top[:place] + part.top[place + 1 :], part.bottom)
        terms = new.args if isinstance(new, Terms) else (new,)
        built = [_behind(rest, term) for term in terms]
        return built[0] if len(built) == 1 else Terms(tuple(built))
    return line


def _behind(front: Monomial, term: Node) -> Node:
    """Return a number with others in front, as a line has it: ``1/n tr(...)``."""
    whole = times_of([front, parse(term)])
    *rest, last = whole.top
    return (
        build(Monomial(whole.coefficient, tuple(rest), whole.bottom, last))
        if whole.core is None
        else build(whole)
    )


def _inside(node: Node) -> tuple[Node, ...] | None:
    """The factors of the product under a trace."""
    if not isinstance(node, Call) or node.name != "trace":
        return None
    arg = node.args[0]
    return arg.args if isinstance(arg, Multiply) else (arg,)


def _trace(factors: tuple[Node, ...]) -> Node:
    parts = [parse(factor) for factor in factors]
    cores = tuple(p.core for p in parts if p.core is not None)
    inner = cores[0] if len(cores) == 1 else Multiply(cores)
    front = times_of([Monomial(p.coefficient, p.top, p.bottom) for p in parts])
    return build(
        times_of([front, Monomial(front.coefficient / front.coefficient, (Call("trace", (inner,)),))])
    )


def _spread(factors: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(
        f for factor in factors for f in (factor.args if isinstance(factor, Multiply) else (factor,))
    )


def _added(node: Node) -> Node | None:
    factors = _inside(node)
    for place, factor in enumerate(factors or ()):
        if factors is not None and isinstance(factor, Terms) and has_differential(factor):
            before, after = factors[:place], factors[place + 1 :]
            terms = []
            for term in factor.args:
                part = parse(term)
                if part.core is None:
                    return None
                inner = _trace(_spread((*before, part.core, *after)))
                terms.append(
                    build(times_of([Monomial(part.coefficient, part.top, part.bottom), parse(inner)]))
                )
            return Terms(tuple(terms))
    return None


def _is_turned(factor: Node) -> bool:
    return (
        isinstance(factor, Transpose) and isinstance(factor.arg, Call) and factor.arg.name == "differential"
    )


def _turned(node: Node) -> Node | None:
    factors = _inside(node)
    if factors is None or not any(map(_is_turned, factors)):
        return None
    return _trace(tuple(_flip(factor) for factor in reversed(factors)))


def _flip(factor: Node) -> Node:
    return factor.arg if isinstance(factor, Transpose) else transposed(factor)


def _cyclic(node: Node) -> Node | None:
    factors = _inside(node)
    places = [place for place, f in enumerate(factors or ()) if has_differential(f)]
    if factors is None or len(places) != 1 or places[0] == len(factors) - 1:
        return None
    cut = places[0] + 1
    return _trace((*factors[cut:], *factors[:cut]))


def _number_turned(node: Node) -> Node | None:
    if not isinstance(node, Multiply) or not _is_turned(node.args[0]):
        return None
    return Multiply(tuple(_flip(factor) for factor in reversed(node.args)))


def _number_traced(node: Node) -> Node | None:
    """A product of vectors around the differential of a matrix."""
    if not isinstance(node, Multiply) or shape(node) not in ((), (1, 1)):
        return None
    places = [place for place, f in enumerate(node.args) if has_differential(f)]
    if len(places) != 1 or places[0] == len(node.args) - 1:
        return None
    cut = places[0] + 1
    return _trace((*node.args[cut:], *node.args[:cut]))


_RULES: tuple[tuple[str, Callable[[Node], Node | None]], ...] = (
    (ADDED, _added),
    (TURNED, _turned),
    (NUMBER_TURNED, _number_turned),
    (NUMBER_TRACED, _number_traced),
    (CYCLIC, _cyclic),
)

__all__ = ["flat", "following", "has_differential", "last_rule"]
