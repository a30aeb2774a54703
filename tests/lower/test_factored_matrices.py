"""Matrices are factored once, products with inverses are solutions; both agree with what was written."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.express.program import Program, collect
from symdl.lower.ir.loops import Let, Store, statements
from symdl.lower.ir.scalars import MATRIX
from symdl.run.compiled import Compiled
from tests.lowering import lower

from .programs import assert_agrees

n, m, b = sd.Dim("n"), sd.Dim("m"), sd.Dim("b")
A, y = sd.tensor("A", (n, n)), sd.tensor("y", (n,))
i, k = sd.indices("i k")


def regular(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape) + 3 * np.eye(shape[-1])


def functions(program: Program) -> list[str]:
    """Return the functions of matrices that a program calls."""
    works = [step.work for step in lower(program).steps if isinstance(step.work, tuple)]
    items = [s for work in works for s in statements(work)]
    ops = [s.body.result.op for s in items if isinstance(s, Let | Store)]
    return sorted(op for op in ops if op in MATRIX)


FORMS: dict[str, tuple[Any, list[str]]] = {
    "solve": (lambda: sd.solve(A, y), ["factors", "solution"]),
    "from the left": (lambda: y @ sd.inv(A), ["factors", "transposed_solution"]),
    "many": (lambda: sd.solve(A, sd.tensor("B", (n, m))), ["factors", "solution"]),
    "many from the left": (lambda: sd.tensor("B", (m, n)) @ sd.inv(A), ["factors", "transposed_solution"]),
    "quadratic": (lambda: sd.quadratic(y, sd.inv(A)), ["factors", "solution"]),
    "formula": (lambda: sd.Sum(sd.inv(A)[i, k] * (y[k] - 3) ** 2 / 7, k), ["factors", "solution"]),
    "rows": (lambda: sd.inv(A).sum(axis=1), ["factors", "solution"]),
    "negative power": (lambda: sd.matrix_power(A, -2) @ y, ["factors", "solution", "solution"]),
    "inverse read": (lambda: sd.inv(A) * sd.inv(A), ["factors", "inverse_of_factors"]),
    "trace": (lambda: sd.trace(sd.inv(A) @ sd.tensor("B", (n, n))), ["factors", "inverse_of_factors"]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [2, 15])
def test_products_with_an_inverse_are_solutions(form: str, size: int) -> None:
    make, expected = FORMS[form]
    value = make() if form != "formula" else sd.define("z", (i,), make())
    values = {"A": regular(size, size), "y": regular(size, size)[0], "B": regular(size, size)}
    program = collect([value])
    names = {t.name for t in program.inputs}
    assert_agrees(program, {name: v for name, v in values.items() if name in names}, targets=("cpu",))
    assert functions(program) == expected


def test_a_matrix_is_factored_once_for_value_and_gradient() -> None:
    loss = (y * sd.solve(A, y)).sum() + sd.logdet(A)
    program = differentiate(loss, [A, y]).program
    expected = ["factors", "inverse_of_factors", "logdet_of_factors", "solution", "transposed_solution"]
    assert functions(program) == expected
    values = {"A": regular(14, 14) @ regular(14, 14).T, "y": np.ones(14)}
    assert_agrees(program, values, targets=("cpu",))


def test_no_inverse_is_formed_where_only_products_are_read() -> None:
    x = sd.solve(A, y)
    once = differentiate((x * x).sum(), [A, y]).program
    assert not any("inverse" in f for f in functions(once))


@pytest.mark.parametrize("axes", [(b,), (2, b)])
@pytest.mark.parametrize("size", [3, 13])
def test_batches(axes: tuple[Any, ...], size: int) -> None:
    C, B = sd.tensor("C", (*axes, n, n)), sd.tensor("B", (*axes, n, m))
    X = sd.solve(C, B)
    shape = (3,) if len(axes) == 1 else (2, 3)
    values = {"C": regular(*shape, size, size), "B": regular(*shape, size, size)[..., :2]}
    assert_agrees(collect([X, sd.det(C)]), values, targets=("cpu",))
    assert_agrees(differentiate((X * X).sum(), [C, B]).program, values, targets=("cpu",))


@settings(max_examples=12, deadline=None)
@given(size=st.integers(1, 30), columns=st.integers(1, 4), seed=st.integers(0, 99))
def test_solutions_are_as_accurate_as_numpy(size: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix, right = rng.normal(size=(size, size)), rng.normal(size=(size, columns))
    found = SOLVE(A=matrix, B=right)
    assert found[0].shape == right.shape
    scale = np.abs(matrix) @ np.abs(found[0]) + np.abs(right)
    assert np.all(np.abs(matrix @ found[0] - right) <= 1e-14 * size * scale)
    np.testing.assert_allclose(found[1], np.linalg.det(matrix), rtol=1e-10)


SOLVE = Compiled(collect([sd.solve(A, sd.tensor("B", (n, m))), sd.det(A)]), target="cpu")


@pytest.mark.parametrize("size", [2, 20])
def test_singular_matrices_and_nan(size: int) -> None:
    run = Compiled(collect([sd.det(A), sd.logdet(A), sd.inv(A), sd.solve(A, y)]), target="cpu")
    determinant, logarithm, *rest = run(A=np.ones((size, size)), y=np.ones(size))
    assert determinant == 0 and logarithm == -np.inf and all(np.isnan(r).all() for r in rest)
    bad = regular(size, size)
    bad[1, 0] = np.nan
    assert all(np.isnan(r).any() for r in run(A=bad, y=np.ones(size)))


@pytest.mark.parametrize("kind", ["positive definite", "indefinite", "lower", "upper", "singular lower"])
def test_values_choose_the_factors(kind: str) -> None:
    size = 17
    matrix = regular(size, size)
    symmetric = matrix + matrix.T
    matrix = {
        "positive definite": matrix @ matrix.T,
        "indefinite": symmetric - np.diag(np.diag(symmetric)) + np.eye(size),
        "lower": np.tril(matrix),
        "upper": np.triu(matrix),
        "singular lower": np.tril(matrix) * (np.arange(size) != 4),
    }[kind]
    B = sd.tensor("B", (n, m))
    right = regular(size, size)[:, :3]
    program = collect([sd.det(A), sd.logdet(A), sd.inv(A), sd.solve(A, B), B.T @ sd.inv(A)])
    found = Compiled(program, target="cpu")(A=matrix, B=right)
    if kind == "singular lower":
        assert found[0] == 0 and found[1] == -np.inf and all(np.isnan(f).all() for f in found[2:])
        return
    sign, size_of = np.linalg.slogdet(matrix)
    inverse = np.linalg.inv(matrix)
    expected = [
        np.linalg.det(matrix),
        size_of if sign > 0 else np.nan,
        inverse,
        inverse @ right,
        right.T @ inverse,
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11 * np.abs(other).max())


def test_the_logarithm_of_a_determinant_does_not_overflow() -> None:
    value = sd.log(sd.det(A)) + (sd.log(sd.det(A)) * 2).sum()
    program = differentiate(value, [A]).program
    assert functions(program) == ["factors", "inverse_of_factors", "logdet_of_factors"]
    matrix = 1e4 * (regular(90, 90) @ regular(90, 90).T + np.eye(90))
    found, slope = Compiled(program, target="cpu")(A=matrix)
    np.testing.assert_allclose(found, 3 * np.linalg.slogdet(matrix)[1])
    np.testing.assert_allclose(slope, 3 * np.linalg.inv(matrix).T, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("dtype, limit", [("float64", 1e-15), ("float32", 1e-6)])
def test_the_residual_of_a_hilbert_matrix_is_at_rounding(
    dtype: Literal["float32", "float64"], limit: float
) -> None:
    at = np.arange(8)
    matrix = (1 / (1 + at[:, None] + at)).astype(dtype)
    right = matrix.astype("float64").sum(axis=1)
    found = sd.compile(sd.solve(A, y), dtype=dtype)(A=matrix, y=right)
    assert np.abs(matrix.astype("float64") @ found - right).max() <= limit


@pytest.mark.parametrize("size", [1, 3, 14])
def test_cholesky_and_its_derivatives(size: int) -> None:
    C, W = sd.tensor("C", (b, n, n)), sd.tensor("W", (n, n))
    factor = sd.cholesky(C)
    values = {"C": positive(2, size), "W": regular(size, size)}
    assert_agrees(collect([factor]), {"C": values["C"]}, targets=("python", "cpu"))
    loss = (W * factor * factor).sum()
    slopes = differentiate(loss, [C]).program
    assert_agrees(slopes, values, targets=("python", "cpu"))
    assert_agrees(collect([sd.jvp(factor, {C: W + C})]), values, targets=("cpu",))
    if size > 1:
        expected = ["cholesky", "factors", "transposed_solution", "transposed_solution"]
        assert functions(slopes) == expected


def test_the_gradient_of_a_cholesky_factor_has_no_tensor_of_three_axes() -> None:
    slopes = differentiate((A * sd.cholesky(A)).sum(), [A]).program
    assert max(len(t.shape) for t in lower(slopes).program.tensors) == 2


@pytest.mark.parametrize("size", [2, 14])
def test_a_matrix_that_is_not_positive_definite_has_no_cholesky_factor(size: int) -> None:
    for target in ("python", "cpu"):
        run = Compiled(collect([sd.cholesky(A)]), target=target)
        assert np.isnan(run(A=np.diag([1.0] * (size - 1) + [-1.0]))[0]).all()


P = sd.tensor("P", (n, n), positive_definite=True)
SHARED: dict[str, tuple[Any, list[str]]] = {
    "two Cholesky factors": (
        lambda: (sd.cholesky(A) ** 2).sum() + sd.trace(sd.cholesky(A)),
        ["cholesky", "factors", "transposed_solution", "transposed_solution"],
    ),
    "eigenvalues of a sum": (lambda: sd.log(sd.eigh(A + 1)[0]).sum() + sd.eigh(1 + A)[0].max(), ["eigh"]),
    "eigenvalues and vectors": (lambda: sd.eigh(A)[0].sum() + (sd.eigh(A)[1] * A).sum(), ["eigh"]),
    "of a product of elements": (
        lambda: sd.logdet(A * A + 2) + (sd.solve(A * A + 2, y) ** 2).sum(),
        ["factors", "inverse_of_factors", "logdet_of_factors", "solution", "transposed_solution"],
    ),
    "of renamed indices": (
        lambda: (
            sd.det(sd.define(None, (i, k), 3 * A[i, k])) + sd.logdet(sd.define(None, (k, i), A[k, i] * 3))
        ),
        ["det_of_factors", "factors", "inverse_of_factors", "logdet_of_factors"],
    ),
    "Cholesky's factor of what is solved": (
        lambda: sd.logdet(P) + sd.solve(P, y).sum() + sd.trace(sd.cholesky(P)),
        [
            *("cholesky_of_factors", "factors", "factors", "inverse_of_factors", "logdet_of_factors"),
            *("solution", "transposed_solution", "transposed_solution", "transposed_solution"),
        ],
    ),
}
"""What is written twice; a triangle, such as Cholesky's factor, is its own `factors`."""


