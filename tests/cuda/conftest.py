"""Targets on a simulated device, or on one of this machine."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from symdl.run.cuda.cublas import installed
from symdl.run.cuda.runtime import CudaRuntime
from symdl.run.runtime import Target
from symdl.targets import CUDA
from tests.cuda.device import SimulatedDevice
from tests.cuda.on_hardware import HARDWARE, Watched


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where time is short (the variable CI), leave out every other one of the tests over all of totality.

    Which ones depends on their names alone, so that a failure comes again. All run where CI is not set.
    """
    if not os.environ.get("CI") or HARDWARE:
        return
    long = ("test_totality.py", "test_generated.py")
    left = [i for i in items if i.path.parent.name == "cuda" and i.path.name in long and _every_other(i)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left)]


def _every_other(item: pytest.Item) -> bool:
    return zlib.crc32(item.name.encode()) % 2 == 1


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
