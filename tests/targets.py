"""The targets on which tests compute the same numbers.

Enters: the environment: ``SYMDL_DEVICE=hardware`` adds this machine's graphics processor, as in
``make test-gpu``, ``SYMDL_DEVICE=simulated`` the simulated one. Leaves: `TARGETS` for loops, `EVERY` for
tests with a target.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

DEVICE = os.environ.get("SYMDL_DEVICE", "")


def _of_device() -> tuple[Any, ...]:
    """Return the target of the device that is asked for, if any."""
    if DEVICE == "hardware":
        return ("cuda",)
    if DEVICE == "simulated":
        from symdl.run.cuda.runtime import CudaRuntime
        from symdl.targets import CUDA
        from tests.cuda.device import SimulatedDevice

        device = SimulatedDevice()
        return (replace(CUDA, runtime=CudaRuntime(lambda: device)),)
    if DEVICE:
        raise ValueError(f"SYMDL_DEVICE is {DEVICE!r}: say hardware or simulated")
    return ()


TARGETS: tuple[Any, ...] = ("cpu", "python", *_of_device())
PARAMETERS = [pytest.param(t, id=t if isinstance(t, str) else t.name) for t in TARGETS]
EVERY = pytest.mark.parametrize("target", PARAMETERS)
