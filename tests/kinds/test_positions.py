"""Elements read at given positions.

The kind: what is checked, refused or broadcast is decided by the tensor as a whole, not by the positions that
are read. Right values come from NumPy.
"""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ShapeError

A = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    ("shape", "positions", "axis"),
    [
        ((4, 3), [[2], [0], [1], [1]], 1),
        ((4, 3), [[2, 1]], 1),
        ((4, 3), [[3, 0, 3]], 0),
        ((4, 3), [[3], [1]], 0),
        ((1, 3), [[2], [0], [1], [1]], 1),
        ((4, 1), [[0, 0], [0, 0], [0, 0], [0, 0]], 1),
        ((1, 3), [[0, 0, 0], [0, 0, 0]], 0),
    ],
)
def test_along_an_axis_tensor_and_positions_broadcast(
    shape: tuple[int, ...], positions: list[list[int]], axis: int
) -> None:
    values = A[: shape[0], : shape[1]]
    x, ids = sd.tensor("x", shape), sd.tensor("ids", np.shape(positions), dtype="int64")
    y = sd.take_along_axis(x, ids, axis)
    expected = np.take_along_axis(values, np.array(positions), axis)
    assert y.shape == expected.shape
    np.testing.assert_array_equal(sd.compile(y)(x=values, ids=positions), expected)
    weight = np.arange(1.0, expected.size + 1).reshape(expected.shape)
    _, slopes = sd.compile((y * sd.constant(weight)).sum(), wrt=[x])(x=values, ids=positions)
    added = np.zeros(shape)
    places = list(np.meshgrid(*map(np.arange, expected.shape), indexing="ij"))
    places = [p if n > 1 else p * 0 for p, n in zip(places, shape, strict=True)]
    places[axis] = np.broadcast_to(positions, expected.shape)
    np.add.at(added, tuple(places), weight)
    np.testing.assert_array_equal(slopes["x"], added)


def test_positions_that_do_not_broadcast_are_refused() -> None:
    for shape in ((2, 3), (3, 3), (3,), (4, 3, 1)):
        with pytest.raises(ShapeError):
            sd.take_along_axis(sd.tensor("x", (4, 3)), sd.tensor("ids", shape, dtype="int64"), 1)
    n = sd.Dim("n")
    with pytest.raises(ShapeError):
        sd.take_along_axis(sd.tensor("x", (n, 3)), sd.tensor("ids", (sd.Dim("m"), 3), dtype="int64"), 1)


def test_one_position_takes_the_options_too() -> None:
    x = sd.tensor("x", (4, 3))
    for mode, place in (("raise", 2), ("raise", -1), ("wrap", 7), ("wrap", -5)):
        y = sd.take(x, place, mode=mode, name="row")  # type: ignore[arg-type]
        assert y.name == "row"
        np.testing.assert_array_equal(sd.compile(y)(x=A), np.take(A, place, 0, mode=mode))
    with pytest.raises(ShapeError):
        sd.take(x, 4)
    with pytest.raises(sd.SymdlError):
        sd.take(x, 1, mode="clip")  # type: ignore[arg-type]
