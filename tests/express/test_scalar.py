"""Scalar functions as graphs: the order of a reader, each operation once, and the right value."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given
from hypothesis import strategies as st

from symdl.check.strategies import scalar_expressions
from symdl.errors import ExpressionError
from symdl.express.build import tensor
from symdl.express.dims import Dim, indices
from symdl.express.program import collect
from symdl.express.recurrent import recurrence
from symdl.express.scalar import batched, scalar_graph
from symdl.express.surface import LogSumExp, Sum, define
from symdl.run.reference.interpreter import outputs

x, y, z = sp.symbols("x y z")


def lines(f: Any, symbols: Any = None) -> list[str]:
    return str(scalar_graph(f, symbols)).replace("[]", "").splitlines()


def test_the_graph_of_the_slides() -> None:
    program = scalar_graph(sp.sin(x**2 * y) + sp.exp(z))
    assert [t.name for t in program.inputs] == ["x", "y", "z"]
    assert lines(sp.sin(x**2 * y) + sp.exp(z)) == [
        "v4 = x**2",
        "v5 = y*v4",
        "v6 = sin(v5)",
        "v7 = exp(z)",
        "v8 = v6 + v7",
    ]
    assert {e.origin.rule for e in program.equations} == {"operation"}


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (1 / (1 + sp.exp(-x)), ["v2 = -x", "v3 = exp(v2)", "v4 = v3 + 1", "v5 = 1/v4"]),
        (x / (1 + y) ** 2, ["v3 = y + 1", "v4 = v3**2", "v5 = x/v4"]),
        (x - 2 * y, ["v3 = x - 2*y"]),
        (2**x, ["v2 = 2**x"]),
        (sp.tan(x * y) + sp.tan(x * y) ** 2, ["v3 = x*y", "v4 = tan(v3)", "v5 = v4**2", "v6 = v4 + v5"]),
        (x, ["v2 = x"]),
        (sp.Integer(3), ["v1 = 3"]),
        (0.5, ["v1 = 0.500000000000000"]),
        (sp.Symbol("v1") ** 2, ["vv2 = v1**2"]),
        (sp.Max(x, 0), ["v2 = Max(0, x)"]),
    ],
    ids=str,
)
def test_graphs(f: Any, expected: list[str]) -> None:
    assert lines(f) == expected


def test_symbols_set_the_order() -> None:
    program = scalar_graph(x * y, [y, z, x])
    assert [t.name for t in program.inputs] == ["y", "z", "x"]
    assert program.equations[-1].lhs.name == "v4"
    with pytest.raises(ExpressionError, match="x is not among the inputs y"):
        scalar_graph(x * y, [y])


def test_long_sums_are_split() -> None:
    f = sp.Add(*(sp.sin(k * x) for k in range(1, 31)))
    program = scalar_graph(f)
    assert max(len(e.reads()) for e in program.equations) <= 8
    assert outputs(program, {"x": 0.3})[0] == pytest.approx(float(f.subs(x, 0.3)))


def test_deep_expressions() -> None:
    f = x
    for _ in range(80):
        f = sp.sin(f)
    assert len(scalar_graph(f).equations) == 80


@pytest.mark.parametrize(
    "f",
    [
        sp.Function("g")(x),
        sp.I * x,
        sp.Integral(x, x),
        sp.Derivative(sp.floor(x), x),
        sp.oo,
        x > 0,
        "x + 1",
        True,
        sp.Matrix([x]),
        sp.Symbol("A", commutative=True) * indices("i")[0],
        tensor("X", ()).at() + x,
    ],
    ids=str,
)
def test_what_is_no_scalar_function(f: Any) -> None:
    with pytest.raises(ExpressionError):
        scalar_graph(f)


@pytest.mark.parametrize(
    "f",
    [
        sp.Max(x, y, 0),
        sp.Max(sp.Abs(x), y, 1),
        sp.Min(sp.Max(x, -1), 1) + y,
        sp.Abs(sp.Max(x, y) - 1),
        sp.Piecewise((sp.Abs(y), sp.Abs(x) + y > 1), (sp.sign(x), True)),
        sp.Piecewise((sp.log(x), x > 0), (y, True)),
        sp.Abs(x) * sp.sign(y),
    ],
    ids=str,
)
def test_corners(f: sp.Expr) -> None:
    program = scalar_graph(f, [x, y])
    for a, b in product([-2.0, -1.0, 0.0, 0.5, 1.0, 1.5], repeat=2):
        expected = float(f.subs({x: a, y: b}))
        assert outputs(program, {"x": a, "y": b})[0] == pytest.approx(expected)


@example((x**2 + sp.sin(x)) * sp.sin(x), 0.0, 0.0)
@given(scalar_expressions([x, y]), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_values(f: sp.Expr, a: float, b: float) -> None:
    program = scalar_graph(f, [x, y])
    expected = float(f.subs({x: a, y: b}))
    assert outputs(program, {"x": a, "y": b})[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    names = [e.lhs.name for e in program.equations]
    assert names == [f"v{k}" for k in range(3, 3 + len(names))]
    bodies = [e.body for e in program.equations]
    assert len(set(bodies)) == len(bodies)


def test_batched_scalar_function() -> None:
    f = sp.sin(x**2 * y) + sp.exp(z)
    wide = batched(scalar_graph(f), Dim("n"))
    at = {name: np.random.default_rng(k).normal(size=9) for k, name in enumerate("xyz")}
    expected = np.sin(at["x"] ** 2 * at["y"]) + np.exp(at["z"])
    assert np.allclose(outputs(wide, at)[0], expected)
    assert [str(t.shape) for t in wide.inputs] == ["(n,)"] * 3


def test_batched_program_with_axes_guards_and_gathers() -> None:
    m, n = Dim("m"), Dim("n")
    i, j = indices("n m")
    X, t = tensor("X", (m, 3)), tensor("t", (m,), dtype="int64")
    before = sp.Piecewise((X[i - 1, t[i]], i >= 1), (0, True))
    S = define("S", (i,), before, shape=(m,))
    L = define("L", (), Sum(S[i] ** 2, i) + LogSumExp(X[i, j], i, j))
    program = collect([L])
    wide = batched(program, n)
    rng = np.random.default_rng(1)
    x_, t_ = rng.normal(size=(4, 5, 3)), rng.integers(0, 3, (4, 5))
    one_by_one = [outputs(program, {"X": a, "t": b})[0] for a, b in zip(x_, t_, strict=True)]
    assert np.allclose(outputs(wide, {"X": x_, "t": t_})[0], one_by_one)


def test_batched_recurrence() -> None:
    steps, n = Dim("T"), Dim("n")
    X, u = tensor("X", (steps, 2)), tensor("u", ())
    (h,) = recurrence(["h"], [(steps, 2)], lambda before: X + before * u)
    wide = batched(collect([h]), n)
    (one,) = wide.recurrences
    assert list(one.axes.values()) == [1] * len(one.equations)
    x_, u_ = np.random.default_rng(1).normal(size=(3, 4, 2)), np.array([0.5, 1.0, 2.0])
    one_by_one = [outputs(collect([h]), {"X": a, "u": b})[0] for a, b in zip(x_, u_, strict=True)]
    assert np.allclose(outputs(wide, {"X": x_, "u": u_})[0], one_by_one)
