"""Recurrences: order, values, derivatives without unrolling, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdl import check_gradients, nn
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.tangent import hvp, jvp
from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim
from symdl.express.operators import elementwise
from symdl.express.padding import pad
from symdl.express.program import collect
from symdl.express.recurrent import recurrence
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

T, N = Dim("T"), Dim("n")


def network(*, reverse: bool = False, axis: int = 0) -> tuple[Tensor, list[Tensor]]:
    """A tanh recurrence with a learned initial value; the loss reads all of its steps."""
    shape = (T, N, 4) if axis == 0 else (N, T, 4)
    x = tensor("x", (*shape[:2], 3))
    w, u, b = parameter("w", (3, 4)), parameter("u", (4, 4)), parameter("b", (4,))
    start = tensor("start", (N, 4))

    def step(previous: Tensor) -> Tensor:
        return nn.tanh(x @ w + previous @ u + b)

    (h,) = recurrence(["h"], [shape], step, initial=[start], axis=axis, reverse=reverse)
    return (h * h).mean(), [w, u, b, start]


def outside(values: dict[str, Any], *, reverse: bool, axis: int) -> Any:
    """The same, unrolled by hand."""
    x, h = values["x"], values["start"]
    steps = x.shape[axis]
    total = 0.0
    for t in reversed(range(steps)) if reverse else range(steps):
        now = x[t] if axis == 0 else x[:, t]
        h = anp.tanh(now @ values["w"] + h @ values["u"] + values["b"])
        total = total + anp.sum(h**2)
    return total / (steps * h.size)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@given(steps=st.integers(1, 5), batch=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_gradients_through_time(reverse: bool, axis: int, steps: int, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    loss, wrt = network(reverse=reverse, axis=axis)
    values = {
        "x": rng.normal(size=(steps, batch, 3) if axis == 0 else (batch, steps, 3)),
        "w": rng.normal(size=(3, 4)),
        "u": rng.normal(size=(4, 4)),
        "b": rng.normal(size=4),
        "start": rng.normal(size=(batch, 4)),
    }
    derivative = differentiate(loss, wrt)
    ours = evaluate(derivative.program, values)
    learned = {str(t.name): values[str(t.name)] for t in wrt}
    value, theirs = autograd.value_and_grad(lambda p: outside({**values, **p}, reverse=reverse, axis=axis))(
        learned
    )
    np.testing.assert_allclose(ours[loss], value, rtol=1e-10)
    for t in wrt:
        np.testing.assert_allclose(ours[derivative.gradient(t)], theirs[str(t.name)], rtol=1e-9, atol=1e-13)


def test_the_backward_recurrence_runs_the_other_way_and_weights_stay_outside() -> None:
    loss, wrt = network()
    derivative = differentiate(loss, wrt)
    directions = [r.direction for r in derivative.program.recurrences]
    assert directions == [1, -1]
    inside = {e.lhs for r in derivative.program.recurrences for e in r.equations}
    assert not inside & {derivative.gradient(t) for t in wrt}


def test_tangents_and_second_order_through_time() -> None:
    rng = np.random.default_rng(5)
    loss, wrt = network()
    u = wrt[1]
    direction = tensor("v", (4, 4))
    values = {
        "x": rng.normal(size=(4, 2, 3)),
        "w": rng.normal(size=(3, 4)),
        "u": rng.normal(size=(4, 4)),
        "b": rng.normal(size=4),
        "start": rng.normal(size=(2, 4)),
        "v": rng.normal(size=(4, 4)),
    }

    def slope(at: Any) -> Any:
        return autograd.grad(lambda p: outside({**values, "u": p}, reverse=False, axis=0))(at)

    (along,) = jvp([loss], {u: direction})
    found = evaluate(collect([along]), values)[along]
    np.testing.assert_allclose(found, np.sum(slope(values["u"]) * values["v"]), rtol=1e-10)
    (curved,) = hvp(loss, [u], {u: direction})
    step = 1e-5 * values["v"]
    expected = (slope(values["u"] + step) - slope(values["u"] - step)) / 2e-5
    np.testing.assert_allclose(evaluate(collect([curved]), values)[curved], expected, rtol=1e-6)


def test_two_states_and_no_initial_value() -> None:
    (a, b) = recurrence(
        ["a", "b"],
        [(T,), (T,)],
        lambda a, b: (elementwise(lambda p, q: p + q, a, b), elementwise(lambda p: p + 1, b)),
    )
    values = evaluate(collect([a, b, tensor("x", (T,)) * 1]), {"x": np.zeros(5)})
    np.testing.assert_array_equal(values[b], [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(values[a], [0, 1, 3, 6, 10])


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("truncate", [None, 2])
def test_a_single_step_has_none_before_it(begun: bool, truncate: int | None) -> None:
    x, start = tensor("x", (1, 2, 3)), tensor("start", (2, 3))
    initial = [start] if begun else None
    (h,) = recurrence(
        ["h"], [(1, 2, 3)], lambda previous: nn.tanh(x + 2 * previous), initial=initial, truncate=truncate
    )
    values = {"x": np.full((1, 2, 3), 0.5)} | ({"start": np.full((2, 3), 0.1)} if begun else {})
    found = evaluate(collect([h]), values)
    np.testing.assert_allclose(found[h], np.tanh(np.full((1, 2, 3), 0.7 if begun else 0.5)))


def test_a_step_that_needs_itself_is_refused() -> None:
    def step(previous: Tensor) -> Tensor:
        return elementwise(sp.sin, previous)

    (h,) = recurrence(["h"], [(T, 2)], step)
    loop = Tensor("loop", (T, 2))
    assert h.equation is not None
    circular = elementwise(lambda p: p, loop)
    assert circular.equation is not None

    loop.attach(replace(circular.equation, lhs=loop, body=circular.at(*circular.equation.indices)))
    with pytest.raises(ExpressionError, match="depend on themselves"):
        collect([loop])


@pytest.mark.parametrize("shorter", [0, 1])
def test_states_that_read_each_other_have_as_many_steps(shorter: int) -> None:
    """Each is computed at every step: one of four steps among five was written and read beyond its end."""
    sizes = [5, 5]
    sizes[shorter] = 4

    def step(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        if shorter:
            return a + pad(b, ((0, 1),)), nn.tanh(a[:4]) + b
        return a + b[:4], nn.tanh(pad(a, ((0, 1),))) + b

    with pytest.raises(ShapeError, match=r"(?s)[45] and [45] steps.*cure: let both have as many steps"):
        recurrence(["a", "b"], [(size,) for size in sizes], step)


def test_states_that_do_not_read_each_other_may_differ_in_steps() -> None:
    x, y = parameter("x", (5,)), parameter("y", (4,))
    a, b = recurrence(["a", "b"], [(5,), (4,)], lambda a, b: (nn.tanh(a + x), b * y + 1))
    values = {"x": np.linspace(-1, 1, 5), "y": np.linspace(0.5, 2, 4)}
    assert check_gradients((a**2).sum() + (b**3).sum(), at=values).ok


def test_initial_values_must_be_one_for_each_state() -> None:
    x, start = tensor("x", (N, 5, 3)), tensor("start", (4,))
    with pytest.raises(ShapeError, match=r"2 states(?s:.*)\(4,\)(?s:.*)pair \(h, c\)"):
        nn.lstm(x, 4, name="r", initial=start)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"2 states"):
        nn.lstm(x, 4, name="r", initial=(start,))  # type: ignore[arg-type]


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="of its shape"):
        recurrence(["h"], [(T, 2)], lambda previous: previous.sum(axis=1))
    with pytest.raises(ShapeError, match="initial value"):
        recurrence(["h"], [(T, 2)], lambda p: p, initial=[parameter("s", (3,))])
