"""Several functions and their Jacobian from one call: what each gives alone, in the documented shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import sympy as sp

from symdl.errors import CompileError, ExpressionError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.surface import Sum, define
from symdl.run.compile import compile as build
from tests.targets import EVERY

x, y, z, w = sp.symbols("x y z w")
FUNCTIONS = [
    sp.sin(x * y) + z,
    sp.sin(x * y) ** 2,
    sp.Integer(2),
    x,
    sp.log(1 + sp.exp(x * z)),
    sp.sqrt(sp.Max(x, 0)),
    x,
]
SYMBOLS = [x, z, w]
POINTS = [
    {"x": 1.25, "y": -2.0, "z": 3.0},
    {"x": np.array([-1.0, 0.0, 2.0]), "y": 0.5, "z": 1.0},
    {"x": np.array([-1.0, 0.0, 2.0]), "y": 0.5, "z": np.array([[0.0], [400.0]])},
    {"x": np.zeros(0), "y": 0.5, "z": 1.0},
    {"x": np.linspace(-1, 1, 20_000), "y": 0.5, "z": 1},
]


def ones(given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return values and derivatives of each function alone, stacked."""
    shape = np.broadcast_shapes(*map(np.shape, given.values()))
    values, slopes = [], {str(s): [] for s in SYMBOLS}
    for f in FUNCTIONS:
        names = {str(s) for s in f.free_symbols}
        made: Any = build(f, wrt=SYMBOLS)
        value, found = made(**{n: given[n] for n in names})
        values.append(np.broadcast_to(value, shape))
        for name, slope in found.items():
            slopes[name].append(np.broadcast_to(slope, shape))
    return np.array(values), {name: np.array(parts) for name, parts in slopes.items()}


@pytest.mark.parametrize("given", POINTS, ids=range(len(POINTS)))
def test_a_list_gives_what_each_function_gives(given: dict[str, Any]) -> None:
    made: Any = build(FUNCTIONS, wrt=SYMBOLS)
    values, slopes = made(**given)
    wanted, columns = ones(given)
    assert values.shape == wanted.shape == (7, *np.broadcast_shapes(*map(np.shape, given.values())))
    np.testing.assert_allclose(values, wanted, rtol=1e-14)
    assert list(slopes) == ["x", "z", "w"]
    for name, column in columns.items():
        assert slopes[name].shape == column.shape and slopes[name].dtype == "float64"
        np.testing.assert_allclose(slopes[name], column, rtol=1e-14)
    plain: Any = build(FUNCTIONS)
    np.testing.assert_array_equal(plain(**given), values)


@EVERY
def test_targets_and_a_matrix(target: Any) -> None:
    matrix = sp.Matrix([[x * y, y, 0], [sp.sin(x * y), 1, x / 2]])
    made: Any = build(matrix, wrt=[y], target=target, dtype="float32")
    values, slopes = made(x=np.linspace(0, 1, 5), y=2.0)
    assert values.shape == slopes["y"].shape == (2, 3, 5) and values.dtype == np.float32
    for row, column in np.ndindex(2, 3):
        f = sp.lambdify([x, y], matrix[row, column])
        g = sp.lambdify([x, y], matrix[row, column].diff(y))
        wanted = (
            np.broadcast_to(f(np.linspace(0, 1, 5), 2.0), 5),
            np.broadcast_to(g(np.linspace(0, 1, 5), 2.0), 5),
        )
        np.testing.assert_allclose(values[row, column], wanted[0], rtol=1e-5)
        np.testing.assert_allclose(slopes["y"][row, column], wanted[1], rtol=1e-5)
    assert made(x=1, y=1)[0].shape == (2, 3)


def test_what_functions_have_in_common_is_computed_once() -> None:
    inner = sp.exp(sp.sin(x) * y)
    made: Any = build([inner * k + sp.cos(k * x) for k in range(1, 6)], wrt=[x, y])
    exponentials = [e for e in made.program.equations if e.body.has(sp.exp)]
    assert len(exponentials) == 1


