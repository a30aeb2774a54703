"""Kernels written by hand, of the kinds that are generated: each with its signature and a NumPy twin.

`KERNELS` lists them for the tests. Sizes are small and odd, so that guards matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba.cuda
import numpy as np
import numpy.typing as npt
from numba import types

Array = npt.NDArray[Any]
cuda: Any = numba.cuda  # its declarations leave out what only kernels use
THREADS = 64
TILE = 8
WARP_MASK = 0xFFFFFFFF


def bias_relu(x: Any, b: Any, y: Any, m: Any, n: Any) -> None:
    # Y[i, j] = max(X[i, j] + b[j], 0)
    t = np.uint32(cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x)
    step = np.uint32(cuda.gridDim.x * cuda.blockDim.x)
    while t < np.uint32(m * n):
        y[t] = max(x[t] + b[np.uint32(t % n)], np.float32(0))
        t = np.uint32(t + step)


def softmax(x: Any, y: Any, n: Any) -> None:
    # P[i, j] = exp(Z[i, j] - max_k Z[i, k]) / sum_k exp(Z[i, k] - ...)
    s = cuda.shared.array(THREADS, dtype=np.float32)
    t = np.uint32(cuda.threadIdx.x)
    start = np.uint32(cuda.blockIdx.x * n)
    best = np.float32(-np.inf)
    i = t
    while i < n:
        best = max(best, x[np.uint32(start + i)])
        i = np.uint32(i + np.uint32(THREADS))
    s[t] = best
    cuda.syncthreads()
    k = np.uint32(THREADS // 2)
    while k > np.uint32(0):
        if t < k:
            s[t] = max(s[t], s[np.uint32(t + k)])
        cuda.syncthreads()
        k = np.uint32(k >> np.uint32(1))
    best = s[0]
    cuda.syncthreads()
    total = np.float32(0)
    i = t
    while i < n:
        e = math.exp(x[np.uint32(start + i)] - best)
        y[np.uint32(start + i)] = e
        total += e
        i = np.uint32(i + np.uint32(THREADS))
    s[t] = total
    cuda.syncthreads()
    k = np.uint32(THREADS // 2)
    while k > np.uint32(0):
        if t < k:
            s[t] = s[t] + s[np.uint32(t + k)]
        cuda.syncthreads()
        k = np.uint32(k >> np.uint32(1))
    total = s[0]
    i = t
    while i < n:
        y[np.uint32(start + i)] /= total
        i = np.uint32(i + np.uint32(THREADS))


def softmax_warp(x: Any, y: Any, n: Any) -> None:
    # P[i, j] = exp(Z[i, j] - max_k Z[i, k]) / sum_k exp(Z[i, k] - ...), a warp a row
    lane = np.uint32(cuda.threadIdx.x)
    start = np.uint32(cuda.blockIdx.x * n)
    best = np.float32(-np.inf)
    i = lane
    while i < n:
        best = max(best, x[np.uint32(start + i)])
        i = np.uint32(i + np.uint32(32))
    for d in (16, 8, 4, 2, 1):
        best = max(best, cuda.shfl_xor_sync(WARP_MASK, best, d))
    total = np.float32(0)
    i = lane
    while i < n:
        total += math.exp(x[np.uint32(start + i)] - best)
        i = np.uint32(i + np.uint32(32))
    for d in (16, 8, 4, 2, 1):
        total += cuda.shfl_down_sync(WARP_MASK, total, d)
    total = cuda.shfl_sync(WARP_MASK, total, 0)
    i = lane
    while i < n:
        y[np.uint32(start + i)] = math.exp(x[np.uint32(start + i)] - best) / total
        i = np.uint32(i + np.uint32(32))


def gemm(a: Any, b: Any, c: Any, m: Any, n: Any, k: Any) -> None:
    # C[i, j] = sum_k A[i, k] B[k, j]
    left = cuda.shared.array((TILE, TILE), dtype=np.float32)
    right = cuda.shared.array((TILE, TILE), dtype=np.float32)
    x, y = np.uint32(cuda.threadIdx.x), np.uint32(cuda.threadIdx.y)
    row = np.uint32(cuda.blockIdx.y * np.uint32(TILE) + y)
    column = np.uint32(cuda.blockIdx.x * np.uint32(TILE) + x)
    total = np.float32(0)
    start = np.uint32(0)
    while start < k:
        ka, kb = np.uint32(start + x), np.uint32(start + y)
        left[y, x] = a[np.uint32(row * k + ka)] if row < m and ka < k else np.float32(0)
        right[y, x] = b[np.uint32(kb * n + column)] if kb < k and column < n else np.float32(0)
        cuda.syncthreads()
        for i in range(TILE):
            total += left[y, i] * right[i, x]
        cuda.syncthreads()
        start = np.uint32(start + np.uint32(TILE))
    if row < m and column < n:
        c[np.uint32(row * n + column)] = total


def partial_sums(x: Any, part: Any, n: Any) -> None:
    # S_g = sum_{i in g} x[i]
    s = cuda.shared.array(2, dtype=np.float32)
    t = np.uint32(cuda.threadIdx.x)
    i = np.uint32(cuda.blockIdx.x * np.uint32(THREADS) + t)
    total = np.float32(0)
    while i < n:
        total += x[i]
        i = np.uint32(i + np.uint32(cuda.gridDim.x * np.uint32(THREADS)))
    for d in (16, 8, 4, 2, 1):
        total += cuda.shfl_down_sync(WARP_MASK, total, d)
    if t % np.uint32(32) == np.uint32(0):
        s[np.uint32(t // np.uint32(32))] = total
    cuda.syncthreads()
    if t == np.uint32(0):
        part[cuda.blockIdx.x] = s[0] + s[1]


def scan(x: Any, y: Any, n: Any) -> None:
    # y[i] = sum_{k <= i} x[k]
    s = cuda.shared.array(THREADS, dtype=np.float32)
    t = np.uint32(cuda.threadIdx.x)
    s[t] = x[t] if t < n else np.float32(0)
    cuda.syncthreads()
    d = np.uint32(1)
    while d < np.uint32(THREADS):
        more = s[np.uint32(t - d)] if t >= d else np.float32(0)
        cuda.syncthreads()
        s[t] += more
        cuda.syncthreads()
        d = np.uint32(d * np.uint32(2))
    if t < n:
        y[t] = s[t]


def histogram(x: Any, count: Any, n: Any) -> None:
    # c[k] = sum_i [x[i] = k]
    s = cuda.shared.array(16, dtype=np.int32)
    t = np.uint32(cuda.threadIdx.x)
    if t < np.uint32(16):
        s[t] = np.int32(0)
    cuda.syncthreads()
    i = np.uint32(cuda.blockIdx.x * cuda.blockDim.x + t)
    if i < n:
        cuda.atomic.add(s, x[i], np.int32(1))
    cuda.syncthreads()
    if t < np.uint32(16):
        cuda.atomic.add(count, t, s[t])


def functions(x: Any, y: Any, n: Any) -> None:
    # y[i] = exp(-x^2) + log x + tanh x + erf x + sin x cos x + x^1.7 + sqrt x
    i = np.uint32(cuda.grid(1))
    if i < n:
        v = x[i]
        y[i] = (
            math.exp(-v * v)
            + math.log(v)
            + math.tanh(v)
            + math.erf(v)
            + math.sin(v) * math.cos(v)
            + math.pow(v, x[np.uint32(0)])
            + math.sqrt(v)
        )


def private(x: Any, y: Any, n: Any) -> None:
    # y[i] = sum_k k x[(i + k) mod 4 of i's four], through an array of each thread
    kept = cuda.local.array(4, dtype=np.float32)
    i = np.uint32(cuda.grid(1))
    if i < n:
        for k in range(4):
            kept[k] = x[np.uint32(4 * i + k)] * np.float32(k + 1)
        y[i] = kept[int(x[np.uint32(4 * i)]) % 4] + kept[3]


@dataclass(frozen=True)
class Kernel:
    """One kernel: Numba's types, its launch, its arguments, and what is in `output` then."""

    function: Callable[..., None]
    signature: tuple[Any, ...]
    grid: int | tuple[int, ...]
    block: int | tuple[int, ...]
    arguments: Callable[[], list[Any]]
    expected: Callable[..., Array]
    output: int
    fresh: bool = True
    tolerance: float = 2e-6


