"""The tape against central differences and against derivatives that SymPy knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdl.check.central import central_gradient
from symdl.check.local import LOCAL
from symdl.check.strategies import scalar_expressions
from symdl.check.tape import tape_gradient
from symdl.errors import DerivativeError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operators import elementwise, maximum
from symdl.express.program import collect
from symdl.express.recurrent import recurrence
from symdl.express.scalar import scalar_graph
from symdl.express.statistics import logsumexp
from symdl.express.surface import Max, Prod, Sum, define
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import outputs
from symdl.run.reference.scalars import FUNCTIONS, UnknownFunctionError

n = Dim("n")
i, j, k = indices("i j k")
rng = np.random.default_rng(11)
x, y = sp.symbols("x y")


def agrees(loss: Tensor, tolerance: float = 1e-8, **values: Any) -> dict[str, np.ndarray]:
    program = collect([loss])
    by = [t for t in program.inputs if t.dtype == "real"]
    found = tape_gradient(program, loss, by, values)
    names = [str(t.name) for t in by]
    expected = central_gradient(lambda at: float(outputs(program, at)[0]), values, wrt=names)
    for t in by:
        assert np.allclose(found[t], expected[str(t.name)], rtol=tolerance, atol=tolerance), t
    return {str(t.name): found[t] for t in by}


def test_a_network() -> None:
    X, W, b = tensor("X", (n, 4)), parameter("W", (4, 3)), parameter("b", (3,))
    t = tensor("t", (n,), dtype="int64")
    H = maximum(X @ W + b, 0) ** 2
    rows = logsumexp(H, 1)
    L = define("L", (), Sum(rows[i] - H[i, t[i]], i) / n)
    agrees(L, X=rng.normal(size=(5, 4)), W=rng.normal(size=(4, 3)), b=rng.normal(size=3), t=[0] * 5)


def test_reads_that_overlap_and_repeat() -> None:
    X, K, E = tensor("X", (n,)), parameter("K", (3,)), parameter("E", (4, 2))
    ids = tensor("ids", (n,), dtype="int64")
    body = sp.Piecewise((X[i + k - 1] * K[k], sp.And(i + k - 1 >= 0, i + k - 1 <= n - 1)), (0, True))
    Y = define("Y", (i,), Sum(body, (k, 3)), shape=(n,))
    L = define("L", (), Sum(sp.sin(Y[i]) * E[ids[i], j] ** 3, i, j) + Sum(X[i] * X[n - 1 - i], i))
    agrees(L, X=rng.normal(size=5), K=rng.normal(size=3), E=rng.normal(size=(4, 2)), ids=[0, 2, 2, 0, 3])


def test_max_gives_all_to_the_first() -> None:
    X = tensor("X", (2, 3))
    m = define("m", (i,), Max(X[i, j] ** 2, j))
    L = m.sum()
    found = tape_gradient(collect([L]), L, collect([L]).inputs, {"X": [[1, -3, 3], [2, 1, 0]]})
    assert np.array_equal(next(iter(found.values())), [[0, -6, 0], [4, 0, 0]])


def test_an_untaken_branch_sends_nothing_back() -> None:
    X = tensor("X", (n,))
    body = sp.Piecewise((sp.log(X[i]) + sp.sqrt(X[i]), X[i] > 0), (X[i] ** 2, True))
    Y = define("Y", (i,), body)
    L = Y.sum()
    found = tape_gradient(collect([L]), L, collect([L]).inputs, {"X": [1.0, 0.0, -2.0]})
    assert np.array_equal(next(iter(found.values())), [1.5, 0.0, -4.0])


def test_rows_of_minus_infinity() -> None:
    X = tensor("X", (2, 2))
    rows = logsumexp(X, 1)
    L = define("L", (), Sum(sp.Piecewise((rows[i], rows[i] > -5), (0, True)), i))
    values = {"X": [[-np.inf, -np.inf], [0.0, -np.inf]]}
    found = tape_gradient(collect([L]), L, collect([L]).inputs, values)
    assert np.array_equal(next(iter(found.values())), [[0, 0], [1, 0]])


def test_what_is_not_used_has_gradient_zero() -> None:
    X, Y = tensor("X", (2,)), tensor("Y", (3,))
    L = X.sum()
    other = Y.sum()
    program = collect([L, other])
    found = tape_gradient(program, L, [Y, X], {"X": [1.0, 2.0], "Y": np.ones(3)})
    assert np.array_equal(found[Y], np.zeros(3))
    assert np.array_equal(found[X], np.ones(2))


def test_intermediates_have_gradients() -> None:
    X = tensor("X", (2,))
    square = X * X
    L = (square * square).sum()
    found = tape_gradient(collect([L]), L, [square], {"X": [2.0, 3.0]})
    assert np.array_equal(found[square], [8.0, 18.0])


@pytest.mark.parametrize("reverse", [False, True])
def test_recurrences(reverse: bool) -> None:
    steps = Dim("T")
    X, U, s = tensor("X", (steps, 3, 2)), parameter("U", (2, 2)), parameter("s", (3, 2))
    h, c = recurrence(
        ["h", "c"],
        [(steps, 3, 2)] * 2,
        lambda h, c: (
            elementwise(sp.tanh, X + h @ U + c),
            h * 0.5 + c * c,
        ),
        initial=[s, None],
        reverse=reverse,
    )
    L = (h * h).sum() + c.sum()
    agrees(L, X=rng.normal(size=(4, 3, 2)), U=rng.normal(size=(2, 2)), s=rng.normal(size=(3, 2)))


def test_products() -> None:
    X = tensor("X", (3, 4))
    inside = sp.Piecewise((X[i, j] - 0.5, j >= i), (1, True))
    L = define("L", (), Sum(sp.sin(Prod(inside, j)), i))
    agrees(L, X=rng.normal(size=(3, 4)))
    agrees(L, X=[[0.5, 2, 3, 1], [0.5, 0.5, 1, 1], [1, 1, 1, 0.5]])


def test_no_elements() -> None:
    E = tensor("E", (0, 2))
    L = (E * E).sum()
    assert tape_gradient(collect([L]), L, [E], {"E": np.ones((0, 2))})[E].shape == (0, 2)


def test_what_cannot_be_recorded() -> None:
    X = tensor("X", (2,))
    with pytest.raises(DerivativeError, match="is no scalar"):
        tape_gradient(collect([X * 2]), X * 2, [X], {"X": [1.0, 2.0]})
    made, strange = define("L", (), Sum(sp.sin(X[i]), i)).equation, Tensor("strange", ())
    assert made is not None
    body = made.body.replace(sp.sin, lambda u: sp.polylog(3, u))  # the language has none
    strange.attach(replace(made, lhs=strange, body=body))
    with pytest.raises(UnknownFunctionError, match="polylog"):
        tape_gradient(collect([strange]), strange, [X], {"X": [1.0, 2.0]})


@pytest.mark.parametrize("name", sorted(LOCAL.keys() - {"StopGradient"}))
def test_each_local_derivative(name: str) -> None:
    arguments = {"Add": 3, "Mul": 3, "Pow": 2, "atan2": 2, "Mod": 2, "Remainder": 2, "polygamma": 2}.get(
        name, 1
    )
    point = [np.array(v) for v in (0.6, 0.7, 0.8)][:arguments]
    if name == "acosh":
        point = [np.array(1.6)]
    if name == "polygamma":
        point = [np.array(1), np.array(0.7)]

    def f(at: dict[str, np.ndarray]) -> float:
        return float(FUNCTIONS[name](*(at[str(place)] for place in range(arguments))))

    varied = range(1 if name == "polygamma" else 0, arguments)
    names = [str(place) for place in varied]
    at = {str(place): value for place, value in enumerate(point)}
    expected = central_gradient(f, at, wrt=names)
    value = FUNCTIONS[name](*point)
    for place in varied:
        assert LOCAL[name](place, value, *point) == pytest.approx(expected[str(place)], rel=1e-9)


@given(scalar_expressions([x, y]), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_random_functions_against_sympy(f: sp.Expr, a: float, b: float) -> None:
    program = scalar_graph(f, [x, y])
    output = program.outputs[0]
    found = tape_gradient(program, output, program.inputs, {"x": a, "y": b})
    for symbol, t in zip((x, y), program.inputs, strict=True):
        expected = float(f.diff(symbol).subs({x: a, y: b}))
        assert float(found[t]) == pytest.approx(expected, rel=1e-9, abs=1e-9)
