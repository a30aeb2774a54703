"""The launch list.

Enters: `Lowered`. Leaves: `LaunchList`, the calls as numbers: one row a call, with the positions of its
buffers, sizes and factors; and a listing of it for people. It is data, so programs of the same structures
share one compiled module, however many layers they have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from symdl.emit.operations import ARGUMENTS, Operation
from symdl.emit.statements import comment, comments
from symdl.errors import InternalError
from symdl.lower.ir.integers import ONE, ZERO, Poly, Size, of, text
from symdl.lower.ir.names import FirstSample, SizeName, StepsDone
from symdl.lower.ir.scalars import Body, Node
from symdl.lower.ir.steps import moves, slope
from symdl.lower.ir.storage import STORED
from symdl.lower.kernels import (
    Call,
    CheckCall,
    CombineCall,
    GatherCall,
    KernelCall,
    Matrix,
    ProductCall,
    RepeatCall,
    SortCall,
    TotalCall,
    without_checks,
)
from symdl.lower.lowered import Lowered


@dataclass(frozen=True, slots=True)
class LaunchList:
    """The calls.

    Attributes:
        rows: one a call, padded with zeros to one length: code, then positions.
        sizes: what the positions of sizes refer to, evaluated when the symbolic sizes are known.
        factors: the same for scale factors.
        starts: the first step of each recurrence.
        begins: the first row of each call, and the number of rows.
    """

    rows: tuple[tuple[int, ...], ...]
    sizes: tuple[Poly, ...]
    factors: tuple[Body, ...]
    starts: tuple[tuple[SizeName, Poly], ...]
    begins: tuple[int, ...] = ()


FIRST_SAMPLE = of(Size(FirstSample()))
"""The position of the batch in the order of all samples."""


def launch_list(lowered: Lowered, *, checks: bool = True) -> LaunchList:
    """Return the launch list; without `checks` it does not test positions read from data."""
    return launch_list_of(lowered.calls if checks else without_checks(lowered.calls))


def launch_list_of(calls: Sequence[Call], order: int = 0) -> LaunchList:
    """Return the launch list of some calls; buffer number `order` holds the order of the samples.

    The next one holds the totals, those after it all samples of the data.
    """
    writer = _Writer(order)
    rows = writer.rows(calls)
    width = max(map(len, rows), default=1)
    padded = tuple((*map(int, row), *([0] * (width - len(row)))) for row in rows)
    return LaunchList(
        padded, tuple(writer.sizes), tuple(writer.factors), tuple(writer.starts.items()), tuple(writer.begins)
    )


class _Writer:
    def __init__(self, order: int) -> None:
        self.order = order
        self.begins: list[int] = []
        self.sizes: dict[Poly, int] = {}
        self.factors: dict[Body, int] = {}
        self.starts: dict[SizeName, Poly] = {}

    def size(self, poly: Poly) -> int:
        """Return the position of a size."""
        return self.sizes.setdefault(poly, len(self.sizes))

    def rows(self, calls: Sequence[Call]) -> list[tuple[int, ...]]:
        """Return the rows of all calls; a recurrence takes some for the positions that move with it."""
        made: list[tuple[int, ...]] = []
        for call in calls:
            self.begins.append(len(made))
            if isinstance(call, RepeatCall):
                made.extend(self.repeat(call, self.begins[call.begin]))
            else:
                made.append(self.row(call))
        self.begins.append(len(made))
        return made

    def repeat(self, call: RepeatCall, begin: int) -> list[tuple[int, ...]]:
        """Return the rows that end a step: move what moves, go on or move it back."""
        self.starts[call.name] = call.start
        moving = [(p, at) for p, at in list(self.sizes.items()) if call.name in moves(p)]
        slopes = [(at, self.size(slope(p, call.name) * call.direction)) for p, at in moving]
        one, back = self.size(ONE), self.size(call.extent * -1)
        done = StepsDone(call.name.recurrence)
        counter = self.size(of(Size(done)))
        self.starts[done] = ZERO
        return [
            *((Operation.SHIFT, at, by, one) for at, by in slopes),
            (Operation.REPEAT, counter, self.size(call.extent), begin),
            *((Operation.SHIFT, at, by, back) for at, by in slopes),
        ]

    def row(self, call: Call) -> tuple[int, ...]:
        """Return the row of a call."""
        match call:
            case CheckCall():
                return Operation.CHECK, call.buffer, self.size(call.count), self.size(call.below)
            case KernelCall():
                places = (*call.buffers, *map(self.size, call.sizes))
                count = next((n for n in ARGUMENTS if n >= len(places)), 0)
                rest = (0,) * (count - len(places))
                return Operation.KERNEL, call.kernel, len(call.buffers), count, *places, *rest
            case GatherCall():
                return self.gather(call)
            case CombineCall():
                code = Operation.COMBINE_INTEGERS if call.integer else Operation.COMBINE
                lengths = (call.count, call.number, call.distance)
                return code, call.buffer, call.parts, *map(self.size, lengths)
            case TotalCall():
                return Operation.TOTAL, call.buffer, self.order + 1, call.at, self.size(call.samples)
            case ProductCall():
                return self.product(call)
            case SortCall():
                sizes = self.size(call.count), self.size(call.below)
                return Operation.SORT, call.keys, call.order, call.segments, *sizes, call.first
            case RepeatCall():
                raise InternalError("the end of a recurrence has rows of its own")
            case _:
                assert_never(call)

    def gather(self, call: GatherCall) -> tuple[int, ...]:
        """Return the row that copies samples of a batch."""
        single = (Operation.GATHER_SINGLE_REALS, Operation.GATHER_SINGLE_INTEGERS)
        several = (Operation.GATHER_REALS, Operation.GATHER_INTEGERS)
        width, lead, column = call.width, call.lead, call.column
        if call.storage:
            each = STORED[call.storage]
            width, lead, column = width * each, lead * each, column * each
            code = Operation.GATHER_SINGLE_BYTES if lead == 1 else Operation.GATHER_BYTES
        else:
            code = (single if lead == 1 else several)[call.integer]
        rest = (width, lead, column) if lead > 1 else ()
        where = (self.order + 2 + call.source, call.target, self.order, self.size(FIRST_SAMPLE))
        return code, *where, call.start, call.count, *rest

    def product(self, call: ProductCall) -> tuple[int, ...]:
        """Return the row of a matrix product."""
        matrices = (call.left, call.right, call.result)
        leads = [m.operand.lead for m in matrices]
        batch = (*call.batch, *([ONE] * (2 - len(call.batch))))
        offsets = [m.operand.offset for m in matrices]
        steps = [self._steps(m) for m in matrices]
        sizes_ = (call.m, call.n, call.k, *leads, *batch, *offsets)
        turned = call.left.operand.transposed + 2 * call.right.operand.transposed
        return (
            Operation.PRODUCT,
            *(m.buffer for m in matrices),
            self.factors.setdefault(call.alpha, len(self.factors)),
            turned,
            *map(self.size, (*sizes_, *(s[0] for s in steps), *(s[1] for s in steps))),
        )

    def _steps(self, matrix: Matrix) -> tuple[Poly, Poly]:
        steps = (*matrix.operand.steps, ZERO, ZERO)
        return steps[0], steps[1]


def listing(lowered: Lowered) -> str:
    """Return the calls for people: one comment line each, and the equations it computes."""
    names = _buffer_names(lowered)
    out = ["# The calls, in order."]
    for number, call in enumerate(lowered.calls):
        if isinstance(call, CheckCall):
            out.append(f"# {number}: check 0 <= {names[call.buffer]} < {text(call.below)}")
            continue
        if isinstance(call, RepeatCall):
            out.append(f"# {number}: back to call {call.begin} until {text(call.extent)} steps are done")
            continue
        if isinstance(call, ProductCall):
            sizes = " x ".join(text(s) for s in (call.m, call.k, call.n))
            batch = "".join(f", for each of {text(s)}" for s in call.batch)
            out.append(
                f"# {number}: {product_text(call, lambda matrix: names[matrix.buffer])}  ({sizes}{batch})"
            )
        elif isinstance(call, SortCall):
            order, segments, keys = (names[b] for b in (call.order, call.segments, call.keys))
            below = f"({text(call.count)} positions, {text(call.below)} segments)"
            out.append(f"# {number}: {order}, {segments} = sort {keys}  {below}")
        elif isinstance(call, KernelCall):
            kernel = lowered.kernels[call.kernel]
            arrays = ", ".join(names[b] for b in call.buffers)
            sizes = ", ".join(map(text, call.sizes))
            out.append(f"# {number}: {kernel.name}({arrays}{'; ' if sizes else ''}{sizes})")
        for equation in call.equations if isinstance(call, KernelCall | ProductCall) else ():
            out += [f"#     {line}" for line in comments(lowered.program.stated[equation].text)]
    return "\n".join(out) + "\n"


def _buffer_names(lowered: Lowered) -> list[str]:
    return [comment(lowered.program.tensors[b.tensor].name) for b in lowered.plan.buffers]


def product_text(call: ProductCall, name: Callable[[Matrix], str]) -> str:
    """Return a matrix product for people; `name` tells that of an operand."""
    left, right = (name(m) + ("ᵀ" if m.operand.transposed else "") for m in (call.left, call.right))
    scale = "" if call.alpha.result == Node("const", (), 1) else "factor * "
    return f"{name(call.result)} = {scale}{left} @ {right}"
