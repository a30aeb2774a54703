"""Memory of a device.

Enters: sizes in bytes. Leaves: `Room`s. Memory that nobody has any more is given back when the next is asked
for: objects may end at any moment, and a device takes nothing back while a graph is captured.
"""

from __future__ import annotations

import weakref
from collections import deque

from symdl.run.cuda.device import Device


class Room:
    """Some bytes of a device; `left` gets their address when nobody has them any more."""

    def __init__(self, address: int, size: int, left: deque[int]) -> None:
        self.address, self.nbytes = address, size
        weakref.finalize(self, left.append, address)


class Allocator:
    """Reserves memory of a device."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._left: deque[int] = deque()

    def reserve(self, size: int) -> Room:
        """Return so many bytes that hold nothing yet."""
        for _ in range(len(self._left)):
            try:
                address = self._left.popleft()
            except IndexError:  # another thread was faster
                break
            self._device.free(address)
        return Room(self._device.allocate(max(size, 1)), size, self._left)
