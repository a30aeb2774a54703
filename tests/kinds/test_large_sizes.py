"""Sizes that numbers of 32 bits cannot hold.

Kind: a size is cut where code meets code of others. The listed member is the door to BLAS, whose integers
have 32 bits: m, n, k and row lengths of 2**31 and more came out short, and the result was memory that nobody
had written. Now such a product is taken in pieces. Right values: NumPy's product where a limit of a few
elements stands for that of BLAS, exact sums where a matrix is as large as that, and for the pieces themselves
a stand-in for BLAS that writes down what it is given.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

import symdl as sd
from symdl.express.modes import training_updates
from symdl.run.cpu import runtime
from symdl.run.cpu.gemm.dispatch import products
from symdl.run.cpu.gemm.multiply import multiply_matrices
from symdl.run.cpu.intrinsics.pointers import REALS
from symdl.run.cpu.limits import LARGEST_BLAS
from symdl.run.memory import address

BITS = 1 << 31
product: Any = multiply_matrices
double = REALS["float64"]
NEVER_OURS, LIMIT = 2, 6
"""Places in the table of products."""


@njit
def multiply(table: int, turned: int, sizes: Any, places: Any, leads: Any) -> None:
    m, n, k = sizes
    a, b, c = double(places[0]), double(places[1]), double(places[2])
    product(table, turned, m, n, k, 1.5, a, 0, leads[0], b, 0, leads[1], c, 0, leads[2])


def limited(limit: int, dtype: str = "float64") -> Any:
    """The products of a BLAS that can count no further than `limit`."""
    table = products(dtype).table.copy()
    table[NEVER_OURS], table[LIMIT] = 1 << 40, limit
    return table


def as_stored(size: tuple[int, int, int], turned: int) -> list[tuple[int, int]]:
    """Return the shapes of left, right and result in memory."""
    m, n, k = size
    return [(k, m) if turned & 1 else (m, k), (n, k) if turned & 2 else (k, n), (m, n)]


sizes = st.integers(1, 9)


@settings(max_examples=200, deadline=None)
@given(sizes, sizes, sizes, st.integers(0, 3), st.tuples(*[st.integers(0, 4)] * 3), st.integers(1, 60))
def test_products_in_pieces(m: int, n: int, k: int, turned: int, wider: Any, limit: int) -> None:
    rng = np.random.default_rng(m + 10 * n + 100 * k)
    shapes = as_stored((m, n, k), turned)
    whole = [rng.integers(-9, 9, (r, c + w)).astype(float) for (r, c), w in zip(shapes, wider, strict=True)]
    inner = [array[:, :columns] for array, (_, columns) in zip(whole, shapes, strict=True)]
    before = whole[2].copy()
    left, right = (a.T if turned & bit else a for a, bit in zip(inner, (1, 2), strict=False))
    expected = 1.5 * (left @ right)
    inner[2][...] = np.nan
    places, leads = np.array([address(a) for a in whole]), np.array([a.shape[1] for a in whole])
    multiply(address(table := limited(limit)), turned, (m, n, k), places, leads)
    assert table[LIMIT] == limit
    np.testing.assert_array_equal(inner[2], expected)  # of whole numbers, so exact
    np.testing.assert_array_equal(whole[2][:, n:], before[:, n:])


class Recorder:
    """Stands for BLAS: reads integers of 32 bits, and notes the part of the product that it was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)
        self.function = kind(self.take)
        self.address = ctypes.cast(self.function, ctypes.c_void_p).value

    def take(self, *pointers: Any) -> None:
        def whole(at: int) -> int:
            return ctypes.c_int32.from_address(pointers[at]).value

        # In columns, the factors change places: n, m, k, then right and left.
        kept = ctypes.c_double.from_address(pointers[10]).value
        sizes = whole(3), whole(2), whole(4)
        leads = whole(9), whole(7), whole(12)
        places = pointers[8], pointers[6], pointers[11]
        letters = [ctypes.c_char.from_address(pointers[at]).value for at in (1, 0)]
        self.calls.append((*sizes, *leads, *places, int(kept), *(letter == b"T" for letter in letters)))


