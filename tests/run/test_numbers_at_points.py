"""Numbers beside arrays: what an array of the number gives, by the same kernel, in less time."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.errors import ArgumentError
from symdl.run.compile import compile as build
from tests.targets import EVERY

a, b, x, y, w = sp.symbols("a b x y w")
F = a * sp.exp(-b * x) + sp.sin(y) * b
NAMES = ("a", "b", "x", "y")
f: Any = build(F, wrt=[a, b, x, w])
single: Any = build(F, wrt=[a, b, x, w], dtype="float32")
rng = np.random.default_rng(5)


def equal(found: Any, wanted: Any) -> None:
    np.testing.assert_array_equal(found[0], wanted[0])
    assert found[1].keys() == wanted[1].keys()
    for name, slope in wanted[1].items():
        assert found[1][name].shape == slope.shape and found[1][name].dtype == slope.dtype
        np.testing.assert_array_equal(found[1][name], slope)


@settings(max_examples=60, deadline=None)
@given(
    which=st.tuples(*[st.booleans()] * 4).filter(any),
    count=st.sampled_from([1, 2, 7, 255, 256, 16384, 16385, 40_000]),
    kind=st.sampled_from([float, np.float64, np.float32, np.asarray, np.atleast_1d]),
    made=st.sampled_from([f, single]),
)
def test_a_number_is_an_array_of_it(which: tuple[bool, ...], count: int, kind: Any, made: Any) -> None:
    given = {name: rng.normal(size=count) if here else 0.75 for name, here in zip(NAMES, which, strict=True)}
    arrays = {name: np.full(count, value) for name, value in given.items()}
    mixed = {name: kind(value) if type(value) is float else value for name, value in given.items()}
    equal(made(**mixed), made(**arrays))
    typed = {name: value.astype(made._dtype) for name, value in arrays.items()}
    equal(made(**{**mixed, **{n: typed[n] for n in NAMES if np.ndim(given[n])}}), made(**typed))


@EVERY
def test_targets(target: Any) -> None:
    made: Any = build(F, wrt=[a, y], target=target)
    value, slopes = made(a=2.0, b=np.array([0.5, 1, 2])[:, None], x=np.linspace(0, 1, 4), y=3)
    assert value.shape == slopes["a"].shape == slopes["y"].shape == (3, 4)
    every = made(a=np.full((3, 4), 2.0), b=np.repeat([[0.5], [1], [2]], 4, 1),
                 x=np.tile(np.linspace(0, 1, 4), (3, 1)), y=np.full((3, 4), 3.0))  # fmt: skip
    equal((value, slopes), every)


@pytest.mark.parametrize("count", [5, 20_000])
def test_an_argument_that_is_a_result(count: int) -> None:
    made: Any = build(x, wrt=[x, y])
    value, slopes = made(x=np.arange(float(count)))
    np.testing.assert_array_equal(value, np.arange(count))
    assert not slopes["y"].any() and slopes["x"].all()
    product: Any = build(a * x, wrt=[a, x])
    value, slopes = product(a=3.0, x=np.arange(float(count)))  # the slope by x is a
    np.testing.assert_array_equal(slopes["x"], np.full(count, 3.0))
    np.testing.assert_array_equal(slopes["a"], np.arange(count))


def test_results_are_new_and_choices_may_change() -> None:
    points = np.linspace(0, 1, 50)
    first, _ = f(a=1.0, b=2.0, x=points, y=0.0)
    kept = first.copy()
    f(a=5.0, b=1.0, x=points, y=1.0)
    np.testing.assert_array_equal(first, kept)
    for order in itertools.permutations((1.0, 2.0, points, points[::-1])):
        given: dict[str, Any] = dict(zip(NAMES, order, strict=True))
        wanted = given["a"] * np.exp(-given["b"] * given["x"]) + np.sin(given["y"]) * given["b"]
        np.testing.assert_allclose(f(**given)[0], wanted, rtol=1e-14)


def test_calls_from_several_threads() -> None:
    points, wrong = np.linspace(0, 1, 200), []

    def call(number: int) -> None:
        for _ in range(200):
            value, _ = f(a=float(number), b=0.0, x=points, y=0.0)
            if not (value == number).all():
                wrong.append(number)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_no_array_of_all_points_is_made_for_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million points read the same row of one block, again and again."""
    seen: list[tuple[int, ...]] = []
    at_points = f._compiled.at_points

    def watched(count: int, arrays: list[Any], numbers: Any) -> Any:
        seen.append(tuple(len(array) for array in arrays))
        return at_points(count, arrays, numbers)

    monkeypatch.setattr(f._compiled, "at_points", watched)
    f(a=1.0, b=2.0, x=np.zeros(10**6), y=0.5)
    assert seen == [(16384, 16384, 10**6, 16384)]


def test_numbers_that_do_not_fit() -> None:
    points = np.zeros(3)
    with pytest.raises(ArgumentError, match="a holds"):
        f(a="1", b=1.0, x=points, y=1.0)
    with pytest.raises(ArgumentError, match="missing: b"):
        f(a=1.0, x=points, y=1.0)
    with pytest.raises(ArgumentError, match="do not broadcast"):
        f(a=np.zeros(2), b=1.0, x=points, y=1.0)
    assert f(a=10**18, b=0, x=points, y=True)[0][0] == 1e18
    with pytest.raises(ArgumentError, match="a holds an integer"):
        f(a=10**400, b=0, x=points, y=1.0)
    assert f(a=1.0, b=1.0, x=np.zeros(0), y=1.0)[0].shape == (0,)
    infinite = single(a=1e300, b=0.0, x=np.zeros(3, "float32"), y=0.0)[0]
    assert np.isinf(infinite).all()