@pytest.mark.parametrize("form", SHARED)
def test_equal_functions_of_matrices_share_their_factors(form: str) -> None:
    make, expected = SHARED[form]
    loss = make()
    program = differentiate(loss, [t for t in (A, P) if t in collect([loss]).inputs]).program
    assert functions(program) == expected
    for size in (1, 4, 15):
        values = {t.name: positive(1, size)[0] if t.rank == 2 else np.ones(size) for t in program.inputs}
        assert_agrees(program, values, targets=("python", "cpu"))


@pytest.mark.parametrize("size", [4, 15])
def test_cholesky_beside_other_functions_is_what_it_is_alone(size: int) -> None:
    alone, beside = (
        sd.compile(sd.cholesky(P)),
        Compiled(collect([sd.cholesky(P), sd.logdet(P)]), target="cpu"),
    )
    for value in (
        positive(1, size)[0],
        np.diag(np.arange(1.0, size + 1)),
        -np.eye(size),
        np.full((size, size), np.nan),
    ):
        np.testing.assert_array_equal(beside(P=value)[0], alone(P=value))


def positive(count: int, size: int) -> np.ndarray:
    half = np.random.default_rng(2).normal(size=(count, size, size))
    return half @ half.swapaxes(1, 2) + np.eye(size)


def test_a_triangle_is_not_eliminated() -> None:
    x = sd.solve_triangular(A, y)
    values = {"A": regular(20, 20), "y": np.ones(20)}
    assert_agrees(collect([x]), values, targets=("cpu",))
    slopes = differentiate((x * x).sum(), [A, y]).program
    assert functions(slopes) == ["factors", "solution", "transposed_solution", "transposed_solution"]
    assert_agrees(slopes, values, targets=("cpu",))