BASES = (1 << 44, 2 << 44, 3 << 44)
HUGE = [
    (2, 2, BITS + 9),
    (BITS + 9, 1, 2),
    (1, BITS + 9, 2),
    (3, 2, 2 * BITS),
    (1, 1, 4 * BITS + 1),
    (BITS - 1, 1, 3),
    (BITS, 2, 1),
    (1 << 17, 1 << 16, 5),
    (5, 1 << 16, 1 << 17),
]


CASES = [
    (size, turned, wider)
    for size in HUGE
    for turned in range(4)
    for wider in (0, 5, BITS)
    if wider < BITS or max(rows for rows, _ in as_stored(size, turned)) < 9  # no memory holds many such rows
]


@pytest.mark.parametrize("size, turned, wider", CASES, ids=str)
def test_every_element_is_in_one_piece(size: tuple[int, int, int], turned: int, wider: int) -> None:
    m, n, k = size
    stored = as_stored(size, turned)
    leads = [columns + wider for _, columns in stored]
    blas, table = Recorder(), limited(LARGEST_BLAS)
    table[0] = blas.address
    multiply(address(table), turned, size, np.array(BASES), np.array(leads))
    volume = 0
    seen = set()
    for rows, columns, inner, *rest in blas.calls:
        given_leads, places, kept, turns = rest[:3], rest[3:6], rest[6], rest[7:]
        assert turns == [bool(turned & 1), bool(turned & 2)]
        at = [(p - base) // 8 for p, base in zip(places, BASES, strict=True)]
        (i, j), left, right = divmod(at[2], leads[2]), divmod(at[0], leads[0]), divmod(at[1], leads[1])
        (p, q), (r, s) = (left[::-1] if turned & 1 else left), (right[::-1] if turned & 2 else right)
        assert (i, j, q) == (p, s, r) and kept == (q > 0)
        assert 0 < rows <= m - i and 0 < columns <= n - j and 0 < inner <= k - q
        parts = [(inner, rows) if turned & 1 else (rows, inner)]
        parts += [(columns, inner) if turned & 2 else (inner, columns), (rows, columns)]
        for (lines, width), lead, real in zip(parts, given_leads, leads, strict=True):
            assert width <= lead and (lead == real or lines == 1)
            assert (lines - 1) * lead + width <= max(LARGEST_BLAS, width) <= BITS // 2
        volume += rows * columns * inner
        seen.add((i, j, q))
    assert volume == m * n * k and len(seen) == len(blas.calls)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_functions_and_their_gradients(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that reaches BLAS from a program, with one that can only count to 20."""
    few = replace(products(dtype), table=limited(20, dtype))
    monkeypatch.setattr(runtime, "products", lambda _: few)
    n = sd.Dim("n")
    X, W = sd.tensor("X", (n, 7)), sd.parameter("W", (7, 5))
    V = sd.parameter("V", (3, 7))
    L = ((X @ W) ** 2).sum() + (X @ sd.transpose(V)).sum()
    rng = np.random.default_rng(0)
    given = {
        "X": rng.integers(-3, 3, (6, 7)).astype(dtype),
        "W": rng.integers(-3, 3, (7, 5)).astype(dtype),
        "V": rng.integers(-3, 3, (3, 7)).astype(dtype),
    }
    value, slopes = sd.compile(L, wrt="parameters", dtype=dtype)(**given)
    x, w, v = given["X"], given["W"], given["V"]
    assert value == ((x @ w) ** 2).sum() + (x @ v.T).sum()
    np.testing.assert_array_equal(slopes["W"], 2 * x.T @ (x @ w))
    np.testing.assert_array_equal(slopes["V"], np.ones((3, 6)) @ x)


def test_blas_of_whole_numbers_with_64_bits_reads_the_same() -> None:
    """Sizes are passed by address, and both kinds of BLAS find theirs there."""
    blas, table = Recorder(), limited(LARGEST_BLAS)
    seen = []
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)
    wide = kind(
        lambda *p: seen.append([ctypes.c_int64.from_address(p[at]).value for at in (2, 3, 4, 7, 9, 12)])
    )
    for function in (blas.function, wide):
        table[0] = ctypes.cast(function, ctypes.c_void_p).value
        multiply(address(table), 0, (4, 5, 6), np.array(BASES), np.array([60, 50, 70]))
    assert seen == [[5, 4, 6, 50, 60, 70]]
    assert blas.calls[0][:6] == (4, 5, 6, 60, 50, 70)


def sparse(shape: tuple[int, ...], values: dict[tuple[int, ...], float]) -> Any:
    """Zeros that take no memory until they are written to, with a few other values."""
    array = np.zeros(shape, "float32")
    for at, value in values.items():
        array[at] = value
    return array


@pytest.mark.skipif(not os.environ.get("SYMDL_LARGE_SIZES"), reason="half a minute; set SYMDL_LARGE_SIZES=1")
def test_arrays_of_more_than_32_bits() -> None:
    count, where = BITS + 9, (0, 5, BITS // 4 + 1, BITS // 2 - 1, BITS - 1, BITS, BITS + 8)
    n, k, m = sd.Dim("n"), sd.Dim("k"), sd.Dim("m")
    X, W = sd.tensor("X", (n, k)), sd.tensor("W", (k, 2))
    left = sparse((2, count), {(row, at): row + 1.0 for row in (0, 1) for at in where})
    right = sparse((count, 2), {(at, column): float(at % 7 + column) for column in (0, 1) for at in where})
    total = sum(at % 7 for at in where)
    found = sd.compile(X @ W, dtype="float32")(X=left, W=right)
    np.testing.assert_array_equal(found, np.outer([1, 2], [total, total + len(where)]))
    v, ids = sd.tensor("v", (n,)), sd.tensor("ids", (m,), dtype="int64")
    line = sparse((count,), {(at,): float(number) for number, at in enumerate(where)})
    asked = [v.sum(), (v**2).sum(), sd.max(v), sd.argmax(v), v[ids]]
    sums = sd.compile(asked, dtype="float32")(v=line, ids=np.array([*where, 7]))
    assert sums[:4] == (21.0, 91.0, 6.0, count - 1)
    np.testing.assert_array_equal(sums[4], [*range(len(where)), 0])


@pytest.mark.parametrize("power", [3, 4])
@pytest.mark.parametrize("target", ["cpu", "python"])
def test_sizes_whose_product_is_larger_than_any_memory(power: int, target: Any) -> None:
    """Also if it is larger than 2**63: an error of ours, not one of NumPy's, and no number cut short."""
    x = sd.tensor("x", (sd.Dim("n"),))
    cube: Any = 1
    for axis in range(power):
        cube = cube * x[(None,) * axis + (slice(None),) + (None,) * (power - 1 - axis)]
    for output in (cube, (sd.softmax(cube) ** 2).sum()):
        function = sd.compile(output, target=target)
        for count in (1 << 16, 1 << 20, 1 << 21, 3 << 20, 1 << 22, 10**7):
            with pytest.raises(sd.SymdlError, match="there is no memory for"):
                function(x=np.ones(count))


def test_counts_of_steps_do_not_stop_where_float32_does() -> None:
    """Random numbers are new in each step, also after the 2**24 steps up to which float32 counts."""
    x = sd.parameter("x", (2, 3))
    outputs = [sd.nn.dropout(x, 0.5, name="d"), x + sd.nn.normal_noise((2, 3), name="e")]
    for output in outputs:
        ((state, following),) = training_updates(output)
        run = sd.compile(following, dtype="float32")
        for step, right in ((0, 1), (41, 42), (2**24 - 2, 2**24 - 1), (2**24 - 1, 0)):
            assert run(**{str(state.name): np.float32(step)}) == right
