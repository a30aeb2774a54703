"""Targets on a simulated device, or on one of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from symdl.run.cuda.cublas import installed
from symdl.run.cuda.runtime import CudaRuntime
from symdl.run.runtime import Target
from symdl.targets import CUDA
from tests.cuda.device import SimulatedDevice
from tests.cuda.on_hardware import HARDWARE, Watched


def on(device: SimulatedDevice | Watched) -> Target:
    """Return the target whose kernels run on a device.

    Memory is not used twice there: what it held would pass for written.
    """
    return replace(
        CUDA, runtime=CudaRuntime(lambda: device, installed if HARDWARE else lambda _: None, kept=0)
    )


@pytest.fixture
def device() -> Iterator[SimulatedDevice | Watched]:
    """A device on which, at the end, nothing wrong was found."""
    made = Watched() if HARDWARE else SimulatedDevice()
    yield made
    made.settled()


@pytest.fixture
def target(device: SimulatedDevice | Watched) -> Target:
    return on(device)


Compile = Callable[..., object]
