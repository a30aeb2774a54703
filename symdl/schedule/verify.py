"""What a schedule must keep to.

Enters: a `Partition`. Leaves: the same, or an error. Tasks of one phase run beside each other: none may touch
what another one writes. What they touch is found from the calls themselves, see `touching`, so that a mistake
in how calls are cut is found. It takes longer than making the schedule, so it is for tests and SYMDL_CHECK=1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symdl.errors import InternalError
from symdl.lower.ir.integers import Poly, Sizes, evaluate
from symdl.lower.kernels import Call, RepeatCall
from symdl.lower.lowered import Lowered
from symdl.schedule.plan import Partition
from symdl.schedule.touching import Known, Places, touched


def verify_partition(lowered: Lowered, made: Partition, dims: Sizes) -> Partition:
    """Check that all calls are in a task, and that no task touches what another one of its phase writes.

    Args:
        lowered: what the schedule is of.
        made: the schedule.
        dims: the value of every size.

    Raises:
        InternalError: two tasks would race; this is a fault of ours.
    """
    ranges = sorted((begin, end) for phase in made.tasks for begin, end, _ in phase)
    at = 0
    for begin, end in ranges:
        _known(begin == at, f"call {at} is in no task or in two")
        at = end
    _known(at == len(made.calls), f"call {at} is in no task")
    checker = _Races(lowered, made, dims)
    for number, phase in enumerate(made.tasks):
        checker.phase(number, [(begin, end) for begin, end, _ in phase])
    return made


class _Races:
    def __init__(self, lowered: Lowered, made: Partition, dims: Sizes) -> None:
        self.lowered, self.made, self.dims = lowered, made, dims
        below = {g.tensor: g.below for g in lowered.program.gathers if g.plain}
        below |= {t.number: t.below for t in lowered.program.tensors if t.below is not None}
        self.below: dict[int, Poly] = {}
        for number in range(len(made.buffers) + len(made.views)):
            root = self.root(number)[0]
            if made.buffers[root].tensor in below:
                self.below[number] = below[made.buffers[root].tensor]

    def root(self, number: int) -> tuple[int, int]:
        """Return the buffer of a buffer or view, and where it begins."""
        if number < len(self.made.buffers):
            return number, 0
        view = self.made.views[number - len(self.made.buffers)]
        return view.buffer, view.offset

    def phase(self, number: int, tasks: list[tuple[int, int]]) -> None:
        """Check the tasks of one phase, given by their first call and the one after their last."""
        writers: dict[int, Places] = {}
        read: list[tuple[int, int, Places]] = []
        for task, (begin, end) in enumerate(tasks):
            for call, sizes in executed(self.made.calls, begin, end, self.dims):
                for touch in touched(call, Known(sizes, self.lowered.kernels, self.below)):
                    root, places = self.placed(touch.buffer, touch.places)
                    buffer = self.made.buffers[root]
                    if buffer.kind == "scratch":  # every worker has its own
                        continue
                    if buffer.kind == "arena" and len(self.made.tasks) > 1:
                        _known(buffer.first <= number <= buffer.last, f"buffer {root} is not in use")
                    if touch.written:
                        owner = writers.setdefault(root, np.full(self.count(root), -1))
                        self.race(owner, places, task, root, number)
                        owner[places] = task
                    else:
                        read.append((task, root, places))
        for task, root, places in read:
            if root in writers:
                self.race(writers[root], places, task, root, number)

    def placed(self, number: int, places: Places | None) -> tuple[int, Places]:
        """Return places in the whole buffer. What is outside is not followed: a choice may leave it out."""
        root, offset = self.root(number)
        if places is None:
            return root, np.arange(self.count(root))
        found = places + offset
        return root, found[(found >= 0) & (found < self.count(root))]

    def count(self, root: int) -> int:
        """Return how many elements a buffer has."""
        return evaluate(self.made.buffers[root].count, self.dims)

    def race(self, owner: Places, places: Places, task: int, root: int, phase: int) -> None:
        """Refuse places that another task writes."""
        others = owner[places]
        wrong = (others >= 0) & (others != task)
        if wrong.any():
            at, other = places[wrong][0], others[wrong][0]
            tensor = self.lowered.program.tensors[self.made.buffers[root].tensor].name
            _known(False, f"tasks {task} and {other} of phase {phase} race at element {at} of {tensor}")


def executed(calls: tuple[Call, ...], begin: int, end: int, dims: Sizes) -> Iterator[tuple[Call, Sizes]]:
    """Yield the calls of a task in the order in which they run, each with the sizes of its step."""
    loops = [call for call in calls[begin:end] if isinstance(call, RepeatCall)]
    sizes = dict(dims)
    done = {loop.name: 0 for loop in loops}

    def enter(call: RepeatCall) -> None:
        sizes[call.name] = evaluate(call.start, sizes) + call.direction * done[call.name]

    for loop in loops:
        enter(loop)
    at = begin
    while at < end:
        call = calls[at]
        at += 1
        if not isinstance(call, RepeatCall):
            yield call, dict(sizes)
            continue
        done[call.name] += 1
        if done[call.name] < evaluate(call.extent, sizes):
            at = call.begin
        else:
            done[call.name] = 0
        enter(call)


def _known(holds: bool, message: str) -> None:
    if not holds:
        raise InternalError(message)
