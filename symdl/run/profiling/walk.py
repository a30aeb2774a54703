"""A clock beside the launch list.

Enters: a step, ready to run. Leaves: `Walk`: the seconds of each of its calls. The list is executed call by
call, in its order, again and again, so that caches hold what they hold in a real step; what the clock itself
takes is measured and taken off. Between two rounds the step is done in one go: the sum of the calls can be
held against that.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from symdl.emit.operations import Operation
from symdl.run.epoch import Job

_LEAST, _MOST = 5, 1000
"""Rounds."""
_FRESH = 16
"""Rounds after which all begins with its first values again: numbers that grow could take other paths."""
_EMPTY = 101
"""How often nothing is done between two looks at the clock, to know what looking takes."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Walk:
    """What was measured.

    Attributes:
        calls: the seconds of each call in a step, all turns of a recurrence; medians over the rounds.
        whole: the seconds of a step in one go.
        rounds: how often each was measured.
    """

    calls: tuple[float, ...]
    whole: float
    rounds: int


def walk(job: Job, *, seconds: float, refresh: Callable[[], None], clock: Clock = time.perf_counter) -> Walk:
    """Measure the calls of a step on one thread.

    Args:
        job: its arrays are written.
        seconds: about how long to measure; at least five rounds are done.
        refresh: gives the arrays their first values again.
        clock: in seconds.
    """
    begins = job.launch_list.begins
    parts = [job.runtime.stretch(job, first, end) for first, end in itertools.pairwise(begins)]
    nothing, step = job.runtime.stretch(job, 0, 0), job.runtime.stretch(job, 0, begins[-1])
    empty = median(_timed(nothing, clock) for _ in range(_EMPTY))
    steps = _Steps(job)
    visits, rounds, wholes = [0] * len(parts), list[list[float]](), list[float]()
    end = 0.0
    while len(wholes) < _LEAST or (len(wholes) < _MOST and clock() < end):
        if len(wholes) % _FRESH == 0:
            refresh()
            steps.round(parts, clock)
            end = end or clock() + seconds
        spent, visits = steps.round(parts, clock)
        rounds.append(spent)
        wholes.append(_timed(step, clock) - empty)
    found = [median(times) for times in zip(*rounds, strict=True)]
    calls = [max(spent - empty * count, 0.0) for spent, count in zip(found, visits, strict=True)]
    return Walk(tuple(calls), max(median(wholes), 0.0), len(wholes))


def _timed(part: Callable[[], object], clock: Clock) -> float:
    start = clock()
    part()
    return clock() - start


class _Steps:
    """Goes through the calls as the compiled loop does (`symdl.run.loops.execute_loop`).

    The end of a step of a recurrence is done here: the compiled loop would not come back between two steps.
    """

    def __init__(self, job: Job) -> None:
        self._sizes = job.memory.sizes
        rows, begins = job.launch_list.rows, job.launch_list.begins
        self._calls = {begin: call for call, begin in enumerate(begins[:-1])}
        self._repeats: dict[int, Sequence[tuple[int, ...]]] = {}
        for call, (first, end) in enumerate(itertools.pairwise(begins)):
            if any(row[0] == Operation.REPEAT for row in rows[first:end]):
                self._repeats[call] = rows[first:end]

    def round(self, parts: Sequence[Callable[[], object]], clock: Clock) -> tuple[list[float], list[int]]:
        """Do a step; return the seconds of each call, and how often each was done."""
        spent, visits = [0.0] * len(parts), [0] * len(parts)
        call = 0
        while call < len(parts):
            if call in self._repeats:
                call = self._turn(call)
                continue
            spent[call] += _timed(parts[call], clock)
            visits[call] += 1
            call += 1
        return spent, visits

    def _turn(self, call: int) -> int:
        """End a step of a recurrence; return the call that comes next."""
        sizes = self._sizes
        for row in self._repeats[call]:
            if row[0] == Operation.SHIFT:
                sizes[row[1]] += sizes[row[2]] * sizes[row[3]]
            else:
                sizes[row[1]] += 1
                if sizes[row[1]] < sizes[row[2]]:
                    return self._calls[row[3]]
                sizes[row[1]] = 0
        return call + 1
