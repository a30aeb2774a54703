"""Views against NumPy: slices, transposes, reshapes, gathers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdl.check.strategies import shapes
from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Dim, indices
from symdl.express.program import collect
from symdl.express.surface import define
from symdl.express.tensors import Access, Tensor
from symdl.express.views import transpose
from symdl.run.reference.interpreter import outputs

n = Dim("n")
i, j = indices("i j")


def run(result: Tensor, **values: Any) -> np.ndarray:
    (array,) = outputs(collect([result]), values)
    return array


def numbered(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)


BOUND = st.none() | st.integers(-5, 5)
ENTRY = st.builds(slice, BOUND, BOUND, st.none() | st.sampled_from([1, 2, 3, -1, -2])) | st.none()


@given(shapes(ranks=(1, 3), sizes=(1, 4)), st.data())
def test_keys_follow_numpy(shape: tuple[int, ...], data: st.DataObject) -> None:
    key: list[Any] = []
    for size in shape[: data.draw(st.integers(0, len(shape)))]:
        entry = data.draw(ENTRY | st.integers(-size, size - 1))
        key += [entry] if entry is not None else [None, slice(None)]
    if data.draw(st.booleans()):
        key.insert(data.draw(st.sampled_from([0, len(key)])), Ellipsis)
        if key[0] is Ellipsis and len(key) > 1:
            key = key[:1]
    x = numbered(shape)
    result = tensor("X", shape)[tuple(key)]
    found = run(result, X=x) if isinstance(result, Tensor) else None
    if found is None:
        assert isinstance(result, Access)
    else:
        assert found.shape == np.shape(x[tuple(key)])
        assert np.array_equal(found, x[tuple(key)])


@given(shapes(ranks=(2, 3), sizes=(1, 4)), st.data())
def test_positions_in_tensors_follow_numpy(shape: tuple[int, ...], data: st.DataObject) -> None:
    x, values = numbered(shape), {"X": numbered(shape)}
    common = data.draw(st.sampled_from([(), (2,), (3, 2)]))
    ours: list[Any] = []
    theirs: list[Any] = []
    for axis, size in enumerate(shape):
        kind = data.draw(st.sampled_from(["tensor", "slice", "number"])) if axis else "tensor"
        entry: Any = data.draw(
            ENTRY.filter(lambda e: e is not None) if kind == "slice" else st.integers(0, size - 1)
        )
        if kind == "tensor":
            ids = common[data.draw(st.integers(0, len(common))) :]
            entry = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=6, max_size=6)))
            entry = entry[: np.prod(ids, dtype=int)].reshape(ids)
            values[f"at{axis}"] = entry
        theirs.append(entry)
        ours.append(tensor(f"at{axis}", entry.shape, dtype="int64") if kind == "tensor" else entry)
        if data.draw(st.integers(0, 4)) == 0:
            ours.append(None)
            theirs.append(None)
    found = run(tensor("X", shape)[tuple(ours)], **values)
    expected = x[tuple(theirs)]
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


def test_rows_can_be_unpacked() -> None:
    x = numbered((2, 3))
    first, second = tensor("X", (2, 3))
    assert np.array_equal(run(second, X=x), x[1])
    assert isinstance(first, Tensor)
    with pytest.raises(ShapeError, match="rows that can be counted"):
        list(tensor("X", (n, 3)))


def test_shapes_and_axes_as_one_sequence() -> None:
    x = numbered((2, 6))
    X = tensor("X", (2, 6))
    for result, expected in (
        (X.reshape((3, -1)), x.reshape(3, 4)),
        (X.reshape([12]), x.reshape(12)),
        (X.transpose((1, 0)), x.T),
        (X.transpose(-1, 0), x.T),
        (transpose(X, None), x.T),
    ):
        assert np.array_equal(run(result, X=x), expected)


@pytest.mark.parametrize("key", [0.5, "a", np.array(1.0), tensor("r", (2,)), tensor("X", (2, 3)) > 0])
def test_what_is_no_position_is_named(key: Any) -> None:
    with pytest.raises(ExpressionError, match="(?s)no index expression|no positions.*cure"):
        tensor("X", (2, 3))[key]


@pytest.mark.parametrize(
    "key",
    [
        (slice(None, None, -1), slice(None, -1)),
        (slice(1, None),),
        (slice(-1, None), slice(1, 3)),
        (0, slice(None, None, 2)),
        (Ellipsis, 0),
        (None, Ellipsis, None),
        (slice(None), -1),
        -1,
    ],
    ids=str,
)
def test_symbolic_sizes(key: Any) -> None:
    x = numbered((6, 4))
    assert np.array_equal(run(tensor("X", (n, 4))[key], X=x), x[key])


def test_an_entry_of_a_symbolic_size() -> None:
    X = tensor("X", (n + 2,))
    x = numbered((5,))
    assert np.array_equal(run(X[: n + 1], X=x), x[:4])
    assert X[: n + 1].shape == (n + 1,)
    Y = X[2:]
    assert Y.shape == (n,)
    assert np.array_equal(run(Y, X=x), x[2:])


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ((0, 0, 0), "2 axes, the key has 3"),
        ((Ellipsis, Ellipsis), "2 axes"),
        ((slice(None), 4), "position 4 is outside"),
        ((slice(None), -5), "position -5 is outside"),
        ((n, 0), "read at n, outside"),
        ((slice(1, 9),), "not provably inside"),
        ((slice(None, None, 2),), "step 2 of the symbolic size n"),
        ((slice(None), slice(None, None, 0)), "step 0"),
    ],
    ids=str,
)
def test_keys_that_leave_the_tensor(key: Any, words: str) -> None:
    X = tensor("X", (n, 4))
    with pytest.raises((ShapeError, ExpressionError), match=words):
        define(None, (), X[key]) if isinstance(X[key], Access) else X[key]


def test_keys_of_other_kinds() -> None:
    X = tensor("X", (n, 4))
    with pytest.raises(ExpressionError, match="cannot be mixed"):
        X[i, 1:2]
    with pytest.raises(ExpressionError, match="is no index expression"):
        X["a"]
    with pytest.raises(ExpressionError, match="read with 1 indices"):
        X[i]
    assert isinstance(X[i, 2 * j], Access)


def test_a_scalar_integer_tensor_as_an_index() -> None:
    X, t = tensor("X", (3,)), tensor("t", (), dtype="int64")
    Y = define("Y", (), X[t[()]] * 2)
    assert run(Y, X=numbered((3,)), t=2) == 6


@given(st.permutations(range(3)), shapes(ranks=(3, 3), sizes=(0, 3)))
def test_transposes_follow_numpy(order: list[int], shape: tuple[int, ...]) -> None:
    X, x = tensor("X", shape), numbered(shape)
    assert np.array_equal(run(X.transpose(*order), X=x), x.transpose(order))
    assert np.array_equal(run(X.T, X=x), x.T)


def test_axes_that_are_no_permutation() -> None:
    for order in ((0, 0), (0,), (0, 2)):
        with pytest.raises(ShapeError, match="no permutation"):
            tensor("X", (2, 3)).transpose(*order)


RESHAPES = [
    ((2, 6), (3, 4)),
    ((2, 3, 4), (6, 4)),
    ((2, 3, 4), (2, 12)),
    ((24,), (2, 3, 4)),
    ((2, 3, 4), (-1,)),
    ((4, 6), (2, 2, 3, 2)),
    ((4, 6), (2, 12)),
    ((4, 6), (8, 3)),
    ((1, 5), (5, 1, 1)),
    ((5,), (1, 5)),
    ((1,), ()),
    ((), (1, 1)),
    ((2, 1, 3), (3, 2)),
    ((0, 3), (3, 0)),
    ((0, 1, 4), (2, 0)),
    ((2, 0), (-1,)),
]


@pytest.mark.parametrize(("old", "new"), RESHAPES, ids=str)
def test_reshapes_follow_numpy(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    x = numbered(old)
    assert np.array_equal(run(tensor("X", old).reshape(*new), X=x), x.reshape(new))


@given(shapes(ranks=(0, 4), sizes=(1, 4)), st.data())
def test_random_reshapes(old: tuple[int, ...], data: st.DataObject) -> None:
    rest, new = int(np.prod(old)), []
    while rest > 1:
        size = data.draw(st.sampled_from([d for d in range(1, rest + 1) if rest % d == 0]))
        new.append(size)
        rest //= size
        if len(new) == 4:
            break
    shape = (*new, rest)
    x = numbered(old)
    assert np.array_equal(run(tensor("X", old).reshape(*shape), X=x), x.reshape(shape))


def test_reshapes_of_symbolic_sizes() -> None:
    x = numbered((5, 4, 3))
    X = tensor("X", (n, 4, 3))
    for shape in ((-1, 12), (n, 12), (n * 4, 3), (-1,), (n, 2, 2, 3), (n, 1, 4, 3)):
        sizes = [5 if s == n else 20 if s == 4 * n else s for s in shape]
        assert np.array_equal(run(X.reshape(*shape), X=x), x.reshape(sizes))


def test_reshapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="cannot take the shape"):
        tensor("X", (2, 3)).reshape(5)
    with pytest.raises(ShapeError, match="cannot take the shape"):
        tensor("X", (n, 3)).reshape(n, 4)


def test_a_condition_as_a_key_is_named_with_what_to_do_instead() -> None:
    x = tensor("x", (3, 4))
    with pytest.raises(
        ExpressionError, match=r"<condition x\[i, j\] > 0> is no index expression(?s:.*)x\.sum\(where=mask\)"
    ):
        x[x > 0]
    assert x.sum(where=x > 0).shape == ()  # the cure
