"""The parallel schedule of a training step.

Enters: a lowered training step and the sizes. Leaves: a `Partition`. Blocks depend on the sizes only, never
on how many threads there are, so that the bits of a result do not either.

The cost model, in nanoseconds: a matrix product does `_PRODUCTS` multiply-adds, a loop `_OPERATIONS`
operations, copying `COPIES` elements in one; each call costs `_CALL`. A step below `WORTH` stays in one
piece. `blocks` says how the batch and the rows of weights are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from symdl.lower.ir.integers import ZERO, Poly, Sizes, constant, evaluate, product
from symdl.lower.kernels import (
    Call,
    CheckCall,
    CombineCall,
    GatherCall,
    Matrix,
    ProductCall,
    RepeatCall,
    TotalCall,
    moved,
    without_checks,
)
from symdl.lower.lowered import Lowered
from symdl.lower.memory.buffers import ALIGNMENT, Buffer
from symdl.lower.splits import LARGEST_SUM, Split, Touch, work
from symdl.schedule.backward_phases import phase_ends
from symdl.schedule.block_sizes import (
    COPIES,
    layout_blocks,
    pieces,
    row_blocks,
    sample_blocks,
    worth_adding,
)
from symdl.schedule.call_pieces import Cutter
from symdl.schedule.feature_shares import feature_shares, wide_inputs
from symdl.schedule.plan import Partition, View, renumbered
from symdl.schedule.scratch import inside, own, shared
from symdl.schedule.streamed_gradients import StreamedGradient, streamed_gradients
from symdl.schedule.tasks import Tasks, Use

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
        self.samples = layout_blocks(count) if layout else sample_blocks(count, self.rows_each())
        self.buffers = list(lowered.plan.buffers)
        self.cutter = Cutter(lowered.batch, self.value)
        self.tasks = Tasks()
        self.scratches: list[int] = []  # their buffers
        self.cuts: dict[int, list[tuple[int, int]]] = {}  # in elements, of what was computed in pieces
        wide = wide_inputs(gathers, self.pairs(), self.samples[-1][1], self.value)
        self.wide = wide if len(self.samples) > 1 else set()
        trees = zip(self.pairs(), lowered.steps, strict=True)
        costs = [(c, s, self.cost(c, t.work)) for (c, s), t in trees]
        self.steps = [(c, self.chosen(s, cost), cost) for c, s, cost in costs]
        self.streamed = streamed_gradients([(c, s) for c, s, _ in self.steps], self.buffers, self.value)
        self.phase_ends = phase_ends(self.steps, self.streamed.values(), self.buffers, self.value)

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
            self.gather(call)
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
                self.recurrence(inside, found)
            elif gradient is None:
                self.call(*found[0])
            elif gradient.members[-1] == number:
                self.row_after_row(gradient)
            if number in self.phase_ends:
                self.tasks.new_backward_phase()
            at = end
        for total in self.totals:
            self.tasks.add([total], [Use(total.buffer, False)], _CALL)
        return self.finish()

    def gather(self, call: GatherCall) -> None:
        """Gather a batch: by shares of its features where it is wide, else by blocks of samples."""
        count, width = self.samples[-1][1], call.width
        if call.target in self.wide:
            for share, (low, high) in enumerate(feature_shares(width)):
                some = replace(call, target=self.cutter.view(call.target, low), column=low)
                some = replace(some, width=high - low)
                use = Use(call.target, True, width, low, high)
                self.tasks.add([some], [use], count * (high - low) / COPIES, home=share)
            return
        for block, (low, high) in enumerate(self.samples):
            part = replace(call, target=self.cutter.view(call.target, low * width), start=low)
            part = replace(part, count=high - low)
            use = Use(call.target, True, 0, low * width, high * width)
            self.tasks.add([part], [use], (high - low) * width / COPIES, block)

    def cost(self, call: Call, tree: object) -> float:
        """Return about how long a call takes on one core."""
        if isinstance(call, ProductCall):
            sizes = (call.m, call.n, call.k, *call.batch)
            return _CALL * self.value(product(call.batch)) + self.value(product(sizes)) / _PRODUCTS
        assert isinstance(tree, tuple)
        return _CALL + work(tree, self.value) / _OPERATIONS

    def chosen(self, split: Split, cost: float) -> Split:
        """Return a split, or the other way to cut where adding up costs little."""
        blocks = len(self.samples)
        if split.other is None or blocks == 1 or self.wide & {t.buffer for t in split.touches}:
            return split
        count = sum(self.value(self.buffers[b].count) for b in split.other.sums)
        return split.other if worth_adding(count, blocks, cost) else split

    def call(self, call: Call, split: Split, cost: float) -> None:
        """Cut one call."""
        blocks = len(self.samples)
        sums = sum(self.value(self.buffers[b].count) for b in split.sums)
        wide = isinstance(call, ProductCall) and call.left.buffer in self.wide
        if wide and split.kind == "rows":
            self.shares(call, cost)
        elif split.kind == "rows" and (blocks == 1 or sums <= LARGEST_SUM):
            self.rows(call, split, cost)
        elif split.kind in ("columns", "elements"):
            units = self.value(split.units)
            cuts = feature_shares(units) if wide else self.follow(split)
            for home, (low, high) in enumerate(cuts or pieces(units, cost)):
                part = self.cutter.piece(call, split, low, high)
                uses = [self.use(t, low, high) for t in split.touches]
                label = home if wide else -1
                fresh = split.kind == "columns"
                self.tasks.add([part], uses, cost * (high - low) / units, fresh=fresh, home=label)
                self.note(split, low, high)
        else:
            self.tasks.add([call], [replace(self.use(t, 0, 0), kind=-1) for t in split.touches], cost)

    def row_after_row(self, gradient: StreamedGradient) -> None:
        """Do products and updates of what they give, a few rows at a time."""
        members = [self.steps[at] for at in gradient.members]
        products = [c for c, _, _ in members if isinstance(c, ProductCall)]
        rows, width = (self.value(size) for size in (products[0].m, products[0].n))
        inner = max(self.value(c.k) for c in products)
        wide = any(c.left.buffer in self.wide for c in products)
        cost = sum(cost for _, _, cost in members)
        cuts = feature_shares(rows) if wide else pieces(rows, members[0][2])
        for home, (low, high) in enumerate(cuts):
            calls, uses = [], []
            blocks = row_blocks(low, high, width, inner)
            room = max(b - a for a, b in blocks) * width
            own = {buffer: self.scratch(at, buffer, room) for at, buffer in enumerate(gradient.scratch)}
            each = [1 if isinstance(c, ProductCall) else width for c, _, _ in members]
            for first, last in blocks:
                for (call, split, _), e in zip(members, each, strict=True):
                    calls.append(self.cutter.piece(call, split, first * e, last * e, own))
            for (_, split, _), e in zip(members, each, strict=True):
                uses += [self.use(t, low * e, high * e) for t in split.touches if t.buffer not in own]
                self.note(split, low * e, high * e)
            label = home if wide else -1
            self.tasks.add(calls, uses, cost * (high - low) / rows, fresh=True, home=label)

    def scratch(self, at: int, buffer: int, count: int) -> int:
        """Return scratch block number `at` of a worker, with room for so many elements of a buffer."""
        if at == len(self.scratches):
            self.scratches.append(len(self.buffers))
            self.buffers.append(replace(self.buffers[buffer], kind="scratch", count=ZERO))
        number = self.scratches[at]
        known = self.buffers[number]
        self.buffers[number] = replace(known, count=constant(max(count, self.value(known.count))))
        return number

    def note(self, split: Split, low: int, high: int) -> None:
        """Remember in which cuts a call computes what it writes."""
        for touch in split.touches:
            if touch.written and touch.stride is not None:
                known = self.cuts.setdefault(touch.buffer, []) if low else []
                self.cuts[touch.buffer] = known
                stride = self.value(touch.stride)
                known.append((low * stride, high * stride))

    def follow(self, split: Split) -> list[tuple[int, int]]:
        """Return the cuts in which what an update reads was computed."""
        if split.kind != "elements":
            return []
        for touch in split.touches:
            if not touch.written and touch.stride is not None and touch.buffer in self.cuts:
                return self.cuts[touch.buffer]
        return []

    def shares(self, call: Call, cost: float) -> None:
        """Multiply shares of the features, and add up the products block by block."""
        assert isinstance(call, ProductCall)
        inner, width, result = self.value(call.k), self.value(call.n), call.result
        cuts = feature_shares(inner)
        distance = self.apart(result.buffer)
        parts = self.new_parts(result.buffer, len(cuts))
        for home, (low, high) in enumerate(cuts):
            place, use = self.part(result.buffer, parts, home)
            down = low if call.right.operand.transposed else low * self.value(call.right.operand.lead)
            part = replace(
                call,
                left=Matrix(self.cutter.view(call.left.buffer, low), call.left.operand),
                right=Matrix(self.cutter.view(call.right.buffer, down), call.right.operand),
                result=Matrix(place, result.operand),
                k=constant(high - low),
            )
            uses = [Use(call.left.buffer, False, inner, low, high), Use(call.right.buffer, False), use]
            self.tasks.add([part], uses, cost * (high - low) / inner, home=home)
        for block, (low, high) in enumerate(self.samples):
            target, source = (self.cutter.view(b, low * width) for b in (result.buffer, parts))
            size = (high - low) * width
            numbers = (constant(size), constant(len(cuts) - 1), constant(distance))
            uses = [Use(parts, False), Use(result.buffer, True, 0, low * width, high * width)]
            self.tasks.add([CombineCall(target, source, *numbers)], uses, size * len(cuts) / COPIES, block)

    def rows(self, call: Call, split: Split, cost: float) -> None:
        """Do a call block by block; sums over the samples get a part a block, added up in order."""
        total = self.samples[-1][1]
        alone = len(self.samples) == 1
        extra = {} if alone else {b: self.new_parts(b, len(self.samples)) for b in split.sums}
        for block, (low, high) in enumerate(self.samples):
            changes = {}
            uses = []
            for touch in split.touches:
                if touch.buffer in extra:
                    changes[touch.buffer], use = self.part(touch.buffer, extra[touch.buffer], block)
                    uses.append(use)
                else:
                    uses.append(self.use(touch, low, high))
            part = self.cutter.piece(call, split, low, high, changes)
            self.tasks.add([part], uses, cost * (high - low) / total, block)
        for buffer, parts in extra.items():
            size = self.buffers[buffer].count
            distance = constant(self.apart(buffer))
            whole = self.buffers[buffer].integer
            combine = CombineCall(buffer, parts, size, constant(len(self.samples) - 1), distance, whole)
            uses = [Use(parts, False), Use(buffer, True)]
            self.tasks.add([combine], uses, self.value(size) * len(self.samples) / COPIES)

    def recurrence(self, calls: Sequence[Call], found: Sequence[tuple[Call, Split, float]]) -> None:
        """Take a recurrence along with those inside it, block by block if all its calls can be."""
        places = [at for at, c in enumerate(calls) if not isinstance(c, RepeatCall)]
        cost = 0.0
        for at, (_, _, once) in zip(places, found, strict=True):
            around = [c for c in calls[at:] if isinstance(c, RepeatCall) and c.begin <= at]
            cost += once * self.value(product(c.extent for c in around))
        touches = [t for _, split, _ in found for t in split.touches]
        if not all(split.kind == "rows" and not split.sums for _, split, _ in found):
            self.tasks.add([*calls], [replace(self.use(t, 0, 0), kind=-1) for t in touches], cost)
            return
        for block, (low, high) in enumerate(self.samples):
            group = list(calls)
            for at, (call, split, _) in zip(places, found, strict=True):
                group[at] = self.cutter.piece(call, split, low, high)
            uses = [self.use(t, low, high) for t in touches]
            self.tasks.add(group, uses, cost * (high - low) / self.samples[-1][1], block)

    def new_parts(self, buffer: int, number: int) -> int:
        """Make room for so many parts of a sum but the first one, which takes the place of the sum."""
        count = constant(self.apart(buffer) * (number - 1))
        self.buffers.append(replace(self.buffers[buffer], kind="arena", count=count))
        return len(self.buffers) - 1

    def part(self, buffer: int, parts: int, number: int) -> tuple[int, Use]:
        """Return the place of a part of a sum, and its use."""
        if not number:
            return buffer, Use(buffer, True)
        low, high = ((number - k) * self.apart(buffer) for k in (1, 0))
        return self.cutter.view(parts, low), Use(parts, True, 0, low, high)

    def apart(self, buffer: int) -> int:
        """Return the distance of two parts of a sum; they share no cache line."""
        return -(-self.value(self.buffers[buffer].count) // ALIGNMENT) * ALIGNMENT

    def use(self, touch: Touch, low: int, high: int) -> Use:
        if touch.stride is None:
            return Use(touch.buffer, touch.written)
        stride = self.value(touch.stride)
        if touch.flat:
            return Use(touch.buffer, touch.written, 0, low * stride, high * stride)
        return Use(touch.buffer, touch.written, stride, low, high)

    def finish(self) -> Partition:
        """Return the tasks phase by phase, with final numbers of buffers and calls."""
        calls: list[Call] = []
        count = 1 + max((t.phase for t in self.tasks.all), default=0)
        phases: list[list[tuple[int, int, float]]] = [[] for _ in range(count)]
        homes: list[list[int]] = [[] for _ in range(count)]
        for task in sorted(self.tasks.all, key=lambda t: t.phase):
            begin = len(calls)
            for chunk in task.chunks:
                start = len(calls)
                calls += (
                    replace(c, begin=start + c.begin) if isinstance(c, RepeatCall) else c for c in chunk
                )
            phases[task.phase].append((begin, len(calls), task.cost))
            homes[task.phase].append(task.home)
        same = shared(self.lowered.plan.buffers, self.tasks, self.samples, self.value)
        each = own(self.lowered.plan.buffers, same, self.samples, self.value)
        buffers = tuple(self.in_phases(same, each))
        roots = [(same.get(buffer, buffer), offset) for buffer, offset in self.cutter.views]
        views = tuple(View(b, inside(at, each[b], self.samples) if b in each else at) for b, at in roots)
        final = [renumbered(c, len(buffers), same) for c in calls]
        return Partition(tuple(final), tuple(map(tuple, phases)), buffers, views, tuple(map(tuple, homes)))

    def in_phases(self, same: Mapping[int, int], each: Mapping[int, int]) -> Iterator[Buffer]:
        """Yield the buffers with the phases of their use; `each` is what workers have for a sample."""
        largest = max(high - low for low, high in self.samples)
        for number, buffer in enumerate(self.buffers):
            if same.get(number, number) != number:
                yield replace(buffer, count=ZERO, first=0, last=0)
                continue
            used = self.tasks.phases(number)
            if not used and buffer.kind == "arena":  # no call is left that needs it as a whole
                buffer = replace(buffer, count=ZERO)
            if number in each:
                buffer = replace(buffer, kind="scratch", count=constant(each[number] * largest))
            yield replace(buffer, first=min(used, default=0), last=max(used, default=0))