F = types.Array(types.float32, 1, "C")
D = types.Array(types.float64, 1, "C")
I = types.Array(types.int32, 1, "C")
U = types.uint32


def _normal(*shape: int, dtype: Any = np.float32, seed: int = 1) -> Array:
    return np.asarray(np.random.default_rng(seed).normal(size=shape)).astype(dtype)


def _soft(x: Array, y: Array, n: Any) -> Array:
    z = x.reshape(-1, int(n)).astype(np.float64)
    e = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True)).ravel()


def _functions(x: Array, y: Array, n: Any) -> Array:
    v = x[: int(n)].astype(np.float64)
    erf = np.array([math.erf(u) for u in v])
    out = np.exp(-v * v) + np.log(v) + np.tanh(v) + erf + np.sin(v) * np.cos(v) + v ** v[0] + np.sqrt(v)
    return np.asarray(out)


def _private(x: Array, y: Array, n: Any) -> Array:
    rows = x.reshape(-1, 4).astype(np.float64) * [1, 2, 3, 4]
    return np.asarray(rows[np.arange(len(rows)), x[::4].astype(int) % 4] + rows[:, 3])


def _positive(dtype: Any) -> Array:
    v: Array = np.abs(_normal(100, dtype=dtype)) * 3 + dtype(0.01)
    v[:6] = [1.7, 1e-6, 30.0, 2.5e5, 7.25, 0.5]
    return v


