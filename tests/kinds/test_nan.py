"""NaN in, NaN out.

The kind: a formula by cases whose last case caught every comparison that failed, NaN's among them, and a
choice that kept the other of two values. The cause was that corners were written as cases; they are functions
now, and every target computes them as NumPy does. Right values are NumPy's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings

import symdl as sd
from symdl import nn
from symdl.errors import SymdlError
from symdl.express.program import collect
from symdl.run.reference.interpreter import evaluate
from tests.targets import TARGETS

NAN, INF, TINY = np.nan, np.inf, 5e-324
HARD = np.array([NAN, INF, -INF, 0.0, -0.0, TINY, -TINY, 1.0, -1.0, 0.5, 3.0, -3.0, 6.0, 1e300, -1e300])
ONE, TWO = (grid.ravel() for grid in np.meshgrid(HARD, HARD))
"""Every pair of them, ties included."""

ONLY_NUMBERS = ("nansum", "nanmean", "nanmax", "nanmin")
"""They leave NaN out by definition. Of nothing a sum is 0, and the others are NaN."""

Values = Mapping[str, Any]
RANDOM_OR_FREE = {"dropout", "alpha_dropout", "argmax", "argmin", "argsort"}
"""A dropped element is not chosen, and positions are no reals."""


def ways(tensors: list[sd.Tensor], dtype: Any = "float64", **at: Any) -> list[list[np.ndarray]]:
    """The values by the reference interpreter and all targets."""
    program = collect(tensors)
    used = {str(t.name): at[str(t.name)] for t in program.inputs if t.value is None}
    found = evaluate(program, used, dtype=dtype)
    with np.errstate(all="ignore"):
        return [[found[t] for t in tensors]] + [
            list(sd.compile(tensors, target=target, dtype=dtype)(**used)) for target in TARGETS
        ]


def unary() -> dict[str, Callable[..., Any]]:
    """Every public function that makes of one vector another of its shape, or a number."""
    x = sd.tensor("x", (6,))
    found = {}
    for module in (sd, nn):
        for name in sorted(set(dir(module)) - RANDOM_OR_FREE):
            function = getattr(module, name)
            if name.startswith("_") or not callable(function) or inspect.isclass(function):
                continue
            try:
                result = function(x)
            except (SymdlError, TypeError, ValueError, AttributeError, IndexError):
                continue
            if isinstance(result, sd.Tensor) and result.dtype == "real" and result.rank < 2:
                found[name] = function
    return found


UNARY = unary()
LOSSES = (
    *("binary_cross_entropy", "cross_entropy", "hinge", "huber", "kl_divergence", "log_cosh"),
    *("mean_absolute_error", "mean_squared_error"),
)


def test_every_function_of_one_vector() -> None:
    """All NaN in, all NaN out, whatever the function is; the next one that is written, too."""
    assert len(UNARY) > 50
    x = sd.tensor("x", (6,))
    results = {name: function(x) for name, function in UNARY.items()}
    program = collect(list(results.values()))
    found = evaluate(program, {"x": np.full(6, NAN)})
    kept = [name for name, tensor in results.items() if not np.isnan(found[tensor]).all()]
    assert kept == ["nansum"]
    mixed = evaluate(program, {"x": np.array([1.0, NAN, 0.5, 2.0, NAN, 1.5])})
    same_shape = [t for name, t in results.items() if t.shape == (6,) and name not in ("sort", "flip")]
    assert all(np.isnan(mixed[t][[1, 4]]).all() for t in same_shape)


@pytest.mark.filterwarnings("ignore:All-NaN", "ignore:Mean of empty")  # NumPy's own words
def test_what_leaves_nan_out() -> None:
    x = sd.tensor("x", (4, 3))
    rows = np.array([[1.0, NAN, 3.0], [NAN, NAN, NAN], [INF, -INF, NAN], [NAN, -INF, NAN]])[:, ::-1]
    made = [getattr(sd, name)(x, 1) for name in ONLY_NUMBERS]
    made += [getattr(sd, name)(x, 0, keepdims=True) for name in ONLY_NUMBERS]
    with np.errstate(all="ignore"):
        right = [getattr(np, name)(rows, 1) for name in ONLY_NUMBERS]
        right += [getattr(np, name)(rows, 0, keepdims=True) for name in ONLY_NUMBERS]
    slopes = [sd.grad(sd.nanmax(x, 1).sum(), x), sd.grad(sd.nanmin(x).sum(), x)]
    for found in ways([*made, *slopes], x=rows):
        for got, wanted in zip(found, right, strict=False):
            np.testing.assert_array_equal(got, wanted)
        np.testing.assert_array_equal(found[-2], [[1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 0]])
        np.testing.assert_array_equal(found[-1], [[0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]])


FEW = sd.tensor("few", (2,))
NOTHING: dict[str, tuple[Callable[[Any], Any], list[float], list[float]]] = {
    "nanmax": (sd.nanmax, [NAN, -INF, NAN], [0, 1, 0]),
    "nanmax of two": (sd.nanmax, [NAN, -INF, -INF], [0, 1, 0]),
    "nanmax of nothing": (sd.nanmax, [NAN, NAN, NAN], [0, 0, 0]),
    "nanmin": (sd.nanmin, [NAN, NAN, INF], [0, 0, 1]),
    "nanmedian": (sd.nanmedian, [NAN, -INF, NAN], [0, 1, 0]),
    "where": (lambda x: sd.max(x, where=sd.equal(x, x)), [NAN, NAN, -INF], [0, 0, 1]),
    "split": (lambda x: sd.max(x, where=sd.equal(x, x), ties="split"), [NAN, -INF, -INF], [0, 0.5, 0.5]),
    "mode": (sd.mode, [1, INF, INF], [0, 1, 0]),
    "cummax": (sd.cummax, [-INF, -INF, 3], [2, 0, 1]),
    "cummax from the end": (lambda x: sd.cummax(x, reverse=True), [-INF, -INF, -INF], [1, 1, 1]),
    "cummin from the end": (lambda x: sd.cummin(x, reverse=True), [INF, 2, INF], [0, 2, 1]),
    "exclusive": (lambda x: sd.cummax(x, exclusive=True), [-INF, -INF, 3], [2, 0, 0]),
    "scattered": (
        lambda x: sd.scatter(FEW, sd.constant([1, 1, 0]), x, op="max", include_self=False),
        [-INF, -INF, -INF],
        [1, 0, 1],
    ),
    "padded pool": (
        lambda x: nn.max_pool1d(sd.reshape(x, (1, 1, 3)), 2, stride=1, padding=1),
        [-INF, -INF, -INF],
        [2, 1, 1],
    ),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_counts_has_the_slope_where_it_is_as_far_as_what_is_left_out(name: str) -> None:
    make, at, expected = NOTHING[name]
    x = sd.tensor("x", (3,))
    loss = make(x).sum()
    for (found,) in ways([sd.grad(loss, x)], x=np.array(at), few=np.zeros(2)):
        np.testing.assert_array_equal(found, expected)


CORNERS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "absolute": (sd.absolute, np.abs),
    "relu": (sd.relu, lambda v: np.maximum(v, 0)),
    "relu6": (nn.relu6, lambda v: np.clip(v, 0, 6)),
    "sign": (sd.sign, np.sign),
    "floor": (sd.floor, np.floor),
    "ceil": (sd.ceil, np.ceil),
    "rint": (sd.rint, np.rint),
    "hardtanh": (nn.hardtanh, lambda v: np.clip(v, -1, 1)),
    "leaky": (sd.leaky_relu, lambda v: np.where(v >= 0, v, v / 10)),
    "shrink": (nn.shrink, lambda v: np.where(np.abs(v) <= 0.5, 0, v)),
    "thresholded": (nn.thresholded_relu, lambda v: np.where(v <= 1, 0, v)),
    "hard sigmoid": (nn.hard_sigmoid, lambda v: np.clip(v / 6 + 0.5, 0, 1)),
    "clip": (lambda x: sd.clip(x, -1, 2), lambda v: np.clip(v, -1, 2)),
    "smallest": (lambda x: sd.minimum(3, x), lambda v: np.minimum(3, v)),
    "nested": (lambda x: sd.maximum(sd.absolute(x) - 1, 0), lambda v: np.maximum(np.abs(v) - 1, 0)),
}
PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "maximum": (sd.maximum, np.maximum),
    "minimum": (sd.minimum, np.minimum),
    "mod": (sd.mod, np.mod),
    "hinge": (
        lambda x, y: sd.elementwise(lambda a, b: sp.Max(1 - a * b, 0), x, y),
        lambda a, b: np.maximum(1 - a * b, 0),
    ),
    "three": (
        lambda x, y: sd.elementwise(lambda a, b: sp.Max(a, b, 2), x, y),
        lambda a, b: np.maximum(np.maximum(a, b), 2),
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_corners_are_those_of_numpy(dtype: str) -> None:
    x, y = sd.tensor("x", (ONE.size,)), sd.tensor("y", (ONE.size,))
    with np.errstate(all="ignore"):
        at = {"x": ONE.astype(dtype), "y": TWO.astype(dtype)}
        right = [f(at["x"]) for _, f in CORNERS.values()] + [f(at["x"], at["y"]) for _, f in PAIRS.values()]
    made = [f(x) for f, _ in CORNERS.values()] + [f(x, y) for f, _ in PAIRS.values()]
    for found in ways(made, dtype, **at):
        for name, got, wanted in zip([*CORNERS, *PAIRS], found, right, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-6 if dtype == "float32" else 1e-12, err_msg=name)


def test_slopes_at_hard_places_are_one_for_all_targets() -> None:
    """A comparison with NaN is false in a slope: 0 beside a corner; ``sgn(NaN)`` is NaN."""
    x, y = sd.tensor("x", (ONE.size,)), sd.tensor("y", (ONE.size,))
    made = [f(x) for f, _ in CORNERS.values()] + [f(x, y) for f, _ in PAIRS.values()]
    slopes = [sd.grad(t.sum(), x) for t in made]
    reference, *others = ways(slopes, x=ONE, y=TWO)
    for found in others:
        for name, got, wanted in zip([*CORNERS, *PAIRS], found, reference, strict=True):
            np.testing.assert_array_equal(got, wanted, err_msg=name)
    by_name = dict(zip([*CORNERS, *PAIRS], reference, strict=True))
    at_nan = {name: np.unique(slope[np.isnan(ONE)]) for name, slope in by_name.items()}
    for name in ("relu", "maximum", "minimum", "hinge", "three", "sign", "floor"):
        np.testing.assert_array_equal(at_nan[name], [0.0], err_msg=name)
    assert np.isnan(at_nan["absolute"]).all()
    tie = (ONE == TWO) & np.isfinite(ONE)
    np.testing.assert_array_equal(by_name["maximum"][tie & (ONE == 1)], 0.0)  # the last of two counts


def test_losses_of_nan() -> None:
    p, t, v = sd.tensor("p", (4,)), sd.tensor("t", (4,)), sd.tensor("v", (4,))
    made = {name: getattr(nn, name)(p, t) for name in LOSSES}
    made["gaussian_nll"] = nn.gaussian_nll(p, t, v)
    made["gaussian_nll of a variance"] = nn.gaussian_nll(t, t, p)
    made["hinge of a target"] = nn.hinge(t, p)
    made["divergence of a target"] = nn.kl_divergence(t, p)
    one_nan = np.array([0.5, NAN, 0.5, 0.5])
    at: dict[str, Any] = {"t": np.array([1.0, 1.0, 0.0, 1.0]), "v": np.ones(4)}
    for wrong in (one_nan, np.full(4, NAN)):
        for found in ways(list(made.values()), p=wrong, **at):
            assert [name for name, value in zip(made, found, strict=True) if not np.isnan(value)] == []


def test_reductions_and_windows() -> None:
    x = sd.tensor("x", (3, 5))
    image = sd.tensor("image", (1, 1, 4, 4))
    rows = np.array([[1.0, NAN, 3.0, 0.0, 2.0], [INF, 1.0, -INF, 0.0, NAN], [-0.0, 0.0, TINY, 0.0, TINY]])
    picture = np.arange(16.0).reshape(1, 1, 4, 4)
    picture[0, 0, 1, 2] = NAN
    made = [sd.max(x, 1), sd.min(x, 1), sd.argmax(x, 1), sd.argmin(x, 1), sd.logsumexp(x, 1)]
    made += [sd.max(x, 1, ties="split"), nn.max_pool2d(image, 2), sd.sum(sd.maximum(x, 0), 1)]
    for found in ways(made, x=rows, image=picture):
        np.testing.assert_array_equal(found[0], rows.max(1))
        np.testing.assert_array_equal(found[1], rows.min(1))
        np.testing.assert_array_equal(found[2], rows.argmax(1))
        np.testing.assert_array_equal(found[3], rows.argmin(1))
        assert np.isnan(found[4][:2]).all() and np.isfinite(found[4][2])
        np.testing.assert_array_equal(found[5], rows.max(1))
        np.testing.assert_array_equal(found[6], [[[[5.0, NAN], [13.0, 15.0]]]])
        np.testing.assert_array_equal(found[7], np.maximum(rows, 0).sum(1))


def test_scalar_functions() -> None:
    x, y = sp.symbols("x y")
    functions = {
        sp.Abs(x): np.abs(ONE),
        sp.Max(x, 0): np.maximum(ONE, 0),
        sp.Max(x, y): np.maximum(ONE, TWO),
        sp.Min(x, y, 1): np.minimum(np.minimum(ONE, TWO), 1),
        sp.sign(x): np.sign(ONE),
        sp.Abs(x) + sp.Max(y, 1): np.abs(ONE) + np.maximum(TWO, 1),
        sd.relu(x): np.maximum(ONE, 0),
        nn.hardtanh(x): np.clip(ONE, -1, 1),
    }
    for f, right in functions.items():
        for target in ("cpu", "python"):
            at = {str(s): ONE if s == x else TWO for s in f.free_symbols}
            got, slopes = sd.compile(f, wrt=sorted(f.free_symbols, key=str), target=target)(**at)
            np.testing.assert_array_equal(got, right, err_msg=str(f))
            assert all(np.shape(s) == ONE.shape for s in slopes.values())


def test_a_choice_keeps_its_plain_meaning() -> None:
    """What a user writes with where() chooses the second value if the comparison fails."""
    x = sd.tensor("x", (3,))
    chosen = sd.where(x > 0, x, 7)
    for (found,) in ways([chosen], x=np.array([NAN, 2.0, -1.0])):
        np.testing.assert_array_equal(found, [7.0, 2.0, 7.0])


def test_comparisons_are_those_of_numpy() -> None:
    """SymPy compares real numbers: to it `x = x`, `x < inf` and `x >= 0 or x < 0` are true."""
    x, y = sd.tensor("x", (ONE.size,)), sd.tensor("y", (ONE.size,))
    a, b = ONE, TWO
    with np.errstate(all="ignore"):
        pairs = [
            (~(x > 0), ~(a > 0)),
            (~((x > 0) & (x < 2)), ~((a > 0) & (a < 2))),
            ((x > 0) ^ (y > 0), (a > 0) ^ (b > 0)),
            (~(x <= y), ~(a <= b)),
            (~~(x >= y), a >= b),
            (sd.not_equal(x, x), a != a),
            (sd.equal(x, x), a == a),
            (~sd.equal(x, y), a != b),
            (x < np.inf, a < np.inf),
            (sd.absolute(x) < np.inf, np.isfinite(a)),
            (sd.equal(x, -np.inf), a == -np.inf),
            (sd.absolute(x) >= 0, np.abs(a) >= 0),
            (x * x >= 0, a * a >= 0),
            (x < x + 1, a < a + 1),
        ]
    for found in ways([sd.where(condition, 1, 2) for condition, _ in pairs], x=ONE, y=TWO):
        for got, (_, holds) in zip(found, pairs, strict=True):
            np.testing.assert_array_equal(got == 1, holds)
    nested = sd.where(x > y, 1, sd.where(x <= y, 2, 3))
    for (got,) in ways([nested], x=ONE, y=TWO):
        np.testing.assert_array_equal(got, np.where(a > b, 1, np.where(a <= b, 2, 3)))


def test_a_mask_of_nan_keeps_it_out_of_slopes() -> None:
    x = sd.tensor("x", (3,))
    loss = sd.where(sd.equal(x, x), x * x, 0).sum()
    for value, slope in ways([loss, sd.grad(loss, x)], x=np.array([NAN, 2.0, -1.0])):
        assert value == 5.0
        np.testing.assert_array_equal(slope, [0.0, 4.0, -2.0])


def test_a_network_of_nan_has_no_perfect_score() -> None:
    x, y = sd.tensor("x", (2,)), sd.tensor("y", (2,))
    loss = nn.mean_absolute_error(x, y)
    for (found,) in ways([loss], x=np.full(2, NAN), y=np.ones(2)):
        assert np.isnan(found)
    with np.errstate(all="ignore"):
        value, slopes = sd.compile(loss, wrt=[x])(x=np.full(2, NAN), y=np.ones(2))
    assert np.isnan(value) and np.isnan(slopes["x"]).all()


def test_clipped_gradients_of_nan() -> None:
    g = sd.tensor("g", (3,))
    by_norm, by_value = nn.clipping.clip_by_norm({g: g}, 1.0)[g], nn.clipping.clip_by_value({g: g}, 1.0)[g]
    for norm, value in ways([by_norm, by_value], g=np.array([NAN, 3.0, -0.5])):
        assert np.isnan(norm).all()
        np.testing.assert_array_equal(value, [NAN, 1.0, -0.5])


@st.composite
def programs(draw: Any, depth: int = 3, place: str = "x") -> Callable[[Any, Values], Any]:
    """A random expression of corners, for tensors and for arrays alike; its leaves are called by their place.

    Each is another one: what SymPy cancels, such as ``x - x``, is gone before any value is known.
    """
    if depth == 0 or not draw(st.integers(0, 6)):
        return lambda leaf, ops: leaf(place)
    kind = draw(st.sampled_from(["max", "min", "abs", "add", "mul", "relu", "sub"]))
    one = draw(programs(depth=depth - 1, place=f"{place}0"))
    if kind in ("abs", "relu"):
        return lambda leaf, ops: ops[kind](one(leaf, ops))
    two = draw(programs(depth=depth - 1, place=f"{place}1"))
    return lambda leaf, ops: ops[kind](one(leaf, ops), two(leaf, ops))


ARRAYS: Values = {
    "max": np.maximum,
    "min": np.minimum,
    "abs": np.abs,
    "relu": lambda a: np.maximum(a, 0),
    "add": np.add,
    "mul": np.multiply,
    "sub": np.subtract,
}
TENSORS: Values = {
    "max": sd.maximum,
    "min": sd.minimum,
    "abs": sd.absolute,
    "relu": sd.relu,
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "sub": lambda a, b: a - b,
}


def values_of(place: str) -> np.ndarray:
    """Other values in another order for every leaf."""
    return np.random.default_rng(sum(place.encode())).permutation(HARD)


@settings(max_examples=30, deadline=None)
@given(programs())
def test_random_expressions_lose_no_nan(expression: Callable[..., Any]) -> None:
    with np.errstate(all="ignore"):
        right = expression(values_of, ARRAYS)
    result = expression(lambda place: sd.tensor(place, (HARD.size,)), TENSORS)
    program = collect([result])
    with np.errstate(all="ignore"):
        got = evaluate(program, {str(t.name): values_of(str(t.name)) for t in program.inputs})[result]
    np.testing.assert_array_equal(got, right)
