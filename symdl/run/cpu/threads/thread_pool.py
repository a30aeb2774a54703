"""The threads of calls.

Enters: how many phases a call has, and what a thread does. Leaves: `ThreadPool`, whose `run` does a call.
To start a thread takes as long as a tenth of a millisecond of work, so threads stay for a while: at first
they look for the next call all the time, inside compiled code; then they sleep, then they end.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.run.cpu.limits import APART

_IDLE = 1.0
"""Seconds after which a thread without work ends."""
Work = Callable[[int], int]


def counters(phases: int) -> NDArray[Any]:
    """Return what the threads of a call share, if the work has so many pairs of counters."""
    return np.zeros((4 + 2 * phases) * APART, "int64")


class ThreadPool:
    """The threads that take part in the calls of one function.

    No call needs them: who comes late finds less to do, and who does not come is not waited for.

    Args:
        phases: how many pairs of counters the work has.

    Attributes:
        counters: what the threads share: see `symdl.run.cpu.loops.sharing`.
    """

    def __init__(self, phases: int) -> None:
        self.counters = counters(phases)
        self._begin()

    def _begin(self) -> None:
        self.counters[:] = 0  # in place: compiled code knows its address
        self._threads: list[_PoolThread] = []
        self._process = os.getpid()

    def run(self, work: Work, workers: int) -> int:
        """Do a call by so many workers: ``work(0)`` here, ``work(1)`` and so on in other threads."""
        if self._process != os.getpid():  # threads stay behind in a fork
            self._begin()
        self.counters[APART] = workers
        while len(self._threads) < workers - 1:
            self._threads.append(_PoolThread(len(self._threads) + 1))
        for thread in self._threads[: workers - 1]:
            thread.come(work)
        return work(0)


class _PoolThread:
    def __init__(self, worker: int) -> None:
        self._worker, self._here = worker, False
        self._asleep = False
        self._bell = _thread.allocate_lock()
        self._bell.acquire()

    def come(self, work: Work) -> None:
        """Start the thread if there is none, and wake it if it sleeps."""
        if not self._here:
            self._here = True
            try:
                _thread.start_new_thread(self._stay, (work,))
            except RuntimeError:  # the system has no thread to spare
                self._here = False
        elif self._asleep:
            self._asleep = False
            self._bell.release()

    def _stay(self, work: Work) -> None:
        try:
            called = True
            while called:
                work(self._worker)
                self._asleep = True
                called = self._bell.acquire(timeout=_IDLE)
        finally:
            self._here = self._asleep = False
