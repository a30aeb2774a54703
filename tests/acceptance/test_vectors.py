"""Gradients, Jacobians, matrix products and affine layers: (1)-(7), (10), (47), (48)."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.explain.printers.latex import latex
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

from .slides import lines_of, same

m, n = sd.Dim("m"), sd.Dim("n")
i, j = sd.indices("i j")
w, x, b = sd.tensor("w", (m, n)), sd.tensor("x", (n,)), sd.tensor("b", (m,))
y = sd.define("y", (i,), sd.Sum(w[i, j] * x[j], j))
z = sd.define("y", (i,), sd.Sum(w[i, j] * x[j], j) + b[i])


def column(letter: str, *places: str) -> str:
    return (
        r"\begin{bmatrix} "
        + r" \\ ".join((p and f"{letter}_{p}") or r"\vdots" for p in places)
        + r"\end{bmatrix}"
    )


W_DOTS = (
    r"\begin{bmatrix} w_{11} & w_{12} & \cdots & w_{1n} \\ w_{21} & w_{22} & \cdots & w_{2n} \\"
    r" \vdots & \vdots & \ddots & \vdots \\ w_{m1} & w_{m2} & \cdots & w_{mn} \end{bmatrix}"
)


def test_1_gradient_as_a_column() -> None:
    parts = [rf"\frac{{\partial f}}{{\partial x_{p}}}" for p in "12n"]
    dots = r"\begin{bmatrix} " + r" \\ ".join([*parts[:2], r"\vdots", parts[2]]) + r" \end{bmatrix}"
    same(lines_of(sd.generic_gradient("f", x))[0], rf"\nabla_x f = {dots}")
    explicit = [rf"\frac{{\partial f}}{{\partial x_{p}}}" for p in "123"]
    whole = r"\begin{bmatrix} " + r" \\ ".join(explicit) + r" \end{bmatrix}"
    same(lines_of(sd.generic_gradient("f", x, sizes={"n": 3}))[0], rf"\nabla_x f = {whole}")


def test_2_descent_converges_to_the_minimum() -> None:
    position = sd.parameter("x", (2,))
    same(
        lines_of(sd.update_rules(sd.nn.SGD(0.1), [position], loss="f", step="t"))[0],
        r"x_{t+1} = x_t - \eta \nabla_x f",
    )
    a = np.array([[3.0, 1.0], [1.0, 2.0]])
    c = np.array([1.0, -1.0])
    A, C = sd.tensor("A", (2, 2)), sd.tensor("c", (2,))
    loss = (position * (A @ position)).sum() * 0.5 - (C * position).sum()
    ((_, new),) = sd.nn.SGD(0.1).updates([position], {position: sd.grad(loss, position)})
    program, here = collect([new]), np.zeros(2)
    for _ in range(400):
        (here,) = outputs(program, {"x": here, "A": a, "c": c, "learning_rate": 0.1})
    np.testing.assert_allclose(here, np.linalg.solve(a, c), rtol=1e-9)


def partial(top: str, bottom: str) -> str:
    return rf"\frac{{\partial y_{top}}}{{\partial x_{bottom}}}"


def test_3_jacobian_with_dots_and_explicit() -> None:
    rows = [
        " & ".join([partial(r, "1"), partial(r, "2"), r"\cdots", partial(r, "n")]) for r in ("1", "2", "m")
    ]
    dots = r" & ".join([r"\vdots", r"\vdots", r"\ddots", r"\vdots"])
    whole = r"\begin{bmatrix} " + r" \\ ".join([rows[0], rows[1], dots, rows[2]]) + r" \end{bmatrix}"
    same(
        lines_of(sd.generic_jacobian(sd.tensor("y", (m,)), x))[0],
        rf"\frac{{\partial y}}{{\partial x}} = {whole}",
    )
    small = lines_of(sd.generic_jacobian(sd.tensor("y", (m,)), x, sizes={"m": 2, "n": 2}))
    rows = [" & ".join(partial(r, c) for c in "12") for r in "12"]
    same(
        small[0],
        rf"\frac{{\partial y}}{{\partial x}} = \begin{{bmatrix}} {rows[0]} \\ {rows[1]} \end{{bmatrix}}",
    )
    assert len(small) == 1


def test_the_derivative_of_a_vector_is_its_jacobian_and_a_loss_of_it_has_a_gradient() -> None:
    same(str(sd.formula(sd.derive(y, x).result)), "w")
    g = sd.tensor("g", (m,))
    gradient = sd.grad((y * g).sum(), x)  # of L(y) = g.y, whose gradient by y is g
    rng = np.random.default_rng(0)
    values = {"w": rng.normal(size=(2, 3)), "g": rng.normal(size=2)}
    (found,) = outputs(collect([gradient]), values)
    np.testing.assert_allclose(found, values["w"].T @ values["g"], rtol=1e-12)


def test_matrix_times_column() -> None:
    shown = lines_of(sd.components(y))
    same(shown[1], "y = w x")
    dots = ("1", "2", "", "n")
    rows = ("1", "2", "", "m")
    same(shown[2], f"{column('y', *rows)} = {W_DOTS} {column('x', *dots)}")
    explicit = lines_of(sd.components(y, sizes={"m": 2, "n": 3}))
    matrix = r"\begin{bmatrix} w_{11} & w_{12} & w_{13} \\ w_{21} & w_{22} & w_{23} \end{bmatrix}"
    same(explicit[2], f"{column('y', '1', '2')} = {matrix} {column('x', '1', '2', '3')}")


def test_4_5_rows() -> None:
    shown = lines_of(sd.components(y, sizes={"m": 2, "n": 3}))
    same(shown[-2], "y_1 = w_{11} x_1 + w_{12} x_2 + w_{13} x_3")
    same(shown[-1], "y_2 = w_{21} x_1 + w_{22} x_2 + w_{23} x_3")


def test_6_partial_derivatives_are_the_entries() -> None:
    shown = lines_of(sd.generic_jacobian(y, x, sizes={"m": 2, "n": 3}))
    rows = [" & ".join(partial(r, c) for c in "123") for r in "12"]
    same(
        shown[0],
        rf"\frac{{\partial y}}{{\partial x}} = \begin{{bmatrix}} {rows[0]} \\ {rows[1]} \end{{bmatrix}}",
    )
    same(shown[1], r"= \begin{bmatrix} w_{11} & w_{12} & w_{13} \\ w_{21} & w_{22} & w_{23} \end{bmatrix}")


def test_7_by_deltas_for_any_size() -> None:
    """With a seed g, the row that multiplies g_i is dy_i/dx_j = sum_k w_ik delta_kj = w_ij."""
    g = sd.tensor("g", (m,))
    derivation = sd.derive((y * g).sum(), x, depth="all")
    shown = [latex(s.right) for s in derivation.steps]
    assert any(r"\sum_i \bar y_i \frac{\partial y_i}{\partial x_j}" in s for s in shown)
    assert r"\sum_{i,p} \bar y_i w_{ip} \delta_{pj}" in shown
    assert r"\sum_i w_{ij} \bar y_i" in shown
    assert r"w^\top g" in shown


def test_7_jacobian_for_symbolic_m_and_n() -> None:
    equation = sd.jacobian(y, x).equation
    assert equation is not None
    assert equation.lhs.shape == (m, n)
    assert (equation.body, equation.reduction, equation.guards) == (w.at(*equation.indices), None, ())


def test_10_jacobian_of_sigma_is_diagonal() -> None:
    s = sd.sigmoid(sd.tensor("z", (m,)), name="s")
    assert s.equation is not None
    (access,) = s.equation.body.atoms(type(w.at(0, 0)))
    jacobian = sd.jacobian(s, access.tensor)
    data = np.array([-1.0, 0.0, 2.0])
    (found,) = outputs(collect([jacobian]), {"z": data})
    sigma = 1 / (1 + np.exp(-data))
    np.testing.assert_allclose(found, np.diag(sigma * (1 - sigma)), rtol=1e-12)


def test_10_sigma_of_a_column() -> None:
    u = sd.tensor("z", (m,))
    s = sd.define("s", (i,), 1 / (1 + sp.exp(-u[i])))
    shown = lines_of(sd.components(s))
    inner = column("z", "1", "2", "", "m")
    same(shown[2], rf"{column('s', '1', '2', '', 'm')} = \sigma({inner})")
    same(shown[3], r"= \begin{bmatrix} \sigma(z_1) \\ \sigma(z_2) \\ \vdots \\ \sigma(z_m) \end{bmatrix}")
    entries = lines_of(sd.generic_jacobian(s, u, sizes={"m": 2}))[1]
    same(entries, r"= \begin{bmatrix} s_1 (1 - s_1) & 0 \\ 0 & s_2 (1 - s_2) \end{bmatrix}")


def test_affine_layer_with_m_biases() -> None:
    shown = lines_of(sd.components(z))
    same(shown[1], "y = w x + b")
    rows = ("1", "2", "", "m")
    same(shown[2], f"{column('y', *rows)} = {W_DOTS} {column('x', '1', '2', '', 'n')} + {column('b', *rows)}")
    wrong = sd.tensor("b", (3,))
    with pytest.raises(sd.SymdlError, match="b"):
        sd.define("y", (i,), sd.Sum(w[i, j] * x[j], j) + wrong[i])


def test_47_48_rows_with_bias() -> None:
    shown = lines_of(sd.components(z, sizes={"m": 2, "n": 3}))
    same(shown[-2], "y_1 = w_{11} x_1 + w_{12} x_2 + w_{13} x_3 + b_1")
    same(shown[-1], "y_2 = w_{21} x_1 + w_{22} x_2 + w_{23} x_3 + b_2")