def test_equations_grow_with_the_number_of_residuals() -> None:
    """A function that reads few symbols adds only its own derivatives, and zeros."""

    def count(residuals: int) -> int:
        points = sp.symbols(f"p:{residuals}")
        made: Any = build([sp.exp(-p * x) - p for p in points], wrt=[x, points[0]], target="python")
        return len(made.program.equations)

    small, large = count(10), count(20)
    assert large <= 2 * small


def test_what_is_no_list_of_functions() -> None:
    with pytest.raises(CompileError, match="no output"):
        build([])
    with pytest.raises(CompileError, match="is no tensor"):
        build(["x"])
    with pytest.raises(ExpressionError, match="'y' is no scalar"):
        build([x, "y"])
    with pytest.raises(ExpressionError, match="cannot be computed"):
        build([x, sp.Function("f")(x)])
    with pytest.raises(CompileError, match="facts are about tensors"):
        build([x, y], facts=[None])  # type: ignore[list-item]


class TestTensors:
    n = Dim("n")
    i, j = indices("i j")
    A, t = tensor("A", (n, 3)), tensor("t", (n,))
    v, c = parameter("v", (3,)), parameter("c", ())

    def residuals(self) -> Any:
        i, j = self.i, self.j
        h = define("h", (i,), Sum(self.A[i, j] * self.v[j], j))
        return define("r", (i,), sp.exp(self.c.at() * h[i]) - self.t[i])

    @EVERY
    def test_a_vector_and_its_jacobian(self, target: Any) -> None:
        made: Any = build(self.residuals(), wrt="parameters", target=target)
        rng = np.random.default_rng(1)
        a, v = rng.normal(size=(5, 3)), rng.normal(size=3)
        value, slopes = made(A=a, v=v, c=0.3, t=np.ones(5))
        e = np.exp(a @ v * 0.3)
        np.testing.assert_allclose(value, e - 1, rtol=1e-13, atol=1e-13)
        assert slopes.keys() == {"v", "c"} and slopes["v"].shape == (5, 3) and slopes["c"].shape == (5,)
        np.testing.assert_allclose(slopes["v"], 0.3 * e[:, None] * a, rtol=1e-13)
        np.testing.assert_allclose(slopes["c"], e * (a @ v), rtol=1e-13)

    def test_no_matrix_of_residuals_by_residuals(self) -> None:
        """The derivative of elementwise functions is diagonal: it is multiplied as a column."""
        made: Any = build(self.residuals(), wrt="parameters")
        assert made.structures == ("gemm", "i0")


DATA = """10.07 77.6 14.73 114.9 17.94 141.1 23.93 190.8 29.61 239.9 35.18 289.0 40.02 332.8
          44.82 378.4 50.76 434.8 55.05 477.3 61.01 536.8 66.40 593.1 75.47 689.1 81.78 760.0"""


def test_a_fit_by_scipy_from_one_compiled_function() -> None:
    """Misra1a of NIST's Statistical Reference Datasets, to nine certified digits."""
    observed, at = np.array(DATA.split(), float).reshape(-1, 2).T
    b1, b2, t, d = sp.symbols("b1 b2 t d")
    compiled: Any = build(b1 * (1 - sp.exp(-b2 * t)) - d, wrt=[b1, b2])
    known: dict[bytes, Any] = {}

    def both(b: Any) -> Any:
        if b.tobytes() not in known:
            known.clear()
            known[b.tobytes()] = compiled(b1=b[0], b2=b[1], t=at, d=observed)
        return known[b.tobytes()]

    def residuals(b: Any) -> Any:
        return both(b)[0]

    def columns(b: Any) -> Any:
        return np.stack([*both(b)[1].values()], axis=-1)

    found = scipy.optimize.least_squares(
        residuals,
        [500, 0.0001],
        columns,
        x_scale="jac",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    np.testing.assert_allclose(found.x, [2.3894212918e02, 5.5015643181e-04], rtol=1e-9)
    np.testing.assert_allclose(2 * found.cost, 1.2455138894e-01, rtol=1e-9)
