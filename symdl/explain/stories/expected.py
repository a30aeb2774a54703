"""How the mean of a function of normal tensors was found.

Enters: a tensor or an expression, and distributions. Leaves: a `Derivation`: what is given, the moments of
affine maps, linearity, Isserlis' pairings, and what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdl.differentiate.expectations.expectation import Expected, expected
from symdl.differentiate.expectations.moments import Cov, Mean, Moments, by_name, collapsed, summed
from symdl.differentiate.expectations.normals import Normal
from symdl.differentiate.expectations.pairings import pairings
from symdl.differentiate.expectations.terms import Term
from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.letters import letters_of, spelling
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import Array, Big, Call, Node, Symbol, Terms, number
from symdl.explain.printers.text import text
from symdl.explain.sections import Lines, Step, respelled
from symdl.explain.stories.equations import Page, left_side, right_side
from symdl.explain.stories.formula import formula
from symdl.express.operators import axis_indices
from symdl.express.program import collect
from symdl.express.surface import Sum
from symdl.express.tensors import Tensor


def derive_expectation(f: Any, laws: Mapping[Any, Normal]) -> Derivation:
    """Return the derivation of ``sd.expectation(f, laws)``; its result is that mean.

    Args:
        f, laws: as `symdl.expectation` takes them.

    Raises:
        DerivativeError, ExpressionError, ShapeError: as `symdl.expectation` does.

    Example:
        >>> x, m, s = sp.symbols("x m s")
        >>> lines = sd.derive_expectation(x**2, {x: sd.Normal(m, s**2)}).text().splitlines()
        >>> print(lines[-1])  # doctest: +ELLIPSIS
          E(x²) = m² + s² ...(substitute)
    """
    found = expected(f, laws)
    moments, tensor = found.moments, found.function
    if tensor is None:
        notation, rename = Notation(), None
        whole: Node = notation.read(f) if isinstance(f, sp.Expr) else number(0)
        element = whole
    else:
        letters = letters_of(collect([tensor, found.result]))
        notation, rename = Notation(letters.labels, letters=letters), spelling(letters)
        whole = notation.array(tensor) if tensor.rank else notation.read(tensor.at())
        element = notation.read(tensor.at(*found.result.equation.indices))
    sections = [
        Lines("Given", _given(moments, notation)),
        *_definitions(tensor, notation),
        Lines("Affine maps of normal tensors are normal", _told(moments, notation), level="all"),
        Lines("The mean is linear", _linear(found, notation, element)),
        Lines("Products, by Isserlis' theorem", _products(found, notation)),
        Lines("Exponentials, waves and other functions", _functions(found, notation)),
        Lines("Result", (_result(found, notation, whole, element),), level="result"),
    ]
    kept = tuple(s for s in sections if s.steps)
    title = ("Mean of ", whole, " over ", *_listed(moments, notation))
    return Derivation(title, respelled(kept, rename) if rename else kept, found.result)


def _listed(moments: Moments, notation: Notation) -> list[str | Node]:
    parts: list[str | Node] = []
    for tensor in moments.sources:
        parts += [", ", notation.array(tensor) if tensor.rank else notation.read(tensor.at())]
    return parts[1:]


def _read(expr: sp.Expr, notation: Notation) -> Node:
    """Return a formula with sums in it, each with its factors inside."""
    terms = []
    for term in sp.Add.make_args(expr):
        sums = [a for a in sp.Mul.make_args(term) if isinstance(a, Sum)]
        if len(sums) != 1:
            terms.append(notation.read(term))
            continue
        body = sums[0].args[0] * term / sums[0]
        terms.append(Big("sum", notation.axes(tuple(sums[0].axes.items())), notation.read(body)))
    return terms[0] if len(terms) == 1 else Terms(tuple(terms))


def _given(moments: Moments, notation: Notation) -> tuple[Step, ...]:
    """The moments of what is random."""
    steps = []
    for tensor, source in moments.sources.items():
        first = axis_indices(tensor.rank)
        second = axis_indices(tensor.rank, skip=first)
        left, right = tensor.at(*first), tensor.at(*second)
        spread = source.covariance_at(left.indices, right.indices)
        mean = notation.read(source.mean_at(left.indices))
        steps.append(Step("the mean", notation.read(Mean(left)), mean, "definition"))
        value = notation.read(collapsed((), spread.value, spread.equal))
        steps.append(Step("the covariance", notation.read(Cov(left, right)), value, "definition"))
    return tuple(steps)


def _definitions(tensor: Tensor | None, notation: Notation) -> list[Lines]:
    if tensor is None or tensor.equation is None:
        return []
    program = collect([tensor])
    page = Page(program, tensor)
    assert notation.letters is not None
    page.letters, page.notation = notation.letters, notation
    steps = [
        Step("definition", left_side(page, e), right_side(page, e), "definition") for e in program.equations
    ]
    return [Lines("The function", tuple(steps))]


def _told(moments: Moments, notation: Notation) -> tuple[Step, ...]:
    rules = {1: "the mean of an affine map", 2: "the covariance of an affine map"}
    return tuple(
        Step(rules[len(of)], notation.read(Mean(*of) if len(of) == 1 else Cov(*of)), _read(value, notation))
        for of, value in moments.told
    )


def _inside(term: Term) -> sp.Expr:
    """Return what is random in a term, as one expression."""
    wave = term.wave(term.phase) if term.wave is not None else 1
    return sp.Mul(*term.factors, sp.exp(term.exponent), wave, 1 if term.special is None else term.special)


def _linear(found: Expected, notation: Notation, element: Node) -> tuple[Step, ...]:
    """The mean as a sum of means, unless there is one term only."""
    terms = []
    for term, _ in found.parts:
        inside = _inside(term)
        mean = Mean(inside) if inside != 1 else sp.Integer(1)
        terms.append(summed(term.axes, term.coefficient * mean))
    left, right = Call("E", (element,)), _read(sp.Add(*terms), notation)
    return () if text(left) == text(right) else (Step("linearity", left, right),)


def _products(found: Expected, notation: Notation) -> tuple[Step, ...]:
    """One line for each product of several random elements: its pairings."""
    steps: dict[sp.Expr, Step] = {}
    for term, _ in found.parts:
        if len(term.factors) < 2 or not term.is_polynomial:
            continue
        product, groups = sp.Mul(*term.factors), []
        for (alone, pairs), count in pairings(term.factors).items():
            groups.append(count * sp.Mul(*map(Mean, alone), *(Cov(a, b) for a, b in pairs)))
        rule = f"Isserlis: {len(term.factors)} factors, alone or in pairs"
        steps[product] = Step(rule, notation.read(Mean(product)), _read(sp.Add(*groups), notation))
    return tuple(steps.values())


def _functions(found: Expected, notation: Notation) -> tuple[Step, ...]:
    """One line for each term with a function: a moment generating function, a characteristic one, another."""
    steps = []
    for term, mean in found.parts:
        if term.is_polynomial:
            continue
        rule = "the known mean of a function of one normal number"
        if term.wave is not None:
            rule = "the characteristic function"
        elif term.special is None:
            rule = (
                "Stein: under the exponential means move"
                if term.factors
                else "the moment generating function"
            )
        left = _read(summed(term.axes, term.coefficient * Mean(_inside(term))), notation)
        steps.append(Step(rule, left, _read(by_name(found.moments, mean), notation)))
    return tuple(steps)


def _result(found: Expected, notation: Notation, whole: Node, element: Node) -> Step:
    """The mean over what is given; in matrix form where there is one."""
    if found.function is None:
        return Step("substitute", Call("E", (whole,)), notation.read(found.result), "result", "result")
    try:
        shown = formula(found.result)
    except ExplainError:
        means = sp.Add(*(mean for _, mean in found.parts))
        return Step("substitute", Call("E", (element,)), _read(means, notation), "result", "result")
    by_element = shown.left is not None and not isinstance(shown.left, Array | Symbol)
    return Step("substitute", Call("E", (element if by_element else whole,)), shown.node, "result", "result")
