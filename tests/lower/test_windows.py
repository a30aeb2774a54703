"""Convolutions and their gradients become matrix products; layouts are shared."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operators import elementwise
from symdl.express.program import Program, collect
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from tests.lowering import lower

from .programs import assert_agrees

n = Dim("n")
b, o, c, h, w, r, s = indices("b o c h w r s")


def convolution(stride: int, padding: int) -> Tensor:
    X, K = parameter("X", (2, 3, 5, 6)), parameter("K", (4, 3, 3, 2))
    high, wide = (5 + 2 * padding - 3) // stride + 1, (6 + 2 * padding - 2) // stride + 1
    down, across = stride * h + r - padding, stride * w + s - padding
    inside = sp.And(down >= 0, down < 5, across >= 0, across < 6)
    body = sp.Piecewise((X.at(b, c, down, across) * K[o, c, r, s], inside), (0, True))
    return define("Z", (b, o, h, w), Sum(body, c, r, s), shape=(2, 4, high, wide))


def gradients(output: Tensor) -> Program:
    loss = elementwise(sp.tanh, output).sum()
    return differentiate(loss, [t for t in collect([loss]).inputs if t.role == "parameter"]).program


@pytest.mark.parametrize("stride, padding", [(1, 0), (1, 1), (2, 0), (2, 1), (3, 1)])
def test_a_convolution_and_its_gradients(stride: int, padding: int) -> None:
    program = gradients(convolution(stride, padding))
    rng = np.random.default_rng(stride)
    assert_agrees(program, {str(t.name): rng.normal(size=t.shape) for t in program.inputs})
    # With a stride, which weights reach an input depends on its position: that gradient stays a loop.
    assert lower(program).structures.count("gemm") >= (3 if stride == 1 else 2)
    assert lower(program, schedule="naive").structures.count("gemm") == 0


def test_the_forward_pass_and_the_weights_share_a_layout() -> None:
    X, K = tensor("X", (n, 160, 8)), parameter("K", (160, 160, 3))
    Z = define("Z", (b, o, h), Sum(X.at(b, c, h + r) * K[o, c, r], c, r), shape=(n, 160, 6))
    lowered = lower(gradients(Z))
    names = [info.name for info in lowered.program.tensors]
    assert names.count("X (windows)") == 1
    assert lowered.structures.count("gemm") == 2
    assert any(
        "windows for" in lowered.program.stated[e].text for step in lowered.steps for e in step.equations
    )


@pytest.mark.parametrize(
    "body",
    [
        lambda X, K: X.at(b, c, h + r) * K[c, r],  # a filter for each channel: no shared columns
        lambda X, K: X.at(b, c, h + r) * X.at(b, c, h),  # one tensor with itself
        lambda X, K: X.at(b, c, h + r),
    ],
    ids=("depthwise", "itself", "average"),
)
def test_other_windows_stay_loops(body: Callable[..., sp.Expr]) -> None:
    X, K = tensor("X", (n, 3, 8)), tensor("K", (3, 3))
    Z = define("Z", (b, c, h), Sum(body(X, K), (r, 3)), shape=(n, 3, 6))
    program = collect([Z])
    rng = np.random.default_rng(0)
    values = {"X": rng.normal(size=(2, 3, 8)), "K": rng.normal(size=(3, 3))}
    assert_agrees(program, {str(t.name): values[str(t.name)] for t in program.inputs})
    assert "gemm" not in lower(program).structures
