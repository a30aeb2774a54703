"""Running sums: a team goes along a row together, and very long rows are scanned in parts.

Every reduction, in both directions, with and without one's own element, around the sizes of teams.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.express.equations import InRange
from symdl.lower.cuda import long_scans
from symdl.run import modules
from symdl.run.cuda import choice
from symdl.run.cuda.compiler import translate
from symdl.run.runtime import Target
from tests.cuda.conftest import on
from tests.cuda.device import SimulatedDevice
from tests.cuda.generated import generated
from tests.cuda.ptx.launch import Fresh, run
from tests.cuda.test_generated import wrong
from tests.cuda.toolchain import ARCHITECTURES, needs_compiler

n, m = sd.Dim("n"), sd.Dim("m")
i, j, k = sd.indices("i j k")
RNG = np.random.default_rng(2)
REDUCTIONS = {"sum": sd.Sum, "prod": sd.Prod, "max": sd.Max}
ORDERS = {"to": i - k, "before": i - k - 1, "from": k - i, "after": k - i - 1}
EMPTY = {"sum": 0.0, "prod": 1.0, "max": -np.inf}
ACCUMULATE = {"sum": np.add, "prod": np.multiply, "max": np.maximum}


def running(op: str, order: str, axis: int, extent: Any = None) -> sd.Tensor:
    """The elements up to one's own (or from it on), with or without it, along an axis."""
    sizes: tuple[Any, Any] = (m, n) if axis else (n, m)
    along, others = (extent, 3) if extent else sizes
    shape = (others, along) if axis else (along, others)
    x = sd.tensor("x", shape)
    place, where = ((j, k), (j, i)) if axis else ((k, j), (i, j))
    guard = InRange(ORDERS[order], along)
    return sd.define("c", where, REDUCTIONS[op](x[place], k), shape=shape, guards=(guard,))


def right(op: str, order: str, axis: int, x: Any) -> Any:
    """The same by NumPy."""
    turned = np.flip(x, axis) if order in ("from", "after") else x
    made = ACCUMULATE[op].accumulate(turned, axis)
    if order in ("before", "after"):
        edge = np.full_like(made.take([0], axis), EMPTY[op])
        made = np.concatenate([edge, made.take(range(x.shape[axis] - 1), axis)], axis)
    return np.flip(made, axis) if order in ("from", "after") else made


def launched(device: SimulatedDevice) -> set[str]:
    """Return the forms of generated kernels that were launched."""
    return {found for text in device.texts for found in re.findall(r"kernel_\d+_([a-z]+)B", text)}


@needs_compiler
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("op", REDUCTIONS)
def test_around_the_sizes_of_teams(
    op: str, order: str, axis: int, device: SimulatedDevice, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_LONG", 129)
    f = sd.compile(running(op, order, axis), target=target)
    for length in (1, 31, 32, 33, 129, 255, 256, 257, 513):
        x = RNG.uniform(0.9, 1.1, size=(3, length) if axis else (length, 3))
        np.testing.assert_allclose(f(x=x), right(op, order, axis, x), rtol=1e-12)
    assert launched(device) == ({"warps", "blocks"} if axis else {"threads", "blocks"})


@needs_compiler
def test_integers_are_exact_and_nan_stays(target: Target) -> None:
    x = RNG.integers(-(10**17), 10**17, size=(2, 300))
    f = sd.compile(sd.cumsum(sd.tensor("x", (n, m), dtype="int64"), axis=1), target=target)
    np.testing.assert_array_equal(f(x=x), np.cumsum(x, axis=1))
    y = RNG.normal(size=(2, 300))
    y[0, 77] = np.nan
    for op in REDUCTIONS:
        found = sd.compile(running(op, "to", 1), target=target)(x=y)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(np.cumsum(y, axis=1)))


