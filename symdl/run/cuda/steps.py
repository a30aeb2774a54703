"""Steps of training on a device, captured as graphs.

Enters: what launches a step on batches of one size. Leaves: `Steps`: a step is captured once as a graph,
which stands for all batches of this epoch and of later ones; many steps in a row are a graph, too, which
takes no longer to launch than one. So nothing that a launch is given may change from batch to batch: arrays
stay where they are, and the position of the batch lies on the device. The order of the samples begins with
it: the kernels that gather samples read it there, and the last launch of a step moves it on.

A step is put into the stream by one call of the driver, or not at all: whatever ends an epoch early, such as
an interrupt, leaves weights as they are between two steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.run.cuda.launching import Launcher
from symdl.run.cuda.memory import Room

Array = NDArray[Any]
MOST_STEPS = 16
"""Steps of the longest graph: launching it costs each of them little next to its kernels."""
MOST_LAUNCHES = 4096
"""Launches of such a graph: the driver keeps some hundred bytes of each."""


class Steps:
    """Steps on batches of one size.

    Args:
        launch: puts a step into the stream with a launcher, for the address of the order of the samples.
        launcher: what it launches with.
    """

    def __init__(self, launch: Callable[[Launcher, int], None], launcher: Launcher) -> None:
        self._launch, self._launcher = launch, launcher
        self._order: Room | None = None
        self._graphs: dict[int, Any] = {}
        self._most = 0

    def run(self, order: Array, span: tuple[int, int, int]) -> None:
        """Take the batches of a span of `order`: first sample, the one after the last, samples a batch."""
        first, last, size = span
        device, place = self._launcher.device, self._place(order)
        device.to_device(place, np.append(0, order[first:last]))
        if not self._most:
            loader = self._launcher.loader
            before = loader.count
            self._step(loader, place, size)
            self._most = max(1, min(MOST_STEPS, MOST_LAUNCHES // (loader.count - before)))
        left = -(-(last - first) // size)
        while left:
            count = self._most if left >= self._most else 1
            device.replay(self._graph(count, place, size))
            left -= count

    def _graph(self, count: int, place: int, size: int) -> Any:
        """Return the graph of so many steps."""
        device = self._launcher.device
        if 1 not in self._graphs:
            with device.capture(0) as graph:
                self._step(self._launcher, place, size)
            self._graphs[1] = graph
        if count not in self._graphs and self._launcher.blas is None:
            self._graphs[count] = device.repeated(self._graphs[1], count)
        elif count not in self._graphs:  # cuBLAS may take memory in a graph, which no child may
            with device.capture(0) as graph:
                for _ in range(count):
                    self._step(self._launcher, place, size)
            self._graphs[count] = graph
        return self._graphs[count]

    def _place(self, order: Array) -> int:
        """Return where an order of samples goes, behind a position; a longer one ends the graphs."""
        size = order.nbytes + order.itemsize
        if self._order is None or self._order.nbytes < size:
            self._order = self._launcher.allocator.reserve(size)
            self._graphs.clear()
        return self._order.address

    def _step(self, launcher: Launcher, place: int, size: int) -> None:
        from symdl.run.cuda.samples import advance

        self._launch(launcher, place)
        launcher.launch(advance, ("int64*", "int64"), (place, size), grid=1, block=32)
