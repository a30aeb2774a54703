"""Targets are objects: one that nobody in the package knows goes through the same doors.

Right values are counts by hand: a dense layer of n samples, i inputs and o units takes n*i*o multiplications.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import CompileError
from symdl.run.training import compile_training
from symdl.targets import CPU, CUDA, PYTHON, TARGETS, find
from tests.tally import TALLY, Tally

n = sd.Dim("n")
SAMPLES, INPUTS, UNITS = 10, 4, 3


def layer() -> tuple[sd.Tensor, dict[str, np.ndarray]]:
    """A layer of tanh units, and arrays for it."""
    X, W = sd.tensor("X", (n, INPUTS)), sd.parameter("W", (INPUTS, UNITS))
    return sd.tanh(X @ W), {"X": np.ones((SAMPLES, INPUTS)), "W": np.ones((INPUTS, UNITS))}


def counted(module: object) -> Tally:
    """The module of a program of the target that counts."""
    assert isinstance(module, Tally)
    return module


def test_names_become_objects_once() -> None:
    assert find("cpu") is CPU and find("python") is PYTHON and find(TALLY) is TALLY
    assert [target.name for target in TARGETS.values()] == list(TARGETS)
    for unknown in ("tally", "CPU", "", None, 3, ["cpu"]):
        with pytest.raises(CompileError, match="there is no target"):
            find(unknown)  # type: ignore[arg-type]


def test_an_object_is_as_good_as_its_name() -> None:
    A, given = layer()
    for name, target in TARGETS.items():
        if target is CUDA:  # tests/cuda has the device that it asks for
            assert sd.compile(A, target=target).source == sd.compile(A, target="cuda").source
            continue
        by_name = sd.compile(A, target=name)(**given)  # type: ignore[call-overload]
        np.testing.assert_array_equal(sd.compile(A, target=target)(**given), by_name)


def test_a_call_on_a_new_target() -> None:
    A, given = layer()
    run = sd.compile(A, target=TALLY)
    tally = counted(run.built.module)
    assert run(**given).shape == (SAMPLES, UNITS)
    assert tally.counted["multiply and add"] == SAMPLES * INPUTS * UNITS
    assert tally.counted["tanh"] == SAMPLES * UNITS
    assert "def kernel_0(" in run.source
    run(**{**given, "X": np.ones((2 * SAMPLES, INPUTS))})
    assert tally.counted["tanh"] == 3 * SAMPLES * UNITS


def test_gradients_on_a_new_target() -> None:
    A, given = layer()
    run = sd.compile((A**2).sum(), wrt="parameters", target=TALLY)
    _, slopes = run(**given)
    assert slopes["W"].shape == (INPUTS, UNITS)
    tally = counted(run.built.module)
    assert tally.counted["multiply and add"] == 2 * SAMPLES * INPUTS * UNITS  # forward; and by W
    assert tally.counted["tanh"] == 2 * SAMPLES * UNITS  # written twice, in one loop


def test_a_scalar_function_on_a_new_target() -> None:
    x = sp.Symbol("x")
    run = sd.compile(sp.sin(x) + sp.exp(x), wrt=[x], target=TALLY)
    run(x=np.ones(SAMPLES))
    tally = counted(run._compiled.built.module)
    assert (tally.counted["sin"], tally.counted["cos"], tally.counted["exp"]) == (SAMPLES,) * 3


def test_an_epoch_on_a_new_target() -> None:
    A, given = layer()
    kernel = compile_training(
        (A**2).mean(), sd.parameters(A), sd.nn.SGD(0.1).updates, dtype="float64", target=TALLY
    )
    bound = kernel.bind({"W": given["W"], "learning_rate": np.array(0.1)}, {"X": given["X"]}, 4)
    bound.run(np.arange(SAMPLES))
    tally = counted(kernel._built.module)
    assert tally.counted["tanh"] == 2 * SAMPLES * UNITS  # in batches of 4, 4 and 2
    assert sd.Model((A**2).mean(), output=A, target=TALLY).predict(X=given["X"]).shape == (SAMPLES, UNITS)