@needs_compiler
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("op", REDUCTIONS)
def test_long_ones_are_cut_into_parts(
    op: str, order: str, axis: int, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_scans, "LONG", 50)
    monkeypatch.setattr(long_scans, "PARTS", 4)
    for length in (50, 51, 52, 53, 260):
        f = sd.compile(running(op, order, axis, length), target=target)
        assert len(f.structures) == (3 if op == "sum" or order in ("to", "from") else 1)
        x = RNG.uniform(0.9, 1.1, size=(3, length) if axis else (length, 3))
        if op == "max":
            x[1, length // 2 if axis else 1] = np.nan
        np.testing.assert_allclose(f(x=x), right(op, order, axis, x), rtol=1e-12)


@needs_compiler
def test_a_very_long_one_has_three_launches(device: SimulatedDevice, target: Target) -> None:
    x = sd.tensor("x", (70_001,), dtype="int64")
    values = RNG.integers(-(10**12), 10**12, 70_001)
    f = sd.compile(x.cumsum(axis=0), target=target)
    np.testing.assert_array_equal(f(x=values), np.cumsum(values))
    assert len(device.reports) == 3


def test_many_long_ones_are_not_cut() -> None:
    assert len(sd.compile(sd.tensor("x", (65, 70_001)).cumsum(axis=1), target="cuda").structures) == 1
    assert len(sd.compile(sd.tensor("x", (64, 70_001)).cumsum(axis=1), target="cuda").structures) == 3


def test_what_is_no_scan_is_the_work_of_one_thread() -> None:
    x = sd.tensor("x", (n, m))
    assert "inclusive" in kernels(running("sum", "to", 1)) and "exclusive" in kernels(
        running("sum", "before", 1)
    )
    along = sd.define("c", (j, i), sd.Sum(x[j, k] * (i + 1), k), shape=(n, m), guards=(InRange(i - k, m),))
    assert "clusive" not in kernels(along)


def kernels(made: sd.Tensor) -> str:
    """Return the kernels of a program, without what they are built on."""
    source = sd.compile(made, target="cuda").source
    return source[source.index("\ndef ") :]


@needs_compiler
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_they_go_through_both_compilers(architecture: str) -> None:
    for op in REDUCTIONS:
        for order in ("to", "after"):
            made = sd.compile(running(op, order, 1), dtype="float32", target="cuda")
            for kernel in generated(made):
                assert kernel.team in ("warps", "blocks")
                assert wrong(kernel, architecture) == []


BROKEN = {
    "steps beyond the end": (r"if i < (\w+):", r"if i <= \1:"),
    "the last steps are left out": (r"while first < (\w+)", r"while first + 99 < \1"),
    "a chunk begins anew": (r"( +)c_sum = after", r"\1c_sum = real(0.0)"),
    "one's own element is left out": (r"inclusive_sum\(c_sum", "exclusive_sum(c_sum"),
    "a step is taken twice": (r"term = (x\S+ \* m \+ i\])", r"term = 2 * \1"),
}


@needs_compiler
@pytest.mark.parametrize("length", [100, 300])
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(name: str, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    load = modules.load

    def broken(source: str, foundation: tuple[str, ...] = ()) -> Any:
        changed = re.sub(BROKEN[name][0], BROKEN[name][1], source)
        assert changed != source
        return load(changed, foundation)

    monkeypatch.setattr(modules, "load", broken)
    device, x = SimulatedDevice(), RNG.normal(size=(3, length))
    found = sd.compile(running("sum", "to", 1), target=on(device))(x=x)
    assert device.findings or not np.allclose(found, np.cumsum(x, axis=1), rtol=1e-12)


@needs_compiler
def test_each_barrier_is_needed() -> None:
    _, kernel = generated(sd.compile(running("sum", "to", 1), target="cuda"))
    assert kernel.team == "blocks"
    text = translate(kernel.function, kernel.kinds, "sm_90", kernel.threads)
    x, sizes = RNG.normal(size=(2, 150)), (np.uint32(2), np.uint32(150))
    barriers = [found.span() for found in re.finditer(r"bar\.sync[^\n]*", text)]
    assert len(barriers) >= 2
    for begin, end in [(0, 0), *barriers]:
        report = run(text[:begin] + text[end:], 2, 64, [x, Fresh(made := np.zeros_like(x)), *sizes])
        assert bool(report.findings) == (end > 0), str(report)
        if not end:
            np.testing.assert_allclose(made, np.cumsum(x, axis=1), rtol=1e-12, atol=1e-13)
