"""Arrays on a device.

Enters: memory of a device, our own or another library's. Leaves: `DeviceArray`, which other libraries read
without a copy through ``__cuda_array_interface__`` and DLPack, and which NumPy copies to the host.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError
from symdl.run.cuda.choice import BLOCK
from symdl.run.cuda.launching import Launcher
from symdl.run.cuda.shareable import Shareable

Array = NDArray[Any]


class DeviceArray(Shareable):
    """A C-contiguous array on a device.

    ``cupy.asarray(x)``, ``torch.as_tensor(x, device="cuda")`` and ``from_dlpack(x)`` share its memory;
    ``np.asarray(x)`` and `numpy` copy it to the host. Compiled functions and models take it as it is.
    """

    @classmethod
    def new(cls, launcher: Launcher, shape: Sequence[int], dtype: Any) -> DeviceArray:
        """Return an array that holds nothing yet."""
        kind = np.dtype(dtype)
        room = launcher.allocator.reserve(math.prod(shape) * kind.itemsize)
        return cls(launcher, tuple(shape), kind, room.address, room)

    @classmethod
    def joined(cls, parts: Sequence[DeviceArray], axis: int) -> DeviceArray:
        """Return arrays put together along an axis."""
        first = parts[0]
        shape = list(first.shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        made = cls.new(first._launcher, shape, first.dtype)
        inner = math.prod(shape[axis + 1 :]) * first.dtype.itemsize
        at = made.address
        for row in range(math.prod(shape[:axis])):
            for part in parts:
                length = part.shape[axis] * inner
                first._launcher.device.copy(at, part.address + row * length, length)
                at += length
        return made

    def __getitem__(self, key: Any) -> DeviceArray:
        """Return neighbours along the first axis, as in ``x[10:20]``; they share its memory."""
        if key == ():
            return self
        if not isinstance(key, slice) or not self.shape or key.indices(len(self))[2] != 1:
            raise ArgumentError(
                f"an array on a device has no {key!r}",
                cure="take x[begin:end]; for more pass it to another library, or take x.numpy()",
            )
        begin, end, _ = key.indices(len(self))
        shape = (max(end - begin, 0), *self.shape[1:])
        step = math.prod(self.shape[1:]) * self.dtype.itemsize
        return DeviceArray(self._launcher, shape, self.dtype, self.address + begin * step, self)

    def reshape(self, shape: int | Sequence[int]) -> DeviceArray:
        """Return the same elements in another shape, which they share; -1 is one axis."""
        sizes = (self.size,) if isinstance(shape, int) else tuple(shape)
        assert math.prod(sizes) == self.size
        return DeviceArray(self._launcher, sizes, self.dtype, self.address, self)

    def take(self, positions: NDArray[np.int64]) -> DeviceArray:
        """Return what lies at positions along the first axis, copied on the device."""
        from symdl.run.cuda.samples import gather_kernel

        launcher, device = self._launcher, self._launcher.device
        made = DeviceArray.new(launcher, (len(positions), *self.shape[1:]), self.dtype)
        order = launcher.allocator.reserve((len(positions) + 1) * 8)
        device.to_device(order.address, np.append(np.int64(0), positions))
        width = math.prod(self.shape[1:])
        kinds = (f"{self.dtype}*", f"{self.dtype}*", "int64*", *["int64"] * 4)
        given = (self.address, made.address, order.address, 0, len(positions), width, width)
        grid = launcher.blocks(-(-made.size // BLOCK))
        launcher.launch(gather_kernel, kinds, given, grid=grid)
        return made

    def copy(self) -> DeviceArray:
        """Return a copy on the device."""
        made = DeviceArray.new(self._launcher, self.shape, self.dtype)
        made.put(self)
        return made

    def put(self, values: Any) -> None:
        """Take the values of an array of this shape, of the host or of the device."""
        if isinstance(values, DeviceArray):
            self._launcher.device.copy(self.address, values.address, self.nbytes)
        else:
            self._launcher.device.to_device(self.address, np.ascontiguousarray(values, self.dtype))

    def to_host(self, target: Array) -> None:
        """Copy into an array of the host."""
        self._launcher.device.to_host(target, self.address)

    def numpy(self) -> Array:
        """Return a copy on the host."""
        made: Array = np.empty(self.shape, self.dtype)
        self.to_host(made)
        return made

    def finite(self) -> bool:
        """Say whether no value is NaN or infinite."""
        from symdl.run.cuda.finite import count_wild

        launcher = self._launcher
        grid = launcher.blocks(-(-self.size // BLOCK))
        counts = DeviceArray.new(launcher, (grid,), "int64")
        given = (self.address, self.size, counts.address)
        launcher.launch(count_wild, (f"{self.dtype}*", "int64", "int64*"), given, grid=grid)
        return not counts.numpy().any()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("an array on a device is copied to the host")
        return self.numpy().astype(dtype or self.dtype, copy=False)

    def __float__(self) -> float:
        return float(self.numpy())
