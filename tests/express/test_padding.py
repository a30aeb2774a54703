"""Padding against NumPy, with zeros, numbers and the tensor's own elements."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest

from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.padding import Filling, pad
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

from .agreement import agrees

RNG = np.random.default_rng(6)
X = RNG.normal(size=(2, 3))
WIDTHS = [0, 1, (1, 0), ((1, 1), (0, 2))]
OWN: tuple[Filling, ...] = ("edge", "reflect", "symmetric", "wrap")


@pytest.mark.parametrize("width", [*WIDTHS, 4])
def test_zeros(width: Any) -> None:
    agrees(lambda x: pad(x, width), lambda x: anp.pad(x, width, "constant"), x=X)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("value", [2, -0.5])
def test_a_number(width: Any, value: float) -> None:
    agrees(
        lambda x: pad(x, width, value=value),
        lambda x: anp.pad(x, width, "constant", constant_values=value),
        x=X,
    )


def test_an_infinite_number_stays_outside() -> None:
    expected = np.pad(X, 1, constant_values=-np.inf)
    (found,) = outputs(collect([pad(tensor("x", (2, 3)), 1, value=float("-inf"))]), {"x": X})
    np.testing.assert_array_equal(found, expected)


def positions(shape: tuple[int, ...], width: Any, mode: Any) -> np.ndarray:
    return np.pad(np.arange(np.prod(shape)).reshape(shape), width, mode=mode)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("mode", OWN)
def test_own_elements(width: Any, mode: Filling) -> None:
    # The outside library pads with zeros only, so it gathers what NumPy says stands where.
    where = positions((2, 3), width, mode)
    agrees(lambda x: pad(x, width, mode=mode), lambda x: anp.ravel(x)[where], x=X)


@pytest.mark.parametrize("mode", OWN)
def test_a_symbolic_axis_is_padded_as_far_as_it_surely_reaches(mode: Filling) -> None:
    n = Dim("n")
    if mode == "reflect":
        with pytest.raises(ShapeError):
            pad(tensor("x", (n,)), 1, mode=mode)
        return
    (found,) = outputs(collect([pad(tensor("x", (n,)), 1, mode=mode)]), {"x": X[0]})
    np.testing.assert_array_equal(found, np.pad(X[0], 1, mode=mode))


def test_integers_stay_integers() -> None:
    x = tensor("x", (2,), dtype="int64")
    assert [pad(x, 1).dtype, pad(x, 1, value=7).dtype, pad(x, 1, mode="edge").dtype] == ["int64"] * 3
    assert pad(x, 1, value=0.5).dtype == "real"


@pytest.mark.parametrize(("mode", "width"), [("reflect", 2), ("symmetric", 3), ("wrap", 3)])
def test_an_axis_that_is_too_short_is_refused(mode: Filling, width: int) -> None:
    with pytest.raises(ShapeError, match=mode):
        pad(tensor("x", (2,)), width, mode=mode)


@pytest.mark.parametrize("width", [((1, 1),), ((1, 2, 3), (1, 2, 3))])
def test_bad_widths_are_refused(width: Any) -> None:
    with pytest.raises(ExpressionError):
        pad(tensor("x", (2, 3)), width)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ExpressionError, match="mirror"):
        pad(tensor("x", (2, 3)), 1, mode="mirror")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["constant", *OWN])
def test_negative_widths_take_elements_away(mode: Filling) -> None:
    where = np.pad(np.arange(6).reshape(2, 3), ((0, 1), (1, 0)), mode=mode)[:, :-2]
    kept = np.pad(np.ones((2, 3)), ((0, 1), (1, 0)), mode=mode)[:, :-2]
    agrees(
        lambda x: pad(x, ((0, 1), (1, -2)), mode=mode),
        lambda x: anp.ravel(x)[where] * (kept if mode == "constant" else 1),
        x=X,
    )


def test_a_symbolic_axis_gets_shorter() -> None:
    x = tensor("x", (Dim("n"), 3))
    y = pad(x, ((-1, -1), (0, 0)))
    assert y.shape == (Dim("n") - 2, 3)
    (found,) = outputs(collect([y]), {"x": np.arange(12.0).reshape(4, 3)})
    np.testing.assert_array_equal(found, np.arange(12.0).reshape(4, 3)[1:-1])


@pytest.mark.parametrize("width", [-1, ((0, 0), (-4, 1)), ((0, -2), (0, 0))])
def test_nothing_may_not_be_left(width: Any) -> None:
    with pytest.raises(ShapeError, match="negative padding"):
        pad(tensor("x", (2, 3)), width)
