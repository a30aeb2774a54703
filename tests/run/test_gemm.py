"""Matrix products: by the micro-kernel, by BLAS, and where one ends and the other begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from symdl.run.cpu.cache import objects as machine
from symdl.run.cpu.gemm.dispatch import micro_kernels, products
from symdl.run.cpu.gemm.multiply import moderate, multiply_matrices, too_large
from symdl.run.cpu.intrinsics.pointers import REALS
from symdl.run.memory import address

single, double = REALS["float32"], REALS["float64"]


@njit
def in_single(table: int, turned: int, sizes: Any, factor: Any, places: Any, leads: Any) -> None:
    m, n, k = sizes
    a, b, c = single(places[0]), single(places[1]), single(places[2])
    multiply_matrices(table, turned, m, n, k, factor, a, 0, leads[0], b, 0, leads[1], c, 0, leads[2])


@njit
def in_double(table: int, turned: int, sizes: Any, factor: Any, places: Any, leads: Any) -> None:
    m, n, k = sizes
    a, b, c = double(places[0]), double(places[1]), double(places[2])
    multiply_matrices(table, turned, m, n, k, factor, a, 0, leads[0], b, 0, leads[1], c, 0, leads[2])


def check(m: int, n: int, k: int, *, turned: int, dtype: str, wider: int, table: Any = None) -> None:
    """Compare with NumPy, in matrices with rows longer by `wider`, and see that nothing else is written."""
    rng = np.random.default_rng(m + 100 * n + 10_000 * k)
    shapes = [(k, m) if turned & 1 else (m, k), (n, k) if turned & 2 else (k, n), (m, n)]
    wide = [rng.normal(size=(rows, columns + wider)).astype(dtype) for rows, columns in shapes]
    inner = [array[:, : array.shape[1] - wider] for array in wide]
    before = wide[2].copy()
    left, right = (a.T if turned & bit else a for a, bit in zip(inner, (1, 2), strict=False))
    expected = 0.5 * (left.astype("float64") @ right.astype("float64"))
    places = np.array([address(array) for array in wide])
    leads = np.array([array.shape[1] for array in wide])
    multiply = in_single if dtype == "float32" else in_double
    table = products(dtype).table if table is None else table
    multiply(address(table), turned, (m, n, k), np.dtype(dtype).type(0.5), places, leads)
    scale = (np.abs(left).astype("float64") @ np.abs(right).astype("float64")).max(initial=1.0)
    np.testing.assert_allclose(inner[2], expected, rtol=0, atol=4 * scale * np.finfo(dtype).eps)
    np.testing.assert_array_equal(wide[2][:, n:], before[:, n:])


sizes = st.one_of(st.integers(1, 40), st.sampled_from([48, 64, 96, 100, 112, 113, 200]))


@settings(max_examples=150, deadline=None)
@given(sizes, sizes, sizes, st.integers(0, 3), st.sampled_from(["float32", "float64"]), st.integers(0, 5))
def test_agrees_with_numpy(m: int, n: int, k: int, turned: int, dtype: str, wider: int) -> None:
    check(m, n, k, turned=turned, dtype=dtype, wider=wider)


@pytest.mark.parametrize("size, rows", [(64, 8), (32, 4), (16, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_register_blocks_of_other_machines_agree_too(dtype: str, size: int, rows: int) -> None:
    """Vectors of any length can be compiled here, slower."""
    lanes = size // np.dtype(dtype).itemsize
    library = machine.load(micro_kernels(dtype, rows=rows, lanes=lanes))
    table = products(dtype).table.copy()
    table[1:4] = library.addresses["product"], rows, lanes
    for m, n, k in [
        (rows, lanes, 1),
        (rows + 3, 3 * lanes, 7),
        (2 * rows - 1, 4 * lanes + 1, 5),
        (9, 70, 33),
    ]:
        for turned in (0, 1, 2, 3):
            check(m, n, k, turned=turned, dtype=dtype, wider=1, table=table)


def test_infinite_values_and_nan_are_kept() -> None:
    left, right = np.ones((16, 20), "float32"), np.ones((20, 32), "float32")
    left[3, 4], right[5, 6], right[7, 8] = np.inf, np.nan, -np.inf
    result = np.zeros((16, 32), "float32")
    places = np.array([address(array) for array in (left, right, result)])
    in_single(
        address(products("float32").table), 0, (16, 32, 20), np.float32(1), places, np.array([20, 32, 32])
    )
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(result, left @ right)


def test_the_bits_of_a_row_do_not_depend_on_the_other_rows() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(50, 33)).astype("float32"), rng.normal(size=(33, 70)).astype("float32")
    table, leads = address(products("float32").table), np.array([33, 70, 70])
    whole, part = np.zeros((50, 70), "float32"), np.zeros((20, 70), "float32")
    for rows, result in ((left, whole), (left[17:37], part)):
        places = np.array([address(array) for array in (rows, right, result)])
        in_single(table, 0, (len(rows), 70, 33), np.float32(1), places, leads)
    np.testing.assert_array_equal(part, whole[17:37])


@pytest.mark.parametrize("turned", range(4))
def test_which_product_is_taken_can_be_asked_with_integers(turned: int) -> None:
    for m, n, k in [(8, 16, 4), (7, 16, 4), (8, 15, 4), (8, 16, 400), (8, 16, 16)]:
        wanted = m >= 8 and n >= 16 and (turned < 2 or 16 <= k <= 300)
        assert moderate(turned, m, n, k, 8, 16, 300) == wanted
        stored = [(k, m) if turned & 1 else (m, k), (n, k) if turned & 2 else (k, n), (m, n)]
        for leads in [(400, 400, 400), (500, 400, 400), (400, 500, 400), (400, 400, 500)]:
            span = max(lines * lead for (lines, _), lead in zip(stored, leads, strict=True))
            assert too_large(turned, m, n, k, leads, span - 1)
            assert not too_large(turned, m, n, k, leads, max(span, 500))
