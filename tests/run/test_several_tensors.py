"""Several tensors and their Jacobians from one call: what each gives alone, in the documented arrangement."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import CompileError, DerivativeError
from tests.export import files

n = sd.Dim("n")
X, W, b = sd.tensor("X", (n, 3)), sd.parameter("W", (3, 2)), sd.parameter("b", (2,))
Y = sd.tanh(X @ W + b)
OUTPUTS = [(Y**2).sum(), Y, X * 2, b.sum(), b, Y]
RNG = np.random.default_rng(5)
GIVEN = {"X": RNG.normal(size=(4, 3)), "W": RNG.normal(size=(3, 2)), "b": RNG.normal(size=2)}
READ = [{"W", "b"}, {"W", "b"}, set(), {"b"}, {"b"}, {"W", "b"}]


@pytest.fixture(scope="module")
def function() -> sd.Compiled[Any]:
    return sd.compile(OUTPUTS, wrt="parameters", target="python")


def alone(k: int) -> tuple[Any, dict[str, Any]]:
    """Return what one output gives alone: its value and its Jacobians."""
    names = [name for name in ("W", "b") if name in READ[k]]
    compiled: Any = sd.compile(OUTPUTS[k], wrt=names or None, target="python")
    given = {each.name: GIVEN[each.name] for each in compiled.built.inputs}
    return compiled(**given) if names else (compiled(**given), {})


def test_each_output_has_the_value_and_the_jacobians_that_it_has_alone(function: Any) -> None:
    values, slopes = function(**GIVEN)
    assert isinstance(values, tuple) and list(slopes) == ["W", "b"]
    assert len(values) == len(slopes["W"]) == len(slopes["b"]) == len(OUTPUTS)
    for k, value in enumerate(values):
        expected, jacobians = alone(k)
        np.testing.assert_allclose(value, expected, rtol=1e-14)
        for name, column in slopes.items():
            assert column[k].shape == np.shape(value) + GIVEN[name].shape
            np.testing.assert_allclose(column[k], jacobians.get(name, 0.0), rtol=1e-13, atol=1e-15)


def test_a_list_of_one_is_a_list() -> None:
    values, slopes = sd.compile([b.sum()], wrt=[b], target="python")(b=GIVEN["b"])
    assert len(values) == len(slopes["b"]) == 1
    np.testing.assert_array_equal(slopes["b"][0], np.ones(2))


def test_it_comes_back_from_a_pickle_and_from_a_file(function: Any, tmp_path: Path) -> None:
    again = pickle.loads(pickle.dumps(function))  # noqa: S301 (written a moment ago)
    function.export(tmp_path / "step.py")
    assert files.run(tmp_path / "step.py") == (0, "ok: all results agree\n")
    values, slopes = function(**GIVEN)
    arguments = [GIVEN[each.name] for each in function.built.inputs]
    for other, found in (again(**GIVEN), files.load(tmp_path / "step.py")(*arguments)):
        assert list(found) == list(slopes)
        for mine, theirs in zip((values, *slopes.values()), (other, *found.values()), strict=True):
            for one, two in zip(mine, theirs, strict=True):
                np.testing.assert_allclose(two, one, rtol=1e-13, atol=1e-15)


def test_what_cannot_be_differentiated_is_said() -> None:
    with pytest.raises(CompileError, match="is no input or parameter"):
        sd.compile([b.sum(), b], wrt=[W], target="python")
    with pytest.raises(DerivativeError, match="integers"):
        sd.compile([b.sum(), sd.argmax(Y, axis=1)], wrt=[b], target="python")
