"""Sums over given positions in the order of what they add to: against the processor, bit for bit again.

Positions are as many as pieces have places, one less, one more; all alike, each their own, many missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.lower.equations.sorting import PIECE
from symdl.run.runtime import Target
from symdl.run.training import compile_training
from symdl.schedule.cost import total
from tests.cuda.device import SimulatedDevice
from tests.cuda.toolchain import needs_compiler

n = sd.Dim("n")
RNG = np.random.default_rng(12)
ROWS = 9
Given = dict[str, Any]
COUNTS = (1, 2, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 5 * PIECE + 7)


def ids(*shape: Any, name: str = "ids") -> Any:
    return sd.tensor(name, shape, dtype="int64")


def rows_of(table: Any, at: Any, weights: Any) -> Any:
    """Return a loss that reads rows of a table at given positions."""
    return (sd.take(table, at) * weights).sum()


def agree(loss: Any, target: Target, given: Given, **options: Any) -> Any:
    """Compare gradients with the processor's; return the compiled function."""
    f = sd.compile(loss, wrt="parameters", target=target, **options)
    value, gradients = f(**given)
    right, expected = sd.compile(loss, wrt="parameters")(**given)
    assert value == pytest.approx(right, rel=1e-12)
    for name, gradient in expected.items():
        np.testing.assert_allclose(gradients[name], gradient, rtol=1e-11, atol=1e-11, err_msg=name)
        np.testing.assert_array_equal(f(**given)[1][name], gradients[name])
    return f


def positions_of(kind: str, count: int, below: int) -> Any:
    return {
        "any": RNG.integers(0, below, count),
        "alike": np.full(count, below - 2),
        "missing": RNG.choice([1, below - 1], count),
        "ascending": np.arange(count) * below // count,
    }[kind]


@needs_compiler
@pytest.mark.parametrize("kind", ["any", "alike", "missing", "ascending"])
@pytest.mark.parametrize("count", COUNTS)
def test_rows_of_a_table(kind: str, count: int, target: Target) -> None:
    E, X = sd.parameter("E", (ROWS, 3)), sd.tensor("X", (n, 3))
    given: Given = {"E": RNG.normal(size=(ROWS, 3)), "X": RNG.normal(size=(count, 3))}
    f = agree(rows_of(E, ids(n), X), target, given | {"ids": positions_of(kind, count, ROWS)})
    assert "sort" in f.structures


@needs_compiler
@pytest.mark.parametrize("width", [1, 40])
def test_one_number_a_row_and_many(width: int, target: Target) -> None:
    """One thread a row, or columns of threads: their lengths differ."""
    E, X = sd.parameter("E", (ROWS, width)), sd.tensor("X", (n, width))
    given: Given = {"E": RNG.normal(size=(ROWS, width)), "X": RNG.normal(size=(500, width))}
    agree(rows_of(E, ids(n), X), target, given | {"ids": RNG.integers(0, ROWS, 500)})


@needs_compiler
def test_more_rows_than_positions(target: Target) -> None:
    E, X = sd.parameter("E", (700, 2)), sd.tensor("X", (n, 2))
    given: Given = {"E": RNG.normal(size=(700, 2)), "X": RNG.normal(size=(90, 2))}
    agree(rows_of(E, ids(n), X), target, given | {"ids": RNG.integers(0, 700, 90)})


@needs_compiler
def test_positions_along_several_axes(target: Target) -> None:
    E, X = sd.parameter("E", (ROWS, 3)), sd.tensor("X", (n, 5, 4, 3))
    given: Given = {"E": RNG.normal(size=(ROWS, 3)), "X": RNG.normal(size=(7, 5, 4, 3))}
    agree(rows_of(E, ids(n, 5, 4), X), target, given | {"ids": RNG.integers(0, ROWS, (7, 5, 4))})


