"""Losses written as on a slide, with the logarithm of a probability, are as stable as those of logits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.express.build import sums_to_one, tensor
from symdl.express.dims import Dim, indices
from symdl.express.functions import log
from symdl.express.operators import elementwise
from symdl.express.surface import LogSumExp, Sum, define
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate

from .oracles import gradients

n = Dim("n")
i, j, k = indices("i j k")
LOGITS = np.array([[0.0, 1000.0, -1000.0], [1.0, 1.0, 1.0], [-30.0, 2.0, 700.0]])
ROWS = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])


def direct(z: Tensor) -> Tensor:
    return define("P", (i, j), sp.exp(z[i, j]) / Sum(sp.exp(z[i, k]), k))


def shifted(z: Tensor) -> Tensor:
    e = elementwise(sp.exp, z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def by_total(z: Tensor) -> Tensor:
    return define("P", (i, j), sp.exp(z[i, j] - LogSumExp(z[i, k], k)))


@pytest.mark.parametrize("softmax", [direct, shifted, by_total])
def test_cross_entropy_of_a_softmax(softmax: Callable[[Tensor], Tensor]) -> None:
    z, y = tensor("Z", (n, 3)), tensor("Y", (n, 3))
    loss = -(y * log(softmax(z))).sum() / n
    _, (found,) = gradients(loss, [z], {"Z": LOGITS, "Y": ROWS}, facts=[sums_to_one(y)])
    e = np.exp(LOGITS - LOGITS.max(axis=1, keepdims=True))
    np.testing.assert_allclose(found, (e / e.sum(axis=1, keepdims=True) - ROWS) / 3, atol=1e-12)


def test_the_gradient_is_p_minus_y() -> None:
    z, y = tensor("Z", (n, 3)), tensor("Y", (n, 3))
    loss = -(y * log(direct(z))).sum() / n
    derivative = differentiate(loss, [z], facts=[sums_to_one(y)])
    equation = derivative.program.definitions[derivative.gradient(z)]
    (total,) = [e.lhs for e in derivative.program.equations if e.reduction and e.reduction.op == "logsumexp"]
    expected = (sp.exp(z[i, j] - total.at(i)) - y[i, j]) / n
    assert sp.expand(equation.body - expected) == 0
    levels = [r.level for r in derivative.record.rewrites if r.rule == "logarithm of exponentials"]
    assert levels == ["algebraic"]


@pytest.mark.parametrize("name", ["S", None])
def test_binary_cross_entropy_of_a_sigmoid(name: str | None) -> None:
    z, y = tensor("z", (n,)), tensor("y", (n,))
    s = elementwise(lambda v: 1 / (1 + sp.exp(-v)), z, name=name)
    loss = define("L", (), -Sum(y[i] * sp.log(s[i]) + (1 - y[i]) * sp.log(1 - s[i]), i))
    at = np.array([0.0, 1000.0, -1000.0, 1000.0, -1000.0, 3.0])
    target = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 0.5])
    derivative, (found,) = gradients(loss, [z], {"z": at, "y": target})
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.clip(at, -700, 700))) - target, atol=1e-15)
    value = evaluate(derivative.program, {"z": at, "y": target})[loss]
    expected = np.maximum(at, 0) - at * target + np.log1p(np.exp(-np.abs(at)))
    np.testing.assert_allclose(value, expected.sum())


def test_a_probability_that_is_differentiated_by_is_not_looked_through() -> None:
    z, y = tensor("Z", (n, 3)), tensor("Y", (n, 3))
    p = direct(z)
    loss = -(y * log(p)).sum()
    rows = np.array([[0.1, 0.2, 0.7]])
    _, (found,) = gradients(loss, [p], {"Z": np.log(rows), "Y": rows})
    np.testing.assert_allclose(found, -np.ones((1, 3)))


@pytest.mark.parametrize(
    "formula",
    [
        lambda v: sp.log(1 + v**2),
        lambda v: sp.log(sp.Max(v, 1)),
        lambda v: sp.log(2 - 1 / (1 + sp.exp(-v))),
        lambda v: sp.log(sp.exp(v) * v**2 + 1),
        lambda v: sp.log(3 * sp.exp(2 * v) / (1 + sp.exp(v)) ** 2),
    ],
    ids=["square", "maximum", "two less a sigmoid", "product and one", "quotient"],
)
def test_other_logarithms(formula: Callable[[sp.Expr], sp.Expr]) -> None:
    z = tensor("z", (n,))
    at = np.array([-2.0, -0.5, 0.7, 3.0])
    inner = elementwise(lambda x: formula(x).args[0], z, name="p")
    _, (found,) = gradients(log(inner).sum(), [z], {"z": at})
    ends = [[float(formula(sp.Float(x + side))) for side in (1e-6, -1e-6)] for x in at]
    np.testing.assert_allclose(found, [(above - below) / 2e-6 for above, below in ends], rtol=1e-6)
