"""A device of this machine in place of the simulated one: ``SYMDL_DEVICE=hardware``, as in ``make test-gpu``.

Enters: the environment. Leaves: `Watched`, the driver's device with the lists that tests look at. It finds
nothing by itself; compute-sanitizer, around the tests, does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from symdl.run.cuda.device import Scalar, Size
from symdl.run.cuda.driver import HardwareDevice

HARDWARE = os.environ.get("SYMDL_DEVICE") == "hardware"


class Watched(HardwareDevice):
    """The device, with the texts that were loaded and a size for each launch."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.reports: list[tuple[Size, Size]] = []

    def load(self, module: str | bytes) -> Any:
        self.texts.append(module if isinstance(module, str) else module.decode("ascii"))
        return super().load(module)

    def launch(
        self,
        function: Any,
        grid: Size,
        block: Size,
        shared: int,
        arguments: Sequence[Scalar],
        *,
        stream: int = 0,
    ) -> None:
        self.reports.append((grid, block))
        super().launch(function, grid, block, shared, arguments, stream=stream)

    def settled(self) -> None:
        """Wait for everything, so that an error belongs to the test that made it."""
        self.synchronize()
