"""The report on one gradient in many ways: it agrees where it should, and only there."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl import nn
from symdl.check.gradients import check_gradients
from symdl.check.report import GradientReport
from symdl.check.strategies import arrays, scalar_expressions, shapes
from symdl.errors import ArgumentError, DerivativeError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, indices
from symdl.express.operators import maximum
from symdl.express.surface import LogSumExp, Sum, define
from symdl.express.tensors import Tensor

n = Dim("n")
i, j = indices("i j")
x, y, z = sp.symbols("x y z")
rng = np.random.default_rng(5)
POINT = {"X": rng.normal(size=(6, 4)), "t": [0, 1, 2, 1, 1, 0]}


def network() -> Tensor:
    X, t = tensor("X", (n, 4)), tensor("t", (n,), dtype="int64")
    W = parameter("first.W", (4, 3), init=lambda shape, rng: rng.uniform(-1, 1, shape))
    H = maximum(X @ W + parameter("first.b", (3,)), 0)
    return define("L", (), Sum(LogSumExp(H[i, j], j) - H[i, t[i]], i) / n)


def test_the_function_of_the_slides() -> None:
    report = check_gradients(sp.sin(x**2 * y) + sp.exp(z), at={"x": 1.3, "y": 0.7, "z": 0.2}, compiled=False)
    assert report.raise_if_failed() is report
    expected = np.cos(1.3**2 * 0.7)
    symbolic = report.methods["symbolic"]
    assert symbolic["x"] == pytest.approx(2 * 1.3 * 0.7 * expected)
    assert symbolic["y"] == pytest.approx(1.3**2 * expected)
    assert symbolic["z"] == pytest.approx(np.exp(0.2))
    head, first, *_ = str(report).splitlines()
    assert head.split("  ")[0] == "gradient by"
    assert first.split()[2] == f"{float(symbolic['x']):.12g}"


def test_a_network_with_drawn_parameters() -> None:
    report = check_gradients(network(), at=POINT, compiled=False)
    assert report.ok
    assert report.names == ("first.W", "first.b")
    assert "all agree" in str(report)
    again = check_gradients(network(), at=POINT, compiled=False)
    assert np.array_equal(report.methods["symbolic"]["first.W"], again.methods["symbolic"]["first.W"])


def test_few_entries_of_a_large_parameter() -> None:
    report = check_gradients(network(), at=POINT, entries=2, compiled=False)
    assert report.ok
    assert np.isfinite(report.methods["central"]["first.W"]).sum() == 2


def test_by_inputs() -> None:
    report = check_gradients(network(), at=POINT, wrt=["X"], compiled=False).raise_if_failed()
    assert report.names == ("X",)
    assert check_gradients(x * y, at={"x": 2, "y": 3}, wrt="y", compiled=False).names == ("y",)


def test_a_wrong_kernel_is_found() -> None:
    right = check_gradients(network(), at=POINT, compiled=False).methods["symbolic"]

    def kernel(at: dict[str, Any]) -> dict[str, np.ndarray]:
        return {"first.W": right["first.W"] * (1 + 1e-6), "first.b": right["first.b"]}

    report = check_gradients(network(), at=POINT, compiled=kernel)
    assert report.failures == (("first.W", "compiled"),)
    assert report.differences["first.b"]["compiled"] == 0.0
    with pytest.raises(DerivativeError, match=r"first.W \(compiled kernel\)"):
        report.raise_if_failed()
    assert "1 disagree" in str(report)


def test_a_function_in_single_precision_is_judged_by_it() -> None:
    """The norm of one feature is about 1 whatever it is, and its slope what is left of two that cancel."""
    h = nn.rms_norm(tensor("X", (1, 1)) * parameter("W", (1, 1)), name="norm")
    L, point = (h * h).sum(), {"X": [[1.0]], "W": [[0.8]], "norm.gain": [1.0]}
    step = sd.compile(L, wrt="parameters", dtype="float32")
    options: dict[str, Any] = {"at": point, "methods": ("tape",)}
    ours = check_gradients(L, compiled=lambda at: step(**at)[1], dtypes=("float32",), **options)
    assert ours.others == ("tape", "float32") and ours.ok
    off = abs(ours.methods["float32"]["W"] / ours.methods["tape"]["W"] - 1).item()
    assert off > 1e-3  # which no tolerance that fits the others would let pass
    for dtypes in ((), ("float64",)):
        assert not check_gradients(L, compiled=lambda at: step(**at)[1], dtypes=dtypes, **options).ok

    def wrong(at: dict[str, Any]) -> dict[str, Any]:
        return {name: slope * np.float32(1.01) for name, slope in step(**at)[1].items()}

    found = check_gradients(L, compiled=wrong, dtypes=("float32",), **options)
    assert ("norm.gain", "float32") in found.failures


def test_html_is_escaped() -> None:
    L = define("L", (), parameter("a<b", ())[()] ** 2)
    text = check_gradients(L, at={"a<b": 2.0}, compiled=False)._repr_html_()
    assert "a&lt;b" in text
    assert text.count("<tr>") == 2


@pytest.mark.parametrize(
    ("rest", "error", "words"),
    [
        ({"at": POINT, "methods": ["guess"]}, ArgumentError, "there is no method 'guess'"),
        ({"at": POINT, "with_": "theano"}, ArgumentError, "with_='theano'"),
        ({"at": {**POINT, "u": 1}}, ArgumentError, "nothing is called 'u'"),
        ({"at": POINT, "wrt": ["u"]}, DerivativeError, "the gradient with respect to u"),
        ({"at": POINT, "wrt": ["t"]}, DerivativeError, "the gradient with respect to t"),
        ({"at": POINT, "wrt": []}, DerivativeError, "no parameters"),
    ],
)
def test_what_cannot_be_checked(rest: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        check_gradients(network(), compiled=False, **rest)


def report(theirs: Any, method: str = "tape") -> GradientReport:
    ours = np.array([1.0, -2.0])
    methods = {"symbolic": {"p": ours}, method: {"p": np.asarray(theirs)}}
    return GradientReport(0.5, methods, {method: 1e-6})


def test_differences() -> None:
    assert report([1.0, -2.0]).ok
    assert report([1.0, -2.000001]).difference("p", "tape") == pytest.approx(5e-7)
    assert not report([1.0, np.nan]).ok
    assert not report([1.0]).ok
    assert report([1.0, np.nan], "central").ok
    assert not report([1.1, np.nan], "central").ok
    with pytest.raises(dataclasses.FrozenInstanceError):
        report([1.0]).value = 2.0  # type: ignore[misc]


@settings(max_examples=25)
@given(scalar_expressions([x, y]), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_random_functions(f: sp.Expr, a: float, b: float) -> None:
    f = f + x * y
    if {x, y} <= f.free_symbols:
        at = {"x": a, "y": b}
        check_gradients(f, at=at, tolerance=1e-5, compiled=False).raise_if_failed()


@settings(max_examples=15)
@given(shapes(ranks=(1, 3), sizes=(1, 3)), st.data())
def test_random_shapes(shape: tuple[int, ...], data: st.DataObject) -> None:
    X = tensor("X", shape)
    value = data.draw(arrays(shape))
    assert value.shape == shape
    L = (X * X.mean(-1, keepdims=True)).sum()
    check_gradients(L, at={"X": value}, wrt=["X"], compiled=False).raise_if_failed()


def test_the_compiled_kernel_is_compared_too() -> None:
    report = check_gradients(sp.sin(x**2 * y) + sp.exp(z), at={"x": 1.3, "y": 0.7, "z": 0.2})
    assert report.others == ("central", "complex", "tape", "forward", "compiled", "float32")
    report.raise_if_failed()
    assert {v.word for v in report.verdicts.values()} == {"agrees"}
    assert "compiled kernel" in str(check_gradients(network(), at=POINT).raise_if_failed())
