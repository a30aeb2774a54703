"""Elements read at given positions.

The kind: what is checked, refused or broadcast is decided by the tensor as a whole, not by the positions that
are read. Right values come from NumPy.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symdl as sd
from symdl import nn
from symdl.errors import ArgumentError, ShapeError
from symdl.express.program import collect
from symdl.run.reference.interpreter import evaluate
from tests.targets import EVERY

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
        np.testing.assert_array_equal(sd.compile(y)(x=A), np.take(A, place, 0, mode=mode))  # type: ignore[call-overload]
    with pytest.raises(ShapeError):
        sd.take(x, 4)
    with pytest.raises(sd.SymdlError):
        sd.take(x, 1, mode="clip")  # type: ignore[arg-type]


N, M = sd.Dim("n"), sd.Dim("m")
TABLES = {"A": np.arange(5.0), "B": 10 * np.arange(3.0)}


def integers(name: str, *shape: Any) -> sd.Tensor:
    return sd.tensor(name, shape, dtype="int64")


def refused(function: Any, match: str, **values: Any) -> None:
    with pytest.raises(ArgumentError, match=match):
        function(**values)


@EVERY
def test_columns_of_one_table_are_positions_of_several(target: Any) -> None:
    """Edges, or users and items: each column is checked against what it reads."""
    ids, a, b = integers("ids", N, 2), sd.tensor("A", (5,)), sd.tensor("B", (3,))
    i = sd.indices("i")[0]
    written = sd.define("y", (i,), a[ids[i, 0]] + b[ids[i, 1]], shape=(N,))
    given = np.array([[4, 0], [3, 2], [0, 1], [4, 2]])
    expected = TABLES["A"][given[:, 0]] + TABLES["B"][given[:, 1]]
    for y in (a[ids[:, 0]] + b[ids[:, 1]], written):
        run = sd.compile((y**2).sum(), wrt=[a, b], target=target)
        value, slopes = run(ids=given, **TABLES)
        assert value == (expected**2).sum()
        for name, column in (("A", 0), ("B", 1)):
            wanted = np.zeros_like(TABLES[name])
            np.add.at(wanted, given[:, column], 2 * expected)
            np.testing.assert_allclose(slopes[name], wanted)
        refused(run, r"ids holds 3 at \(1, 1\), outside 0..2", ids=[[4, 0], [1, 3]], **TABLES)
        refused(run, r"ids holds 5 at \(0, 0\), outside 0..4", ids=[[5, 0], [1, 3]], **TABLES)
        refused(run, "holds -1", ids=[[0, -1]], **TABLES)


def test_only_positions_that_are_used_are_checked() -> None:
    a, v = sd.tensor("A", (5,)), integers("v", 6)
    (i,) = sd.indices("i")
    cases: dict[str, tuple[Any, list[int], list[int]]] = {
        "slice": (a[v[2:4]], [9, 9, 1, 2, 9, 9], [1, 2]),
        "step": (a[v[::2]], [0, 9, 1, -9, 2, 9], [0, 1, 2]),
        "backwards": (a[v[5:3:-1]], [9, 9, 9, 9, 1, 2], [2, 1]),
        "one": (a[v[4]], [9, 9, 9, 9, 3, 9], 3),  # type: ignore[dict-item]
        "guard": (sd.define("g", (i,), sp.Piecewise((a[v[i]], i < 3), (7, True)), shape=(6,)),
                  [0, 1, 2, 9, -9, 9], [0, 1, 2, 7, 7, 7]),
        "padded": (sd.pad(a[v[:2]], 1), [3, 4, 9, 9, 9, 9], [0, 3, 4, 0]),
        "where not": (sd.where(sd.not_equal(v, 9), a[v], -1), [0, 9, 4, 9, 1, 9], [0, -1, 4, -1, 1, -1]),
        "where between": (sd.where((v >= 0) & (v < 5), a[v], -1), [0, 9, 4, -9, 1, 5], [0, -1, 4, -1, 1, -1]),
        "reshaped": (a[v.reshape(2, 3)[1]], [9, 9, 9, 0, 1, 2], [0, 1, 2]),
        "shifted slice": (a[v[1:3] + 1], [9, 0, 3, 9, 9, 9], [1, 4]),
    }  # fmt: skip
    for name, (y, positions, expected) in cases.items():
        for target in ("cpu", "python"):
            found = sd.compile(y, target=target)(A=TABLES["A"], v=positions)
            np.testing.assert_array_equal(found, expected, err_msg=name)
    for name, wrong, match in (
        ("slice", [0, 0, 0, 5, 0, 0], r"v holds 5 at \(3,\)"),
        ("step", [0, 0, 0, 0, -1, 0], r"v holds -1 at \(4,\)"),
        ("one", [0, 0, 0, 0, 7, 0], r"v holds 7 at \(4,\)"),
        ("guard", [0, 0, 8, 0, 0, 0], r"v holds 8 at \(2,\)"),
        ("padded", [0, 9, 0, 0, 0, 0], "v holds 9"),
        ("where not", [0, 8, 0, 0, 0, 0], "v holds 8"),
        ("shifted slice", [0, 0, 4, 0, 0, 0], "computed from v is 5"),
    ):
        refused(sd.compile(cases[name][0]), match, A=TABLES["A"], v=wrong)


def test_training_checks_what_is_used() -> None:
    """A recommender: ratings by user and item."""
    ids, y = integers("ids", N, 2), sd.tensor("y", (N,))
    users, items = nn.embedding(ids[:, 0], 6, 2, name="u"), nn.embedding(ids[:, 1], 2, 2, name="i")
    score = (users * items).sum(1)
    model = sd.Model(nn.mean_squared_error(score, y), output=score)
    data = {"ids": np.array([[5, 0], [4, 1], [0, 0], [3, 1]]), "y": np.arange(4.0)}
    model.fit(data, optimizer=nn.SGD(0.1), batch_size=2, epochs=2)
    assert model.predict(ids=data["ids"]).shape == (4,)
    refused(model.fit, "ids holds 5", data=data | {"ids": data["ids"][:, ::-1]}, optimizer=nn.SGD(0.1))
    refused(model.predict, "ids holds 6", ids=[[6, 0]])


def test_positions_made_of_integers_in_index_notation() -> None:
    a, v = sd.tensor("A", (5,)), integers("v", N)
    i, k = sd.indices("i k")
    shifted = sd.define("s", (i,), a[v[i] + 1], shape=(N,))
    window = sd.define("w", (i, k), a[2 * v[i] + k], shape=(N, 2))
    np.testing.assert_array_equal(sd.compile(shifted)(A=TABLES["A"], v=[3, 0]), [4, 1])
    run = sd.compile((window**2).sum(), wrt=[a])
    value, slopes = run(A=TABLES["A"], v=[0, 1, 1])
    assert value == 0 + 1 + 2 * (4 + 9)
    np.testing.assert_array_equal(slopes["A"], [0, 2, 8, 12, 0])
    refused(run, "is 5", A=TABLES["A"], v=[2, 0])
    refused(sd.compile(shifted), "holds 4", A=TABLES["A"], v=[4])


def triangle(i: Any, j: Any) -> Any:
    return i * (i + 1) / 2 + j


def test_packed_triangles() -> None:
    """Positions that are quadratic in the indices; the slopes by numpy's tril_indices."""
    p, x = sd.tensor("p", (10,)), sd.tensor("x", (4,))
    i, j = sd.indices("i j")
    lower = sd.define("L", (i, j), sp.Piecewise((p[triangle(i, j)], j <= i), (0, True)), shape=(4, 4))
    both = sd.define(
        "S", (i, j), sp.Piecewise((p[triangle(i, j)], j <= i), (p[triangle(j, i)], True)), shape=(4, 4)
    )
    packed, vector = np.arange(1.0, 11.0), np.array([1.0, -2.0, 0.5, 3.0])
    full = np.zeros((4, 4))
    full[np.tril_indices(4)] = packed
    for t, expected in ((lower, full), (both, full + full.T - np.diag(np.diag(full)))):
        for target in ("cpu", "python"):
            np.testing.assert_array_equal(sd.compile(t, target=target)(p=packed), expected)
        np.testing.assert_array_equal(evaluate(collect([t]), {"p": packed})[t], expected)
        value, slopes = sd.compile(sd.quadratic(x, t), wrt=[p, x])(p=packed, x=vector)
        np.testing.assert_allclose(value, vector @ expected @ vector)
        np.testing.assert_allclose(slopes["x"], (expected + expected.T) @ vector)
        twice = 1 if t is lower else 2 - np.eye(4)
        wanted = (np.outer(vector, vector) * twice)[np.tril_indices(4)]
        np.testing.assert_allclose(slopes["p"], wanted)
        assert len(sd.derive(sd.quadratic(x, t), p).text()) > 100
    square = sd.define("q", (i,), p[i**2], shape=(4,))
    np.testing.assert_array_equal(sd.compile(square)(p=packed), packed[[0, 1, 4, 9]])
    table = sd.define("t", (i, j), p[i * j], shape=(4, 4))
    np.testing.assert_array_equal(sd.compile(table)(p=packed), packed[np.outer(range(4), range(4))])


