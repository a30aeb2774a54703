"""Data are checked before anything is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdl import nn
from symdl.errors import ArgumentError, TrainingError
from symdl.express.build import tensor
from symdl.express.dims import Dim, indices
from symdl.express.labels import LabelRange, label_ranges
from symdl.express.program import collect
from symdl.express.surface import define
from symdl.train.arrays import batch_size_of, checked
from symdl.train.model import Model

n = Dim("n")
X = tensor("X", (n, 3))
t = tensor("t", (n,), dtype="int64")
RANGES = (LabelRange(t, 4),)


def good(count: int = 6) -> dict[str, Any]:
    return {"X": np.ones((count, 3), np.float32), "t": np.arange(count) % 4}


def check(data: Any, dtype: str = "float32") -> Any:
    return checked((X, t), data, dtype=dtype, ranges=RANGES)


def test_good_data_are_passed_on_without_a_copy() -> None:
    data = good()
    arrays = check(data)
    assert arrays.count == 6
    assert arrays.by_name["X"] is data["X"] and arrays.by_name["t"] is data["t"]


@given(
    st.integers(1, 7),
    st.sampled_from(["float16", "float32", "float64", "int8", "uint8", "bool"]),
    st.sampled_from(["int8", "int64", "uint64", "float32", "bool"]),
    st.sampled_from(["float32", "float64"]),
    st.booleans(),
)
def test_other_types_and_layouts_are_converted(
    count: int, real: str, label: str, dtype: str, reverse: bool
) -> None:
    rng = np.random.default_rng(count)
    values = np.asfortranarray(rng.integers(0, 2, (count, 3)).astype(real))
    labels = rng.integers(0, 2, count).astype(label)
    if reverse:
        values, labels = values[::-1, ::-1], labels[::-1]
    before = values.copy(), labels.copy()
    arrays = check({"X": values, "t": labels}, dtype).by_name
    assert (arrays["X"].dtype, arrays["t"].dtype) == (np.dtype(dtype), np.dtype("int64"))
    assert all(array.flags.c_contiguous for array in arrays.values())
    np.testing.assert_array_equal(arrays["X"], before[0].astype(dtype))
    np.testing.assert_array_equal(arrays["t"], before[1].astype("int64"))
    np.testing.assert_array_equal(values, before[0])
    np.testing.assert_array_equal(labels, before[1])


def test_lists_are_arrays() -> None:
    arrays = check({"X": [[1, 2, 3], [4, 5, 6]], "t": [0, 3]}).by_name
    np.testing.assert_array_equal(arrays["X"], [[1, 2, 3], [4, 5, 6]])


def spoiled(name: str, place: Any, value: Any, dtype: str | None = None) -> dict[str, Any]:
    data = good()
    data[name] = data[name].astype(dtype) if dtype else data[name].copy()
    data[name][place] = value
    return data


BAD = {
    "no dictionary": ([1, 2], "a list, not a dictionary"),
    "unknown": ({**good(), "x": 1}, "hold 'x', which is no input"),
    "missing": ({"X": good()["X"]}, "lack 't'"),
    "lengths": ({**good(), "t": np.zeros(5, int)}, "t has shape"),
    "features": ({**good(), "X": np.ones((6, 4))}, "X has shape"),
    "rank": ({**good(), "X": np.ones(3)}, "X has 1 axes instead of 2"),
    "scalar": ({**good(), "t": 3}, "t has 0 axes instead of 1"),
    "empty": ({"X": np.ones((0, 3)), "t": np.zeros(0, int)}, "hold no samples"),
    "nan": (spoiled("X", (2, 1), np.nan), r"X holds nan at position \(2, 1\), 1 such"),
    "inf": (spoiled("X", (0, 0), -np.inf), "X holds -inf"),
    "too large": (spoiled("X", 0, 1e300, "float64"), "X holds 1e\\+300 \\(too large for float32\\)"),
    "complex": ({**good(), "X": np.ones((6, 3), complex)}, "X has the type complex128"),
    "text": ({**good(), "t": np.array(list("abcdef"))}, "t has the type <U1"),
    "objects": ({**good(), "X": np.full((6, 3), None)}, "X has the type object"),
    "ragged": ({**good(), "X": [[1, 2, 3], [4]]}, "X is no array"),
    "label nan": (spoiled("t", 1, np.nan, "float64"), "t holds nan at position 1"),
    "label fraction": (spoiled("t", 2, 0.5, "float64"), "t holds 0.5 at position 2"),
    "label negative": (spoiled("t", 3, -1), "t holds -1 at position 3, but may hold 0 to 3"),
    "label high": (spoiled("t", 4, 4), "t holds 4 at position 4, but may hold 0 to 3"),
    "label huge": (spoiled("t", 4, 2**64 - 1, "uint64"), "too large for int64"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data(case: str) -> None:
    data, message = BAD[case]
    with pytest.raises(ArgumentError, match=message):
        check(data)


def test_a_near_miss_is_guessed() -> None:
    with pytest.raises(ArgumentError, match="did you mean 'Images'"):
        checked((tensor("Images", (n,)),), {"images": [1.0]}, dtype="float32")


def test_names_can_be_ignored() -> None:
    assert list(checked((X,), good(), dtype="float32", ignore=["t"]).by_name) == ["X"]


def test_batches_cover_all_samples_in_order() -> None:
    arrays = check(good(7))
    parts = list(arrays.batches(3))
    assert [count for _, count in parts] == [3, 3, 1]
    joined = np.concatenate([part["t"] for part, _ in parts])
    np.testing.assert_array_equal(joined, arrays.by_name["t"])
    np.testing.assert_array_equal(arrays.take(np.array([5, 0])).by_name["t"], [1, 0])


def test_label_ranges_are_read_off_the_equations() -> None:
    logits = nn.dense(X, 4, name="out")
    assert label_ranges(collect([nn.cross_entropy(logits, t)]).equations) == (LabelRange(t, 4),)
    probabilities = tensor("p", (n, 4))
    assert not label_ranges(collect([nn.cross_entropy(logits, probabilities)]).equations)


def test_ignored_labels_need_not_be_classes() -> None:
    loss = nn.cross_entropy(nn.dense(X, 4, name="a"), t, ignore_label=-1)
    assert label_ranges(collect([loss]).equations) == (LabelRange(t, 4, always=False),)
    model = Model(loss)
    data = {"X": np.ones((4, 3)), "t": [0, -1, 3, -1]}
    model.fit(data, optimizer=nn.SGD(0.1), batch_size=2)
    counted = {"X": np.ones((2, 3)), "t": [0, 3]}
    assert model.evaluate(data)["loss"] == pytest.approx(model.evaluate(counted)["loss"])
    with pytest.raises(ArgumentError, match="t holds 4"):
        model.fit(data | {"t": [0, -1, 3, 4]}, optimizer=nn.SGD(0.1))


def test_a_range_may_be_a_symbolic_size() -> None:
    pick = tensor("pick", (n,), dtype="int64")
    (i,) = indices("i")
    picked = define("picked", (i,), X[pick[i], 0], shape=(n,))
    (limit,) = label_ranges(collect([picked.mean()]).equations)
    assert (limit.tensor, limit.size) == (pick, n)
    data = {"X": np.ones((2, 3)), "pick": [0, 2]}
    with pytest.raises(ArgumentError, match="pick holds 2 at position 1, but may hold 0 to 1"):
        checked((X, pick), data, dtype="float32", ranges=(limit,))


def test_inputs_share_an_axis_over_samples() -> None:
    assert batch_size_of((X, t)) == n
    for inputs in [(), (X, tensor("s", ())), (X, tensor("Y", (Dim("m"),))), (tensor("Z", (3,)),)]:
        with pytest.raises(TrainingError):
            batch_size_of(inputs)
