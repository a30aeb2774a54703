"""What other libraries see of an array on a device.

Enters: an address with a shape and a type. Leaves: `Shareable`, which they read without a copy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symdl.run.cuda import dlpack
from symdl.run.cuda.launching import Launcher
from symdl.run.cuda.memory import Room


class Shareable:
    """A C-contiguous array on a device, as ``__cuda_array_interface__`` and DLPack show it.

    Attributes:
        shape, dtype: as of NumPy's arrays.
        address: where it begins.
        owner: what keeps its memory alive.
    """

    def __init__(
        self, launcher: Launcher, shape: tuple[int, ...], dtype: Any, address: int, owner: Any
    ) -> None:
        self._launcher = launcher
        self.shape, self.dtype, self.address, self.owner = shape, np.dtype(dtype), address, owner

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of its elements."""
        return self.size * int(self.dtype.itemsize)

    def __len__(self) -> int:
        return self.shape[0]

    def copy(self) -> Shareable:
        """Return a copy on the device."""
        raise NotImplementedError

    def _lend(self) -> None:
        """Note that another library knows this memory; its owners lead to the room that it is in."""
        owner = self.owner
        while isinstance(owner, Shareable):
            owner = owner.owner
        if isinstance(owner, Room):
            owner.lend()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """What other libraries read; all that was put into our stream is done by then."""
        self._launcher.device.synchronize()
        self._lend()
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.address if self.size else 0, False),
            "strides": None,
            "stream": None,
            "version": 3,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.DEVICE

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        if dl_device not in (None, dlpack.DEVICE):
            raise BufferError(f"this array lies on the device {dlpack.DEVICE}, not on {dl_device}")
        given = self.copy() if copy else self
        if stream != -1:  # whose consumer asks for no order
            self._launcher.device.synchronize()
        given._lend()
        return dlpack.exported(given, given.address, given.shape, given.dtype)

    def __repr__(self) -> str:
        return f"<{self.dtype} array of shape {self.shape} on a device>"
