"""A Jacobian, line by line: the derivative of every intermediate with respect to `x`, down to that of `y`.

Enters: a tensor of any rank and what to differentiate it with respect to. Leaves: a `Derivation`: symbols,
forward equations, the derivative of each by the rule that it follows, δ contracted, and the Jacobian in index
form, in matrix form and as the matrix of ``vec``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from symdl.differentiate.jacobian import jacobian
from symdl.differentiate.local import local_derivative
from symdl.differentiate.prepare import prepare
from symdl.differentiate.record import Contribution, Derivative
from symdl.differentiate.sensitivity import Sensitivities, sensitivities
from symdl.errors import DerivativeError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.matrix.deltas import with_deltas
from symdl.explain.matrix.matrix import matrix_form
from symdl.explain.notation.letters import spelling
from symdl.explain.notation.tree import (
    Compare,
    Delta,
    Fraction,
    Item,
    Label,
    Logic,
    Negative,
    Node,
    Partial,
    Power,
    Product,
    Terms,
    mapped,
    number,
    product,
)
from symdl.explain.sections import Depth, Lines, Section, Step, respelled
from symdl.explain.stories.backward import same_terms, told, whole, zeros_named
from symdl.explain.stories.blockwise import jacobian_blocks
from symdl.explain.stories.equations import Page, inliner, right_side
from symdl.explain.stories.network import forward_lines, found_in, listed, symbols
from symdl.explain.stories.page import page_of
from symdl.explain.stories.reasons import FUNCTIONS, Why, rule_of
from symdl.explain.stories.results import Layout, result_lines, words_of_layout, words_of_vec
from symdl.explain.stories.units import with_units
from symdl.explain.stories.vanishing import Resolved, resolved_sums
from symdl.express.dims import Index
from symdl.express.equations import Equation
from symdl.express.program import Fact, Program, collect
from symdl.express.tensors import Access, Tensor

_VALUE = Label("J")  # of elements that are never printed


def derive_jacobian(
    y: Tensor,
    wrt: Any,
    *,
    facts: Sequence[Fact] = (),
    depth: Depth = "key",
    layout: Layout = "numerator",
    named: Mapping[str, Label] | None = None,
) -> Derivation:
    """Return the derivation of the Jacobian of `y`; see `symdl.explain.derive.derive`.

    Raises:
        DerivativeError: `y` holds integers, or does not depend on `wrt`.
    """
    targets = found_in(y, wrt)
    results = tuple(jacobian(y, x, facts=facts) for x in targets)  # refuses what has none
    program, _ = prepare(collect([y], facts=facts), keep=targets, apart=True)
    derivative = with_units(Derivative(program, y, {}, ()))
    page = page_of(derivative, named, again=targets)
    top = whole_of(page, y)
    sections: list[Section] = [symbols(page), Lines("Forward", tuple(forward_lines(page)))]
    blocks: list[list[Step]] = []
    every: list[Sensitivities] = []
    for x in targets:
        found = sensitivities(page.program, [y], x, facts=facts)
        if y not in found.of:
            raise DerivativeError(f"{y} does not change with {x}", cure="differentiate what depends on it")
        steps = derivative_lines(page, found)
        title = "Derivatives of the lines" + (f" with respect to {x.name}" if len(targets) > 1 else "")
        sections.append(
            Lines(
                title,
                tuple(steps),
                words=("Each line, differentiated with respect to ", *_element(page, found), "."),
            )
        )
        last = Step("by the lines above", None, steps[-1].right, "result", "result")
        named_last = next(step.left for step in reversed(steps) if step.left is not None)
        blocks.append(result_lines(page, found, y, top, layout=layout) or [replace(last, left=named_last)])
        every.append(found)
    ends = [step for block in blocks for step in block]
    words = words_of_layout(y, targets[0], (top, whole(page, targets[0])), layout)
    more = words_of_vec(ends)
    words = (*words, *((" ",) if words and more else ()), *more)
    sections.append(Lines("Result", tuple(ends), words=words, level="result"))
    if len(targets) > 1:
        sections += jacobian_blocks(blocks, [y.rank + x.rank for x in targets], layout)
    shown = respelled([s for s in sections if not isinstance(s, Lines) or s.steps], spelling(page.letters))
    by = listed([whole(page, x) for x in targets])
    result = results if isinstance(wrt, list | tuple) else results[0]
    return Derivation(
        ("Jacobian of ", top, " with respect to ", *by), shown, result, depth, joined(page.program, every)
    )


def joined(program: Program, found: Sequence[Sensitivities]) -> Program:
    """One program that computes everything that the lines speak of."""
    first = found[0].program
    equations = {line.lhs: line for one in found for line in one.lines.values()}
    equations |= {e.lhs: e for one in found for e in one.program.equations}
    equations |= {e.lhs: e for e in program.equations}
    return replace(first, outputs=tuple(equations)).with_equations(equations.values())


def whole_of(page: Page, tensor: Tensor) -> Node:
    """A tensor without indices; an inverse without a name as what it is."""
    equation = page.inlined.get(tensor)
    node = matrix_form(equation, page.notation, inline={}) if equation is not None else None
    return node if node is not None else whole(page, tensor)


def _element(page: Page, found: Sensitivities) -> tuple[Node, ...]:
    return (page.notation.read(found.x.at(*found.outer)),)


def derivative_lines(page: Page, found: Sensitivities) -> list[Step]:
    """Return the derivative of every line of a program: by the rule, then with δ and what is known put in."""
    by_rule = replace(page, notation=_notation(page, found))
    with_delta = replace(by_rule, notation=_notation(page, found, deltas=True))
    steps: list[Step] = []
    definitions = page.program.definitions
    resolved = resolved_sums(found.program, definitions.keys())
    for tensor, derivative in found.of.items():
        equation = definitions[tensor]
        left = partial(page, found, tensor, equation.indices, found.outer)
        rule, about = told(page, _reason(equation, found))
        first = _quotient(by_rule, found, equation) or _unstacked(right_side(by_rule, found.rules[tensor]))
        steps.append(Step(rule, left, first, "adjoint", about=about))
        rest = _put_in(by_rule, found, tensor, resolved.get(derivative))
        rest = rest[1:] if rest and same_terms(first, rest[0].right) else rest
        deltas = right_side(with_delta, found.rules[tensor])
        if rest and deltas not in (first, rest[0].right):
            steps.append(Step("a derivative by itself is δ", None, deltas, "adjoint", "all"))
        steps += rest
    return steps


def _put_in(page: Page, found: Sensitivities, tensor: Tensor, known: Resolved | None) -> list[Step]:
    """The lines after the rule: derivatives put in, then without the sums that come out."""
    line = _unstacked(right_side(page, with_deltas(found.lines[tensor], apart=True)))
    picked = _picked(page, found, found.rules[tensor])
    if known is None:
        rows = [(line, picked)]
    elif known.zeros:
        rows = [(line, picked), (right_side(page, known.equation), ("with", zeros_named(page, known.zeros)))]
    else:
        rows = [(line, ("put in", None)), (right_side(page, known.equation), picked)]
    rows = [row for place, row in enumerate(rows) if not place or _unstacked(row[0]) != line]
    return [Step(rule, None, _unstacked(right), "adjoint", about=about) for right, (rule, about) in rows]


def _unstacked(node: Node) -> Node:
    """Write a derivative over a number as a fraction before it: no fraction stands on another."""

    def change(part: Node) -> Node | None:
        if not isinstance(part, Fraction) or not isinstance(part.top, Partial):
            return None
        return Product((Fraction(number(1), part.bottom), part.top))

    return mapped(node, change)


def _reason(equation: Equation, found: Sensitivities) -> Why:
    """The rule by which a line is differentiated."""
    moving = [a for a in equation.body.atoms(Access) if a.tensor in found.tangents]
    op = equation.reduction.op if equation.reduction is not None else ""
    if op == "sum":
        return Why("product rule" if len(moving) > 1 else "differentiate under the sum")
    if op:
        one, access = sp.Integer(1), moving[0]
        return rule_of(Contribution(access.tensor, equation, access, one, one, equation))
    body = equation.body.as_coeff_Mul()[1]
    factors = [f for f in sp.Mul.make_args(body) if any(f.has(a) for a in moving)]
    if isinstance(body, sp.Add):
        return Why("sum rule")
    if len(factors) > 1:
        below = body.as_numer_denom()[1]
        return Why("quotient rule" if any(below.has(a) for a in moving) else "product rule")
    (factor,) = factors
    if isinstance(factor, Access):
        return Why("")
    if isinstance(factor, sp.Add):
        return Why("sum rule")
    if isinstance(factor, sp.Pow) and not any(factor.exp.has(a) for a in moving):
        plain = isinstance(factor.base, Access)
        return Why("power rule" if plain else f"chain rule{_through(equation)}")
    if isinstance(factor, sp.exp):
        return Why("chain rule through exp")
    return Why(f"chain rule{_through(equation)}")


def _through(equation: Equation) -> str:
    name = FUNCTIONS.get(equation.origin.rule.removesuffix(" rule"))
    return f" through {name}" if name else ""


def _picked(page: Page, found: Sensitivities, rule: Equation) -> tuple[str, Node | None]:
    """Say which δ a line contracts, or that derivatives are put in."""
    reads = [a for a in rule.body.atoms(Access) if a.tensor is found.direction]
    if len(reads) != 1:
        return "put in", None
    pairs = [
        Compare("=", page.notation.read(e), page.notation.symbol(o))
        for e, o in zip(reads[0].indices, found.outer, strict=True)
        if isinstance(e, Index) and e in rule.bound
    ]
    if not pairs:
        itself = partial(page, found, found.x, reads[0].indices, found.outer)
        assert isinstance(itself, Partial) and itself.value is not None
        return ("with", Compare("=", itself, itself.value)) if found.outer else ("put in", None)
    return "δ picks", pairs[0] if len(pairs) == 1 else Logic("and", tuple(pairs))


def partial(
    page: Page, found: Sensitivities, tensor: Tensor, own: Sequence[sp.Expr], outer: Sequence[sp.Expr]
) -> Node:
    """Return the name of an element of a derivative, ``∂z[i]/∂x[j]``."""
    top, bottom = page.notation.read(tensor.at(*own)), page.notation.read(found.x.at(*outer))
    if tensor is found.x:
        deltas = [
            Delta(page.notation.read(a), page.notation.read(b)) for a, b in zip(own, outer, strict=True)
        ]
        return Partial(top, bottom, product(tuple(deltas)))
    places = tuple(map(page.notation.read, (*own, *outer)))
    value = found.of[tensor]
    return Partial(top, bottom, Item(_VALUE, value, places) if places else page.notation.read(value.at()))


def _notation(page: Page, found: Sensitivities, *, deltas: bool = False) -> Any:
    """The page's notation, in which tangents and derivatives are read by their names."""
    inline = dict(page.notation.inline)

    def of_rule(tensor: Tensor) -> Callable[[tuple[sp.Expr, ...]], Node]:
        return lambda where: partial(page, found, tensor, where, found.outer)

    def of_line(tensor: Tensor) -> Callable[[tuple[sp.Expr, ...]], Node]:
        return lambda where: partial(page, found, tensor, where[: tensor.rank], where[tensor.rank :])

    def itself(where: tuple[sp.Expr, ...]) -> Node:
        whole = partial(page, found, found.x, where, found.outer)
        assert isinstance(whole, Partial) and whole.value is not None
        return whole.value if deltas else whole

    for tensor, derivative in found.of.items():
        inline[found.tangents[tensor]] = of_rule(tensor)
        inline[derivative] = of_line(tensor)
    inline[found.direction] = itself
    notation = replace(page.notation, inline=inline)
    reading = replace(page, notation=notation)
    known = {*page.program.definitions, *found.of.values()}
    parts = {e.lhs: with_deltas(e) for e in found.program.equations if e.lhs not in known}
    for tensor, equation in {**found.helpers, **parts}.items():
        inline[tensor] = inliner(reading, equation)
    return notation


def _quotient(page: Page, found: Sensitivities, equation: Equation) -> Node | None:
    """The quotient rule, ``(u' v - u v')/v^2``, where a line divides one thing that moves by another."""
    if equation.reduction is not None or equation.guards:
        return None
    above, below = equation.body.as_numer_denom()
    if not (isinstance(below, Access) and below.tensor in found.of and above.atoms(Access)):
        return None
    moving = [a for a in above.atoms(Access) if a.tensor in found.tangents]
    if not moving or above.has(below):
        return None
    change = sp.Add(*(local_derivative(above, a) * found.tangents[a.tensor].at(*a.indices) for a in moving))
    other = found.tangents[below.tensor].at(*below.indices)
    read = page.notation.read
    top = Terms((product((read(change), read(below))), Negative(product((read(above), read(other))))))
    return Fraction(top, Power(read(below), number(2)))


__all__ = ["derivative_lines", "derive_jacobian", "joined", "partial", "whole_of"]
