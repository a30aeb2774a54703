"""Closed matrix formulas: their text, and their values against central differences of the function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.differentiate.jacobian import hessian, jacobian
from symdl.errors import ExplainError
from symdl.explain.printers.text import text
from symdl.explain.sections import Lines
from symdl.explain.stories.formula import formula
from symdl.express import diagonals, distances, linalg
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs
from tests.differentiate.oracles import assert_close, central

from .matrices import Matrices, as_columns
from .shown import dims_of

n = sd.Dim("n")
X, A, B = (sd.tensor(name, (3, 3)) for name in "XAB")
W = sd.tensor("W", (4, 3))
x, w, v = (sd.tensor(name, (3,)) for name in "xwv")
b, y = (sd.tensor(name, (4,)) for name in "by")
D, T = (sd.tensor(name, (n, 3)) for name in "DT")
t = sd.tensor("t", (n,))


def values(seed: int = 7) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "X": (3, 3),
        "A": (3, 3),
        "B": (3, 3),
        "W": (4, 3),
        "D": (5, 3),
        "T": (5, 3),
    }
    shapes |= {"x": (3,), "w": (3,), "v": (3,), "b": (4,), "y": (4,), "t": (5,)}
    found = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    for name in "XAB":  # far from singular, of positive determinant
        found[name] = found[name] @ found[name].T + 2 * np.eye(3) + 0.1 * rng.normal(size=(3, 3))
    found["T"] = np.exp(found["T"]) / np.exp(found["T"]).sum(1, keepdims=True)
    found["t"] = (found["t"] > 0).astype(float)
    return found


def value(tensor: sd.Tensor, at: dict[str, np.ndarray]) -> np.ndarray:
    program = collect([tensor])
    return outputs(program, {p.name: at[p.name] for p in program.inputs})[0]


def differences(tensor: sd.Tensor, wrt: sd.Tensor, at: dict[str, np.ndarray]) -> np.ndarray:
    result = np.zeros((*np.shape(value(tensor, at)), *at[wrt.name].shape))
    for where in np.ndindex(*result.shape[: tensor.rank]):
        result[where] = central(
            lambda moved, where=where: float(value(tensor, {**at, wrt.name: moved})[where]),  # type: ignore[misc]
            at[wrt.name],
        )
    return result


def shown_value(tensor: sd.Tensor, at: dict[str, np.ndarray]) -> Any:
    inputs = {p: at[p.name] for p in collect([tensor]).inputs}
    return Matrices(inputs, dims_of(inputs)).value(formula(tensor).node)


def residual() -> sd.Tensor:
    return W @ x + b - y


def logistic() -> sd.Tensor:
    s = sd.sigmoid(D @ w)
    return -(t * sd.log(s) + (1 - t) * sd.log(1 - s)).mean()


GRADIENTS: list[tuple[Callable[[], sd.Tensor], sd.Tensor, str | None]] = [
    (lambda: linalg.logdet(X), X, "X⁻ᵀ"),
    (lambda: diagonals.trace(A @ X) + diagonals.trace(B @ X), X, "Aᵀ + Bᵀ"),
    (lambda: diagonals.trace(X) + 1, X, "I"),
    (lambda: sd.log(sd.exp(x).sum()), x, "softmax(x)"),
    (lambda: (residual() ** 2).sum(), W, "2·(W x + b - y) xᵀ"),
    (lambda: (residual() ** 2).sum() / 2, W, "(W x + b - y) xᵀ"),
    (lambda: (residual() ** 2).sum(), x, "2·Wᵀ (W x + b - y)"),
    (
        lambda: ((sd.sigmoid(W @ x + b) - y) ** 2).sum(),
        W,
        "2·((σ(W x + b) - y) ⊙ (1 - σ(W x + b)) ⊙ σ(W x + b)) xᵀ",
    ),
    (lambda: sd.sqrt(x @ A.T @ A @ x), x, "Aᵀ A x/‖A x‖"),
    (lambda: distances.norm(A @ x), x, "Aᵀ A x/‖A x‖"),
    (lambda: diagonals.trace(sd.exp(X)), X, "exp(X) ⊙ I"),
    (lambda: linalg.det(A @ X @ B), X, "det(A X B)·X⁻ᵀ"),
    (lambda: linalg.det(X), X, "det(X)·X⁻ᵀ"),
    (lambda: linalg.quadratic(x, A), x, "(A + Aᵀ) x"),
    (lambda: linalg.quadratic(x, A), A, "x xᵀ"),
    (lambda: diagonals.trace(linalg.inv(X) @ A), X, "-X⁻ᵀ Aᵀ X⁻ᵀ"),
    (lambda: linalg.quadratic(x, linalg.inv(X)), X, "-X⁻ᵀ x xᵀ X⁻ᵀ"),
    (lambda: linalg.logdet(X) + linalg.quadratic(x, linalg.inv(X)), X, "X⁻ᵀ - X⁻ᵀ x xᵀ X⁻ᵀ"),
    (lambda: diagonals.trace(linalg.matrix_power(X, 3)), X, "3·(X²)ᵀ"),
    (lambda: distances.norm(A @ X - B) ** 2, X, "2·Aᵀ (A X - B)"),
    (lambda: ((D @ w - t) ** 2).mean() + (w * w).sum(), w, "2/n·Dᵀ (D w - t) + 2·w"),
    (logistic, w, "1/n·Dᵀ (σ(D w) - t)"),
    (lambda: (sd.softplus(D @ w) - t * (D @ w)).mean(), w, "1/n·Dᵀ (σ(D w) - t)"),
    (
        lambda: linalg.quadratic(x, A) / (x * x).sum(),
        x,
        "1/‖x‖²·((A + Aᵀ) x - 2·xᵀ A x/‖x‖²·x)",
    ),
    (lambda: linalg.inner(x, w) / (distances.norm(x) * distances.norm(w)), w, None),
    (lambda: linalg.det(diagonals.diag(x) @ A), x, None),
]


@pytest.mark.parametrize("row", range(len(GRADIENTS)))
def test_gradient(row: int) -> None:
    make, wrt, expected = GRADIENTS[row]
    loss, at = make(), values()
    gradient = sd.grad(loss, wrt)
    assert expected is None or formula(gradient).text() == expected
    wanted = differences(loss, wrt, at)
    assert_close(value(gradient, at), wanted, rtol=1e-7)
    if expected is not None:
        found = np.broadcast_to(shown_value(gradient, at), as_columns(wanted).shape)
        assert_close(found, as_columns(wanted), rtol=1e-7)


def test_softmax_cross_entropy_under_a_declared_fact() -> None:
    loss, at = -(T * sd.log_softmax(D @ A)).sum(axis=1).mean(), values()
    gradient = sd.grad(loss, A, facts=[sd.sums_to_one(T)])
    assert formula(gradient).text() == "1/n·Dᵀ (softmax(D A) - T)"
    assert_close(shown_value(gradient, at), differences(loss, A, at), rtol=1e-7)


SECOND: list[tuple[Callable[[], sd.Tensor], str]] = [
    (lambda: jacobian(W @ x + b, x), "W"),
    (lambda: jacobian(W @ x + b, b), "I"),
    (lambda: jacobian(sd.softmax(x), x), "diag(softmax(x)) - softmax(x) softmax(x)ᵀ"),
    (lambda: jacobian(sd.tanh(x), x), "diag(1 - tanh(x)∘²)"),
    (lambda: jacobian(sd.sigmoid(W @ x + b), x), "diag(σ(W x + b) ⊙ (1 - σ(W x + b))) W"),
    (lambda: jacobian(linalg.solve(A, x), x), "A⁻¹"),
    (lambda: hessian(linalg.quadratic(x, A), x), "A + Aᵀ"),
    (lambda: hessian(sd.logsumexp(x), x), "diag(softmax(x)) - softmax(x) softmax(x)ᵀ"),
    (lambda: hessian(distances.norm(x), x), "I/‖x‖ - x xᵀ/‖x‖³"),
    (lambda: hessian(logistic(), w), "1/n·Dᵀ diag(σ(D w) ⊙ (1 - σ(D w))) D"),
    (lambda: hessian(((W @ x - b) ** 2).sum(), x), "2·Wᵀ W"),
]


@pytest.mark.parametrize("row", range(len(SECOND)))
def test_second(row: int) -> None:
    make, expected = SECOND[row]
    tensor, at = make(), values()
    assert formula(tensor).text() == expected
    assert_close(shown_value(tensor, at), value(tensor, at), rtol=1e-9)


def test_the_composition_of_linear_layers() -> None:
    u, c = sd.tensor("U", (2, 4)), sd.tensor("c", (2,))
    layers = u @ (W @ x + b) + c
    assert formula(layers).text() == "U (W x + b) + c"
    assert formula(jacobian(layers, x)).text() == "U W"


def test_latex() -> None:
    assert formula(sd.grad(linalg.logdet(X), X)).latex() == r"X^{-\top}"
    norm = sd.grad(distances.norm(A @ x), x)
    assert formula(norm).latex() == r"\frac{A^\top A x}{\lVert A x \rVert}"
    assert formula(jacobian(W @ x + b, b))._repr_latex_() == r"$\displaystyle I$"


def test_no_formula_is_an_error() -> None:
    with pytest.raises(ExplainError, match="no formula"):
        formula(jacobian(W @ x, W), form="matrix")
    with pytest.raises(ExplainError, match="no form"):
        formula(W, form="words")  # type: ignore[arg-type]
    with pytest.raises(ExplainError, match="no formula"):
        formula(W.max(axis=1), form="matrix")


CLOSED = [row for row, (_, _, expected) in enumerate(GRADIENTS) if expected is not None]


@pytest.mark.parametrize("row", CLOSED)
def test_every_line_of_the_differential_form_is_one_number(row: int) -> None:
    make, wrt, _ = GRADIENTS[row]
    loss, at = make(), values()
    derivation = sd.derive(loss, wrt, form="differential")
    inputs = {p: at[p.name] for p in collect([loss]).inputs}
    direction = np.random.default_rng(row).normal(size=at[wrt.name].shape)
    world = Matrices({**inputs, loss: value(loss, at)}, dims_of(inputs), {wrt: direction})
    wanted = float((differences(loss, wrt, at) * direction).sum())
    function, lines, result = (s for s in derivation.sections if isinstance(s, Lines))
    assert_close(world.value(function.steps[0].right), value(loss, at), rtol=1e-9)
    for step in lines.steps:
        assert_close(np.squeeze(world.value(step.right)), wanted, rtol=1e-6, what=step)
    found = np.broadcast_to(world.value(result.steps[0].right), as_columns(at[wrt.name]).shape)
    assert_close(found, as_columns(value(sd.grad(loss, wrt), at)))


def test_the_differential_form_reads_as_a_textbook_writes_it() -> None:
    derivation = sd.derive((residual() ** 2).sum() / 2, W, form="differential")
    lines = [
        step.right for section in derivation.sections if isinstance(section, Lines) for step in section.steps
    ]
    assert [text(line) for line in lines] == [
        "‖W x + b - y‖²/2",
        "d‖W x + b - y‖²/2",
        "(W x + b - y)ᵀ d(W x)",
        "(W x + b - y)ᵀ dW x",
        "tr(x (W x + b - y)ᵀ dW)",
        "(W x + b - y) xᵀ",
    ]
    assert r"\operatorname{tr}(x (W x + b - y)^\top \, \mathrm{d}W)" in derivation.latex()


def test_no_differential_form_is_an_error() -> None:
    with pytest.raises(ExplainError, match="no differential form"):
        sd.derive(W.max(axis=1).sum(), W, form="differential")
    with pytest.raises(ExplainError, match="no form of a derivation"):
        sd.derive(linalg.det(X), X, form="total")  # type: ignore[arg-type]
