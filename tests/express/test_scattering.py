"""Scatters, and gathers that count from the end, against loops and gradients against PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symdl.differentiate.adjoint import differentiate
from symdl.errors import ArgumentError, ExpressionError, ShapeError
from symdl.express.build import tensor
from symdl.express.program import collect
from symdl.express.scattering import Writing, scatter
from symdl.express.selecting import take
from symdl.run.compile import compile
from symdl.run.reference.interpreter import evaluate, outputs

from .agreement import agrees

RNG = np.random.default_rng(9)
X, U = RNG.normal(size=(4, 3)), RNG.normal(size=(2, 3))
DISTINCT = np.array([[0, 3, 1], [2, 1, -1]])
SHARED = np.array([[0, 3, 1], [0, -1, 1]])
JOIN: dict[Writing, Callable[[Any, Any], Any]] = {
    "set": lambda old, new: new,
    "add": np.add,
    "multiply": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


@pytest.mark.parametrize("op", JOIN)
@pytest.mark.parametrize("where", ["distinct", "shared"])
@pytest.mark.parametrize("axis", [0, 1])
def test_scatter(op: Writing, where: str, axis: int) -> None:
    ids = DISTINCT if where == "distinct" else SHARED
    data, updates = (X, U) if axis == 0 else (X.T, U.T)
    places = ids if axis == 0 else ids.T
    x, p, u = tensor("x", data.shape), tensor("p", places.shape, dtype="int64"), tensor("u", updates.shape)
    y = scatter(x, p, u, axis, op=op, mode="wrap")
    expected = data.copy()
    for at, place in np.ndenumerate(places):
        to = (place, at[1]) if axis == 0 else (at[0], place)
        expected[to] = JOIN[op](expected[to], updates[at])
    (found,) = outputs(collect([y]), {"x": data, "p": places, "u": updates})
    np.testing.assert_allclose(found, expected)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("op", "theirs"), [("set", None), ("add", "sum"), ("multiply", "prod"), ("max", "amax")]
)
def test_slopes_against_pytorch(op: Writing, theirs: str | None) -> None:
    torch = pytest.importorskip("torch")
    x, p, u = tensor("x", X.shape), tensor("p", DISTINCT.shape, dtype="int64"), tensor("u", U.shape)
    derivative = differentiate((scatter(x, p, u, op=op) ** 2).sum(), [x, u])
    places = DISTINCT % 4
    found = evaluate(derivative.program, {"x": X, "p": places, "u": U})
    a, b = (torch.tensor(v, requires_grad=True) for v in (X, U))
    if theirs is None:
        result = a.scatter(0, torch.tensor(places), b)
    else:
        result = a.scatter_reduce(0, torch.tensor(places), b, theirs)
    result.square().sum().backward()
    np.testing.assert_allclose(found[derivative.gradient(x)], a.grad.numpy())
    np.testing.assert_allclose(found[derivative.gradient(u)], b.grad.numpy())


def test_fewer_columns_leave_the_others() -> None:
    x, p, u = tensor("x", (4, 3)), tensor("p", (2, 2), dtype="int64"), tensor("u", (2, 2))
    expected = X.copy()
    np.add.at(expected, (DISTINCT[:, :2], np.arange(2)), U[:, :2])
    run = compile(scatter(x, p, u, op="add"))
    np.testing.assert_allclose(run(x=X, p=DISTINCT[:, :2], u=U[:, :2]), expected)


def test_of_several_updates_the_last_is_set_and_learns() -> None:
    x, p, u = tensor("x", (3,)), tensor("p", (3,), dtype="int64"), tensor("u", (3,))
    run = compile((scatter(x, p, u) ** 2).sum(), wrt=[x, u])
    value, slopes = run(x=[5.0, 6.0, 7.0], p=np.array([1, 1, 0]), u=[1.0, 2.0, 4.0])
    assert value == 16 + 4 + 49
    np.testing.assert_array_equal(slopes["x"], [0, 0, 14])
    np.testing.assert_array_equal(slopes["u"], [0, 4, 8])


def test_nothing_to_write_leaves_all() -> None:
    x, p, u = tensor("x", (3,)), tensor("p", (0,), dtype="int64"), tensor("u", (0,))
    np.testing.assert_array_equal(compile(scatter(x, p, u))(x=[5.0, 6.0, 7.0]), [5, 6, 7])


def test_positions_may_count_from_the_end() -> None:
    ids = np.array([[-1, 0], [2, -4]])
    agrees(lambda x, ids: take(x, ids, mode="wrap"), lambda x, ids: x[ids], x=X, ids=ids)
    run = compile(take(tensor("x", (4, 3)), tensor("ids", (2, 2), dtype="int64"), mode="wrap"))
    np.testing.assert_array_equal(run(x=X, ids=ids), X[ids])
    with pytest.raises(ArgumentError):
        compile(take(tensor("x", (4, 3)), tensor("ids", (2, 2), dtype="int64")))(x=X, ids=ids)


def test_what_does_not_fit_is_refused() -> None:
    x, p, u = tensor("x", (4, 3)), tensor("p", (2, 3), dtype="int64"), tensor("u", (2, 3))
    for build in (lambda: scatter(x, p, x), lambda: scatter(u, tensor("q", (2, 4), dtype="int64"), x)):
        with pytest.raises(ShapeError):
            build()
    with pytest.raises(ExpressionError, match="replace"):
        scatter(x, p, u, op="replace")  # type: ignore[arg-type]
    with pytest.raises(ExpressionError):
        scatter(x, u, u)
    with pytest.raises(ExpressionError, match="clip"):
        take(x, p, mode="clip")  # type: ignore[arg-type]
