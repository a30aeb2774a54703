"""Activations against PyTorch, at ordinary and at hard points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ShapeError
from symdl.express.build import parameters, tensor
from symdl.express.dims import Dim
from symdl.express.operators import reduce
from symdl.run.reference.interpreter import evaluate

from .agreement import agrees, torch

pytestmark = pytest.mark.torch
N = Dim("n")
HARD = np.array([-1000.0, -750.0, -40.0, -1e-8, 0.0, 1e-8, 40.0, 750.0, 1000.0])

ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[[Any], Callable[[Any], Any]]]] = {
    "elu": (lambda z: nn.elu(z, 0.7), lambda f: lambda z: f.elu(z, 0.7)),
    "selu": (nn.selu, lambda f: f.selu),
    "relu6": (nn.relu6, lambda f: f.relu6),
    "hardtanh": (lambda z: nn.hardtanh(z, -0.5, 2), lambda f: lambda z: f.hardtanh(z, -0.5, 2.0)),
    "hard_sigmoid": (nn.hard_sigmoid, lambda f: lambda z: f.relu6(z + 3) / 6),  # exact in float64
    "celu": (lambda z: nn.celu(z, 0.5), lambda f: lambda z: f.celu(z, 0.5)),
    "steep hard_sigmoid": (
        lambda z: nn.hard_sigmoid(z, slope=0.2, shift=0.25),
        lambda f: lambda z: f.hardtanh(0.2 * z + 0.25, 0.0, 1.0),
    ),
    "hard_swish": (nn.hard_swish, lambda f: lambda z: z * f.relu6(z + 3) / 6),
    "thresholded_relu": (
        lambda z: nn.thresholded_relu(z, 0.5),
        lambda f: lambda z: f.threshold(z, 0.5, 0.0),
    ),
    "hard shrinkage": (nn.shrink, lambda f: f.hardshrink),
    "soft shrinkage": (lambda z: nn.shrink(z, 0.3, shift=0.3), lambda f: lambda z: f.softshrink(z, 0.3)),
    "silu": (nn.silu, lambda f: f.silu),
    "swish": (lambda z: nn.silu(z, beta=1.5), lambda f: lambda z: f.silu(1.5 * z) / 1.5),
    "gelu": (nn.gelu, lambda f: f.gelu),
    "gelu_tanh": (
        lambda z: nn.gelu(z, approximate=True),
        lambda f: lambda z: f.gelu(z, approximate="tanh"),
    ),
    "mish": (nn.mish, lambda f: f.mish),
    "softsign": (nn.softsign, lambda f: f.softsign),
    "log_sigmoid": (nn.log_sigmoid, lambda f: f.logsigmoid),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_slope_at_hard_points(name: str) -> None:
    ours, theirs = ACTIVATIONS[name]
    z = tensor("z", (len(HARD),))
    function = theirs(torch().nn.functional)
    agrees(ours(z), lambda z: function(z), [z], {"z": HARD})


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_scalar_expressions_stay_expressions(name: str) -> None:
    z = sp.Symbol("z", real=True)
    formula = ACTIVATIONS[name][0](z)
    assert isinstance(formula, sp.Expr)
    assert formula.free_symbols == {z}


@pytest.mark.parametrize("axis", [None, 1])
def test_prelu(axis: int | None) -> None:
    z = tensor("z", (N, 3, 2))
    a = nn.prelu(z, name="p", axis=axis)
    (slope,) = parameters(a)
    assert slope.name == "p.a"
    assert slope.init is not None
    assert (slope.init(slope.shape, np.random.default_rng(0)) == 0.25).all()
    rng = np.random.default_rng(1)
    values = {"z": rng.normal(size=(2, 3, 2)), "p.a": rng.normal(size=() if axis is None else (3,))}
    prelu = torch().nn.functional.prelu
    agrees(a, lambda z, p_a: prelu(z, p_a.reshape(-1)), [z, slope], values)


def test_prelu_needs_an_integer_size() -> None:
    with pytest.raises(ShapeError):
        nn.prelu(tensor("z", (N, 3)), name="p", axis=0)


def test_slopes_of_units_at_zero() -> None:
    z = tensor("z")
    for function, expected in ((nn.elu, 1.0), (nn.relu6, 0.0), (nn.softsign, 1.0), (nn.hardtanh, 1.0)):
        derivative = differentiate(reduce("sum", function(z)), [z])
        assert evaluate(derivative.program, {"z": 0.0})[derivative.gradient(z)] == expected


@pytest.mark.parametrize("axis", [0, -1])
def test_gated_linear_units(axis: int) -> None:
    z, values = tensor("z", (4, 6)), np.random.default_rng(3).normal(size=(4, 6))
    f = torch().nn.functional
    agrees(nn.glu(z, axis), lambda z: f.glu(z, axis), [z], {"z": values})

    def swiglu(z: Any) -> Any:
        a, b = z.chunk(2, axis)
        return a * f.silu(b)

    agrees(nn.glu(z, axis, gate=nn.silu), swiglu, [z], {"z": values})


def test_an_odd_size_has_no_halves() -> None:
    with pytest.raises(ShapeError):
        nn.glu(tensor("z", (4, 5)))