KERNELS = {
    "bias_relu": Kernel(
        bias_relu,
        (F, F, F, U, U),
        3,
        THREADS,
        lambda: [_normal(13 * 21), _normal(21), np.zeros(273, np.float32), np.uint32(13), np.uint32(21)],
        lambda x, b, y, m, n: np.maximum(x.reshape(int(m), -1).astype(np.float64) + b, 0).ravel(),
        2,
    ),
    "softmax": Kernel(
        softmax,
        (F, F, U),
        5,
        THREADS,
        lambda: [_normal(5 * 99) * 4, np.zeros(495, np.float32), np.uint32(99)],
        _soft,
        1,
    ),
    "softmax_warp": Kernel(
        softmax_warp,
        (F, F, U),
        5,
        32,
        lambda: [_normal(5 * 99) * 4, np.zeros(495, np.float32), np.uint32(99)],
        _soft,
        1,
    ),
    "gemm": Kernel(
        gemm,
        (F, F, F, U, U, U),
        (3, 2),
        (TILE, TILE),
        lambda: [
            _normal(13 * 11),
            _normal(11 * 19, seed=2),
            np.zeros(13 * 19, np.float32),
            *(np.uint32(size) for size in (13, 19, 11)),
        ],
        lambda a, b, c, m, n, k: (
            a.reshape(int(m), -1).astype(np.float64) @ b.reshape(int(k), -1).astype(np.float64)
        ).ravel(),
        2,
    ),
    "partial_sums": Kernel(
        partial_sums,
        (F, F, U),
        3,
        THREADS,
        lambda: [_normal(500), np.zeros(3, np.float32), np.uint32(500)],
        lambda x, part, n: np.array(
            [x.astype(np.float64)[np.arange(500) // 64 % 3 == g].sum() for g in range(3)]
        ),
        1,
    ),
    "scan": Kernel(
        scan,
        (F, F, U),
        1,
        THREADS,
        lambda: [_normal(50), np.zeros(50, np.float32), np.uint32(50)],
        lambda x, y, n: np.cumsum(x.astype(np.float64)),
        1,
    ),
    "histogram": Kernel(
        histogram,
        (I, I, U),
        4,
        THREADS,
        lambda: [
            np.random.default_rng(3).integers(0, 16, 200).astype(np.int32),
            np.zeros(16, np.int32),
            np.uint32(200),
        ],
        lambda x, count, n: np.bincount(x, minlength=16),
        1,
        fresh=False,
    ),
    "functions": Kernel(
        functions,
        (F, F, U),
        2,
        THREADS,
        lambda: [_positive(np.float32), np.zeros(100, np.float32), np.uint32(100)],
        _functions,
        1,
        tolerance=4e-6,
    ),
    "functions64": Kernel(
        functions,
        (D, D, U),
        2,
        THREADS,
        lambda: [_positive(np.float64), np.zeros(100), np.uint32(100)],
        _functions,
        1,
        tolerance=1e-14,
    ),
    "private": Kernel(
        private,
        (F, F, U),
        1,
        THREADS,
        lambda: [np.abs(_normal(200)) * 5, np.zeros(50, np.float32), np.uint32(50)],
        _private,
        1,
    ),
}
