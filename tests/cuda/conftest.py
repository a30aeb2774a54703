"""Targets on a simulated device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from symdl.run.cuda.runtime import CudaRuntime
from symdl.run.runtime import Target
from symdl.targets import CUDA
from tests.cuda.device import SimulatedDevice


def on(device: SimulatedDevice) -> Target:
    """Return the target whose kernels run on a device."""
    return replace(CUDA, runtime=CudaRuntime(lambda: device))


@pytest.fixture
def device() -> Iterator[SimulatedDevice]:
    """A device on which, at the end, nothing wrong was found."""
    made = SimulatedDevice()
    yield made
    made.settled()


@pytest.fixture
def target(device: SimulatedDevice) -> Target:
    return on(device)


Compile = Callable[..., object]
