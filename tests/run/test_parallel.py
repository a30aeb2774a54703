"""Long calls in blocks of samples: the same bits on any number of threads, and the values of one piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ArgumentError
from symdl.run.compiled import Compiled
from symdl.run.cpu.threads.sample_blocks import Parallel
from symdl.run.memory import Memory

rng = np.random.default_rng(5)
n = sd.Dim("n")


def network() -> Any:
    h = sd.nn.dense(sd.tensor("X", (n, 30)), 60, activation=sd.tanh, name="a")
    return sd.nn.dense(h, 10, name="b")


def classifier() -> Any:
    return sd.nn.cross_entropy(network(), sd.tensor("t", (n,), dtype="int64"))


def arguments(output: Any, count: int) -> dict[str, Any]:
    given = {p.name: rng.normal(size=p.shape) / 4 for p in sd.parameters(output)}
    return {**given, "X": rng.normal(size=(count, 30))}


def agrees_with_naive(loss: Any, given: dict[str, Any], value: Any, slopes: dict[str, Any]) -> None:
    naive: Any = sd.compile(loss, wrt="parameters", schedule="naive")
    wanted, grads = naive(**given)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    for name, slope in slopes.items():
        np.testing.assert_allclose(slope, grads[name], rtol=1e-9, atol=1e-12)


def how(f: Any) -> type:
    return type(f._memories.free[0][0])


def test_gradients_on_any_number_of_threads() -> None:
    loss = classifier()
    given = {**arguments(loss, 3000), "t": rng.integers(0, 10, 3000)}
    one: Any = sd.compile(loss, wrt="parameters", threads=1)
    value, slopes = one(**given)
    assert how(one) is Parallel
    for threads in (2, 3):
        more: Any = sd.compile(loss, wrt="parameters", threads=threads)
        for _ in range(5):  # first every number is tried
            again, grads = more(**given)
            assert again == value
            for name, slope in slopes.items():
                np.testing.assert_array_equal(grads[name], slope)
    agrees_with_naive(loss, given, value, slopes)


def test_outputs_with_the_batch_in_front() -> None:
    output = network()
    f: Any = sd.compile(output, threads=2)
    given = arguments(output, 5000)
    found = f(**given)
    kept = found.copy()
    assert how(f) is Parallel
    h = np.tanh(given["X"] @ given["a.W"] + given["a.b"])
    np.testing.assert_allclose(found, h @ given["b.W"] + given["b.b"], rtol=1e-10, atol=1e-12)
    f(**{**given, "X": given["X"] + 1})
    np.testing.assert_array_equal(found, kept)


def test_few_samples_stay_in_one_piece() -> None:
    output = network()
    f: Any = sd.compile(output, threads=2)
    f(**arguments(output, 20))
    assert how(f) is Memory


def test_labels_out_of_range_are_found_before_anything_is_computed() -> None:
    loss = classifier()
    f: Any = sd.compile(loss, wrt="parameters", threads=2)
    given = {**arguments(loss, 3000), "t": rng.integers(0, 10, 3000)}
    given["t"][1234] = 10
    with pytest.raises(ArgumentError, match="t holds 10"):
        f(**given)
    assert isinstance(f, Compiled)


def test_a_recurrence() -> None:
    h = sd.nn.rnn(sd.tensor("x", (n, 6, 8)), 16, name="r")
    loss = (h * h).mean()
    given: dict[str, Any] = {p.name: rng.normal(size=p.shape) / 4 for p in sd.parameters(loss)}
    given["x"] = rng.normal(size=(1500, 6, 8))
    f: Any = sd.compile(loss, wrt="parameters", threads=2)
    value, slopes = f(**given)
    assert how(f) is Parallel
    agrees_with_naive(loss, given, value, slopes)


def test_sums_of_gradients_that_are_never_stored() -> None:
    """A second derivative in the loss: a weight's gradient is a sum of matrix products."""
    X = sd.tensor("X", (n, 2))
    u = sd.nn.dense(sd.nn.dense(X, 40, activation=sd.tanh, name="a"), 40, activation=sd.tanh, name="b").sum()
    slope = sd.grad(u, X)
    loss = (sd.grad(slope.sum(), X) ** 2).mean() + sum((p**2).sum() for p in sd.parameters(u))
    given = {p.name: rng.normal(size=p.shape) / 4 for p in sd.parameters(loss)}
    given["X"] = rng.normal(size=(1500, 2))
    one: Any = sd.compile(loss, wrt="parameters", threads=1)
    value, slopes = one(**given)
    assert how(one) is Parallel
    more: Any = sd.compile(loss, wrt="parameters", threads=3)
    for _ in range(8):
        again, grads = more(**given)
        assert again == value
        for name, slope in slopes.items():
            np.testing.assert_array_equal(grads[name], slope)
    agrees_with_naive(loss, given, value, slopes)
