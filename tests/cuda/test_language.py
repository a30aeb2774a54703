"""What Numba's CUDA knows of Python's numbers: libdevice's functions, integers, halves, pointers, matrices.

Each small kernel makes other instructions than `tests/cuda/kernels.py`; all must be known and right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.cuda.toolchain import ARCHITECTURES, assembled, compiled, needs_compiler

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'symdl[cuda-test]'")

from numba import types

from tests.cuda.kernels import F, U, cuda
from tests.cuda.ptx.launch import Fresh, run

pytestmark = needs_compiler

D = types.Array(types.float64, 1, "C")
N = 60

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": lambda v: math.exp(v / 10),
    "expm1": lambda v: math.expm1(v / 10),
    "log": lambda v: math.log(v),
    "log1p": lambda v: math.log1p(v),
    "log2": lambda v: math.log2(v),
    "log10": lambda v: math.log10(v),
    "sqrt": lambda v: math.sqrt(v),
    "sin": lambda v: math.sin(v),
    "cos": lambda v: math.cos(v),
    "tan": lambda v: math.tan(v),
    "asin": lambda v: math.asin(v / 1000),
    "acos": lambda v: math.acos(v / 1000),
    "atan": lambda v: math.atan(v),
    "atan2": lambda v: math.atan2(v, v - 3),
    "sinh": lambda v: math.sinh(v / 100),
    "cosh": lambda v: math.cosh(v / 100),
    "tanh": lambda v: math.tanh(v),
    "asinh": lambda v: math.asinh(v),
    "acosh": lambda v: math.acosh(v + 1),
    "atanh": lambda v: math.atanh(v / 1000),
    "erf": lambda v: math.erf(v),
    "erfc": lambda v: math.erfc(v / 10),
    "gamma": lambda v: math.gamma(v / 30),
    "lgamma": lambda v: math.lgamma(v),
    "hypot": lambda v: math.hypot(v, v + 1),
    "pow": lambda v: math.pow(v, v / 100),
    "cube": lambda v: v**3,
    "fmod": lambda v: math.fmod(v, v / 3 + 1),
    "modulo": lambda v: v % (v / 3 + 1),
    "quotient": lambda v: v // (v / 3 + 1),
    "floor": lambda v: math.floor(v),
    "ceil": lambda v: math.ceil(v),
    "trunc": lambda v: math.trunc(v),
    "ldexp": lambda v: math.ldexp(v, 3),
    "copysign": lambda v: math.copysign(v, 3 - v),
    "smaller": lambda v: min(v, 3),
    "finite": lambda v: math.isfinite(v) + 2 * math.isnan(v) + 4 * math.isinf(v),
}
WIDE_OFF = {"lgamma": 1e-13, "gamma": 1e-13, "pow": 1e-13}


def elementwise(function: Callable[..., Any]) -> Callable[..., None]:
    """Return a kernel that applies a function to every element."""
    inside: Any = cuda.jit(function, device=True, inline="always")

    def apply(x: Any, y: Any, n: Any) -> None:
        i = cuda.grid(1)
        if i < n:
            y[i] = inside(x[i])

    return apply


@pytest.mark.parametrize("fastmath", [False, True])
@pytest.mark.parametrize(("of", "dtype"), [(F, np.float32), (D, np.float64)], ids=["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_number(name: str, of: Any, dtype: Any, fastmath: bool) -> None:
    text = compiled(elementwise(FUNCTIONS[name]), (of, of, U), fastmath=fastmath)
    x = np.exp(np.random.default_rng(4).uniform(-3, 6, N)).astype(dtype)
    y = np.zeros(N, dtype)
    report = run(text, 2, 32, [x, Fresh(y), np.uint32(N)])
    assert not report.findings, str(report)
    expected = np.array([float(FUNCTIONS[name](float(v))) for v in x])
    off = np.abs(y - expected) / np.maximum(np.abs(expected), 1)
    exact = 4e-6 if dtype == np.float32 else WIDE_OFF.get(name, 2e-15)
    loose = fastmath and dtype == np.float32
    limit = {"sin": 1e-4, "cos": 1e-4, "tan": 1e-2, "tanh": 2e-3}.get(name, 2e-5) if loose else exact
    assert off.max() <= limit


def integers(x: Any, y: Any, n: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        v = x[i]
        w = x[(i * 31 + 7) % n]
        y[i] = (v // 7 + (v % 5) * (v >> 2) + (v << 3)) ^ (w + abs(v) + min(v, 3) - max(w, 5) + (-v) // 3)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integers(dtype: Any) -> None:
    of = types.Array(types.int32 if dtype == np.int32 else types.int64, 1, "C")
    x = np.random.default_rng(0).integers(-1000, 1000, N).astype(dtype)
    y = np.zeros(N, dtype)
    report = run(compiled(integers, (of, of, types.int32)), 2, 32, [x, Fresh(y), np.int32(N)])
    assert not report.findings, str(report)
    v = x.astype(np.int64)
    w = v[(np.arange(N) * 31 + 7) % N]
    expected = (v // 7 + (v % 5) * (v >> 2) + (v << 3)) ^ (
        w + abs(v) + np.minimum(v, 3) - np.maximum(w, 5) + (-v) // 3
    )
    assert (y == expected).all()


def matrices(x: Any, mask: Any, y: Any) -> None:
    i, j = cuda.grid(2)
    if i < x.shape[0] and j < x.shape[1]:
        y[j, i] = x[i, j] if mask[i, j] else -x[i, j]


def pointers(x: Any, y: Any, n: Any, factor: Any) -> None:
    i = np.uint32(cuda.grid(1))
    if i < n:
        y[i] = x[i] * factor


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_matrices_flags_and_pointers(architecture: str) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(7, 11)).astype(np.float32)
    mask = random.random((7, 11)) < 0.5
    y = np.zeros((11, 7), np.float32)
    signature = (
        types.Array(types.float32, 2, "C"),
        types.Array(types.boolean, 2, "C"),
        types.Array(types.float32, 2, "C"),
    )
    text = compiled(matrices, signature, architecture=architecture)
    report = run(text, (2, 2), (4, 8), [x, mask, Fresh(y)])
    assert not report.findings, str(report)
    assert (y == np.where(mask, x, -x).T).all()

    p = types.CPointer(types.float32)
    text = compiled(pointers, (p, p, U, types.float32), architecture=architecture)
    flat, out = x.ravel(), np.zeros(77, np.float32)
    report = run(text, 3, 32, [flat, Fresh(out), np.uint32(77), np.float32(3)])
    assert not report.findings, str(report)
    assert (out == flat * 3).all()
    assert assembled(text, architecture)[0].registers <= 16


def test_halves_are_stored_and_loaded() -> None:
    half = types.Array(types.float16, 1, "C")

    def double(x: Any, y: Any, n: Any) -> None:
        i = cuda.grid(1)
        if i < n:
            y[i] = np.float32(x[i]) * np.float32(2)

    x = np.random.default_rng(0).normal(size=N).astype(np.float16)
    y = np.zeros(N, np.float16)
    report = run(compiled(double, (half, half, U)), 2, 32, [x, Fresh(y), np.uint32(N)])
    assert not report.findings, str(report)
    assert (y == x * np.float16(2)).all()


def ordered_extremes(x: Any, low: Any, high: Any, n: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        cuda.atomic.min(low, 0, x[i])
        cuda.atomic.max(high, i % 2, x[i])


def test_extremes_of_floats_are_loops_of_compare_and_swap() -> None:
    x = np.random.default_rng(0).normal(size=N).astype(np.float32)
    low, high = np.zeros(1, np.float32), np.zeros(2, np.float32)
    text = compiled(ordered_extremes, (F, F, F, U))
    assert "atom.global.cas" in text
    report = run(text, 2, 32, [x, low, high, np.uint32(N)])
    assert not report.findings, str(report)
    assert low[0] == x.min() and high[0] == x[::2].max() and high[1] == x[1::2].max()
