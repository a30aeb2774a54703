"""Values that gradients do not pass through: both modes, the tape and kernels agree."""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdl.check.tape import tape_gradient
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.gradients import grad
from symdl.differentiate.tangent import jvp
from symdl.express.build import parameter, tensor
from symdl.express.dims import indices
from symdl.express.functions import sin
from symdl.express.program import collect
from symdl.express.stopping import StopGradient, stop_gradient
from symdl.express.surface import define
from symdl.run.compile import compile
from symdl.run.reference.interpreter import evaluate

VALUES = {"x": np.array([0.5, -1.0, 2.0]), "w": np.array([1.0, 0.3, -0.7])}
AT = VALUES["x"] * VALUES["w"]
X, W = tensor("x", (3,)), parameter("w", (3,))
Y = sin(X * W)
LOSS = (stop_gradient(Y) * Y + W**2).sum()
SLOPE = np.sin(AT) * np.cos(AT) * VALUES["x"] + 2 * VALUES["w"]


def test_one_use_is_stopped_and_the_other_is_not() -> None:
    derivative = differentiate(LOSS, [W])
    found = evaluate(derivative.program, VALUES)
    np.testing.assert_allclose(found[LOSS], (np.sin(AT) ** 2 + VALUES["w"] ** 2).sum(), rtol=1e-12)
    np.testing.assert_allclose(found[derivative.gradient(W)], SLOPE, rtol=1e-12)
    np.testing.assert_allclose(tape_gradient(collect([LOSS]), LOSS, [W], VALUES)[W], SLOPE, rtol=1e-12)
    value, slopes = compile(LOSS, wrt=[W], dtype="float64")(**VALUES)
    np.testing.assert_allclose(value, found[LOSS], rtol=1e-12)
    np.testing.assert_allclose(slopes["w"], SLOPE, rtol=1e-12)


def test_forward_mode_and_second_derivatives_stop_too() -> None:
    direction = tensor("v", (3,))
    (moved,) = jvp([LOSS], {W: direction})
    found = evaluate(collect([moved]), {**VALUES, "v": np.ones(3)})
    np.testing.assert_allclose(found[moved], SLOPE.sum(), rtol=1e-12)
    second = differentiate(grad(LOSS, W).sum(), [W])  # stays stopped: sin(a) is a number here
    curved = evaluate(second.program, VALUES)[second.gradient(W)]
    np.testing.assert_allclose(curved, -(np.sin(AT) ** 2) * VALUES["x"] ** 2 + 2, rtol=1e-12)


def test_elements_are_stopped_one_by_one() -> None:
    (i,) = indices("i")
    part = define(None, (i,), sp.Piecewise((stop_gradient(W[i]), sp.Eq(i, 1)), (W[i], True)) ** 2)
    derivative = differentiate(part.sum(), [W])
    slope = evaluate(derivative.program, {"w": VALUES["w"]})[derivative.gradient(W)]
    np.testing.assert_allclose(slope, 2 * VALUES["w"] * [1, 0, 1], rtol=1e-12)


def test_what_is_only_read_stopped_has_the_derivative_zero() -> None:
    derivative = differentiate((stop_gradient(W) * X).sum(), [W])
    slope = evaluate(derivative.program, VALUES)[derivative.gradient(W)]
    np.testing.assert_array_equal(slope, np.zeros(3))


def test_numbers_and_stopped_values_stay_as_they_are() -> None:
    u = sp.Symbol("u", real=True)
    assert StopGradient(sp.Integer(3)) == 3
    assert StopGradient(StopGradient(u)) == StopGradient(u)
    assert StopGradient(u).diff(u) == 0
