"""Random scalar expressions, differentiated three ways."""

from __future__ import annotations

import math
import operator
from typing import Any

import autograd.numpy as anp
import numpy as np
import sympy as sp
from autograd import grad as autograd
from hypothesis import assume, given
from hypothesis import strategies as st

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.tangent import jvp
from symdl.express.build import tensor
from symdl.express.program import collect
from symdl.express.scalar import batched, scalar_graph
from symdl.run.reference.interpreter import evaluate

from .oracles import central
from .oracles import given as given_values

X, Y, Z = sp.symbols("x y z")
ONE = {sp.exp: anp.exp, sp.sin: anp.sin, sp.cos: anp.cos, sp.tanh: anp.tanh, sp.atan: anp.arctan}
SAFE = {
    sp.log: lambda v: v**2 + 1,
    sp.sqrt: lambda v: v**2 + 1,
    (lambda v: 1 / v): lambda v: v**2 + 2,
    (lambda v: v ** sp.Rational(-3, 2)): lambda v: v**2 + 1,
}
"""Functions with a restricted domain, and what maps any value into it."""


@st.composite
def grown(draw: st.DrawFn, smaller: st.SearchStrategy[sp.Expr]) -> sp.Expr:
    kind = draw(st.sampled_from(["+", "-", "*", "^", "one", "safe", "corner", "pieces", "large"]))
    a, b = draw(smaller), draw(smaller)
    if kind in "+-*":
        return {"+": a + b, "-": a - b, "*": a * b}[kind]
    if kind == "^":
        return a ** draw(st.integers(2, 3))
    if kind == "one":
        return draw(st.sampled_from(list(ONE)))(a)
    if kind == "safe":
        function = draw(st.sampled_from(list(SAFE)))
        return function(SAFE[function](a))
    if kind == "corner":
        return draw(st.sampled_from([sp.Max(a, b), sp.Min(a, 1), sp.Abs(a - b)]))
    if kind == "pieces":
        return sp.Piecewise((a, b > sp.Rational(1, 3)), (a * b, True))
    return sp.Add(*(draw(smaller) * sp.Integer(number + 1) for number in range(3)))


LEAVES = st.one_of(
    st.sampled_from([X, Y, Z]),
    st.integers(-3, 3).map(sp.Integer),
    st.sampled_from([sp.Rational(1, 3), sp.pi, sp.Float(0.7)]),
)
EXPRESSIONS = st.recursive(LEAVES, grown, max_leaves=12)
VALUES = st.tuples(*(st.floats(-1.5, 1.5, allow_subnormal=False) for _ in range(3)))


def same(expr: sp.Expr, at: dict[sp.Symbol, Any]) -> Any:
    """The expression with the functions of automatic differentiation, read node by node."""
    if expr in at:
        return at[expr]
    if expr.is_number:
        return float(expr)
    if isinstance(expr, sp.Piecewise):
        return same(next(value for value, condition in expr.args if true(condition, at)), at)
    parts = [same(arg, at) for arg in expr.args]
    if isinstance(expr, sp.Pow):
        return parts[0] ** parts[1]
    if isinstance(expr, sp.Add | sp.Mul | sp.Max | sp.Min):
        fold: Any = {sp.Add: operator.add, sp.Mul: operator.mul, sp.Max: max, sp.Min: min}[expr.func]
        result = parts[0]
        for part in parts[1:]:
            result = fold(result, part)
        return result
    table = {**ONE, sp.log: anp.log, sp.Abs: anp.abs}
    return table[expr.func](*parts)


def true(condition: sp.Basic, at: dict[sp.Symbol, Any]) -> bool:
    if condition in (sp.true, sp.false):
        return bool(condition)
    if isinstance(condition, sp.core.relational.Relational):
        gap = same(condition.lhs, at) - same(condition.rhs, at)
        table = {sp.Gt: gap > 0, sp.Lt: gap < 0, sp.Ge: gap >= 0, sp.Le: gap <= 0, sp.Eq: gap == 0}
        return bool(table[condition.func])
    parts = [true(arg, at) for arg in condition.args]
    if isinstance(condition, sp.ITE):
        return parts[1] if parts[0] else parts[2]
    return {sp.And: all(parts), sp.Or: any(parts), sp.Not: not parts[0]}[condition.func]


def near_a_corner(expr: sp.Expr, at: dict[sp.Symbol, float]) -> bool:
    """Whether two values that a corner compares are close, here or where a difference quotient reaches."""
    pairs: list[tuple[sp.Expr, sp.Expr]] = []
    for node in expr.atoms(sp.Max, sp.Min, sp.Abs, sp.core.relational.Relational):
        args = (node.args[0], sp.Integer(0)) if isinstance(node, sp.Abs) else node.args
        pairs += [(a, b) for number, a in enumerate(args) for b in args[number + 1 :]]
    gaps = [same(a, at) - same(b, at) for a, b in pairs]
    return any(not math.isfinite(gap) or abs(gap) < 0.05 * (1 + abs(gap)) for gap in gaps)


