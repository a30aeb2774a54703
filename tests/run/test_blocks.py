"""Many points in blocks on several threads: the bits of one block after the other, in memory of its own."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl.errors import ArgumentError
from symdl.run.compile import compile as build
from symdl.run.memory import address
from symdl.run.scalar_function import ScalarFunction

x, y = sp.symbols("x y")
F = sp.sin(x**2 * y) + sp.exp(-y)
rng = np.random.default_rng(3)


def function(threads: int | None, **options: Any) -> ScalarFunction:
    made = build(F, wrt=[x, y], threads=threads, **options)
    assert isinstance(made, ScalarFunction)
    return made


def arguments(count: int) -> dict[str, Any]:
    return {"x": rng.normal(size=count), "y": rng.uniform(0, 1, count)}


@pytest.mark.parametrize("count", [16384, 16385, 32768, 70_001])
def test_blocks_give_what_one_call_for_every_part_gives(count: int) -> None:
    f, given = function(1), arguments(count)
    assert f._compiled.block == 16384
    value, slopes = f(**given)
    for low in range(0, count, 1000):
        part = {name: column[low : low + 1000] for name, column in given.items()}
        here, grads = f(**part)
        np.testing.assert_array_equal(value[low : low + 1000], here)
        np.testing.assert_array_equal(slopes["x"][low : low + 1000], grads["x"])
    np.testing.assert_allclose(value, np.sin(given["x"] ** 2 * given["y"]) + np.exp(-given["y"]), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bits_do_not_depend_on_the_number_of_threads(dtype: str) -> None:
    given = arguments(200_003)
    value, slopes = function(1, dtype=dtype)(**given)
    for threads in (2, 3, None):
        again, grads = function(threads, dtype=dtype)(**given)
        np.testing.assert_array_equal(value, again)
        np.testing.assert_array_equal(slopes["y"], grads["y"])


def test_results_stay_when_they_are_used_and_their_memory_is_used_again_when_not() -> None:
    f, given, other = function(2), arguments(40_000), arguments(40_000)
    value, slopes = f(**given)
    kept, view = value.copy(), slopes["x"][5:9]
    seen = view.copy()
    f(**other)
    np.testing.assert_array_equal(value, kept)
    del value, slopes
    np.testing.assert_array_equal(view, seen)  # a view keeps the memory of its call
    places = set()
    for _ in range(6):
        result = f(**other)
        places.add(address(result[0]))
    assert len(places) <= 3  # the view has one of the first two
    np.testing.assert_array_equal(view, seen)


def test_threads_of_the_caller() -> None:
    f, given = function(2), arguments(40_000)
    wanted = f(**given)[0]
    found: list[Any] = []
    callers = [threading.Thread(target=lambda: found.append(f(**given)[0])) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for value in found:
        np.testing.assert_array_equal(value, wanted)


def test_a_number_of_threads_that_is_none() -> None:
    with pytest.raises(ArgumentError, match="threads=0"):
        function(0)
