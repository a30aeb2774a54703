"""Values at the edges of arithmetic: empty axes, floors and remainders, limits, overflow, order.

The kind: a formula that is right for ordinary numbers is not what NumPy's function computes where an axis is
empty, a quotient is almost whole, limits cross, squares overflow or an element is NaN. Right values come from
NumPy, from Python's numbers and from closed forms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl import nn
from symdl.errors import ExpressionError, ShapeError
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate
from tests.targets import EVERY, TARGETS

N = sd.Dim("n")
NOTHING = np.zeros((2, 0))


def everywhere(
    tensors: Mapping[str, Tensor], values: Mapping[str, Any], dtype: Any = "float64"
) -> list[dict[str, np.ndarray]]:
    """The values of tensors by every way to compute them."""
    wanted = list(tensors.values())
    program = collect(wanted)
    used = {str(t.name): values[str(t.name)] for t in program.inputs if t.value is None}
    found = evaluate(program, used, dtype=dtype)
    ways: list[Sequence[Any]] = [[found[t] for t in wanted]]
    ways += [sd.compile(wanted, target=target, dtype=dtype)(**used) for target in TARGETS]
    return [dict(zip(tensors, way, strict=True)) for way in ways]


def test_empty_axes() -> None:
    x, z = sd.tensor("x", (2, 0)), sd.tensor("z", (0, 2))
    expected = {
        "sum": (x.sum(1), 0),
        "prod": (x.prod(1), 1),
        "mean": (x.mean(1), np.nan),
        "mean of all": (x.mean(), np.nan),
        "mean, axis kept": (x.mean(1, keepdims=True), np.nan),
        "mean of the first axis": (z.mean(0), np.nan),
        "var": (x.var(1), np.nan),
        "std": (z.std(0), np.nan),
        "var, correction": (x.var(1, correction=1), np.nan),
        "max": (x.max(1), -np.inf),
        "min": (x.min(1), np.inf),
        "split": (x.max(1, ties="split"), -np.inf),
        "logsumexp": (sd.logsumexp(x, 1), -np.inf),
        "norm": (sd.norm(x), 0),
        "loss": (nn.mean_squared_error(x, x), np.nan),
        "absolute loss": (nn.mean_absolute_error(x, x), np.nan),
    }
    for found in everywhere({k: t for k, (t, _) in expected.items()}, {"x": NOTHING, "z": NOTHING.T}):
        for name, value in found.items():
            np.testing.assert_array_equal(value, np.full(value.shape, expected[name][1]), err_msg=name)
    for find in (sd.argmax, sd.argmin):
        with pytest.raises(ShapeError, match="no element"):
            find(x, 1)


def test_masks_that_leave_nothing() -> None:
    y, m = sd.tensor("y", (3,)), sd.tensor("m", (3,), dtype="int64")
    expected = {
        "sum": (y.sum(where=m), 0),
        "prod": (y.prod(where=m), 1),
        "mean": (y.mean(where=m), np.nan),
        "var": (y.var(where=m), np.nan),
        "var, correction": (y.var(where=m, correction=1), np.nan),
        "max": (y.max(where=m), -np.inf),
        "max, split": (y.max(where=m, ties="split"), -np.inf),
        "min, split": (y.min(where=m, ties="split"), np.inf),
        "split, axis kept": (y.max(where=m, keepdims=True, ties="split"), -np.inf),
        "logsumexp": (sd.logsumexp(y, where=m), -np.inf),
    }
    values = {"y": np.array([1.0, 2, 2]), "m": np.array([0, 0, 0])}
    for found in everywhere({k: t for k, (t, _) in expected.items()}, values):
        for name, value in found.items():
            np.testing.assert_array_equal(value, np.full(value.shape, expected[name][1]), err_msg=name)
    for build in (y.max, y.min):
        slopes = sd.compile(build(where=m, ties="split"), wrt=[y])
        np.testing.assert_array_equal(slopes(**values)[1]["y"], [0, 0, 0])
        np.testing.assert_allclose(slopes(**values | {"m": np.array([0, 1, 1])})[1]["y"], [0, 0.5, 0.5])
        assert np.isnan(slopes(y=[1.0, np.nan, 2], m=[1, 1, 1])[0])


def test_degrees_of_freedom() -> None:
    """NumPy divides by the count less the correction, or by 0."""
    x, s = sd.tensor("x", (2,)), sd.tensor("s", (N,))
    build = {(t.name, ddof): t.var(ddof=ddof) for t in (x, s) for ddof in (0, 1, 2, 3)}
    named = {f"{name} {ddof}": t for (name, ddof), t in build.items()}
    for numbers in ([1.0, 4.0], [3.0, 3.0]):
        for found in everywhere(named, {"x": numbers, "s": numbers}):
            for name, ddof in build:
                with np.errstate(all="ignore"), pytest.warns(RuntimeWarning) if ddof > 1 else np.errstate():
                    expected = np.var(numbers, ddof=ddof)
                np.testing.assert_array_equal(found[f"{name} {ddof}"], expected)


def test_clip_with_any_limits() -> None:
    """``min(max(x, low), high)``, also where the limits cross; NaN stays."""
    special = [-np.inf, -2.0, -1.0, 0.0, 0.5, 1.0, 3.0, np.inf, np.nan]
    grid = np.array(np.meshgrid(special, special, special)).reshape(3, -1)
    x, low, high = (sd.tensor(name, (grid.shape[1],)) for name in ("x", "low", "high"))
    tensors = {
        "both": sd.clip(x, low, high),
        "low": sd.clip(x, low),
        "high": sd.clip(x, high=high),
        "number and tensor": sd.clip(x, low, 1),
        "tensor and number": sd.clip(x, -1, high),
        "numbers": sd.clip(x, -1, 1),
        "crossed": sd.clip(x, 3, 1),
    }
    a, b, c = grid
    expected = {
        "both": np.minimum(np.maximum(a, b), c),
        "low": np.maximum(a, b),
        "high": np.minimum(a, c),
        "number and tensor": np.minimum(np.maximum(a, b), 1),
        "tensor and number": np.minimum(np.maximum(a, -1), c),
        "numbers": np.clip(a, -1, 1),
        "crossed": np.minimum(np.maximum(a, 3), 1),
    }
    for found in everywhere(tensors, {"x": a, "low": b, "high": c}):
        for name, value in found.items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_the_slope_of_a_clipped_value() -> None:
    """1 strictly between the limits and 0 at and beyond them; what is returned gets the slope."""
    x, low, high = sd.tensor("x", (7,)), sd.tensor("low", (7,)), sd.tensor("high", (7,))
    given = {
        "x": [0.0, -1, 1, -2, 2, 0, 5],
        "low": [-1.0, -1, -1, -1, -1, 3, 3],
        "high": [1.0, 1, 1, 1, 1, 1, 1],
    }
    _, slopes = sd.compile(sd.clip(x, low, high).sum(), wrt=[x, low, high])(**given)
    np.testing.assert_array_equal(slopes["x"], [1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(slopes["low"], [0, 1, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(slopes["high"], [0, 0, 1, 0, 1, 1, 1])
    _, slopes = sd.compile(sd.clip(x, -1, 1).sum(), wrt=[x])(x=given["x"])
    np.testing.assert_array_equal(slopes["x"], [1, 0, 0, 0, 0, 1, 0])


def same_bits(found: Any, expected: Any) -> bool:
    """Say whether two arrays agree to the bit; one NaN is as good as another."""
    found, expected = np.asarray(found), np.asarray(expected)
    bits = f"i{expected.itemsize}"
    both = found.dtype == expected.dtype and found.shape == expected.shape
    return both and bool(
        np.all((found.view(bits) == expected.view(bits)) | (np.isnan(found) & np.isnan(expected)))
    )


LARGE = [1e308, -1e308, 1e-308, 5e-324, 1e16, 2.0**52, 2.0**53, 2.0**60 + 256, 1e200, 1e-200]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 0.3, 3.0, -3.0, 7.0, np.inf, -np.inf, np.nan, 1 / 3, *LARGE]
X, Y = sd.tensor("x", (N,)), sd.tensor("y", (N,))
DIVISIONS = {
    "//": (X // Y, lambda a, b: a // b),
    "%": (X % Y, lambda a, b: a % b),
    "named": (sd.elementwise(lambda q: q + 0, X // Y, name="q"), lambda a, b: a // b),
    "mod": (sd.mod(X, 0.1), lambda a, b: a % a.dtype.type(0.1)),
    "by a number": (X // 0.1, lambda a, b: a // a.dtype.type(0.1)),
    "of a number": (1 % Y, lambda a, b: 1 % b),
    "number by": (1.0 // Y, lambda a, b: 1.0 // b),
    "floor of a quotient": (sd.floor(X / Y), lambda a, b: np.floor(a / b)),
}


def divided(values: tuple[np.ndarray, np.ndarray], target: Any) -> None:
    """Compare all forms of division with NumPy, bit for bit."""
    a, b = values
    run = compiled_divisions(target, str(a.dtype))
    with np.errstate(all="ignore"):
        for (name, (_, right)), found in zip(DIVISIONS.items(), run(x=a, y=b), strict=True):
            assert same_bits(found, right(a, b)), (name, target, a.dtype)


@cache
def compiled_divisions(target: Any, dtype: Any) -> Any:
    return sd.compile([t for t, _ in DIVISIONS.values()], target=target, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@EVERY
def test_divisions_that_round_down_are_those_of_numpy(target: str, dtype: str) -> None:
    rng = np.random.default_rng(11)
    count = 300 if target == "python" else 20000
    k, d = rng.integers(-50, 50, count), rng.choice([0.1, 0.2, 0.3, 0.7, -0.1, 1e-3, 3.0, np.pi], count)
    wide = rng.normal(size=(2, count)) * 10.0 ** rng.integers(-20, 20, (2, count))
    pairs: list[Any] = [np.array(np.meshgrid(SPECIAL, SPECIAL)).reshape(2, -1), [k * d, d], wide]
    pairs += [[k * d, np.nextafter(d, 9)], [np.nextafter(k * d, 9), d]]
    for pair in pairs:  # those with small quotients, and those with others
        with np.errstate(all="ignore"):
            divided((np.asarray(pair[0], dtype), np.asarray(pair[1], dtype)), target)


@given(
    st.lists(st.tuples(*[st.floats(width=32) | st.sampled_from(SPECIAL)] * 2), min_size=3, max_size=3),
    st.sampled_from(["float64", "float32"]),
)
def test_any_two_floats(pairs: list[tuple[float, float]], dtype: str) -> None:
    with np.errstate(all="ignore"):
        a, b = np.array(pairs).T.astype(dtype)
    divided((a.copy(), b.copy()), "cpu")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_divisions_of_scalar_functions(dtype: Any) -> None:
    """Python's operators on symbols, and on floats: ``1.0 // 0.1`` is 9."""
    x, y = sp.symbols("x y")
    with np.errstate(all="ignore"):
        a, b = np.array(np.meshgrid(SPECIAL, SPECIAL)).reshape(2, -1).astype(dtype)
        one, tenth = a.dtype.type(1), a.dtype.type(0.1)
        for build in (x // y, sp.floor(x / y)):
            run = sd.compile(build, dtype=dtype)
            assert same_bits(run(x=a, y=b), a // b)
            assert run(x=1.0, y=0.1) == one // tenth
        for build in (x % y, sd.mod(x, y)):
            run = sd.compile(build, dtype=dtype)
            assert same_bits(run(x=a, y=b), a % b)
            assert run(x=1.0, y=0.1) == one % tenth
    value, slopes = sd.compile(x % y, wrt=[x, y])(x=-7.5, y=2.0)
    assert (value, slopes["x"], slopes["y"]) == (0.5, 1, 4)
    assert sd.compile(sd.mod(x, 0.1))(x=0.3) == 0.3 % 0.1
    assert sd.compile(x % 0.1)(x=0.3) == 0.3 % 0.1


def test_the_slopes_of_divisions() -> None:
    """By the dividend 1 or 0 everywhere; of a remainder by the divisor minus the floor."""
    a, b = np.array([5.5, -5.5, 6.0, 0.0, 1.0]), np.array([2.0, 2.0, -2.0, 1.0, 0.1])
    _, slopes = sd.compile((X % Y).sum(), wrt=[X, Y])(x=a, y=b)
    np.testing.assert_array_equal(slopes["x"], np.ones(5))
    np.testing.assert_array_equal(slopes["y"], -(a // b))
    _, slopes = sd.compile((X // Y).sum(), wrt=[X, Y])(x=a, y=b)
    np.testing.assert_array_equal([slopes["x"], slopes["y"]], np.zeros((2, 5)))
    along = sd.tensor("along", (N,))
    twice = sd.hvp((X % Y * X).sum(), X, {X: along})
    np.testing.assert_array_equal(sd.compile(twice)(x=a, y=b, along=b), 2 * b)
    sd.check_gradients((X % Y * X).sum(), at={"x": a + 0.25, "y": b}, wrt=[X, Y]).raise_if_failed()


def test_divisions_of_whole_numbers() -> None:
    """They stay whole, so that they can be positions; also of constants that are almost a multiple."""
    i, j = (sd.tensor(name, (N,), dtype="int64") for name in "ij")
    rng = np.random.default_rng(3)
    a, b = rng.integers(-(10**12), 10**12, 500), rng.integers(1, 10**6, 500) * rng.choice([-1, 1], 500)
    found = everywhere({"//": i // j, "%": i % j, "by 7": i // 7, "of 7": 7 % j}, {"i": a, "j": b})
    for values in found:
        for name, right in {"//": a // b, "%": a % b, "by 7": a // 7, "of 7": 7 % b}.items():
            assert values[name].dtype == np.int64
            np.testing.assert_array_equal(values[name], right)
    table = np.arange(10.0)
    read = sd.compile(sd.constant(table)[i % 10 // 3])(i=np.arange(30))
    np.testing.assert_array_equal(read, table[np.arange(30) % 10 // 3])


def test_floors_of_positions_are_exact() -> None:
    """In a floating-point kernel, too, where ``49*(1/49) < 1``."""
    (k,) = sd.indices("k")
    for divisor in (3, 7, 41, 49):
        y = sd.define("y", (k,), sp.floor((2 * k + 1) / sp.Integer(divisor)) + 0.5, shape=(600,))
        for found in everywhere({"y": y}, {}, "float32"):
            np.testing.assert_array_equal(found["y"], (2 * np.arange(600) + 1) // divisor + 0.5)


def test_divisions_beside_a_convolution() -> None:
    """In kernels that take several samples at once."""
    x = sd.tensor("image", (N, 2, 5, 5))
    z = nn.conv2d(x, 3, kernel_size=3, name="c")
    run = sd.compile([z, z % 0.3, z // 0.3, sd.mod(2.0, z)], dtype="float32")
    rng = np.random.default_rng(4)
    values = {
        "image": rng.normal(size=(37, 2, 5, 5)),
        "c.W": rng.normal(size=(3, 2, 3, 3)),
        "c.b": np.ones(3),
    }
    plain, rest, floors, other = run(**{k: v.astype("float32") for k, v in values.items()})
    third = np.float32(0.3)
    assert same_bits(rest, plain % third)
    assert same_bits(floors, plain // third)
    assert same_bits(other, np.float32(2) % plain)


ROWS = [
    [3.0, np.nan, 1.0, np.inf, np.nan],
    [2.0, 2.0, -np.inf, np.nan, 2.0],
    [5.0, 4.0, 3.0, -0.0, 0.0],
    [np.nan] * 5,
]


def test_no_element_is_lost_in_order() -> None:
    """NaN counts as larger than all numbers, as for numpy.sort; falling order is the reverse."""
    x = sd.tensor("x", (N, 5))
    largest, where_largest = sd.top_k(x, 2)
    smallest, where_smallest = sd.top_k(x, 4, largest=False)
    tensors = {
        "sort": sd.sort(x),
        "argsort": sd.argsort(x),
        "falling": sd.sort(x, descending=True),
        "columns": sd.sort(x, 0),
        "largest": largest,
        "smallest": smallest,
        "read": sd.take_along_axis(x, where_largest, 1),
        "read too": sd.take_along_axis(x, where_smallest, 1),
    }
    rows = np.array(ROWS)
    rising = np.sort(rows, 1)
    expected = {
        "sort": rising,
        "argsort": np.argsort(rows, 1, kind="stable"),
        "falling": rising[:, ::-1],
        "columns": np.sort(rows, 0),
        "largest": rising[:, :-3:-1],
        "smallest": rising[:, :4],
        "read": rising[:, :-3:-1],
        "read too": rising[:, :4],
    }
    for found in everywhere(tensors, {"x": rows}):
        for name, value in found.items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)
    weights = sd.constant(np.arange(1.0, 6))
    _, slopes = sd.compile((sd.sort(x) * weights).sum(), wrt=[x])(x=rows)
    np.testing.assert_array_equal(np.sort(slopes["x"], 1), np.tile(np.arange(1.0, 6), (4, 1)))


@given(st.lists(st.sampled_from([*SPECIAL]), min_size=6, max_size=6))
def test_any_row_in_order(row: list[float]) -> None:
    found = ordered()(x=np.array(row))
    np.testing.assert_array_equal(found[0], np.sort(row))
    np.testing.assert_array_equal(found[1], np.argsort(row, kind="stable"))


@cache
def ordered() -> Any:
    x = sd.tensor("x", (6,))
    return sd.compile([sd.sort(x), sd.argsort(x)])


@pytest.mark.parametrize(("dtype", "large"), [("float32", 1e30), ("float64", 1e200)])
@EVERY
def test_norms_do_not_overflow(target: Any, dtype: Any, large: float) -> None:
    """As numpy.hypot: as large, and as small, as a number may be; the slopes are those of directions."""
    x, rows = sd.tensor("x", (N,)), sd.tensor("rows", (N, 3))
    (i,), (j,) = sd.indices("i"), sd.indices("j")
    top = float(np.finfo(dtype).max)
    by_hand = sd.define("h", (i,), sp.sqrt(sd.Sum(rows[i, j] ** 2, j)), shape=(N,))
    run = sd.compile(sd.norm(x), wrt=[x], dtype=dtype, target=target)
    for size in (large, 1.0, 1 / large if dtype == "float64" else 1e-25, 0.75 * top):
        value, slopes = run(x=np.array([0.6, 0.8]) * size)
        np.testing.assert_allclose(value, size, rtol=1e-6)
        if size != 0.75 * top:
            np.testing.assert_allclose(slopes["x"], [0.6, 0.8], rtol=1e-6)
    assert run(x=[0.0, 0.0])[0] == 0
    assert run(x=[np.inf, 1.0])[0] == np.inf
    assert np.isnan(run(x=[np.nan, 1.0])[0])
    given = {"rows": np.array([[2.0, 1.0, 2.0], [2 * large, large, 2 * large], [0.0, 0.0, 0.0]])}
    found = sd.compile([by_hand, rows.std(1), 1 / (1 + by_hand)], dtype=dtype, target=target)(**given)
    np.testing.assert_allclose(found[0], [3, 3 * large, 0], rtol=1e-6)
    np.testing.assert_allclose(found[1], [np.sqrt(2) / 3, np.sqrt(2) / 3 * large, 0], rtol=1e-5)
    np.testing.assert_allclose(found[2], [0.25, 0, 1], rtol=1e-6, atol=1e-29)


def test_a_norm_reads_as_the_root_of_a_sum() -> None:
    x = sd.tensor("x", (N,))
    told = sd.derive(sd.norm(x), x).text()
    assert "sqrt" in told or "√" in told
    assert "max" not in told
    both = sd.compile([sd.norm(x), (x**2).sum()])(x=[3.0, 4.0])  # a sum that others read, too
    np.testing.assert_array_equal(both, [5, 25])
    w = sd.tensor("w", (3,))
    loss = sd.norm(w) ** 3 / 7 + sd.norm(2 * w)
    at = np.array([1.0, -2.0, 2.0])
    sd.check_gradients(loss, at={"w": at}, wrt=[w]).raise_if_failed()
    along = sd.tensor("along", (3,))
    second = sd.compile(sd.hvp(sd.norm(w), w, {w: along}))(w=at * 1e120, along=[1.0, 0, 0])
    unit = at / 3
    np.testing.assert_allclose(second, ([1, 0, 0] - unit * unit[0]) / 3e120, rtol=1e-12)


@pytest.mark.parametrize("size", [1.0, 1e18, 1e20, 1e30])
def test_clipping_by_norm_does_not_overflow(size: float) -> None:
    w, b, x = sd.parameter("w", (2,)), sd.parameter("b", ()), sd.tensor("x", (N, 3))
    out = (x[:, :2] * w).sum(1) + x[:, 2] * b
    model = sd.Model(out.mean(), output=out, dtype="float32")
    data = {"x": np.array([[2 * size, size, 2 * size]], "float32")}
    model.fit(data, optimizer=nn.Clipped(nn.SGD(1.0), norm=1.5), batch_size=1, epochs=1)
    np.testing.assert_allclose(model.parameters["w"], [-1, -0.5], rtol=1e-6)
    np.testing.assert_allclose(model.parameters["b"], -1, rtol=1e-6)


def test_numbers_that_nothing_holds() -> None:
    """Refused by name, not by an OverflowError; a quotient of such numbers is a number."""
    x, i, s = sd.tensor("x", (N,)), sd.tensor("i", (N,), dtype="int64"), sp.Symbol("s")
    large = 10**309
    for build in (
        lambda: x * large,
        lambda: large - x,
        lambda: sd.maximum(x, large),
        lambda: sd.clip(x, -large, large),
        lambda: sd.where(x < large, x, 0).sum(),
        lambda: sd.compile(s * large),
        lambda: sd.compile(sp.factorial(200) - s),
        lambda: sd.compile(s**large),
        lambda: sd.leaky_relu(x, large),
        lambda: i + 2**63,
        lambda: i * large,
        lambda: sd.where(i < 2**70, 1, 0),
        lambda: sd.full((2,), large),
    ):
        with pytest.raises(sd.SymdlError):
            build()
    np.testing.assert_allclose(sd.compile(x / large)(x=[1e300]), 1e-9)
    assert sd.compile(s * sp.Rational(large, 10**308))(s=2.0) == 20
    assert sd.compile(i + (2**63 - 2))(i=[1])[0] == 2**63 - 1


LIMITS = np.array([3.0, -2.0, 0.0, -0.0, math.inf, -math.inf, math.nan])
BINARY = "add subtract multiply divide maximum minimum power mod floor_divide less greater equal not_equal"


def test_infinities_and_nan_as_numbers() -> None:
    """SymPy reckons with real numbers: ``x + oo`` is ``oo`` to it, and ``x/oo`` is 0, whatever x is."""
    x = sd.tensor("x", (len(LIMITS),))
    made: list[tuple[str, Any, Any]] = []
    with np.errstate(all="ignore"):
        for number in (math.inf, -math.inf, math.nan):
            for name in BINARY.split():
                function = getattr(np, name)
                made += [(f"{name} {number}", function(x, number), function(LIMITS, number))]
                made += [(f"{number} {name}", function(number, x), function(number, LIMITS))]
            for ends in ((number, 1), (1, number), (number, None), (None, number), (number, -number)):
                made += [(f"clip {ends}", sd.clip(x, *ends), np.clip(LIMITS, *ends))]
    made = [(name, t.as_tensor() if hasattr(t, "as_tensor") else t, right) for name, t, right in made]
    tensors = [tensor for _, tensor, _ in made]
    compiled = sd.compile(tensors)(x=LIMITS)
    interpreted = evaluate(collect(tensors), {"x": LIMITS})
    for (name, tensor, right), found in zip(made, compiled, strict=True):
        np.testing.assert_array_equal(found, right, err_msg=name)
        np.testing.assert_array_equal(interpreted[tensor], right, err_msg=name)


def test_the_number_0_divides_nothing() -> None:
    x = sd.tensor("x", (3,))
    for divide in (lambda: x / 0, lambda: x / 0.0, lambda: x // 0, lambda: x % 0):
        with pytest.raises(ExpressionError, match="divided by 0"):
            divide()


def test_means_over_axes_that_may_have_no_elements() -> None:
    """One sample has no neighbours: the mean of their differences is NaN, though the size is symbolic."""
    n = sd.Dim("n")
    y = sd.tensor("y", (n,))
    rows = sd.tensor("rows", (n, 2))
    means = [sd.square(y[1:] - y[:-1]).mean(), sd.mean(rows[1:], axis=0), sd.mean(y[1:], keepdims=True)]
    for count in (1, 2, 5):
        v, r = np.linspace(0, 1, count) ** 2, np.linspace(0, 1, 2 * count).reshape(count, 2)
        found = sd.compile(means)(y=v, rows=r)
        nothing = count == 1
        right = [np.nan] * 3 if nothing else [np.mean(np.diff(v) ** 2), r[1:].mean(0), [v[1:].mean()]]
        for ours, theirs in zip(found, right, strict=True):
            np.testing.assert_allclose(ours, np.broadcast_to(theirs, np.shape(ours)), rtol=1e-14)
    np.testing.assert_array_equal(sd.compile(means[0], wrt=y)(y=np.ones(1))[1]["y"], [0.0])