def test_positions_outside_are_named() -> None:
    i, j = sd.indices("i j")
    p, q = sd.tensor("p", (9,)), sd.tensor("q", (N,))
    body = sp.Piecewise((p[triangle(i, j)], j <= i), (0, True))
    with pytest.raises(ShapeError, match="9 where i = 3, j = 3, outside"):
        sd.define("L", (i, j), body, shape=(4, 4))
    with pytest.raises(ShapeError, match="9 where i = 3"):
        sd.define("s", (i,), p[i**2], shape=(5,))
    with pytest.raises(ShapeError, match="read at 9, outside"):
        sd.define("s", (i,), sd.tensor("r", (9, 9))[i, 9])
    with pytest.raises(ShapeError, match="not known to stay inside"):
        sd.define("s", (i,), q[i**2], shape=(N,))


def test_cases_on_indices_may_read_what_others_must_not() -> None:
    x = sd.tensor("x", (N,))
    (i,) = sd.indices("i")
    y = sd.define("y", (i,), sp.Piecewise((x[i] - x[i - 1], i > 0), (x[i], True)), shape=(N,))
    value, slopes = sd.compile((y**2).sum(), wrt=[x])(x=[1.0, 3.0, 2.0])
    assert value == 1 + 4 + 1
    np.testing.assert_array_equal(slopes["x"], [2 - 4, 4 + 2, -2])
    with pytest.raises(ShapeError):
        sd.define("y", (i,), sp.Piecewise((x[i - 1], x[i] > 0), (x[i], True)), shape=(N,))


@given(
    st.lists(st.tuples(st.integers(-2, 6), st.integers(-2, 4)), min_size=1, max_size=5),
    st.integers(0, 2),
)
def test_any_positions(pairs: list[tuple[int, int]], first: int) -> None:
    """What NumPy would read is read, what it would not is refused."""
    ids = np.array(pairs)
    used = ids[first:, 0], ids[:, 1]
    fits = all(np.all((c >= 0) & (c < n)) for c, n in zip(used, (5, 3), strict=True))
    run = gathering(len(pairs), first)
    if not fits:
        refused(run, "ids", ids=ids, **TABLES)
        return
    found = run(ids=ids, **TABLES)
    np.testing.assert_array_equal(found[0], TABLES["A"][used[0]])
    np.testing.assert_array_equal(found[1], TABLES["B"][used[1]])


@cache
def gathering(count: int, first: int) -> Any:
    ids, a, b = integers("ids", count, 2), sd.tensor("A", (5,)), sd.tensor("B", (3,))
    return sd.compile([a[ids[first:, 0]], b[ids[:, 1]]], target="python")