@given(EXPRESSIONS, VALUES)
def test_three_ways(expr: sp.Expr, numbers: tuple[float, float, float]) -> None:
    at = dict(zip((X, Y, Z), numbers, strict=True))
    try:
        assume(not near_a_corner(expr, at))
        value = float(same(expr, at))
    except OverflowError:
        assume(False)
    assume(abs(value) < 1e6)
    program = scalar_graph(expr, [X, Y, Z])
    (output,) = program.outputs
    wrt = [t for t in program.inputs if any(t in e.reads() for e in program.equations)]
    values = dict(zip("xyz", numbers, strict=True))
    assume(bool(wrt))
    derivative = differentiate(output, wrt)
    found = evaluate(
        derivative.program, {str(t.name): values[str(t.name)] for t in derivative.program.inputs}
    )
    np.testing.assert_allclose(found[output], value, rtol=1e-9, atol=1e-12)
    for t in wrt:
        symbol = sp.Symbol(str(t.name))

        def f(v: Any, symbol: sp.Symbol = symbol) -> Any:
            return same(expr, {**at, symbol: v})

        slope = float(found[derivative.gradient(t)])
        expected = float(autograd(lambda v, f=f: f(v) + 0 * v)(float(at[symbol])))
        assume(abs(expected) < 1e6)
        np.testing.assert_allclose(slope, expected, rtol=1e-9, atol=1e-9)
        by_difference = float(central(lambda v: float(f(v)), np.array(at[symbol]), 1e-4))
        np.testing.assert_allclose(slope, by_difference, rtol=1e-4, atol=1e-4 * max(1.0, abs(value)))


@given(EXPRESSIONS, VALUES)
def test_forward_and_reverse_agree(expr: sp.Expr, numbers: tuple[float, float, float]) -> None:
    program = scalar_graph(expr, [X, Y, Z])
    (output,) = program.outputs
    wrt = [t for t in program.inputs if any(t in e.reads() for e in program.equations)]
    assume(bool(wrt))
    directions = {t: tensor(f"d{t.name}") for t in wrt}
    (tangent,) = jvp([output], directions)
    derivative = differentiate(output, wrt)
    values: dict[str, Any] = dict(zip("xyz", numbers, strict=True)) | {"dx": 0.3, "dy": -1.1, "dz": 0.7}
    along = collect([tangent])
    forward = evaluate(along, given_values(along.inputs, values))[tangent]
    back = evaluate(derivative.program, given_values(derivative.program.inputs, values))
    expected = sum(back[derivative.gradient(t)] * values[f"d{t.name}"] for t in wrt)
    assume(bool(np.isfinite(expected)) and abs(expected) < 1e8)
    np.testing.assert_allclose(forward, expected, rtol=1e-8, atol=1e-8)


@given(EXPRESSIONS, st.integers(1, 3))
def test_many_points_at_once(expr: sp.Expr, count: int) -> None:
    program = scalar_graph(expr, [X, Y, Z])
    wrt = [t for t in program.inputs if any(t in e.reads() for e in program.equations)]
    assume(bool(wrt))
    derivative = differentiate(program.outputs[0], wrt)
    rng = np.random.default_rng(0)
    names = [str(t.name) for t in derivative.program.inputs]
    values = {name: rng.uniform(-1, 1, count) for name in names}
    wide = batched(derivative.program, count)
    together = evaluate(wide, values)
    for number in range(count):
        one = evaluate(derivative.program, {name: values[name][number] for name in names})
        for narrow, broad in zip(derivative.program.outputs, wide.outputs, strict=True):
            np.testing.assert_allclose(together[broad][number], one[narrow], rtol=1e-12)


def test_a_sum_of_very_many_terms_stays_linear() -> None:
    symbols = sp.symbols("a0:300")
    expr = sp.Add(*(sp.sin(s) * sp.Integer(number + 1) for number, s in enumerate(symbols)))
    program = scalar_graph(expr)
    derivative = differentiate(program.outputs[0], program.inputs)
    assert len(derivative.program.equations) < 6 * len(symbols)
    values = {s.name: 0.01 * number for number, s in enumerate(symbols)}
    found = evaluate(derivative.program, values)
    for t in program.inputs:
        number = int(str(t.name)[1:])
        np.testing.assert_allclose(found[derivative.gradient(t)], (number + 1) * math.cos(0.01 * number))
