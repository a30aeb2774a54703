"""The loops over the launch list, row by row, as plain Python runs them; and that this needs no compiler."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.emit.operations import FIRST_PLACE, Operation
from symdl.run.python.loops import loops


def table(*rows: tuple[int, ...]) -> Any:
    width = max(map(len, rows))
    return np.array([(*row, *[0] * (width - len(row))) for row in rows], "int64")


def run(
    *rows: tuple[int, ...], places: list[Any], sizes: Any = (), factors: Any = (), kernels: Any = ()
) -> int:
    once = loops(kernels, dtype="float64")["once"]
    done: int = once(table(*rows), places, np.array(sizes, "int64"), np.array(factors), 0)
    return done


def train(row: tuple[int, ...], places: list[Any], sizes: Any) -> None:
    """Take one batch, with position 0 in the order of samples."""
    epoch = loops((), dtype="float64")["epoch"]
    span, script = np.array([0, 1, 1]), np.array([[0, 1]])
    epoch(table(row), script, places, np.array(sizes), np.zeros(0), 0, np.zeros(1, "int64"), 1, -1, span)


def test_a_recurrence_goes_back_and_leaves_its_positions_as_they_were() -> None:
    """``h[t + 1] = h[t] * 2`` for three steps: a position that moves, a counter, a row to go back to."""
    h = np.array([1.0, 0, 0, 0])

    def double(array: Any, at: int) -> None:
        array[at + 1] = array[at] * 2

    moves, done, steps, one, by, back = range(6)
    sizes = np.array([0, 0, 3, 1, 1, -3])
    once = loops([(double, 2)], dtype="float64")["once"]
    rows = table(
        (Operation.KERNEL, 0, 1, 2, 0, moves),
        (Operation.SHIFT, moves, by, one),
        (Operation.REPEAT, done, steps, 0),
        (Operation.SHIFT, moves, by, back),
    )
    for _ in range(2):  # nothing is left behind by the first call
        h[1:] = 0
        assert once(rows, [h], sizes, np.zeros(0), 0) == -1
        assert list(h) == [1, 2, 4, 8] and list(sizes) == [0, 0, 3, 1, 1, -3]


@pytest.mark.parametrize("position, failed", [(0, -1), (4, -1), (5, 1), (-1, 1)])
def test_the_row_of_a_failed_check_is_returned_and_nothing_later_done(position: int, failed: int) -> None:
    seen: list[int] = []
    call = (Operation.KERNEL, 0, 0, 0)
    check = (Operation.CHECK, 0, 0, 1)
    places = [np.array([2, position])]
    assert (
        run(call, check, call, places=places, sizes=[2, 5], kernels=[(lambda: seen.append(1), 0)]) == failed
    )
    assert len(seen) == (2 if failed < 0 else 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.data())
def test_samples_of_a_batch_are_those_of_its_order(
    count: int, width: int, integer: bool, data: st.DataObject
) -> None:
    """In part of their elements, too; nothing else of the batch is written."""
    samples, first = 50, data.draw(st.integers(0, 3))
    order = np.random.default_rng(count).permutation(samples + 3)[:samples] % samples
    column = data.draw(st.integers(0, width - 1))
    part = data.draw(st.integers(1, width - column))
    source = np.arange(samples * width, dtype="int64" if integer else "float64")
    target = np.full(count * width, -1, source.dtype)
    places = [source, target, order]
    count = min(count, samples - first)
    if width == 1:
        row: tuple[int, ...] = (
            Operation.GATHER_SINGLE_INTEGERS if integer else Operation.GATHER_SINGLE_REALS,
            0,
            1,
            2,
            0,
        )
        train((*row, first, count), places, [0])
    else:
        row = (Operation.GATHER_INTEGERS if integer else Operation.GATHER_REALS, 0, 1, 2, 0)
        train((*row, first, count, part, width, column), places, [0])
    want = np.full((len(target) // width, width), -1, source.dtype)
    rows = order[first : first + count]
    want[:count, :part] = source.reshape(samples, width)[rows, column : column + part]
    np.testing.assert_array_equal(target.reshape(-1, width), want)


def test_a_kernel_gets_its_arrays_and_its_sizes() -> None:
    seen: list[Any] = []
    row = (Operation.KERNEL, 0, 2, 8, 1, 0, 2, 1, *[0] * 4)
    assert FIRST_PLACE == 4
    run(row, places=["a", "b"], sizes=[10, 11, 12], kernels=[(lambda *given: seen.extend(given), 4)])
    assert seen == ["b", "a", 12, 11]


SCRIPT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "numba":
            raise ImportError("there is no numba")
sys.meta_path.insert(0, Missing())
import numpy as np, symdl as sd
n = sd.Dim("n")
W, t = sd.parameter("W", (3, 2)), sd.tensor("t", (n,), dtype="int64")
loss = sd.nn.cross_entropy(sd.tanh(sd.tensor("X", (n, 3)) @ W), t)
f = sd.compile(loss, wrt="parameters", target="python")
value, slopes = f(X=np.ones((4, 3)), t=np.array([0, 1, 1, 0]), W=np.zeros((3, 2)))
print(round(float(value), 6), slopes["W"].shape, "numba" in sys.modules)
try:
    sd.compile(loss, wrt="parameters")
except (sd.SymdlError, ImportError) as error:
    print(error)
"""


def test_plain_python_needs_no_compiler(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout.splitlines()[:1] == ["0.693147 (3, 2) False"], done.stderr
    assert "there is no" in done.stdout.splitlines()[1]
