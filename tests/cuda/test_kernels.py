"""Kernels of every kind, compiled to PTX and executed: right, nothing found, no spill, no stray float64."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.cuda.device import SimulatedDevice
from tests.cuda.kernels import KERNELS, Kernel
from tests.cuda.ptx.launch import Argument, Fresh, Report, run
from tests.cuda.toolchain import (
    ARCHITECTURES,
    assembled,
    assert_no_float64,
    compiled,
    float64_instructions,
    needs_compiler,
)

pytestmark = needs_compiler


@cache
def text_of(name: str, architecture: str = "sm_90", *, fastmath: bool = False) -> str:
    kernel = KERNELS[name]
    return compiled(kernel.function, kernel.signature, architecture=architecture, fastmath=fastmath)


def execute(kernel: Kernel, text: str, *, limit: int = 1_000_000) -> tuple[Report, float]:
    """Return the report, and how far the result is off, relative to its largest number or 1."""
    arguments = kernel.arguments()
    given: list[Argument] = list(arguments)
    if kernel.fresh:
        given[kernel.output] = Fresh(arguments[kernel.output])
    expected = kernel.expected(*arguments)
    report = run(text, kernel.grid, kernel.block, given, limit=limit)
    off = np.abs(arguments[kernel.output] - expected) / np.maximum(np.abs(expected), 1)
    return report, float(off.max())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_compute_what_they_say(name: str, architecture: str) -> None:
    report, off = execute(KERNELS[name], text_of(name, architecture))
    assert not report.findings, str(report)
    assert off <= KERNELS[name].tolerance


@pytest.mark.parametrize("name", ["softmax", "functions", "gemm"])
def test_fast_mathematics_is_close(name: str) -> None:
    text = text_of(name, fastmath=True)
    report, off = execute(KERNELS[name], text)
    assert not report.findings, str(report)
    assert off <= 2e-3
    assert ".approx.ftz.f32" in text or name == "gemm"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", KERNELS)
def test_the_assembler_takes_them(name: str, architecture: str) -> None:
    (found,) = assembled(text_of(name, architecture), architecture)
    assert found.architecture == architecture
    assert 8 <= found.registers <= 64
    assert not found.spills
    shared = {"softmax": 4 * 64, "gemm": 2 * 4 * 64, "partial_sums": 8, "scan": 256, "histogram": 64}
    assert found.shared == shared.get(name, 0)
    assert found.barriers == (name in shared)


def test_kernels_read_and_write_side_by_side() -> None:
    """Rows of 99 float32 begin at any place in a sector, which costs one more now and then."""
    kernel = KERNELS["softmax"]
    report = run(text_of("softmax"), kernel.grid, kernel.block, kernel.arguments(), measure=True)
    assert {name for name, _ in report.traffic} == {"argument 0", "argument 1", "shared memory"}
    for (name, _), traffic in report.traffic.items():
        assert traffic.efficiency >= (0.75 if name.startswith("argument") else 1)
    assert report.traffic["argument 0", "read"].bytes == 2 * 4 * 5 * 99


def test_sums_in_two_stages_need_both_in_order() -> None:
    """Partial sums of three blocks, then their sum by the same kernel: a graph, replayed on new numbers."""
    device = SimulatedDevice()
    kernel = device.function(device.load(text_of("partial_sums")), "partial_sums")
    x, part, total = (
        device.allocate(size, name=name) for size, name in ((2000, "x"), (12, "part"), (4, "total"))
    )

    def stage(source: int, target: int, count: int, blocks: int) -> None:
        array = [0, 0, count, 4, source, count, 4]
        result = [0, 0, blocks, 4, target, blocks, 4]
        device.launch(kernel, blocks, 64, 0, [*array, *result, np.uint32(count)])

    with device.capture(0) as graph:
        stage(x, part, 500, 3)
        stage(part, total, 3, 1)
    for seed in range(2):
        numbers = np.random.default_rng(seed).normal(size=500).astype(np.float32)
        found = np.zeros(1, np.float32)
        device.to_device(x, numbers)
        device.replay(graph)
        device.to_host(found, total)
        assert abs(found[0] - numbers.astype(np.float64).sum()) < 1e-4
    device.settled()

    device = SimulatedDevice()
    kernel = device.function(device.load(text_of("partial_sums")))
    part, total = device.allocate(12, name="part"), device.allocate(4, name="total")
    stage(part, total, 3, 1)
    assert [(f.kind, f.array) for f in device.findings] == [("unwritten read", "part")]
    assert device.findings[0].equation == "S_g = sum_{i in g} x[i]"


def test_float64_is_seen() -> None:
    assert_no_float64(text_of("softmax"))
    assert float64_instructions(text_of("functions64"))
    with pytest.raises(AssertionError, match="float64 in a float32 kernel"):
        assert_no_float64(text_of("functions"))  # reduces large angles in float64


def test_the_assembler_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        assembled(text_of("scan").replace("bar.sync", "nonsense.sync"))
