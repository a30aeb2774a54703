"""Steps of training on a device, captured as a graph.

Enters: what launches a step on batches of one size. Leaves: `Steps`: the first batch is launched kernel by
kernel, which compiles and loads them; the second one is captured as a graph, which stands for all others of
this epoch and of later ones. So nothing that a launch is given may change from batch to batch: arrays stay
where they are, and the position of the batch lies on the device. The order of the samples begins with it:
the kernels that gather samples read it there, and the last launch of a step moves it on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.run.cuda.launching import Launcher
from symdl.run.cuda.memory import Room

Array = NDArray[Any]


class Steps:
    """Steps on batches of one size.

    Args:
        launch: puts all of a step into the stream, for the address of the order of the samples.
        launcher: what it launches with.
    """

    def __init__(self, launch: Callable[[int], None], launcher: Launcher) -> None:
        self._launch, self._launcher = launch, launcher
        self._order: Room | None = None
        self._graph: Any = None
        self._loaded = False

    def run(self, order: Array, span: tuple[int, int, int]) -> None:
        """Take the batches of a span of `order`: first sample, the one after the last, samples a batch."""
        first, last, size = span
        device, place = self._launcher.device, self._place(order)
        device.to_device(place, np.append(0, order[first:last]))
        batches = -(-(last - first) // size)
        if not self._loaded:
            self._step(place, size)
            self._loaded, batches = True, batches - 1
        if batches > 0 and self._graph is None:
            with device.capture(0) as graph:
                self._step(place, size)
            self._graph = graph
        for _ in range(batches):
            device.replay(self._graph)

    def _place(self, order: Array) -> int:
        """Return where an order of samples goes, behind a position; a longer one ends the graph."""
        size = order.nbytes + order.itemsize
        if self._order is None or self._order.nbytes < size:
            self._order, self._graph = self._launcher.allocator.reserve(size), None
        return self._order.address

    def _step(self, place: int, size: int) -> None:
        from symdl.run.cuda.samples import advance

        self._launch(place)
        self._launcher.launch(advance, ("int64*", "int64"), (place, size), grid=1, block=32)
