"""Positions in the order of their keys: kernels of ours, at sizes around those of warps and blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from symdl.errors import ArgumentError
from symdl.lower.equations.sorting import ALONE, PIECE, SEGMENT, STRETCH, length, passes
from symdl.lower.ir.integers import constant
from tests.cuda.device import SimulatedDevice
from tests.cuda.on_hardware import Watched
from tests.cuda.toolchain import assembled, needs_compiler

pytestmark = needs_compiler
RNG = np.random.default_rng(11)
NOTHING = -(1 << 40)
"""A key far out of range."""


def sorted_there(device: Any, keys: Any, below: int, first: int = 0) -> tuple[Any, Any]:
    """Return segments, and the positions in order, as the device finds them."""
    from symdl.run.cuda.launching import Launcher
    from symdl.run.cuda.sorting import sort

    count = len(keys)
    room = length(constant(count)).number or 0
    given, order = (device.allocate(8 * size) for size in (max(count, 1), room))
    there = device.allocate(8 * SEGMENT * below)
    if count:
        device.to_device(given, np.ascontiguousarray(keys + first))
    sort(Launcher(device), given, order, there, count=count, below=below, first=first)
    found, segments = np.empty(count, "int64"), np.empty((below, SEGMENT), "int64")
    if count:
        device.to_host(found, order)
    device.to_host(segments, there)
    return segments.T, found


def check(device: Any, keys: Any, below: int, first: int = 0) -> None:
    (begin, ahead, piece, last, behind, end), order = sorted_there(device, keys, below, first)
    counted = np.where((keys < 0) | (keys >= below), below, keys)
    np.testing.assert_array_equal(order, np.argsort(counted, kind="stable"))
    np.testing.assert_array_equal(begin, np.searchsorted(np.sort(counted), np.arange(below)))
    np.testing.assert_array_equal(end - begin, np.bincount(counted, minlength=below + 1)[:below])
    assert (ahead >= begin).all() and (ahead - begin < PIECE).all() and (last >= piece).all()
    assert (behind <= end).all() and (end - behind < PIECE).all()
    some = last > piece
    assert (ahead == piece * PIECE)[some].all() and (behind == last * PIECE)[some].all()
    assert (ahead == behind)[~some].all()


@pytest.mark.parametrize("count", [0, 1, 2, 31, 32, 33, 511, 512, 513, 1000])
@pytest.mark.parametrize("below", [1, 7, 255, 256, 300])
def test_few_positions(count: int, below: int, device: SimulatedDevice | Watched) -> None:
    check(device, RNG.integers(0, below, count), below)


@pytest.mark.parametrize("count", [1, 1023, STRETCH, 1025, 5000])
@pytest.mark.parametrize("below", [3, 256, 70_000])
def test_several_blocks(
    count: int, below: int, device: SimulatedDevice | Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symdl.run.cuda.sorting.ALONE", 0)
    check(device, RNG.integers(0, below, count), below)


def test_more_positions_than_one_block_takes(device: SimulatedDevice | Watched) -> None:
    check(device, RNG.integers(0, 300, 2 * ALONE + 5), 300)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("kind", ["equal", "ascending", "descending", "missing", "none", "some out of range"])
def test_kinds_of_keys(
    kind: str, alone: bool, device: SimulatedDevice | Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not alone:
        monkeypatch.setattr("symdl.run.cuda.sorting.ALONE", 0)
    count, below = 1100, 2000
    keys = {
        "equal": np.full(count, 1234),
        "ascending": np.arange(count),
        "descending": np.arange(count)[::-1] + 700,
        "missing": RNG.choice([5, 6, 1999], count),
        "none": RNG.choice([NOTHING, -1, below, -NOTHING], count),
        "some out of range": RNG.integers(-below, 2 * below, count),
    }[kind]
    check(device, keys, below, first=3)


def test_too_many_are_refused() -> None:
    from symdl.run.cuda.sorting import sort

    for count, below in ((1 << 31, 5), (5, 1 << 31)):
        with pytest.raises(ArgumentError, match="cannot be sorted"):
            sort(None, 0, 0, 0, count=count, below=below, first=0)  # type: ignore[arg-type]


def test_digits_of_keys() -> None:
    """The largest key is the one of no key."""
    assert [passes(below) for below in (1, 255, 256, 65535, 65536)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_machine_code(architecture: str) -> None:
    """No spill, and no more registers than the threads of a block have."""
    from symdl.run.cuda import sorting
    from symdl.run.cuda.compiler import translate

    pointer, number = "int64*", "uint32"
    kinds: dict[Callable[..., None], Any] = {
        sorting.pair_kernel: ((pointer, pointer, number, number, "int64"), 256),
        sorting.count_kernel: ((pointer, pointer, number, number, number), 256),
        sorting.add_kernel: ((pointer, number), 256),
        sorting.place_kernel: ((pointer, pointer, pointer, number, number, number), 256),
        sorting.sort_kernel: ((pointer, pointer, pointer, number, number, "int64", number), 512),
        sorting.result_kernel: ((pointer, pointer, pointer, number, number), 256),
    }
    for kernel, (types, threads) in kinds.items():
        (made,) = assembled(translate(kernel, types, architecture, threads), architecture)
        assert not made.spills and not made.stack
        assert made.registers * threads <= 65536
