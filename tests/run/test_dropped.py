"""Inputs that drop out of an expression: they may be passed, and still tell sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError, CompileError

V = np.array([1.0, 2, 3])
x, y = sd.tensor("x", (3,)), sd.tensor("y", (3,))

CASES: dict[str, tuple[sd.Tensor, dict[str, Any], Any]] = {
    "gradient": (sd.grad((x * y).sum(), x), {"y": V}, V),
    "second derivative": (sd.hessian((x**2).sum(), x), {}, 2 * np.eye(3)),
    "of a linear function": (sd.hessian((x * y).sum(), x, x), {}, np.zeros((3, 3))),
    "jacobian": (sd.jacobian(x * 2, x), {}, 2 * np.eye(3)),
    "direction": (sd.jvp((x * 3).sum(), {x: y}), {"y": V}, 18.0),
    "product": (sd.hvp((x**2).sum(), x, y), {"y": V}, 2 * V),
}


@pytest.mark.parametrize("name", CASES)
def test_what_dropped_out_may_be_passed_or_left_out(name: str) -> None:
    output, needed, wanted = CASES[name]
    function = sd.compile(output)
    np.testing.assert_allclose(function(**needed), wanted)
    np.testing.assert_allclose(function(**needed | {"x": V}), wanted)
    with pytest.raises(ArgumentError, match="unknown: z(.|\n)*leave out z"):
        function(**needed, z=V)


def test_an_expression_that_was_replaced_drops_what_it_read() -> None:
    c, inner = sd.tensor("c", (3,)), sd.exp(x)
    function = sd.compile(sd.replace((inner * y).sum(), {inner: c}))
    assert function(c=V, y=V) == function(c=V, y=V, x=V) == 14


def test_a_loss_of_derivatives_takes_all_data() -> None:
    n = sd.Dim("n")
    data, p = sd.tensor("data", (n, 3)), sd.parameter("p", (3,))
    slope = sd.grad((data @ p).sum(), data)
    model = sd.Model(((slope - 1) ** 2).mean(), output=slope)
    history = model.fit({"data": np.ones((4, 3))}, optimizer=sd.nn.SGD(0.5), epochs=60)
    assert history.epochs[-1].loss < 1e-3
    assert model.predict(data=np.ones((2, 3))).shape == (2, 3)


def test_an_input_that_only_shows_a_size_is_kept() -> None:
    n = sd.Dim("n")
    z = sd.tensor("z", (n,))
    np.testing.assert_array_equal(sd.compile(sd.grad(z.sum(), z))(z=V), 1)


def test_what_a_formula_leaves_out_may_be_passed_and_shows_its_size() -> None:
    n = sd.Dim("n")
    a = sd.tensor("a", (n,))
    np.testing.assert_array_equal(sd.compile(a * 0)(a=V), np.zeros(3))
    np.testing.assert_array_equal(sd.compile((a > 0) | (a <= 0))(a=V), np.ones(3))
    function = sd.compile(x + 0 * y)
    np.testing.assert_array_equal(function(x=V, y=V), function(x=V))


def test_a_size_that_nothing_shows_is_refused_when_compiling() -> None:
    with pytest.raises(CompileError, match="no input has the size n"):
        sd.compile(sd.full((sd.Dim("n"),), 1.0))
