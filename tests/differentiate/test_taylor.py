"""Taylor polynomials of tensors: exact for polynomials, wrong by the next power."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl.errors import DerivativeError, ShapeError

x, a, B = sd.tensor("x", (3,)), sd.tensor("a", (3,)), sd.tensor("B", (3, 3))
rng = np.random.default_rng(1)
AT = {"x": rng.normal(size=3), "a": rng.normal(size=3)}


@given(st.integers(0, 4), st.integers(0, 6))
def test_polynomials_come_back_from_their_degree_on(degree: int, order: int) -> None:
    f = ((x + 1) ** degree * x).sum()
    found = sd.compile(sd.taylor(f, x, about=a, order=order), target="python")
    value = found(**(AT if order else {"a": AT["a"]}))
    exact = ((AT["x"] + 1) ** degree) @ AT["x"]
    assert (order <= degree) or value == pytest.approx(exact, rel=1e-10)


def test_terms_are_gradient_and_hessian() -> None:
    f = sd.exp(sd.sin(x) @ x)
    at = AT["a"]
    slope = sd.compile(sd.grad(f, x), target="python")(x=at)
    curve = sd.compile(sd.hessian(f, x), target="python")(x=at)
    step = AT["x"] - at
    wanted = np.exp(np.sin(at) @ at) + slope @ step + step @ curve @ step / 2
    found = sd.compile(sd.taylor(f, x, about=a), target="python")(**AT)
    assert found == pytest.approx(wanted, rel=1e-12)


def test_the_error_falls_with_the_next_power_and_the_point_may_be_numbers() -> None:
    point = np.array([0.3, -0.2, 0.5])
    found = sd.compile(sd.taylor(sd.sin(x) * sd.exp(x), x, about=point, order=3), target="python")
    errors = [np.abs(found(x=point + h) - np.sin(point + h) * np.exp(point + h)).max() for h in (1e-1, 5e-2)]
    assert 13 < errors[0] / errors[1] < 19


def test_it_is_printed_and_differentiated() -> None:
    assert (
        str(sd.formula(sd.taylor(x @ B @ x, x, about=a, order=1))) == "aᵀ B a + aᵀ B (x - a) + (x - a)ᵀ B a"
    )
    slope = sd.compile(sd.grad(sd.taylor((x**3).sum(), x, about=a), x), target="python")(**AT)
    np.testing.assert_allclose(slope, 3 * AT["a"] ** 2 + 6 * AT["a"] * (AT["x"] - AT["a"]), rtol=1e-12)


def test_what_cannot_be_expanded_is_refused() -> None:
    f = sd.sin(x).sum()
    for wrt, order in ((a, 2), (x, -1), (x, True), (x + 1, 1)):
        with pytest.raises(DerivativeError):
            sd.taylor(f, wrt, about=a, order=order)
    with pytest.raises(ShapeError):
        sd.taylor(x.sum(), x, about=B)
