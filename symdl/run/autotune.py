"""How many workers work on a step.

Enters: a schedule in blocks, what the caller asks for. Leaves: `Autotuner`, which chooses the number of
workers by measuring them on the real batches, again and again, because other programs come and go.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from symdl.errors import ArgumentError
from symdl.schedule.plan import Partition

MOST_WORKERS = 4
"""Workers that are tried if the caller does not choose."""
_TRIAL, _SLICE, _SOON, _LATER, _AGAIN = 4e-3, 0.02, 0.1, 1.0, 2.0
"""Seconds of work: in one trial, in a slice between two looks at the clock, from one trial to the next.

Where one worker was the best, the next trial comes soon, the one after it in twice the time, and so on.
"""
_EVERY = 3
"""How often a number of workers is measured in a trial. The best time counts; a slice shows if it was
luck."""
_DOUBTS = 2
"""Slices in a row that several workers may spoil before one goes on alone: each calls for a trial only.

One slow slice says little: the first one after a pause is slow, and so is one that an interrupt hits.
"""


def chosen(threads: int | None) -> int | None:
    """Return the number of workers that was asked for here or by ``SYMDL_THREADS``, or None.

    Raises:
        ArgumentError: it is no positive integer.
    """
    asked = os.environ.get("SYMDL_THREADS", "")
    value = int(asked) if asked.isdecimal() else (asked or threads)
    if value is not None and (not isinstance(value, int) or value < 1):
        raise ArgumentError(f"threads={value!r} is no positive integer", cure="pass None or a number")
    return value


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Autotuner:
    """The number of workers, by trial: all batches count, so trying costs little.

    Attributes:
        choices: the numbers of workers to choose from, ascending.
        workers: the present choice.
        times: seconds a step with each, as measured in the latest trial.
    """

    def __init__(
        self,
        part: Partition,
        threads: int | None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        most = max(map(len, part.tasks))
        fixed = 1 if most == 1 else threads
        self.choices = [fixed] if fixed else list(range(1, min(cores(), MOST_WORKERS, most) + 1))
        self.workers, self.clock = self.choices[0], clock
        self.times: dict[int, float] = {}
        self._latest = dict.fromkeys(self.choices, max(part.cost * 1e-9, 1e-9))
        self._left, self._pause, self._doubts = _AGAIN, _SOON, 0
        self._queue = self._trial()

    def _trial(self) -> list[int]:
        return self.choices * _EVERY if len(self.choices) > 1 else []

    def run(self, batches: int, take: Callable[[int, int, int], None]) -> None:
        """Take batches: ``take(first, last, workers)``."""
        if len(self.choices) == 1:
            take(0, batches, self.workers)
            return
        done = 0
        while done < batches:
            workers, seconds = (self._queue[0], _TRIAL) if self._queue else (self.workers, _SLICE)
            count = max(1, int(seconds / self._latest[workers]))
            last = min(batches, done + count)
            start = self.clock()
            take(done, last, workers)
            self._note(workers, max(self.clock() - start, 1e-9), last - done)
            done = last

    def _note(self, workers: int, seconds: float, batches: int) -> None:
        """Learn from a measurement."""
        self._latest[workers] = step = seconds / batches
        if self._queue and seconds < _TRIAL / 4:
            return  # starting the workers would count for more than the steps
        if self._queue:
            if len(self._queue) == len(self.choices) * _EVERY:
                self.times.clear()
            self._queue.pop(0)
            self.times[workers] = min(step, self.times.get(workers, step))
            self.workers = min(self.times, key=lambda count: self.times[count])
            if not self._queue:
                self._rest()
            return
        self._left -= seconds
        slow = workers > 1 and step > self.times[1]  # somebody else needs a core, perhaps
        self._doubts = self._doubts + 1 if slow else 0
        if self._doubts > _DOUBTS:
            self.workers, self._doubts = 1, 0  # waiting for a worker costs more
            self._rest()
        elif slow or self._left < 0:
            if workers > 1 and not slow:
                self._pause = _SOON
            self._queue = self._trial()

    def _rest(self) -> None:
        """Set when to try again."""
        self._left = _AGAIN
        if self.workers == 1:
            self._left, self._pause = self._pause, min(2 * self._pause, _LATER)
