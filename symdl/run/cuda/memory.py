"""Memory of a device.

Enters: sizes in bytes. Leaves: `Room`s. Memory that nobody has any more is kept for the next who asks for as
much, up to a bound: to ask the driver takes long, and to give something back makes it wait for all that the
device does. What is kept may still be in use by what was put into our stream before; whoever gets it comes
later in the same stream. Other libraries have streams of their own, so what they have seen is given back.
Objects may end at any moment, and a device takes nothing back while a graph is captured; so all of that
happens when memory is asked for.
"""

from __future__ import annotations

import weakref
from collections import deque
from dataclasses import dataclass
from threading import Lock

from symdl.errors import CompileError
from symdl.run.cuda.device import Device

KEPT = 1 << 28
"""The most bytes that are kept for later."""


@dataclass(slots=True, eq=False)
class _Block:
    """Where some bytes are, and whether another library knows."""

    address: int
    size: int
    lent: bool = False


class Room:
    """Some bytes of a device; `left` gets them when nobody has them any more."""

    def __init__(self, block: _Block, size: int, left: deque[_Block]) -> None:
        self._block, self.nbytes = block, size
        weakref.finalize(self, left.append, block)

    @property
    def address(self) -> int:
        """Where they begin."""
        return self._block.address

    def lend(self) -> None:
        """Note that another library may use them in a stream of its own."""
        self._block.lent = True


class Allocator:
    """Reserves memory of a device, and keeps up to `most` bytes that nobody has."""

    def __init__(self, device: Device, most: int = KEPT) -> None:
        self._device, self._most = device, most
        self._left: deque[_Block] = deque()
        self._kept: dict[int, list[int]] = {}  # addresses by sizes, the size that was used last at the end
        self._bytes = 0
        self._turn = Lock()

    def reserve(self, size: int) -> Room:
        """Return so many bytes; what they hold means nothing.

        Raises:
            CompileError: the device has no more, although nothing is kept.
        """
        needed = max(size, 1)
        with self._turn:
            self._collect()
            address = self._take(needed)
            if address is None:
                address = self._allocated(needed)
        return Room(_Block(address, needed), size, self._left)

    def empty(self) -> None:
        """Give back all that is kept."""
        with self._turn:
            self._collect()
            self._shrink(0)

    def _allocated(self, size: int) -> int:
        try:
            return self._device.allocate(size)
        except CompileError:
            if not self._bytes:
                raise
            self._shrink(0)
            return self._device.allocate(size)

    def _collect(self) -> None:
        """Keep what nobody has any more, or give it back."""
        for _ in range(len(self._left)):
            block = self._left.popleft()
            if block.lent or block.size > self._most:
                self._device.free(block.address)
                continue
            self._shrink(self._most - block.size)
            self._kept.setdefault(block.size, []).append(block.address)
            self._bytes += block.size

    def _take(self, size: int) -> int | None:
        """Return the address of so many bytes that were kept, if there are any."""
        found = self._kept.pop(size, None)
        if found is None:
            return None
        self._bytes -= size
        address = found.pop()
        if found:
            self._kept[size] = found
        return address

    def _shrink(self, most: int) -> None:
        """Give back what is kept, what was not used for longest first, until no more than so much is left."""
        while self._bytes > most:
            size = next(iter(self._kept))
            address = self._take(size)
            assert address is not None
            self._device.free(address)
