"""Calls in which several threads take part, compiled.

Enters: what does rows of the launch list. Leaves: `points_loop`, which takes blocks of points, and
`share_loop`, which takes tasks of phases. Worker 0 does one call. Others take part in every call until none
came for a while; they come and go as they like, and nobody waits for one that has not come: what is counted
is the work, not who does it.

What the threads of a function share are numbers, each in cache lines of its own: how often a call began or
ended (so it is odd during one), for how many workers, how often another worker came, how often one went;
then, for each phase of a call, how much of its work was begun, and how much is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit, types

from symdl.run.cpu.intrinsics import pointers
from symdl.run.cpu.limits import APART, PATIENCE
from symdl.run.cpu.loops.launch import whole

Function = Callable[..., Any]

_flag: Any = types.boolean
_vector: Any = types.int64[::1]


def _called(signature: Any) -> Any:
    return njit(signature, **pointers.KERNEL)


claim: Any = pointers.claim
seen: Any = pointers.seen
until: Any = pointers.until
first_of: Any = pointers.first_of

CALLS, WORKERS, CAME, WENT, WORK = 0, APART, 2 * APART, 3 * APART, 4 * APART
"""Where the numbers stand that threads share; of the work there are two for each phase."""


@_called(whole(_vector, whole, whole))  # type: ignore[untyped-decorator]  # Numba has no types
def come(counters: Any, worker: int, call: int) -> int:
    """Return the number of a call in which this worker takes part, later than `call`; -1 if none comes."""
    if worker == 0:
        for at in range(WORK, counters.shape[0]):
            counters[at] = 0
        mine: int = claim(counters, CALLS) + 1
        return mine
    found: int = call
    while until(counters, CALLS, found + 1 + found % 2, PATIENCE):
        found = seen(counters, CALLS)
        claim(counters, CAME)
        if found % 2 == 1 and worker < counters[WORKERS] and found == seen(counters, CALLS):
            return found
        claim(counters, WENT)
    return -1


@_called(_flag(_vector, whole))  # type: ignore[untyped-decorator]  # Numba has no types
def go(counters: Any, worker: int) -> bool:
    """Leave a call whose work is done; true if it was this worker's own one."""
    if worker > 0:
        claim(counters, WENT)
        return False
    claim(counters, CALLS)
    until(counters, WENT, seen(counters, CAME), 0)
    return True


def points_loop(execute: Function) -> Function:
    """Return what takes blocks of points: arrays begin further on in each, the last has another size."""

    def points(
        code: Any,
        places: Any,
        steps: Any,
        here: Any,
        sizes: Any,
        rest: Any,
        factors: Any,
        blas: Any,
        blocks: Any,
        counters: Any,
        worker: int,
    ) -> int:
        rows, width, count = first_of(code), code.shape[1], code.shape[0]
        call = come(counters, worker, 0)
        while call >= 0:
            block = claim(counters, WORK)
            while block < blocks[0]:
                for at in range(steps.shape[0]):
                    here[at] = places[at] + block * steps[at]
                numbers = first_of(sizes) if block + 1 < blocks[0] else first_of(rest)
                execute(rows, width, 0, count, first_of(here), numbers, first_of(factors), blas)
                claim(counters, WORK + APART)
                block = claim(counters, WORK)
            until(counters, WORK + APART, blocks[0], 0)
            if go(counters, worker):
                break
            call = come(counters, worker, call)
        return -1

    return points


def share_loop(execute: Function) -> Function:
    """Return what takes tasks, phase after phase; it returns the row of a failed check, or -1.

    A row of `phases`: its tasks, from here to there; of `tasks`: the rows of `code`, from here to there.
    """

    def share(
        code: Any,
        phases: Any,
        tasks: Any,
        pointers: Any,
        sizes: Any,
        factors: Any,
        blas: Any,
        counters: Any,
        worker: int,
    ) -> int:
        rows, places, values, scale = first_of(code), first_of(pointers), first_of(sizes), first_of(factors)
        width, failed = code.shape[1], -1
        call = come(counters, worker, 0)
        while call >= 0:
            for phase in range(phases.shape[0]):
                begun = WORK + 2 * APART * phase
                task = phases[phase, 0] + claim(counters, begun)
                while task < phases[phase, 1]:
                    failed = execute(rows, width, tasks[task, 0], tasks[task, 1], places, values, scale, blas)
                    claim(counters, begun + APART)
                    task = phases[phase, 0] + claim(counters, begun)
                until(counters, begun + APART, phases[phase, 1] - phases[phase, 0], 0)
            if go(counters, worker):
                break
            call = come(counters, worker, call)
        return failed

    return share
