"""Sums over given positions by atomics, which is an option: right up to rounding, and no race is found."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import CompileError
from symdl.run.runtime import Scatter, Target
from symdl.targets import CUDA
from tests.cuda.device import SimulatedDevice
from tests.cuda.test_segments import ROWS, classifier, ids, positions_of, rows_of
from tests.cuda.toolchain import needs_compiler

n = sd.Dim("n")
RNG = np.random.default_rng(13)


def given_for(kind: str, count: int, width: int) -> dict[str, Any]:
    arrays = {"E": RNG.normal(size=(ROWS, width)), "X": RNG.normal(size=(count, width))}
    return arrays | {"ids": positions_of(kind, count, ROWS)}


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["any", "alike", "missing"])
def test_rows_of_a_table(kind: str, dtype: Any, target: Target, device: SimulatedDevice) -> None:
    E, X = sd.parameter("E", (ROWS, 3)), sd.tensor("X", (n, 3))
    loss, given = rows_of(E, ids(n), X), given_for(kind, 300, 3)
    f = sd.compile(loss, wrt="parameters", target=sd.target(target, scatter="atomics"), dtype=dtype)
    expected = sd.compile(loss, wrt="parameters")(**given)[1]["E"]
    taken = {name: a.astype(dtype) if a.dtype.kind == "f" else a for name, a in given.items()}
    rounding = 1e-4 if dtype == "float32" else 1e-12
    for _ in range(2):  # what was added before is gone
        np.testing.assert_allclose(f(**taken)[1]["E"], expected, rtol=rounding, atol=rounding)
    assert "sort" not in f.structures
    bits = dtype.removeprefix("float")
    assert any(re.search(rf"(red|atom)\.\S*add\.f{bits}", text) for text in device.texts)


@needs_compiler
def test_one_number_a_row_and_whole_numbers(target: Target) -> None:
    x, ones = ids(ROWS, name="x"), ids(n, name="ones")
    E, X = sd.tensor("E", (ROWS,)), sd.tensor("X", (n,))
    at = ids(n)
    made = [sd.scatter(x, at, ones, op="add"), sd.scatter(E, at, X, op="add")]
    given: dict[str, Any] = {
        "x": np.arange(ROWS),
        "ones": RNG.integers(-5, 5, 200),
        "ids": RNG.integers(-2, 11, 200),
    }
    given |= {"E": RNG.normal(size=ROWS), "X": RNG.normal(size=200)}
    by_turns = sd.compile(made, target=sd.target(target, scatter="atomics"))
    found, right = by_turns(**given), sd.compile(made)(**given)
    np.testing.assert_array_equal(found[0], right[0])
    np.testing.assert_allclose(found[1], right[1], rtol=1e-12)


@needs_compiler
def test_a_model_with_a_table_trains(target: Target) -> None:
    given = {"ids": RNG.integers(0, 40, (27, 9)), "t": RNG.integers(0, 3, 27)}
    weights = []
    for where in (sd.target(target, scatter="atomics"), "cpu"):
        model = sd.Model(classifier(), target=where, seed=4, dtype="float64")
        model.fit(given, optimizer=sd.nn.Adam(0.01), batch_size=12, epochs=2)
        weights.append({name: np.array(value) for name, value in model.parameters.items()})
    for name, value in weights[1].items():
        np.testing.assert_allclose(weights[0][name], value, rtol=1e-8, atol=1e-10, err_msg=name)


def test_elements_are_zero_before_anything_is_added() -> None:
    """The zeros are a launch of their own: no block waits for another."""
    E, X = sd.parameter("E", (ROWS, 3)), sd.tensor("X", (n, 3))
    f = sd.compile(rows_of(E, ids(n), X), wrt="parameters", target=sd.target("cuda", scatter="atomics"))
    kernels = f.source.split("\ndef ")
    assert any("atomic_add(E_bar" in text for text in kernels)
    assert not any("atomic_add(" in text and "= real(0.0)" in text for text in kernels)


@pytest.mark.parametrize("target", ["cpu", "python"])
def test_targets_without_atomics_say_so(target: Any) -> None:
    with pytest.raises(CompileError, match=rf"(?s){target} has no atomics.*cuda"):
        sd.target(target, scatter="atomics")
    with pytest.raises(CompileError, match="(?s)scatter='fast'.*'atomics'"):
        sd.target(target, scatter="fast")  # type: ignore[arg-type]
    assert sd.target("cuda") is sd.target("cuda", scatter="deterministic") is CUDA


def test_pickles_know_how_sums_are_made() -> None:
    E, X = sd.parameter("E", (ROWS, 3)), sd.tensor("X", (n, 3))
    loss = rows_of(E, ids(n), X)
    cases: list[tuple[Scatter, bool]] = [("atomics", True), ("deterministic", False)]
    for scatter, found in cases:
        where = sd.target("cuda", scatter=scatter)
        f: Any = sd.compile(loss, wrt="parameters", target=where)
        again = pickle.loads(pickle.dumps(f))  # noqa: S301 (written a moment ago)
        assert ("atomic_add(E_bar" in again.source) is found and again.source == f.source
        model = sd.Model(loss, target=where)
        copied = pickle.loads(pickle.dumps(model))  # noqa: S301 (written a moment ago)
        assert copied.target.lowering is where.lowering
