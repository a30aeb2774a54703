"""Arrays that stay where a target computes, and are on the host when somebody looks.

Enters: an array. Leaves: `Resident`. Who looks gets an ordinary array, whose values follow those of the
target for as long as anybody has it or a part of it, and which may be changed. Nothing is copied for arrays
that nobody looks at: every array that was handed out has a `Lease` behind it, and where that has ended,
nobody has any.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from symdl.run.memory import BYTE
from symdl.run.results import Lease, Outlasting

Array = NDArray[Any]


class There(Protocol):
    """An array in a target's memory."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def copy(self) -> There:
        """Return another one with the same values."""

    def put(self, values: Any) -> None:
        """Take the values of an array of the host, or of one that lies there."""

    def to_host(self, target: Array) -> None:
        """Copy into a C-contiguous array."""

    def finite(self) -> bool:
        """Say whether no value is NaN or infinite."""


class Resident:
    """An array in a target's memory.

    Args:
        array: its values, which are copied; or the array that lies there.
        make: returns an array of the target with the values of one of the host; called at the first `use`.
    """

    def __init__(self, array: Array | There, make: Callable[[Array], There]) -> None:
        self.shape, self.dtype, self._make = array.shape, array.dtype, make
        self._there: There | None = None
        self._bytes: Outlasting | None = None
        self._lease: weakref.ref[Lease] | None = None
        self._newer = not isinstance(array, np.ndarray)  # than what the host has
        if isinstance(array, np.ndarray):
            self._host(self._memory())[...] = array
        else:
            self._there = array

    def look(self) -> Array:
        """Return an array of the host with the values, which follows them and may be changed."""
        lease = self._lent
        self._bring()
        if lease is None:
            memory = self._memory()
            lease = Lease(memory.shape, BYTE, memory)
            self._lease = weakref.ref(lease)
        return self._host(lease)

    def use(self) -> Any:
        """Return the array that lies in the target's memory, with what was changed on the host."""
        if self._there is None:
            self._there = self._make(self._host(self._memory()))
        elif self._lease is not None and not self._newer:
            self._there.put(self._host(self._memory()))
        if self._lent is None:
            self._lease = None
        return self._there

    def change(self) -> Any:
        """Return the same, to be changed there: `settle` comes when that is done."""
        there = self.use()
        self._newer = True
        return there

    def settle(self) -> None:
        """Let those who look see what was changed."""
        if self._lent is not None:
            self._bring()

    def copy(self) -> Resident:
        """Return another one with the same values; it is copied where it lies."""
        return Resident(self.use().copy(), self._make)

    def finite(self) -> bool:
        """Say whether no value is NaN or infinite."""
        return bool(self.use().finite())

    def __setitem__(self, where: Any, values: Any) -> None:
        """Take new values; `where` is ``...``, for all of them."""
        assert where is ...
        there = self.change()
        there.put(values.use() if isinstance(values, Resident) else values)
        self.settle()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return the values on the host; see `look`."""
        return np.array(self.look(), dtype=dtype, copy=copy)

    @property
    def _lent(self) -> Lease | None:
        return None if self._lease is None else self._lease()

    def _bring(self) -> None:
        """Copy what is newer to the host."""
        if self._newer:
            assert self._there is not None
            self._there.to_host(self._host(self._memory()))
            self._newer = False

    def _memory(self) -> Outlasting:
        if self._bytes is None:
            size = int(np.prod(self.shape)) * self.dtype.itemsize
            self._bytes = Outlasting(size, BYTE)
        return self._bytes

    def _host(self, memory: Any) -> Array:
        return np.ndarray(self.shape, self.dtype, memory)