@needs_compiler
def test_what_is_summed_besides(target: Target) -> None:
    """A position chooses a row, and all of another axis adds to it."""
    E, X = sd.parameter("E", (ROWS,)), sd.tensor("X", (n, 4))
    i, j = sd.indices("i j")
    at = ids(n)
    loss = sd.define("L", (), sd.Sum(sd.tanh(E[at[i]] * X[i, j]), i, j))
    given: Given = {"E": RNG.normal(size=ROWS), "X": RNG.normal(size=(150, 4))}
    agree(loss, target, given | {"ids": RNG.integers(0, ROWS, 150)})


@needs_compiler
def test_two_positions_choose_an_element(target: Target) -> None:
    T, X = sd.parameter("T", (4, 5, 2)), sd.tensor("X", (n, 2))
    i, j = sd.indices("i j")
    a, b = ids(n, name="a"), ids(n, name="b")
    loss = sd.define("L", (), sd.Sum(T[a[i], b[i], j] * X[i, j], i, j))
    given: Given = {"T": RNG.normal(size=(4, 5, 2)), "X": RNG.normal(size=(200, 2))}
    agree(loss, target, given | {"a": RNG.integers(0, 4, 200), "b": RNG.integers(0, 5, 200)})


@needs_compiler
def test_positions_in_each_row(target: Target) -> None:
    """As of `take_along_axis`: each row has segments of its own."""
    W, X = sd.parameter("W", (3, ROWS)), sd.tensor("X", (3, n))
    i, j = sd.indices("i j")
    at = ids(3, n)
    loss = sd.define("L", (), sd.Sum(sd.sin(W[i, at[i, j]]) * X[i, j], i, j))
    given: Given = {"W": RNG.normal(size=(3, ROWS)), "X": RNG.normal(size=(3, 100))}
    agree(loss, target, given | {"ids": RNG.integers(0, ROWS, (3, 100))})


@needs_compiler
def test_positions_that_are_computed(target: Target) -> None:
    E, X = sd.parameter("E", (ROWS, 3)), sd.tensor("X", (n, 3))
    given: Given = {"E": RNG.normal(size=(ROWS, 3)), "X": RNG.normal(size=(130, 3))}
    loss = rows_of(E, (ids(n) + 3) % ROWS, X)
    agree(loss, target, given | {"ids": RNG.integers(0, ROWS, 130)})


@needs_compiler
@pytest.mark.parametrize("wide", [3, 5])
def test_positions_out_of_range_belong_to_nothing(wide: int, target: Target) -> None:
    """What is written outside is written nowhere; nor are there positions for all columns."""
    x, updates = sd.tensor("x", (ROWS, wide)), sd.tensor("updates", (n, 3))
    made = sd.scatter(x, ids(n, 3), updates, op="add")
    given: Given = {"x": RNG.normal(size=(ROWS, wide)), "updates": RNG.normal(size=(90, 3))}
    given |= {"ids": RNG.integers(-3, ROWS + 3, (90, 3))}
    f = sd.compile(made, target=target)
    assert "sort" in f.structures
    np.testing.assert_allclose(f(**given), sd.compile(made)(**given), rtol=1e-12)


@needs_compiler
def test_whole_numbers_are_counted(target: Target) -> None:
    x, ones = ids(ROWS, name="x"), ids(n, name="ones")
    made = sd.scatter(x, ids(n), ones, op="add")
    given: Given = {"x": np.arange(ROWS), "ones": RNG.integers(-5, 5, 400), "ids": RNG.choice([2, 3], 400)}
    np.testing.assert_array_equal(sd.compile(made, target=target)(**given), sd.compile(made)(**given))


