"""Transforms in stages: equal to the definition, found in gradients too, in few operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.differentiate.transforms.fast import with_fast_transforms
from symdl.differentiate.transforms.stages import radices
from symdl.express.program import Program, collect
from symdl.lower.pipeline import lower
from symdl.run.reference.interpreter import evaluate
from symdl.targets import PYTHON

RNG = np.random.default_rng(2)


def terms(program: Program) -> int:
    """How many terms the sums of a program have together."""
    total = 0
    for equation in program.equations:
        count = 1
        for size in equation.extents.values():
            count *= int(size)
        total += count
    return total


def by_stages(z: sd.ComplexTensor, **arrays: Any) -> Any:
    """The value of the program with its transforms in stages, by the reference interpreter."""
    found = evaluate(with_fast_transforms(collect(z.as_parts())), arrays)
    return found[z.re] + 1j * found[z.im]


@pytest.mark.parametrize("sizes", [range(1, 33), range(33, 65), (97, 101, 128, 202, 360)])
def test_all_sizes_are_numpys(sizes: Any) -> None:
    for n in sizes:
        z, at = sd.complex_tensor("z", (n,)), RNG.normal(size=n) + 1j * RNG.normal(size=n)
        x = sd.tensor("x", (n,))
        found = by_stages(sd.fft(z), z_re=at.real, z_im=at.imag)
        scale = np.linalg.norm(at) * np.sqrt(n)
        assert abs(found - np.fft.fft(at)).max() < 1e-14 * scale, n
        assert abs(by_stages(sd.fft(x), x=at.real) - np.fft.fft(at.real)).max() < 1e-14 * scale, n


@pytest.mark.parametrize("schedule", ["fused", "naive"])
def test_compiled_gradients_are_those_of_the_definition(schedule: Any) -> None:
    """The pass is off in the naive schedule."""
    n = 40
    z, w = sd.complex_tensor("z", (2, n)), RNG.normal(size=(2, n))
    loss = (sd.tanh(sd.fft(z * z).re * w)).sum() + (sd.irfft(z, n) ** 3).sum()
    program = collect([loss, sd.grad(loss, z.re), sd.grad(loss, z.im)])
    at = {"z_re": RNG.normal(size=(2, n)) / 4, "z_im": RNG.normal(size=(2, n)) / 4}
    want = evaluate(program, at)
    f = sd.compile(list(program.outputs), target="python", schedule=schedule)
    for ours, tensor in zip(f(**at), program.outputs, strict=True):
        np.testing.assert_allclose(ours, want[tensor], rtol=1e-11, atol=1e-11)


def test_operations_grow_as_n_log_n() -> None:
    counts = {}
    for n in (64, 1024):
        x = sd.tensor("x", (n,))
        loss = (abs(sd.rfft(x)) ** 2).sum()
        program = collect([loss, sd.grad(loss, x)])
        counts[n] = terms(with_fast_transforms(program))
    assert counts[1024] < terms(program) / 6
    assert counts[1024] < 32 * counts[64]  # 256 times as many by the definition


def test_real_and_imaginary_part_share_one_transform() -> None:
    z = sd.complex_tensor("z", (64,))
    ahead = with_fast_transforms(collect(sd.fft(z).as_parts()))
    weight = sd.tensor("w", (64,))
    loss = (sd.fft(z).re * weight).sum() + (sd.fft(z).im ** 2).sum()
    back = with_fast_transforms(collect([sd.grad(loss, z.re), sd.grad(loss, z.im)]))
    sums = [sum(e.reduction is not None for e in p.equations) for p in (ahead, back)]
    assert sums == [2, 4]  # two stages forward; two forward for the slope of the loss, two back


def test_a_nan_stays_in_its_signal() -> None:
    x, y = sd.tensor("x", (64,)), sd.tensor("y", (64,))
    program = with_fast_transforms(collect([*sd.fft(x).as_parts(), *sd.fft(y).as_parts()]))
    found = evaluate(program, {"x": np.full(64, np.nan), "y": np.ones(64)})
    values = [np.isnan(found[t]).any() for t in program.outputs]
    assert values == [True, True, False, False]


def test_stages() -> None:
    assert radices(1024) == [16, 8, 8]
    assert radices(61) == [61]
    assert radices(67) is None
    for n in range(1, 500):
        stages = radices(n)
        assert stages is None or np.prod(stages) == n


def test_a_sum_that_is_no_transform_stays() -> None:
    x, (i, k) = sd.tensor("x", (40,)), sd.indices("i k")
    others = [
        sd.define(
            None, (k,), sd.Sum(x[i] * sp.cos(2 * sp.pi * k * i / 32), i), shape=(40,)
        ),  # beyond a period
        sd.define(None, (k,), sd.Sum(x[i] * sp.cos(sp.sqrt(2) * k * i), i), shape=(40,)),
        sd.define(None, (k,), sd.Sum(x[k] * x[i] * sp.cos(sp.pi * k * i / 20), i), shape=(40,)),
    ]
    program = collect(others)
    assert with_fast_transforms(program) is program


def test_it_is_a_pass_by_name() -> None:
    x, names = sd.tensor("x", (64,)), []
    program = collect(sd.fft(x).as_parts())
    lower(program, lowering=PYTHON.lowering, observer=lambda step, *_: names.append(step.name))
    assert "split_transforms" in names
