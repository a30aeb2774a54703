"""Random matrix expressions and random small networks: derivatives against central differences.

Whatever is built is either differentiated rightly or refused with an error of symdl; a formula that is shown
for the gradient has the gradient's value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.compact import compact
from symdl.differentiate.jacobian import hessian, jacobian
from symdl.errors import DerivativeError
from symdl.explain.matrix.closed_form import closed_form
from symdl.express import diagonals, distances, linalg
from symdl.express.operators import elementwise
from symdl.express.program import collect
from symdl.nn import layers
from symdl.run.reference.interpreter import outputs
from tests.differentiate.oracles import assert_close, central
from tests.explain.matrices import Matrices, as_columns

FUNCTIONS: list[Callable[[sp.Expr], sp.Expr]] = [
    sp.tanh,
    sp.sin,
    lambda z: 1 / (1 + sp.exp(-z)),
    lambda z: z**2 / 2,
    lambda z: sp.log(1 + sp.exp(z)),
    sp.atan,
]


@st.composite
def matrices(draw: st.DrawFn, rows: int, columns: int, depth: int) -> sd.Tensor:
    """A matrix expression over inputs whose names tell their shapes."""
    if depth == 0:
        return inputs(draw(st.sampled_from("AB")), rows, columns)
    smaller = depth - 1
    kind = draw(
        st.sampled_from(["product", "transpose", "sum", "hadamard", "map", "inverse", "outer", "scaled"])
    )
    if kind == "inverse" and rows != columns:
        kind = "product"
    if kind == "product":
        inner = draw(st.integers(1, 3))
        return draw(matrices(rows, inner, smaller)) @ draw(matrices(inner, columns, smaller))
    if kind == "transpose":
        return draw(matrices(columns, rows, smaller)).T
    if kind == "sum":
        return draw(matrices(rows, columns, smaller)) + draw(matrices(rows, columns, smaller))
    if kind == "hadamard":
        return draw(matrices(rows, columns, smaller)) * draw(matrices(rows, columns, smaller))
    if kind == "map":
        return elementwise(draw(st.sampled_from(FUNCTIONS)), draw(matrices(rows, columns, smaller)))
    if kind == "inverse":  # of a matrix that is far from singular
        return linalg.inv(
            elementwise(sp.tanh, draw(matrices(rows, rows, smaller))) / 2 + 4 * diagonals.eye(rows)
        )
    if kind == "outer":
        left, right = (draw(matrices(rows, columns, smaller)) for _ in range(2))
        return linalg.outer(left.sum(axis=1), right.mean(axis=0))
    return draw(matrices(rows, columns, smaller)) * draw(st.sampled_from([2, -1, sp.Rational(1, 3)]))


_INPUTS: dict[tuple[str, int, int], sd.Tensor] = {
    (name, m, k): sd.tensor(f"{name}{m}{k}", (m, k)) for name in "AB" for m in (1, 2, 3) for k in (1, 2, 3)
}


def inputs(name: str, rows: int, columns: int) -> sd.Tensor:
    return _INPUTS[name, rows, columns]


@st.composite
def scalars(draw: st.DrawFn, depth: int = 3) -> sd.Tensor:
    """A scalar made of a matrix expression."""
    size = draw(st.integers(1, 3))
    square = draw(matrices(size, size, depth))
    ends: list[Callable[[sd.Tensor], sd.Tensor]] = [
        diagonals.trace,
        lambda a: a.sum(),
        lambda a: linalg.det(elementwise(sp.tanh, a) / 2 + 3 * diagonals.eye(size)),
        lambda a: linalg.logdet(a @ a.T + diagonals.eye(size)),
        lambda a: distances.norm(a + 3),
        lambda a: sd.logsumexp(a[0]),
        lambda a: linalg.quadratic(a[:, 0], a),
    ]
    return draw(st.sampled_from(ends))(square)


def value(tensor: sd.Tensor, at: dict[str, np.ndarray]) -> np.ndarray:
    program = collect([tensor])
    return outputs(program, {str(t.name): at[str(t.name)] for t in program.inputs})[0]


def point(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {str(t.name): rng.uniform(-1, 1, size=t.shape) for t in _INPUTS.values()}


def slope(loss: sd.Tensor, wrt: sd.Tensor, at: dict[str, np.ndarray]) -> np.ndarray:
    return central(lambda moved: float(value(loss, {**at, str(wrt.name): moved})), at[str(wrt.name)])


@settings(max_examples=60, deadline=None)
@given(loss=scalars(), seed=st.integers(0, 1000), pick=st.integers(0, 10))
def test_gradients_of_matrix_expressions(loss: sd.Tensor, seed: int, pick: int) -> None:
    at = point(seed)
    given_ = collect([loss]).inputs
    wrt = given_[pick % len(given_)]
    gradient = sd.grad(loss, wrt)
    wanted = slope(loss, wrt, at)
    assert_close(value(gradient, at), wanted, rtol=1e-6)
    shown = closed_form(gradient)
    if shown is not None:
        world = Matrices({t: at[str(t.name)] for t in collect([gradient]).inputs})
        found = np.broadcast_to(world.value(shown), as_columns(wanted).shape)
        assert_close(found, as_columns(wanted), rtol=1e-6, what=shown)


@settings(max_examples=12, deadline=None)
@given(loss=scalars(depth=2), seed=st.integers(0, 1000))
def test_second_derivatives_of_matrix_expressions(loss: sd.Tensor, seed: int) -> None:
    at = point(seed)
    wrt = collect([loss]).inputs[0]
    gradient = sd.grad(loss, wrt)
    found = value(hessian(loss, wrt), at)
    wanted = np.zeros(found.shape)
    for where in np.ndindex(*wrt.shape):
        wanted[where] = central(
            lambda moved, where=where: float(value(gradient, {**at, str(wrt.name): moved})[where]),  # type: ignore[misc]
            at[str(wrt.name)],
        )
    assert_close(found, wanted, rtol=1e-6)


@settings(max_examples=12, deadline=None)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_jacobians_of_matrix_expressions(data: st.DataObject, seed: int) -> None:
    y = data.draw(matrices(2, 3, 2))
    at = point(seed)
    wrt = collect([y]).inputs[0]
    try:
        found = value(jacobian(y, wrt), at)
    except DerivativeError:
        assert y is wrt  # pragma: no cover
        return
    wanted = np.zeros(found.shape)
    for where in np.ndindex(*y.shape):
        wanted[where] = central(
            lambda moved, where=where: float(value(y, {**at, str(wrt.name): moved})[where]),  # type: ignore[misc]
            at[str(wrt.name)],
        )
    assert_close(found, wanted, rtol=1e-6)


@st.composite
def networks(draw: st.DrawFn) -> tuple[sd.Tensor, sd.Tensor]:
    """The loss of a small network and one of its parameters."""
    h = sd.tensor("X", (4, 3))
    for number in range(draw(st.integers(1, 3))):
        width = draw(st.integers(1, 4))
        activation: Any = draw(st.sampled_from([sd.tanh, sd.sigmoid, sd.softplus, sd.softmax, None]))
        h = layers.dense(h, width, activation=activation, name=f"l{number}")
        norm = draw(st.sampled_from(["none", "layer", "batch"]))
        if norm == "layer" and width > 1:
            h = sd.nn.layer_norm(h, name=f"n{number}", epsilon=0.1)
        elif norm == "batch":
            h = sd.nn.batch_norm(h, name=f"n{number}", epsilon=0.1)
    target = sd.tensor("Y", h.shape)
    losses: list[Callable[[], sd.Tensor]] = [
        lambda: ((h - target) ** 2).mean(),
        lambda: -(target * sd.log_softmax(h)).sum(axis=1).mean(),
        lambda: sd.logsumexp((h * target).sum(axis=1)),
    ]
    loss = draw(st.sampled_from(losses))()
    return loss, draw(st.sampled_from(sd.parameters(loss)))


@settings(max_examples=20, deadline=None)
@given(made=networks(), seed=st.integers(0, 1000))
def test_networks(made: tuple[sd.Tensor, sd.Tensor], seed: int) -> None:
    loss, wrt = made
    rng = np.random.default_rng(seed)
    at = {str(t.name): rng.normal(size=t.shape) for t in collect([loss]).inputs}
    wanted = slope(loss, wrt, at)
    plain = differentiate(loss, [wrt])
    for derivative in (plain, compact(plain)):
        program = derivative.program
        known = {str(t.name): at[str(t.name)] for t in program.inputs}
        _, found = outputs(program, known)[:2]
        assert_close(found, wanted, rtol=1e-6)
