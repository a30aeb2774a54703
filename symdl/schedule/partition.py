"""The parallel schedule of a training step.

Enters: a lowered training step and the sizes. Leaves: a `Partition`. Blocks depend on the sizes only, never
on how many threads there are, so that the bits of a result do not either.

The cost model, in nanoseconds: a matrix product does `_PRODUCTS` multiply-adds, a loop `_OPERATIONS`
operations, copying `COPIES` elements in one; each call costs `_CALL`. A step below `WORTH` stays in one
piece. `blocks` says how the batch and the rows of weights are cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdl.lower.ir.integers import Poly, Sizes, evaluate, product
from symdl.lower.kernels import (
    Call,
    CheckCall,
    GatherCall,
    ProductCall,
    RepeatCall,
    TotalCall,
    moved,
    without_checks,
)
from symdl.lower.lowered import Lowered
from symdl.lower.splits import LARGEST_SUM, Split
from symdl.lower.work import work
from symdl.schedule import by_features, by_samples
from symdl.schedule.backward_phases import phase_ends
from symdl.schedule.block_sizes import layout_blocks, sample_blocks, worth_adding
from symdl.schedule.call_pieces import Cutter
from symdl.schedule.draft import Draft
from symdl.schedule.feature_shares import wide_inputs
from symdl.schedule.finish import finished
from symdl.schedule.plan import Partition
from symdl.schedule.streamed_gradients import streamed_gradients
from symdl.schedule.tasks import Use

_PRODUCTS, _OPERATIONS, _CALL = 40.0, 40.0, 60.0
WORTH = 15_000.0


def partition(
    lowered: Lowered,
    dims: Sizes,
    gathers: Sequence[GatherCall],
    totals: Sequence[TotalCall],
    *,
    whole: bool = False,
) -> Partition:
    """Return the schedule of a step that begins with `gathers` and ends with `totals`.

    Args:
        dims: the value of every size, `Rows` included.
        whole: do not cut anything.

    Raises:
        KeyError: a size has no value in `dims`.
    """
    cost = 0.0
    if lowered.batch and not whole:
        made = _Partitioner(lowered, dims, gathers, totals).blocks()
        if made.cost >= WORTH and any(len(phase) > 1 for phase in made.tasks):
            return made
        cost = made.cost
    calls = (*gathers, *moved(without_checks(lowered.calls), len(gathers)), *totals)
    return Partition(calls, (((0, len(calls), cost),),), lowered.plan.buffers, ())


class _Partitioner:
    """Decides how each call of a step is cut, in order; `by_samples` and `by_features` cut it."""

    def __init__(
        self,
        lowered: Lowered,
        dims: Sizes,
        gathers: Sequence[GatherCall],
        totals: Sequence[TotalCall],
    ) -> None:
        self.lowered, self.dims = lowered, dims
        self.gathers, self.totals = gathers, totals
        count, layout = dims[lowered.batch], any(info.sample_layout for info in lowered.program.tensors)
        samples = layout_blocks(count) if layout else sample_blocks(count, self.rows_each())
        wide = wide_inputs(gathers, self.pairs(), count, self.value) if len(samples) > 1 else set[int]()
        buffers = list(lowered.plan.buffers)
        self.draft = Draft(samples, wide, buffers, Cutter(lowered.batch, self.value), self.value)
        trees = zip(self.pairs(), lowered.steps, strict=True)
        costs = [(c, s, self.cost(c, t.work)) for (c, s), t in trees]
        self.steps = [(c, self.chosen(s, cost), cost) for c, s, cost in costs]
        self.streamed = streamed_gradients([(c, s) for c, s, _ in self.steps], buffers, self.value)
        self.phase_ends = phase_ends(self.steps, self.streamed.values(), buffers, self.value)

    def value(self, poly: Poly) -> int:
        return evaluate(poly, self.dims)

    def pairs(self) -> list[tuple[Call, Split]]:
        """Return the calls of the step, and how each can be cut."""
        calls = [c for c in self.lowered.calls if not isinstance(c, CheckCall | RepeatCall)]
        return list(zip(calls, self.lowered.splits, strict=True))

    def rows_each(self) -> int:
        """Return how many rows a sample has, at least, in the matrix products that are cut along samples."""
        products = [(c, s) for c, s in self.pairs() if isinstance(c, ProductCall)]
        found = [c.m for c, s in products if s.kind == "rows" and s.cut == "m"]
        count = self.dims[self.lowered.batch]
        return max(1, min((self.value(m) // count for m in found), default=1))

    def blocks(self) -> Partition:
        """Cut every call and give its pieces to tasks."""
        for call in self.gathers:
            cut = by_features if call.target in self.draft.wide else by_samples
            cut.gather(self.draft, call)
        calls = without_checks(self.lowered.calls)
        ends = {c.begin: at for at, c in enumerate(calls) if isinstance(c, RepeatCall)}
        todo = iter(self.steps)
        at, number = 0, -1
        while at < len(calls):
            end = ends.get(at, at) + 1  # the outermost, where one recurrence begins with another
            inside = moved(calls[at:end], -at)
            found = [next(todo) for c in inside if not isinstance(c, RepeatCall)]
            number += len(found)
            gradient = self.streamed.get(number)
            if len(inside) > 1:
                by_samples.recurrence(self.draft, inside, found)
            elif gradient is None:
                self.call(*found[0])
            elif gradient.members[-1] == number:
                members = [self.steps[at] for at in gradient.members]
                wide = any(self.wide(c) for c, _, _ in members)
                by_features.row_after_row(self.draft, members, gradient.scratch, wide=wide)
            if number in self.phase_ends:
                self.draft.tasks.new_backward_phase()
            at = end
        for total in self.totals:
            self.draft.tasks.add([total], [Use(total.buffer, False)], _CALL)
        return finished(self.draft, self.lowered.plan.buffers)

    def cost(self, call: Call, tree: object) -> float:
        """Return about how long a call takes on one core."""
        if isinstance(call, ProductCall):
            sizes = (call.m, call.n, call.k, *call.batch)
            return _CALL * self.value(product(call.batch)) + self.value(product(sizes)) / _PRODUCTS
        assert isinstance(tree, tuple)
        return _CALL + work(tree, self.value) / _OPERATIONS

    def chosen(self, split: Split, cost: float) -> Split:
        """Return a split, or the other way to cut where adding up costs little."""
        blocks = len(self.draft.samples)
        if split.other is None or blocks == 1 or self.draft.wide & {t.buffer for t in split.touches}:
            return split
        count = self.summed(split.other)
        return split.other if worth_adding(count, blocks, cost) else split

    def summed(self, split: Split) -> int:
        """Return how many elements are sums over the samples."""
        return sum(self.value(self.draft.buffers[b].count) for b in split.sums)

    def wide(self, call: Call) -> bool:
        """Say whether a product reads inputs that are cut along their features."""
        return isinstance(call, ProductCall) and call.left.buffer in self.draft.wide

    def call(self, call: Call, split: Split, cost: float) -> None:
        """Cut one call."""
        draft, wide = self.draft, self.wide(call)
        if wide and split.kind == "rows":
            assert isinstance(call, ProductCall)
            by_features.shares(draft, call, cost)
        elif split.kind == "rows" and (len(draft.samples) == 1 or self.summed(split) <= LARGEST_SUM):
            by_samples.rows(draft, call, split, cost)
        elif split.kind in ("columns", "elements"):
            by_features.units(draft, call, split, cost, wide=wide)
        else:
            draft.tasks.add([call], [draft.everything(t) for t in split.touches], cost)
