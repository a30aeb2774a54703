"""Things that one call at a time uses.

Enters: things by key, such as the memory for a choice of sizes. Leaves: one that no other call has.

There is no lock. A signal handler may call the very function that it interrupts, and a child may be forked
while another thread is inside a call: on a lock both would wait forever. Here they find nothing free and make
their own. All steps are operations of `dict` and `collections.deque` that Python keeps whole between threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """What is free, by key.

    Args:
        keys: for how many keys something is kept; the oldest go.
        each: how many things are kept for a key.
    """

    def __init__(self, *, keys: int = 1, each: int = 8) -> None:
        self._keys, self._each = keys, each
        self._free: dict[Hashable, deque[T]] = {}

    def take(self, key: Hashable = None) -> T | None:
        """Return the thing that was given back last, or None if there is none. It is the caller's now."""
        free = self._free.get(key)
        try:
            return free.pop() if free is not None else None
        except IndexError:
            return None

    def give(self, thing: T, key: Hashable = None) -> None:
        """Take something back that its caller no longer uses."""
        free = self._free.get(key)
        if free is None:
            for oldest in list(self._free)[: max(len(self._free) - self._keys + 1, 0)]:
                self._free.pop(oldest, None)
            free = self._free.setdefault(key, deque(maxlen=self._each))
        free.append(thing)

    @property
    def free(self) -> list[T]:
        """What is free at present, of all keys."""
        return [thing for things in list(self._free.values()) for thing in list(things)]
