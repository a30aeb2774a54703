"""Memory that nobody has any more is kept for the next, within a bound; what others know is not."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import CompileError
from symdl.run.cuda.memory import Allocator
from symdl.run.cuda.runtime import CudaRuntime
from symdl.run.runtime import Target
from symdl.targets import CUDA
from tests.cuda.device import SimulatedDevice
from tests.cuda.toolchain import needs_compiler


class Counting(SimulatedDevice):
    """Has so many bytes; counts what it is asked for."""

    def __init__(self, size: int = 1 << 20) -> None:
        super().__init__()
        self.size, self.sizes, self.asked = size, dict[int, int](), 0

    def allocate(self, size: int, *, name: str = "") -> int:
        self.asked += 1
        if sum(self.sizes.values()) + size > self.size:
            raise CompileError("cuMemAlloc failed: out of memory")
        address = super().allocate(size, name=name)
        self.sizes[address] = size
        return address

    def free(self, address: int) -> None:
        del self.sizes[address]
        super().free(address)


def test_memory_is_used_again_by_the_next_of_its_size() -> None:
    device = Counting()
    allocator = Allocator(device)
    first, other = allocator.reserve(64), allocator.reserve(64)
    addresses = {first.address, other.address}
    assert len(addresses) == 2
    del first, other
    gc.collect()
    again = [allocator.reserve(64), allocator.reserve(64)]
    assert {room.address for room in again} == addresses and device.asked == 2
    assert allocator.reserve(65).address not in addresses


def test_there_is_a_bound_and_what_was_not_used_for_longest_goes_first() -> None:
    device = Counting()
    allocator = Allocator(device, most=100)
    for size in (40, 30, 40, 20, 101):  # 40 is used again, so that 30 is older
        allocator.reserve(size)
    allocator.reserve(60)
    assert sorted(device.sizes.values()) == [20, 30, 40, 60]
    allocator.reserve(50)
    assert sorted(device.sizes.values()) == [20, 50, 60]
    allocator.empty()
    assert not device.sizes


def test_what_is_kept_is_given_back_before_there_is_too_little() -> None:
    device = Counting(size=100)
    allocator = Allocator(device)
    allocator.reserve(60)
    room = allocator.reserve(50)
    assert list(device.sizes) == [room.address]
    with pytest.raises(CompileError, match="out of memory"):
        allocator.reserve(51)


def keeping(device: SimulatedDevice) -> Target:
    """Return the target on a device, of whose memory something is kept."""
    return replace(CUDA, runtime=CudaRuntime(lambda: device, lambda _: None))


@needs_compiler
@pytest.mark.parametrize("way", ["__cuda_array_interface__", "dlpack", "a part of it", "nobody"])
def test_what_another_library_knows_is_not_used_again(way: str) -> None:
    device = Counting()
    target = keeping(device)
    X = sd.tensor("X", (sd.Dim("n"), 3))
    f = sd.compile(sd.exp(X), target=target, results="target")
    values = np.arange(12.0).reshape(4, 3)

    def call() -> int:
        result: Any = f(X=values)
        np.testing.assert_allclose(result.numpy(), np.exp(values))
        if way == "dlpack":
            result.__dlpack__()
        elif way != "nobody":
            assert (result[1:3] if way == "a part of it" else result).__cuda_array_interface__
        return int(result.address)

    first = call()
    gc.collect()
    asked = device.asked
    assert (call() == first) == (device.asked == asked) == (way == "nobody")
    gc.collect()
    target.runtime.release()
    assert first not in device.sizes
    device.settled()
