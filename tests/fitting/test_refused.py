"""What cannot be fitted is refused before anything is compiled, with a cure."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import FittingError

x, a, b, c = sp.symbols("x a b c")
CURVE = a * sp.exp(-b * x)
X = np.arange(6.0)
Y = 2 * np.exp(-0.5 * X)
START = {a: 1, b: 1}
GOOD: dict[str, Any] = {"formula": CURVE, "x": X, "y": Y, "start": START}


def hole(values: np.ndarray, *rows: int) -> np.ndarray:
    found = values.copy()
    found[list(rows)] = np.nan
    return found


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "lengths": ({"x": X[:5]}, r"lengths differ\n.*y \(6,\), x \(5,\)", "one value of each"),
    "nan in y": ({"y": hole(Y, 2)}, "y is nan in row 2", "leave those points out"),
    "nan in x": ({"x": hole(X, 4, 5)}, r"x is nan in row 4 \(2 values", "np.isfinite"),
    "text": ({"x": list("abcdef")}, "x holds text", "real numbers"),
    "empty": ({"y": [], "x": []}, "y is empty", "as many points"),
    "constant": ({"y": np.ones(6)}, "all 6 values of y are 1", "values that vary"),
    "few points": ({"x": X[:1], "y": Y[:1]}, "1 points cannot determine 2", "fixed="),
    "no start": ({"start": {a: 1}}, "no start for b", r"start=\{b: 1.0"),
    "unknown start": ({"start": {a: 1, b: 1, c: 2}}, "start has 'c'", "choose from a, b"),
    "unknown bound": ({"bounds": {c: (0, 1)}}, "bounds has 'c'", "choose from a, b"),
    "unknown fixed": ({"fixed": {c: 0}}, "fixed has 'c'", "choose from a, b"),
    "outside": ({"bounds": {b: (2, 3)}}, r"b starts at 1, outside of its bounds \(2, 3\)", "widen"),
    "turned bounds": ({"bounds": {b: (3, 2)}}, r"bounds of b are \(3, 2\)", "lower bound comes first"),
    "no pair": ({"bounds": {b: 3}}, "no pair", "None where there is none"),
    "infinite start": ({"start": {a: np.inf, b: 1}}, "start of a is inf", "finite"),
    "array start": ({"start": {a: [1, 2], b: 1}}, "start of a has another shape", "one value"),
    "start no mapping": ({"start": [1, 1]}, "start is a list", "dictionary"),
    "no measured": ({"y": None}, "no array says what was measured", "y=array"),
    "two measured": ({"z": Y}, "reads none of y, z", "sd.fit"),
    "idle": ({"formula": {"y": CURVE}, "z": Y}, "no formula reads z", "leave it out"),
    "missing measured": ({"formula": {"w": CURVE}}, "w was measured, but", "w=array"),
    "sigma 0": ({"sigma": [1, 1, 0, 1, 1, 1]}, "sigma of y is 0 in row 2", "larger than 0"),
    "sigma shape": ({"sigma": [1, 1]}, "sigma of y has another shape", "one for each point"),
    "absolute": ({"absolute_sigma": True}, "there is no sigma", "pass sigma="),
    "sigma name": ({"sigma": {"z": 1}}, "sigma has 'z'", "choose from y"),
    "tied and started": ({"tied": {b: 2 * a}}, "b is tied to 2[*]a", "leave it out"),
    "circle": ({"tied": {a: 2 * b, b: a / 2}}, "tied to itself", "free or fixed"),
    "all fixed": ({"fixed": [a, b]}, "nothing is left to fit", "free"),
    "fixed and bounded": ({"fixed": {b: 1}, "bounds": {b: (0, 2)}}, "fixed, and has bounds", "leave"),
    "loss": ({"loss": "l1"}, "loss='l1'", "'soft_l1'"),
    "loss scale": ({"loss_scale": 0}, "loss_scale=0", "outlier"),
    "tries": ({"tries": 0}, "tries=0", "positive"),
    "formula": ({"formula": [CURVE]}, "no formula", "SymPy expression"),
    "text formula": ({"formula": "a*exp("}, "no formula", "[a-z]"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changes, message, cure = BAD[case]
    options = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}

    def nothing_is_compiled(*_: Any) -> Any:
        raise AssertionError("compiled")

    monkeypatch.setattr("symdl.fitting.fit.compiled", nothing_is_compiled)
    with pytest.raises(FittingError, match=f"(?s){message}") as caught:
        sd.fit(options.pop("formula"), **options)
    assert caught.value.cure is None if not cure else re.search(cure, str(caught.value.cure))


def test_a_formula_without_code_is_named_as_it_was_written() -> None:
    with pytest.raises(FittingError, match="I cannot be computed") as caught:
        sd.fit(sp.I * a * x, x=X, y=Y, start={a: 1})
    assert caught.value.expression == sp.I * a * x


def test_a_formula_that_is_not_finite_names_row_and_part() -> None:
    formula = a * sp.log(x - b) + c
    with pytest.raises(FittingError) as caught:
        sd.fit(formula, x=X, y=Y, start={a: 1, b: 1.5, c: 0})
    text = str(caught.value)
    assert "the formula of y is nan at the start, in row 0, and in 1 other rows" in text
    assert "log(-b + x) is nan, where -b + x = -1.5" in text
    assert "x = 0" in text and "b = 1.5" in text


def test_a_derivative_that_is_not_finite_names_the_parameter() -> None:
    with pytest.raises(
        FittingError, match="derivative of y with respect to b is -?inf at the start, in row 2"
    ):
        sd.fit(a * sp.sqrt(x - b), x=[4.0, 3.0, 1.0], y=[1.0, 2.0, 3.0], start={a: 1, b: 1})


def test_a_tensor_formula_that_is_not_finite_names_its_equation() -> None:
    u, w = sd.tensor("u", (6,)), sd.parameter("w", ())
    with pytest.raises(
        FittingError, match=r"is nan at the start, in row 0(?s:.*)the first that is not finite"
    ):
        sd.fit(w * sd.log(u - 1), u=X, y=Y, start={w: 1.0})


def test_shapes_of_a_tensor_formula_are_compared() -> None:
    u, w = sd.tensor("u", (6,)), sd.parameter("w", ())
    with pytest.raises(FittingError, match="another number of values"):
        sd.fit((w * u).sum(), u=X, y=Y, start={w: 1.0})


def test_questions_that_a_fit_cannot_answer() -> None:
    fit = sd.fit(CURVE, x=X, y=Y + 0.01 * X, start=START)
    for call, message in (
        (lambda: fit.predict(z=1), "reads no 'z'"),
        (lambda: fit.predict(of="w", x=1), "nothing measured is called 'w'"),
        (lambda: fit.intervals("q"), "no free parameter is called 'q'"),
        (lambda: fit.intervals(method="exact"), "method='exact'"),  # type: ignore[arg-type]
        (lambda: fit.band(x=1, level=95), "level=95"),
    ):
        with pytest.raises(FittingError, match=message):
            call()
