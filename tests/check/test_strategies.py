"""What the strategies draw: all that they promise, and nothing that cannot be computed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.check import strategies
from symdl.express.program import collect
from symdl.run.reference.interpreter import outputs

n = sd.Dim("n")
QUICK = settings(max_examples=2000, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


@given(strategies.hard_arrays((2, 3)), strategies.hard_arrays((4,), finite=True), strategies.hard_arrays(()))
def test_hard_arrays_have_their_shapes(wide: Any, finite: Any, single: Any) -> None:
    assert (wide.shape, finite.shape, single.shape) == ((2, 3), (4,), ())
    assert np.isfinite(finite).all()
    assert {a.dtype for a in (wide, finite, single)} == {np.dtype(float)}


def test_every_kind_of_hard_point_is_drawn() -> None:
    hard = strategies.hard_arrays((3, 4))
    kinds: list[Any] = [
        lambda a: np.isnan(a).any(),
        lambda a: np.isposinf(a).any() and np.isneginf(a).any(),
        lambda a: (a == 0).any() and np.signbit(a[a == 0]).any(),
        lambda a: (a[:, :1] == a).all(),
        lambda a: (np.abs(a) > 1e100).any(),
        lambda a: ((a != 0) & (np.abs(a) < 1e-100)).any(),
        lambda a: not a.flags.c_contiguous and not a.flags.f_contiguous,
        lambda a: a.flags.f_contiguous,
        lambda a: min(a.strides) < 0,
        lambda a: not a.flags.writeable,
    ]
    for wanted in kinds:
        find(hard, wanted, settings=QUICK)
    find(strategies.tensors(sizes=(0, 3)), lambda d: d.values["X"].size == 0, settings=QUICK)
    find(strategies.tensors(), lambda d: 1 in d.tensor.shape, settings=QUICK)


@given(strategies.tensors((n, 2 * n, 3), name="a"), strategies.tensors(hard=True))
def test_tensors_fit_their_arrays(symbolic: strategies.Drawn, free: strategies.Drawn) -> None:
    size, twice, last = symbolic.values["a"].shape
    assert (twice, last) == (2 * size, 3) and symbolic.tensor.shape[0] == n
    assert free.values["X"].shape == free.tensor.shape


@settings(max_examples=20)
@given(strategies.programs(sizes=(0, 1, 3)))
def test_programs_can_be_computed(sample: strategies.Sample) -> None:
    found = outputs(collect(sample.outputs), sample.values)
    assert [a.ndim for a in found] == [t.rank for t in sample.outputs]
    assert "Sample(" in repr(sample)


@settings(max_examples=8)
@given(strategies.networks(batches=(1, 3), widths=(1, 4)), st.integers(0, 3))
def test_networks_have_gradients(drawn: strategies.Network, seed: int) -> None:
    report = sd.check_gradients(
        drawn.loss, at=drawn.values, methods=("tape", "central"), compiled=False, entries=1, seed=seed
    )
    report.raise_if_failed()


def test_without_hypothesis_the_error_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from symdl.check import strategies\n"
        "try: strategies.shapes()\n"
        "except Exception as error: print(type(error).__name__, error.extra)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["MissingExtraError", "test"]