@needs_compiler
def test_what_is_sorted_once_serves_all(target: Target) -> None:
    """Two tables read at the same positions are sorted once, other positions apart."""
    E, F, G = (sd.parameter(name, (ROWS, 2)) for name in "EFG")
    X, at, other = sd.tensor("X", (n, 2)), ids(n), ids(n, name="other")
    loss = rows_of(E, at, X) + rows_of(F, at, X * X) + rows_of(G, other, X)
    given: Given = {name: RNG.normal(size=(ROWS, 2)) for name in "EFG"} | {"X": RNG.normal(size=(99, 2))}
    given |= {name: RNG.integers(0, ROWS, 99) for name in ("ids", "other")}
    f = agree(loss, target, given)
    assert f.structures.count("sort") == 2


def test_few_positions_are_not_sorted() -> None:
    E, X = sd.parameter("E", (ROWS, 3)), sd.tensor("X", (PIECE, 3))
    few = sd.compile(rows_of(E, ids(PIECE), X), wrt="parameters", target="cuda")
    assert "sort" not in few.structures
    naive = sd.compile(
        rows_of(E, ids(n), sd.tensor("X", (n, 3))), wrt="parameters", target="cuda", schedule="naive"
    )
    assert "sort" not in naive.structures


def classifier(vocabulary: int = 40) -> Any:
    t = ids(n, name="t")
    words = sd.nn.embedding(ids(n, 9), vocabulary, 6, name="words")
    return sd.nn.cross_entropy(sd.nn.dense(words.mean(axis=1), 3, name="out"), t)


def test_the_update_of_a_table_is_done_where_its_gradient_is() -> None:
    """No pass over memory lies between the sums of segments and the new table."""
    loss = classifier()
    step = compile_training(loss, sd.parameters(loss), sd.nn.Adam(1e-3).updates, target="cuda")
    kernel = step.source[step.source.index("# The calls") :]
    last = kernel[kernel.index("last terms of words.E_bar") :].split("# ")[1:]
    assert any("words.E" in line and "sqrt" in line for line in last[:12])


@needs_compiler
@pytest.mark.parametrize("several", [False, True])
def test_a_step_launches_what_it_costs_on_paper(
    several: bool, target: Target, device: SimulatedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    if several:
        for module in ("symdl.run.cuda.sorting", "symdl.lower.equations.sorting"):
            monkeypatch.setattr(f"{module}.ALONE", 0)
    f = sd.compile(classifier(), wrt="parameters", target=target)
    given: Given = {p: RNG.normal(size=shape) for p, shape in (("words.E", (40, 6)), ("out.W", (6, 3)))}
    given |= {"out.b": RNG.normal(size=3), "ids": RNG.integers(0, 40, (20, 9)), "t": RNG.integers(0, 3, 20)}
    counted, launch = [0], device.launch

    def counting(*arguments: Any, **options: Any) -> None:
        counted[0] += 1
        launch(*arguments, **options)

    monkeypatch.setattr(device, "launch", counting)
    f(**given)
    assert counted[0] == total(f.built.costs({"n": 20})).launches


def test_costs_grow_with_positions_and_rows_not_with_their_product() -> None:
    f = sd.compile(classifier(50_000), wrt="parameters", target="cuda", dtype="float32")
    few, many = (total(f.built.costs({"n": size})) for size in (100, 1000))
    assert many.operations < 50_000 * 9 * 1000
    assert many.moved < 12 * few.moved


@needs_compiler
def test_a_model_with_a_table_trains_as_on_the_processor(target: Target) -> None:
    """Batches are gathered and sorted in a captured graph, which epochs replay."""
    given: Given = {"ids": RNG.integers(0, 40, (27, 9)), "t": RNG.integers(0, 3, 27)}
    weights = []
    for where in (target, "cpu"):
        model = sd.Model(classifier(), target=where, seed=4, dtype="float64")
        model.fit(given, optimizer=sd.nn.Adam(0.01), batch_size=12, epochs=2)
        weights.append({name: np.array(value) for name, value in model.parameters.items()})
    for name, value in weights[1].items():
        np.testing.assert_allclose(weights[0][name], value, rtol=1e-9, atol=1e-11, err_msg=name)
