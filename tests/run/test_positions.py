"""Positions that are made of several given numbers: what lies outside is refused before any work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError

X = np.arange(5.0)


def _integers(name: str, *shape: Any) -> sd.Tensor:
    return sd.tensor(name, shape, dtype="int64")


x, table = sd.tensor("x", (5,)), sd.tensor("table", (4, 2))
a, b, start = _integers("a", 3), _integers("b", 3), _integers("start", 2)
CASES: dict[str, tuple[sd.Tensor, dict[str, Any], list[Any], dict[str, Any], str]] = {
    "sum": (sd.take(x, a + b), {"a": [0, 1, 2], "b": [0, 1, 2]}, [0, 2, 4], {"b": [0, 1, 3]}, "5 at .2,."),
    "negative": (
        sd.take(x, a - b),
        {"a": [2, 3, 4], "b": [2, 2, 2]},
        [0, 1, 2],
        {"a": [2, 1, 4]},
        "-1 at .1,.",
    ),
    "multiple": (sd.take(x, 2 * a), {"a": [0, 1, 2]}, [0, 2, 4], {"a": [0, 3, 0]}, "6 at .1,."),
    "windows": (
        sd.take(x, start[:, None] + sd.arange(3)),
        {"start": [0, 2]},
        [[0, 1, 2], [2, 3, 4]],
        {"start": [0, 3]},
        "5 at .1, 2.",
    ),
    "row and column": (
        sd.take(table.reshape(8), 2 * a + b),
        {"a": [0, 1, 3], "b": [1, 1, 1]},
        [1, 3, 7],
        {"a": [0, 1, 4]},
        "9 at .2,.",
    ),
    "twice computed": (
        sd.take(x, (a + 1) + b),
        {"a": [0, 1, 2], "b": [0, 0, 1]},
        [1, 2, 4],
        {"b": [4, 3, 1]},
        "5",
    ),
}


@pytest.mark.parametrize("target", ["cpu", "python"])
@pytest.mark.parametrize("name", CASES)
def test_a_position_made_of_several_numbers_is_checked(name: str, target: Any) -> None:
    y, good, wanted, bad, message = CASES[name]
    other = {"table": np.arange(8.0).reshape(4, 2)} if name == "row and column" else {"x": X}
    for function in (sd.compile(y, target=target), sd.compile((y**2).sum(), wrt=list(other), target=target)):
        found = function(**other, **good)
        if not isinstance(found, tuple):
            np.testing.assert_array_equal(found, wanted)
        with pytest.raises(ArgumentError, match=message):
            function(**other, **good | bad)


def test_training_data_with_such_positions_are_checked() -> None:
    n = sd.Dim("n")
    ids, more, y = _integers("ids", n), _integers("more", n), sd.tensor("y", (n,))
    found = sd.take(sd.parameter("w", (5,)), ids + more)
    model = sd.Model(((found - y) ** 2).mean(), output=found)
    data = {"ids": [0, 1, 2], "more": [0, 1, 3], "y": [0.0, 0.0, 0.0]}
    with pytest.raises(ArgumentError, match="computed from ids is 5"):
        model.fit(data, optimizer=sd.nn.SGD(0.1))
    model.fit(data | {"more": [0, 1, 2]}, optimizer=sd.nn.SGD(0.1))
    with pytest.raises(ArgumentError, match="computed from ids is 10"):
        model.predict(ids=[0, 1], more=[0, 9])


def test_a_position_that_does_not_count_may_be_anything() -> None:
    y = sd.where(a < b, sd.take(x, a + b), 0.0)
    found = sd.compile(y)(x=X, a=[0, 9, 1], b=[2, 1, 3])
    np.testing.assert_array_equal(found, [2, 0, 4])
