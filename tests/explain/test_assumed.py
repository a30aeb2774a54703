"""What a page says that it assumes, the convention for symmetric matrices, what follows for defined ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.tree import Array, walk
from symdl.explain.printers.text import text
from symdl.explain.sections import Lines, Step
from symdl.express.program import collect

from .shown import Shown, dims_of

d, k, n = sd.Dim("d"), sd.Dim("k"), sd.Dim("n")
S = sd.tensor("S", (d, d), symmetric=True)
G = sd.tensor("G", (d, d), positive_definite=True)
X, U, x = sd.tensor("X", (d, d)), sd.tensor("U", (d, k)), sd.tensor("x", (d,))
u = sd.tensor("u", (d,))
tall = sd.tensor("X", (n, d))


def lines(told: Derivation) -> list[Step]:
    return [s for section in told.shown if isinstance(section, Lines) for s in section.steps]


ASSUMED: dict[str, tuple[Callable[[], sd.Tensor], sd.Tensor, str]] = {
    "log det": (lambda: sd.logdet(X), X, "det(X) > 0"),
    "inverse": (lambda: sd.trace(sd.inv(X)), X, "X is invertible"),
    "log det of a product": (lambda: sd.logdet(tall.T @ tall), tall, "det(Xᵀ X) > 0"),
    "power": (lambda: sd.det(X @ X @ X), X, "X is invertible"),
    "the same by two names": (lambda: sd.trace(sd.inv(U @ U.T + X)), U, "X + U Uᵀ is invertible"),
    "determinant and inverse": (
        lambda: sd.logdet(sd.eye(d) + X) + sd.trace(sd.inv(sd.eye(d) + X)),
        X,
        "det(I + X) > 0",
    ),
    "declared": (lambda: sd.logdet(G) + sd.quadratic(x, sd.inv(G)), G, ""),
    "nothing": (lambda: sd.quadratic(x, S), x, ""),
}


@pytest.mark.parametrize("name", ASSUMED)
def test_what_is_assumed(name: str) -> None:
    loss, wrt, assumed = ASSUMED[name]
    (row,) = [r for r in sd.derive(loss(), wrt).text().splitlines() if r.startswith("  assumed")] or [""]
    assert row.removeprefix("  assumed").strip() == assumed


def test_a_declared_property_is_in_the_table() -> None:
    page = sd.derive(sd.quadratic(x, G), x).text()
    assert "G: d × d (positive definite)" in page


LOSSES: dict[str, Callable[[], sd.Tensor]] = {
    "log det": lambda: sd.logdet(S),
    "quadratic form": lambda: sd.quadratic(x, S),
    "inner product": lambda: sd.sum(X * S),
}


@pytest.mark.parametrize("name", LOSSES)
def test_entries_above_and_below_the_diagonal_as_one_variable(name: str) -> None:
    rng = np.random.default_rng(2)
    full = rng.normal(size=(3, 3))
    at = {"S": full @ full.T + np.eye(3), "x": rng.normal(size=3), "X": rng.normal(size=(3, 3))}
    f = LOSSES[name]()
    told = sd.derive(f, S, symmetric_gradient=True)
    line = lines(told)[-1]
    assert line.left is not None and text(line.left) == "∂L/∂S"
    assert "one variable" in line.rule
    step, expected = 1e-6, np.zeros((3, 3))
    call, used = sd.compile(f), [t.name for t in collect([f]).inputs]
    for i, j in np.ndindex(3, 3):
        moves = np.zeros((3, 3))
        moves[i, j] = moves[j, i] = step
        given = {name: at[name] for name in used}
        ends = [call(**given | {"S": at["S"] + way * moves}) for way in (1, -1)]
        expected[i, j] = (ends[0] - ends[1]) / (2 * step)
    _, gradients = sd.compile(f, wrt=[S])(**{name: at[name] for name in used})
    bars = dict.fromkeys(_bars(line), gradients["S"])
    arrays = {t: at[t.name] for t in (S, x, X)} | bars
    assert np.allclose(Shown(arrays, dims_of(arrays)).value(line.right), expected, atol=1e-6)


def _bars(line: Step) -> set[sd.Tensor]:
    return {p.tensor for p in walk(line.right) if isinstance(p, Array) and p.tensor.role == "cotangent"}


def test_the_convention_is_for_what_is_declared_symmetric() -> None:
    with pytest.raises(ExplainError, match="not declared symmetric"):
        sd.derive(sd.logdet(X), X, symmetric_gradient=True)


SYMMETRIC: dict[str, Callable[[], sd.Tensor]] = {
    "X'X": lambda: sd.matmul(tall.T, tall, name="C"),
    "X + X'": lambda: sd.elementwise(lambda a, b: a + b, X, X.T, name="C"),
    "X S X'": lambda: sd.matmul(X @ S, X.T, name="C"),
    "(X'X)^-1": lambda: sd.inv(tall.T @ tall, name="C"),
    "S . x x'": lambda: sd.elementwise(lambda a, b: a * b, S, sd.outer(x, x), name="C"),
}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_a_defined_matrix_is_symmetric_by_its_form(name: str) -> None:
    told = sd.derive(sd.quadratic(u, SYMMETRIC[name]()), u)
    assert "2·C u" in told.text()


def test_another_one_is_not() -> None:
    told = sd.derive(sd.quadratic(u, sd.matmul(X, S, name="C")), u)
    assert "2·C u" not in told.text()
