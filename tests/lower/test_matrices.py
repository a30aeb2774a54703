"""Determinants and inverses in kernels agree with the interpreter, gradients too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symdl.differentiate.adjoint import differentiate
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim
from symdl.express.linalg import det, inv, logdet
from symdl.express.program import collect
from symdl.run.compiled import Compiled
from tests.lowering import lower

from .programs import assert_agrees

n = Dim("n")
TARGETS = ("python", "cpu")


def positive(*shape: int) -> np.ndarray:
    """Matrices with positive determinants."""
    half = np.random.default_rng(0).normal(size=shape)
    return half @ np.swapaxes(half, -1, -2) + np.eye(shape[-1]) / 2


@pytest.mark.parametrize(
    "shape, values",
    [
        ((3, 3), (3, 3)),
        ((n, 4, 4), (5, 4, 4)),
        ((n, n), (2, 2)),
        ((n, 1, 1), (3, 1, 1)),
        ((2, n, 2, 2), (2, 3, 2, 2)),
    ],
    ids=("one", "batch", "symbolic", "numbers", "two axes"),
)
def test_values_and_gradients(shape: Any, values: Any) -> None:
    A = tensor("A", shape)
    given = {"A": positive(*values)}
    outputs = [det(A), logdet(A), inv(A)]
    assert_agrees(collect(outputs), given, targets=TARGETS)
    loss = (outputs[0] * outputs[0]).sum() + outputs[1].sum() + (outputs[2] * outputs[2]).sum()
    assert_agrees(differentiate(loss, [A]).program, given, targets=TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_signs_and_singular_matrices(target: str) -> None:
    A = parameter("A", (2, 2))
    run = Compiled(collect([det(A), logdet(A), inv(A)]), target=target)
    negative = run(A=[[0.0, 2.0], [1.0, 0.0]])
    assert negative[0] == -2 and np.isnan(negative[1])
    np.testing.assert_array_equal(negative[2], [[0, 1], [0.5, 0]])
    singular = run(A=np.ones((2, 2)))
    assert singular[0] == 0 and singular[1] == -np.inf and np.isnan(singular[2]).all()


def test_the_body_is_laid_out_once_and_the_function_runs_once_a_matrix() -> None:
    A, B = tensor("A", (n, 3, 3)), parameter("B", (3, 3))
    lowered = lower(collect([logdet(A + B)]))
    assert len(lowered.steps) == 1
    assert any("the matrix of" in lowered.program.stated[e].text for e in lowered.steps[0].equations)
