"""Verdicts: what has no slope is told by name, and what is wrong is still found."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.check.report import GradientReport

x, y = sp.symbols("x y")
n = sd.Dim("n")
RNG = np.random.default_rng(8)


def checked(loss: Any, **rest: Any) -> GradientReport:
    return sd.check_gradients(loss, compiled=False, **rest)


def words(report: GradientReport) -> dict[str, str]:
    return {name: found.word for name, found in report.verdicts.items()}


@pytest.mark.parametrize(
    ("f", "at", "word", "corner"),
    [
        (sp.Max(x, 0), {"x": 0.0}, "kink", "kink"),
        (sp.Abs(x) + sp.sin(3 * x) + 100, {"x": 0.0}, "kink", "kink"),
        (sp.Max(x, y), {"x": 1.0, "y": 1.0}, "tie", "tie"),
        (sp.Min(x, y) ** 2, {"x": 1.0, "y": 1.0}, "tie", "tie"),
        (sp.Piecewise((x, x > 0), (3 * x, True)), {"x": 0.0}, "kink", "boundary"),
        (sp.floor(x) + x, {"x": 2.0}, "jump", "jump"),
        (sp.sign(x) + x, {"x": 0.0}, "jump", "jump"),
        (sp.sqrt(x), {"x": 0.0}, "not finite", None),
        (sp.log(x), {"x": 0.0}, "not finite", None),
        (x / sp.Abs(x), {"x": 0.0}, "not finite", "kink"),
        (1 / x, {"x": 0.0}, "not finite", None),
        (x**2, {"x": np.nan}, "not finite", None),
        (sp.exp(x), {"x": 1000.0}, "not finite", None),
        (x + sp.Float("1e16"), {"x": 1.0}, "cancellation", None),
        (sp.sin(10**13 * x), {"x": 0.3}, "unresolved", None),
        (sp.Abs(x), {"x": 1e-5}, "agrees", None),
        (sp.sqrt(x), {"x": 1e-8}, "agrees", None),
        (sp.Max(x, 0), {"x": -1.0}, "agrees", None),
        (sp.exp(-((x * 10**4) ** 2)), {"x": 5e-5}, "agrees", None),
        (10**6 + sp.sin(x), {"x": 0.3}, "agrees", None),
        (sp.exp(x), {"x": 700.0}, "agrees", None),
        (sp.sin(x) * sp.Float("1e-30"), {"x": 0.3}, "agrees", None),
    ],
)  # fmt: skip
def test_hard_points(f: sp.Expr, at: Mapping[str, float], word: str, corner: str | None) -> None:
    report = checked(f, at=at).raise_if_failed()
    assert set(words(report).values()) == {word}, report
    assert [c.kind for c in report.corners] == ([] if corner is None else [corner])
    assert (word == "agrees") == ("all agree" in str(report))
    assert word in report._repr_html_()


def wrong_by(slope: float, point: Mapping[str, Any]) -> dict[str, Any]:
    return {"x": np.asarray(slope)}


def test_a_kink_lies_between_its_sides() -> None:
    """At a kink a method may have any slope between those of the two sides, and no other."""
    for slope, ok in ((0.0, True), (0.4, True), (1.0, True), (1.1, False), (-0.1, False), (np.nan, False)):
        report = sd.check_gradients(sp.Max(x, 0), at={"x": 0.0}, compiled=partial(wrong_by, slope))
        assert report.ok == ok
        assert words(report) == {"x": "kink" if ok else "differs"}


def test_ties_of_a_maximum_are_found_beyond_the_elements_that_are_drawn() -> None:
    """The tape gives all to the first of equal elements, symdl to the last: these are looked at again."""
    A = sd.tensor("A", (50, 8))
    at = {"A": RNG.integers(0, 3, (50, 8)).astype(float)}
    loss = sd.define("m", (i,), sd.Max(A[i, j] ** 2, j)).sum()
    report = checked(loss, at=at, wrt="A", entries=3).raise_if_failed()
    assert words(report) == {"A": "tie"}
    (corner,) = report.corners
    assert corner.kind == "tie" and corner.count > 30


i, j = sd.indices("i j")


def test_the_worst_element_is_named() -> None:
    W = sd.parameter("W", (3, 4))
    loss = (W**3).sum()
    at = {"W": RNG.normal(size=(3, 4))}

    def kernel(point: dict[str, Any]) -> dict[str, np.ndarray]:
        wrong = 3 * point["W"] ** 2
        wrong[1, 2] *= 1.001
        wrong[2, 3] *= 1 + 1e-5
        return {"W": wrong}

    found = sd.check_gradients(loss, at=at, compiled=kernel).verdicts["W"]
    assert (found.word, found.index, found.against, found.count) == ("differs", (1, 2), ("compiled",), 2)
    assert found.values["tape"] == pytest.approx(3 * at["W"][1, 2] ** 2, rel=1e-12)
    assert found.values["compiled"] == pytest.approx(3.003 * at["W"][1, 2] ** 2, rel=1e-12)
    assert str(found).startswith("differs (compiled): W[1, 2] and 1 more: symbolic ")


@settings(max_examples=20)
@given(
    st.integers(-12, 12), st.floats(1e-5, 1e-3), st.sampled_from(["central", "tape", "compiled", "float32"])
)
def test_wrong_slopes_are_found_at_every_scale(power: int, off: float, method: str) -> None:
    """What one method has wrong is found, however large or small the loss is."""
    f = sp.sin(x * y) * sp.Float(10) ** power
    at = {"x": 0.7, "y": 1.9}
    report = checked(f, at=at)
    right = report.methods["symbolic"]
    off = max(off, 3e-4) if method == "float32" else off
    wrong = {**report.methods, method: {"x": right["x"], "y": right["y"] * (1 + off)}}
    tolerances = {**report.tolerances, "compiled": 1e-9, "float32": 1e-4}
    worse = GradientReport(
        *(report.value, wrong, tolerances, report.elements, report.rounding, report.corners),
        {},
        report.problem,
    )
    assert worse.failures == (("y", method),)


def test_differences_see_a_wrong_derivation() -> None:
    """What every exact method has wrong, differences still see."""
    right = checked(sp.sin(x * y), at={"x": 0.7, "y": 1.9})
    wrong = {m: {**g, "x": g["x"] * 1.00001} if m != "central" else g for m, g in right.methods.items()}
    report = GradientReport(right.value, wrong, right.tolerances, right.elements, right.rounding)
    assert report.failures == (("x", "central"),)


def network() -> Any:
    X, t = sd.tensor("X", (n, 4)), sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 5, activation=sd.relu, name="first")
    return sd.nn.cross_entropy(sd.nn.dense(h, 3, name="second"), t)


@pytest.mark.parametrize(
    ("what", "wrt"),
    [
        (network, "parameters"),
        (lambda: sd.Model(network()), "parameters"),
        (lambda: sd.Model({"a": network(), "b": sd.parameter("w", ()) ** 2}), "parameters"),
        (lambda: sd.softmax(sd.tensor("X", (n, 4))), "X"),
        (lambda: sd.nn.rnn(sd.tensor("X", (n, sd.Dim("T"), 2)), 3, name="r"), "parameters"),
        (lambda: sd.inv(sd.tensor("S", (3, 3), positive_definite=True)).sum(), "S"),
        (lambda: sp.log(x) * sp.sqrt(y) + sp.acosh(1 + x), "parameters"),
        (lambda: sp.asin(x) + sp.atanh(y), ["y"]),
    ],
    ids=["loss", "model", "models", "tensor", "sequence", "matrix", "function", "arcs"],
)  # fmt: skip
def test_random_points(what: Callable[[], Any], wrt: Any) -> None:
    checkable = what()
    report = checked(checkable, wrt=wrt).raise_if_failed()
    assert set(words(report).values()) == {"agrees"}, report
    assert {"central", "tape", "forward", "complex"} == set(report.others)
    assert "drawn at random" in str(report)
    again = checked(checkable, wrt=wrt)
    assert all(np.array_equal(report.problem.point[k], again.problem.point[k]) for k in again.problem.point)  # type: ignore[union-attr]


def test_a_report_is_pickled_with_its_curves() -> None:
    report = checked(network())
    copy = pickle.loads(pickle.dumps(report))  # noqa: S301
    assert str(copy) == str(report) and copy.verdicts == report.verdicts
    curve, again = report.curve("first.W"), copy.curve("first.W", report.verdicts["first.W"].index)
    np.testing.assert_array_equal(curve.errors, again.errors)
    assert curve.errors.min() < 1e-7 < curve.errors[0]
    with pytest.raises(sd.SymdlError, match="no curve for 'second'"):
        report.curve("second")


@pytest.mark.parametrize("stop", [sd.stop_gradient])
def test_what_cannot_be_used_is_said(stop: Callable[..., Any]) -> None:
    v = sd.tensor("v", (3,))
    report = checked((stop(v) * v).sum(), wrt="v").raise_if_failed()
    assert "central" not in report.methods and "no central difference: values behind" in str(report)
    report = checked(sp.besselj(0, x)).raise_if_failed()
    assert report.left_out.keys() == {"complex"}


@pytest.mark.parametrize("library", ["autograd", pytest.param("torch", marks=pytest.mark.torch),
                                     pytest.param("jax", marks=pytest.mark.jax)])  # fmt: skip
def test_other_libraries_differentiate_the_same_equations(library: str) -> None:
    pytest.importorskip(library)
    S = sd.tensor("S", (sd.Dim("T"), n, 3))
    h = (sd.nn.gru(S, 2, name="g", time_first=True) ** 2).sum()
    weights = sd.nn.softmax(sd.parameter("a", (4, 4)))
    logs = sp.Piecewise((sp.log(x), x > 0), (sp.erf(y) * sp.Max(x, y) ** 3, True))
    for loss, at in (
        (network(), {}),
        (h, {}),
        (weights.max(axis=0).prod() + sd.logsumexp(weights), {}),
        (sd.inv(sd.parameter("A", (3, 3)) + 3 * sd.eye(3)).sum(), {}),
        (logs, {"x": -0.4, "y": 0.9}),
        (logs, {"x": 0.4, "y": 0.9}),
    ):
        report = checked(loss, at=at, methods=(), with_=library).raise_if_failed()
        assert report.others == (library,)
    special = checked(sp.besselj(0, x), at={"x": 1.0}, methods=(), with_=library)
    assert special.left_out.keys() == {library}


@settings(max_examples=25)
@given(st.floats(0.01, 100), st.integers(0, 2))
def test_slopes_that_cancel_to_zero_may_leave_the_last_digit(a: float, kind: int) -> None:
    """As (x - 1/3)*(x + 1/3) at 0: the complex step adds the two terms in another order than the others."""
    third = sp.Float(a) / 3
    f = [
        (x - third) * (x + third),
        (x - third) ** 3 * (x + third) ** 3,
        sp.exp(third * x / 99) * (x - 99 / third),
    ]
    report = sd.check_gradients(f[kind], at={"x": 0.0}, target="python").raise_if_failed()
    largest = max(abs(report.value), abs(float(report.methods["symbolic"]["x"])))

    def wrong(at: dict[str, Any]) -> dict[str, Any]:
        return {"x": report.methods["symbolic"]["x"] + 1e-8 * largest}

    found = sd.check_gradients(f[kind], at={"x": 0.0}, compiled=wrong)
    assert "compiled" in found.verdicts["x"].against


def test_slopes_that_are_zero_by_a_size_may_leave_the_last_digit() -> None:
    """A softmax of one class is 1 wherever it is; the tape adds up what cancels."""
    logits = sd.tensor("logits", (1, 2, 1))
    share = sd.exp(logits) / sd.sum(sd.exp(logits), 2, keepdims=True)
    loss, at = (sd.sin(share) * (share + 1)).sum(), {"logits": [[[0.12573022], [-0.13210486]]]}
    report = checked(loss, at=at, wrt="logits").raise_if_failed()
    assert not report.methods["symbolic"]["logits"].any() and report.methods["tape"]["logits"].any()
    wrong = sd.check_gradients(
        loss, at=at, wrt="logits", compiled=lambda _: {"logits": np.full((1, 2, 1), 1e-12)}
    )
    assert wrong.failures == (("logits", "compiled"),)
