"""Scalar functions at single numbers: the same values as at arrays, and the same errors."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl.errors import ArgumentError
from symdl.run.compile import compile as build

x, y, z = sp.symbols("x y z")
F = sp.sin(x) * y + sp.exp(-x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [float, np.float32, np.float64, np.asarray])
def test_a_number_gives_what_an_array_of_it_gives(dtype: Any, kind: Any) -> None:
    f: Any = build(F, wrt=[x, y], dtype=dtype)
    value, slopes = f(x=kind(0.3), y=kind(1.7))
    values, columns = f(x=np.array([kind(0.3)]), y=np.array([kind(1.7)]))
    assert type(value) is type(slopes["x"]) is np.dtype(dtype).type
    assert (value, slopes["x"], slopes["y"]) == (values[0], columns["x"][0], columns["y"][0])


def test_integers_and_numbers_that_broadcast() -> None:
    f: Any = build(F, wrt=[x, y])
    assert f(x=2, y=3)[0] == f(x=2.0, y=3.0)[0]
    assert f(x=2, y=[3, 4])[0].shape == (2,)
    assert f(x=np.array(2.0), y=3)[0] == f(x=2, y=3)[0]


def test_slopes_of_symbols_that_do_not_occur() -> None:
    f: Any = build(F, wrt=[z, x])
    value, slopes = f(x=0.3, y=1.7)
    assert list(slopes) == ["z", "x"]
    assert slopes["z"] == 0 and np.isfinite(value)
    assert f(x=0.3, y=1.7, z=5.0)[1] == slopes


def test_an_input_that_is_the_output() -> None:
    f: Any = build(x, wrt=[x])
    assert f(x=4.0) == (4.0, {"x": 1.0})


@pytest.mark.parametrize("wrong", ["1", None, 1j])
def test_what_is_no_number_is_an_error(wrong: Any) -> None:
    f: Any = build(F)
    with pytest.raises(ArgumentError, match="x holds"):
        f(x=wrong, y=1.0)
    with pytest.raises(ArgumentError, match="missing: y"):
        f(x=1.0)
    with pytest.raises(ArgumentError, match="unknown: w"):
        f(x=1.0, w=1.0)


def test_an_integer_too_large_is_an_error() -> None:
    f: Any = build(F)
    with pytest.raises(ArgumentError, match="x holds"):
        f(x=10**400, y=1.0)


def test_a_call_keeps_the_memory_of_its_intermediate_values() -> None:
    """Only addresses of it stand in what generated code reads."""
    f: Any = build(sum(sp.sin(k * x) for k in range(1, 80)), wrt=[x])
    memory = f._compiled.built.memory({"points": 1})
    room, run = weakref.ref(memory.arena), memory.run
    assert memory.arena.nbytes
    del memory
    gc.collect()
    assert room() is not None
    del run
    gc.collect()
    assert room() is None
