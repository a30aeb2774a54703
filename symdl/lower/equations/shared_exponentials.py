"""Logistic functions of ``u`` and of ``-u`` from one exponential.

Enters: frozen equations. Leaves: the same with ``1/(1 + exp(u))`` and ``1/(1 + exp(-u))`` written with
``q = exp(-|u|)``, as ``1/(1 + q)`` and ``q/(1 + q)``, where one equation has both: the derivative of a
logistic function is the product of the two. Other equations of the program use the same form of the same `u`,
so that kernels compute it once. Nothing overflows, as before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from symdl.lower.ir.loops import FrozenProgram
from symdl.lower.ir.scalars import Body, Builder, Node, prune

Terms = frozenset[tuple[Body, int]]
"""A sum: how often it has each summand, which may be negative."""


def with_logistics(program: FrozenProgram) -> FrozenProgram:
    """Return the program with one exponential for both signs."""
    found = [_Denominators(equation.body) for equation in program.equations]
    both = {
        terms for each in found for terms in each.terms.values() if _negative(terms) in each.terms.values()
    }
    if not both:
        return program
    equations = [
        replace(equation, body=_rewritten(each, both)) if both & set(each.terms.values()) else equation
        for equation, each in zip(program.equations, found, strict=True)
    ]
    return replace(program, equations=tuple(equations))


def _negative(terms: Terms) -> Terms:
    return frozenset((body, -times) for body, times in terms)


class _Denominators:
    """The factors ``1 + exp(u)`` in the denominators of a body.

    Attributes:
        terms: for the position of each the terms of `u`.
    """

    def __init__(self, body: Body) -> None:
        self.nodes = body.nodes
        self.known: dict[int, Counter[int]] = {}
        below = {f for node in body.nodes if node.op == "div" for f in self.factors(node.args[1])}
        self.terms: dict[int, Terms] = {}
        for position in below:
            argument = self.argument(position)
            if argument is not None:
                counted: Counter[Body] = Counter()
                for term, sign in self.summands(argument, 1):
                    counted[prune(self.nodes, term)] += sign
                self.terms[position] = frozenset(counted.items())

    def factors(self, position: int) -> Counter[int]:
        """Return how often a product has each factor."""
        node = self.nodes[position]
        if position not in self.known:
            parts = [self.factors(a) for a in node.args] if node.op == "mul" else [Counter((position,))]
            self.known[position] = sum(parts, Counter[int]())
        return self.known[position]

    def argument(self, position: int) -> int | None:
        """Return the position of `u` in ``1 + exp(u)``."""
        node = self.nodes[position]
        sides = [self.nodes[a] for a in node.args] if node.op == "add" else []
        if any(s.op == "const" and s.value == 1 for s in sides):
            return next((s.args[0] for s in sides if s.op == "exp"), None)
        return None

    def summands(self, position: int, sign: int) -> Iterator[tuple[int, int]]:
        """Yield the positions of summands with their signs."""
        node = self.nodes[position]
        if node.op not in ("add", "sub", "neg"):
            yield position, sign
            return
        yield from self.summands(node.args[0], -sign if node.op == "neg" else sign)
        if node.op != "neg":
            yield from self.summands(node.args[1], -sign if node.op == "sub" else sign)


def _rewritten(found: _Denominators, both: set[Terms]) -> Body:
    builder = Builder()
    place: list[int] = []
    for node in found.nodes:
        args = tuple(place[a] for a in node.args)
        factors = found.factors(node.args[1]) if node.op == "div" else Counter[int]()
        if any(found.terms.get(f) in both for f in factors):
            place.append(_quotient(builder, args[0], factors, found, both, place))
        else:
            place.append(builder.add(node.op, *args, value=node.value))
    return builder.body(place[-1])


def _quotient(
    builder: Builder,
    top: int,
    factors: Counter[int],
    found: _Denominators,
    both: set[Terms],
    place: list[int],
) -> int:
    """Return `top` over the factors."""
    rest: list[int] = []
    times: dict[Terms, list[int]] = {}
    for factor, power in factors.items():
        terms = found.terms.get(factor)
        if terms is None or terms not in both:
            rest.append(builder.repeated(place[factor], power))
            continue
        plain = _first(terms) > 0
        times.setdefault(terms if plain else _negative(terms), [0, 0])[plain] += power
    for terms, (ups, downs) in times.items():
        for logistic in _logistics(builder, _sum(builder, terms), ups, downs):
            top = builder.mul(top, logistic)
    return builder.quotient([top], rest)


def _ordered(terms: Terms) -> list[tuple[Body, int]]:
    return sorted(terms, key=lambda term: repr(term[0]))


def _first(terms: Terms) -> int:
    """Return how often the first summand is there: of a sum and its negative one is written."""
    return _ordered(terms)[0][1]


def _sum(builder: Builder, terms: Terms) -> int:
    """Return the position of a sum."""
    found = []
    for body, times in _ordered(terms):
        at = _copied(builder, body.nodes)
        found += [at if times > 0 else builder.neg(at)] * abs(times)
    return builder.total(found)


def _copied(builder: Builder, nodes: Sequence[Node]) -> int:
    place: list[int] = []
    for node in nodes:
        place.append(builder.add(node.op, *(place[a] for a in node.args), value=node.value))
    return place[-1]


def _logistics(builder: Builder, value: int, ups: int, downs: int) -> list[int]:
    """Return logistic functions of `value` and of its negative, so many of each; one of each are a pair."""
    one = builder.const(1)
    small = builder.add("exp", builder.neg(builder.add("abs", value)))
    far = builder.add("div", one, builder.add("add", one, small))
    near = builder.mul(small, far)
    pairs = min(ups, downs)
    found = [near, far] * pairs
    if ups != downs:
        positive = builder.add("lt", builder.const(0), value)
        sides = (far, near) if ups > downs else (near, far)
        found += [builder.add("select", positive, *sides)] * abs(ups - downs)
    return found
