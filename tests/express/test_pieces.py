"""Large expressions: shared parts, depth, wide sums. Cost grows with distinct nodes, and values stay."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operations import stable_graph
from symdl.express.pieces import LARGEST, pieces
from symdl.express.scalar import scalar_graph
from symdl.express.surface import Sum, define
from symdl.express.walks import any_of, mapped, nodes, swapped, symbols_of
from symdl.run.compile import compile as build

x, y = sp.symbols("x y", real=True)

Step = Callable[[Any], Any]
STEPS: tuple[Step, ...] = (
    lambda e: sp.sin(e) * sp.cos(e),
    lambda e: e + sp.Rational(1, 3) * e**2,
    lambda e: sp.log(1 + sp.exp(e)) / (1 + e**2),
    lambda e: sp.Piecewise((e + 1, x > 0), (e * 2, True)),
    lambda e: sp.tanh(e) + x * y,
)


def folded(steps: list[int], *, start: int = 1) -> sp.Expr:
    """Return an expression in which every step uses what came before several times.

    SymPy compares equal copies as trees, in its own cache too, so large ones begin in different ways.
    """
    e: sp.Expr = x + start * y
    for at in steps:
        e = STEPS[at](e)
    return e


def tree(expr: sp.Basic) -> int:
    """Return how many nodes an expression has as a tree."""
    sizes: dict[sp.Basic, int] = {}
    for node in nodes(expr):
        sizes[node] = 1 + sum(sizes[part] for part in node.args)
    return sizes[expr]


def value_of(expr: sp.Basic, values: dict[sp.Basic, Any]) -> Any:
    """Return what an expression is, node by node."""
    known = dict(values)
    for node in nodes(expr):
        if node not in known:
            known[node] = node.func(*(known[part] for part in node.args)) if node.args else node
    return sp.N(known[expr])


@given(st.lists(st.integers(0, len(STEPS) - 1), min_size=1, max_size=6))
def test_pieces_are_small_and_together_the_whole(steps: list[int]) -> None:
    whole = folded(steps)
    names = iter(range(10**6))
    cut = pieces(whole, lambda piece: sp.Symbol(f"p{next(names)}", real=True))
    assert all(tree(piece) < 4 * LARGEST for _, piece in cut.steps)
    start: dict[sp.Basic, Any] = {x: sp.Float(0.3), y: sp.Float(-0.7)}
    values = dict(start)
    for symbol, piece in cut.steps:
        values[symbol] = value_of(piece, values)
    assert float(value_of(cut.rest, values)) == pytest.approx(float(value_of(whole, start)), rel=1e-9)


def test_a_small_expression_is_one_piece() -> None:
    e = sp.sin(x**2 * y) + sp.exp(y)
    assert pieces(e, sp.Symbol).steps == ()
    assert pieces(e, sp.Symbol).rest is e


def test_what_loses_digits_in_parts_is_not_cut() -> None:
    """The argument of a softplus may be a piece, its exponential may not."""
    for levels in range(2, 12):
        cut = pieces(sp.log(1 + sp.exp(folded([0] * levels, start=6))), lambda piece: sp.Dummy(real=True))
        assert cut.rest.func is sp.log
        one, grown = cut.rest.args[0].args
        assert one == 1 and grown.func is sp.exp and tree(cut.rest) < 2 * LARGEST


@pytest.mark.parametrize("graph", [scalar_graph, stable_graph])
def test_shared_parts_are_computed_once(graph: Any) -> None:
    """Thirty levels are 2^30 nodes as a tree."""
    program = graph(folded([0] * 30, start=2 if graph is scalar_graph else 3))
    assert len(program.equations) <= 4 * 30


AROUND: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "tanh": lambda e: sp.tanh(e, evaluate=False),
    "sign": lambda e: sp.sign(e, evaluate=False),
    "log": lambda e: sp.log(e, evaluate=False),
    "quotient": lambda e: 1 / (1 + e),
    "root": lambda e: sp.Pow(e, sp.Rational(1, 3), evaluate=False),
    "exponent": lambda e: sp.Pow(2, e, evaluate=False),
    "choice": lambda e: sp.Piecewise((e, x > 0), (-e, True), evaluate=False),
}


@pytest.mark.parametrize("kind", AROUND)
def test_functions_of_shared_polynomials(kind: str) -> None:
    """SymPy asks for the sign of an operand, and walks it as a tree; 2^40 nodes would never end."""
    e = x * x + x
    for _ in range(40):
        e = e * e / 2 + e
    f = AROUND[kind](e)
    build(f, wrt=[x], target="python")
    length = len(str(sd.derive(f, x)))  # by a name: pytest would write f out where this fails
    assert length < 200_000


@pytest.mark.parametrize("step", [0, 3])
def test_values_and_slopes_of_shared_parts(step: int) -> None:
    levels = 25
    f: Any = build(folded([step] * levels, start=4), wrt=[x])
    value, slope = complex(0.3 + 4 * 0.2, 1e-30), None
    for _ in range(levels):
        value = np.sin(value) * np.cos(value) if step == 0 else value + 1
    found, slope = f(x=0.3, y=0.2)
    assert found == pytest.approx(value.real, rel=1e-12)
    assert slope["x"] == pytest.approx(value.imag / 1e-30, rel=1e-12)


def test_deep_expressions() -> None:
    e: sp.Expr = x
    for _ in range(300):
        e = sp.sin(e)
    value = complex(0.3, 1e-30)
    for _ in range(300):
        value = np.sin(value)
    found, slope = build(e, wrt=[x])(x=0.3)
    assert found == pytest.approx(value.real, rel=1e-12)
    assert slope["x"] == pytest.approx(value.imag / 1e-30, rel=1e-12)


def test_a_branch_that_is_not_taken_has_no_influence() -> None:
    """A piece of it may be infinite there, or no number."""
    large = sp.Add(*(sp.sqrt(k - x) * sp.log(k - x) for k in range(1, 60)), evaluate=False)
    f: Any = build(sp.Piecewise((large, x < 1), (x**2, True)), wrt=[x])
    assert f(x=100.0) == (10000.0, {"x": 200.0})
    value, slope = f(x=0.5)
    terms = np.arange(1, 60) - 0.5
    assert value == pytest.approx(np.sum(np.sqrt(terms) * np.log(terms)))
    assert slope["x"] == pytest.approx(-np.sum(np.log(terms) / (2 * np.sqrt(terms)) + 1 / np.sqrt(terms)))


@given(st.lists(st.integers(0, len(STEPS) - 1), min_size=1, max_size=3))
def test_walks_are_those_of_sympy(steps: list[int]) -> None:
    whole = folded(steps)
    assert set(nodes(whole)) == set(sp.preorder_traversal(whole))
    assert symbols_of(whole) == whole.free_symbols
    assert any_of(whole, sp.sin) == whole.has(sp.sin)
    values = {x: sp.Symbol("u", real=True), y: sp.Integer(2)}
    assert swapped(whole, values) == whole.xreplace(values)
    assert mapped(whole, lambda node: sp.cos(*node.args) if isinstance(node, sp.sin) else node) == (
        whole.replace(sp.sin, sp.cos)
    )


def test_walks_come_to_an_end() -> None:
    """Sixty levels of doubling, which no tree walk ends."""
    e = folded([0] * 60, start=5)
    assert len(nodes(e)) < 300
    assert symbols_of(e) == {x, y} and not any_of(e, sp.tan)
    assert symbols_of(swapped(e, {x: sp.Integer(2)})) == {y}


n, i = Dim("n"), indices("i")[0]
X, W = tensor("X", (n,)), parameter("w", ())


def of_tensors(expr: sp.Expr) -> sp.Expr:
    """Return an expression over elements of X and w."""
    return swapped(expr, {x: X[i], y: W.at()})


def test_large_bodies_of_tensors_are_cut() -> None:
    """Thirty levels are 2^30 nodes as a tree; three hundred of one function are deeper than a stack."""
    deep: sp.Expr = x * y
    for _ in range(300):
        deep = sp.sin(deep) + x
    for whole in (folded([0] * 30, start=8), deep, sp.Add(*(sp.sin(k * x) * y for k in range(1, 400)))):
        total = (define("T", (i,), of_tensors(whole)) * 2).sum()
        program = differentiate(total, [W, X]).program
        assert len(program.equations) < len(nodes(whole))
        assert all(tree(e.body) < 8 * LARGEST for e in program.equations if e.lhs.role != "cotangent")


@pytest.mark.parametrize("step, reduced", [(0, True), (4, False)])
def test_values_and_gradients_of_large_bodies(step: int, reduced: bool) -> None:
    body = of_tensors(folded([step] * 12, start=9))
    total = define("s", (), Sum(body, i)) if reduced else define("S", (i,), body).sum()
    points, weight = np.linspace(-1, 1, 5), complex(0.2, 1e-30)
    value = points + 9 * weight
    for _ in range(12):
        value = np.sin(value) * np.cos(value) if step == 0 else np.tanh(value) + points * weight
    for target in ("cpu", "python"):
        f: Any = build(total, wrt=[W], target=target)
        found, slopes = f(X=points, w=0.2)
        assert found == pytest.approx(value.sum().real, rel=1e-12)
        assert slopes["w"] == pytest.approx(value.sum().imag / 1e-30, rel=1e-12)


def test_a_large_case_that_reads_outside_stays_one() -> None:
    before = swapped(folded([1] * 7, start=10), {x: X[i - 1], y: W.at()})
    shifted = define("H", (i,), sp.Piecewise((before, i > 0), (0, True)), shape=(n,))
    f: Any = build(shifted)
    points = np.linspace(0, 0.1, 6)
    value = points + 10 * 0.02
    for _ in range(7):
        value = value + value**2 / 3
    np.testing.assert_allclose(f(X=points, w=0.02), np.append(0, value[:-1]), rtol=1e-12)


HARD = np.array([0.0, 0.5, -0.5, 1.0, np.nan, np.inf, -np.inf, 1e-300, -1e-300, 1e30])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [1, 255, 256, 257, 513])
def test_large_expressions_at_hard_points(dtype: Any, count: int) -> None:
    """In pieces and in blocks of points: what numbers and plain Python find."""
    whole = folded([2, 1, 3, 4, 2, 0], start=7)
    assert pieces(whole, lambda piece: sp.Dummy(real=True)).steps
    points = HARD.astype(dtype)
    at = {"x": np.resize(points, count), "y": np.resize(points[::-1], count)}
    f, g = (built(whole, dtype, target) for target in ("cpu", "python"))
    value, slopes = f(**at)
    right, others = g(**at)
    near = 1e-4 if dtype == "float32" else 1e-11
    for ours, theirs in zip((value, *slopes.values()), (right, *others.values()), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=near, atol=near / 100)
    for a, b in zip(at["x"][: len(points)], at["y"][: len(points)], strict=True):
        found, one = f(x=a, y=b)
        single, ones = f(x=np.array([a]), y=np.array([b]))
        np.testing.assert_array_equal([found, *one.values()], [single[0], *(v[0] for v in ones.values())])


@cache
def built(whole: sp.Expr, dtype: str, target: str) -> Any:
    return build(whole, wrt=[x, y], dtype=dtype, target=target)  # type: ignore[call-overload]  # chosen by name
