"""Matrix products of moderate size, computed in vector registers without copies of the operands.

Enters: a dtype and the size of a register block. Leaves: Numba intrinsics that the product is made of
(`symdl.run.cpu.gemm.packed`). BLAS first copies its operands in the order in which it reads them; for the
matrices of a training step that takes as long as a fifth of the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from symdl.run.cpu.intrinsics import instructions

_pointer: Any = types.CPointer


@intrinsic
def behind(_typing: Any, base: Any, count: Any) -> Any:
    """The address so many elements after another one."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return base(base, types.int64), build


_nothing: Any = types.void
_REALS: dict[str, Any] = {"float32": types.float32, "float64": types.float64}


def room(dtype: str, count: int) -> Any:
    """Return an intrinsic that gives the address of so many reals on the stack of the calling function."""
    reals = _pointer(_REALS[dtype])

    def space(_typing: Any) -> Any:
        def build(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
            kind = context.get_value_type(_REALS[dtype])
            return instructions.slot(builder, kind, count)

        return reals(), build

    return intrinsic(space)


def transposition(dtype: str, lanes: int) -> Any:
    """Return an intrinsic that transposes a square: ``transpose(source, lead, target, distance)``."""
    reals = _pointer(_REALS[dtype])

    def transpose(_typing: Any, source: Any, lead: Any, target: Any, distance: Any) -> Any:
        def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            start, line, end, step = args
            vector = ir.VectorType(start.type.pointee, lanes)
            align = 4 if isinstance(start.type.pointee, ir.FloatType) else 8

            def place(base: Any, distance: Any, row: int) -> Any:
                at = builder.gep(base, [builder.mul(distance, ir.Constant(distance.type, row))])
                return builder.bitcast(at, vector.as_pointer())

            rows = [builder.load(place(start, line, r), align=align) for r in range(lanes)]
            for r, row in enumerate(_exchanged(builder, rows)):
                builder.store(row, place(end, step, r), align=align)
            return context.get_dummy_value()

        return _nothing(reals, types.int64, reals, types.int64), build

    return intrinsic(transpose)


def _exchanged(builder: Any, rows: list[Any]) -> list[Any]:
    """Return the columns of a square: blocks of 1, 2, 4... elements beside the diagonal change places."""
    lanes, width = len(rows), 1
    index = ir.VectorType(ir.IntType(32), lanes)
    while width < lanes:
        low = [e if not e & width else lanes + e - width for e in range(lanes)]
        high = [e + width if not e & width else lanes + e for e in range(lanes)]
        for at in range(lanes):
            if not at & width:
                pair = rows[at], rows[at + width]
                rows[at] = builder.shuffle_vector(*pair, ir.Constant(index, low))
                rows[at + width] = builder.shuffle_vector(*pair, ir.Constant(index, high))
        width *= 2
    return rows


def micro_kernel(dtype: str, rows: int, forms: Sequence[tuple[int, int]]) -> Any:
    """Return an intrinsic that computes `rows` rows and `columns` columns of a product.

    ``micro_kernel(columns, left, row, column, right, right_lead, result, lead, k, factor)``: `row` and
    `column` are the distances of the left matrix's rows and columns; the right matrix and the result are
    row-major, `k` is at least 1. There is one loop for each of the `forms`, which are numbers of vectors and
    of their lanes; `columns` says which.
    """
    real = _REALS[dtype]
    whole: Any = types.int64
    reals: Any = _pointer(real)

    def product(
        _typing: Any,
        columns: Any,
        left: Any,
        row: Any,
        column: Any,
        right: Any,
        right_lead: Any,
        result: Any,
        lead: Any,
        k: Any,
        factor: Any,
    ) -> Any:
        signature = _nothing(whole, reals, whole, whole, reals, whole, reals, whole, whole, real)

        def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            width, *given = args
            done = builder.append_basic_block("done")
            choice = builder.switch(width, done)
            for vectors, lanes in forms:
                case = builder.append_basic_block(f"columns{vectors * lanes}")
                choice.add_case(ir.Constant(width.type, vectors * lanes), case)
                builder.position_at_end(case)
                _RegisterBlock(builder, given, rows, vectors, lanes).build()
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return signature, build

    return intrinsic(product)


class _RegisterBlock:
    """The instructions of a register block: one loop over `k`, with all of the result in registers."""

    def __init__(self, builder: Any, args: Any, rows: int, vectors: int, lanes: int) -> None:
        self.builder, self.rows, self.vectors, self.lanes = builder, rows, vectors, lanes
        self.left, self.row, self.column, self.right, self.right_lead = args[:5]
        self.result, self.lead, self.k, self.factor = args[5:]
        real = self.left.type.pointee
        self.vector = ir.VectorType(real, lanes)
        self.align = 4 if isinstance(real, ir.FloatType) else 8

    def number(self, value: int) -> Any:
        return ir.Constant(self.k.type, value)

    def spread(self, value: Any) -> Any:
        """Return a vector with one value everywhere."""
        return instructions.spread(self.builder, value, self.lanes)

    def place(self, base: Any, line: Any, vector: int) -> Any:
        """Return the address of a vector in a line."""
        at = self.builder.add(line, self.number(vector * self.lanes))
        return instructions.place(self.builder, base, at, self.vector)

    def build(self) -> None:
        b = self.builder
        starts = [b.gep(self.left, [b.mul(self.row, self.number(r))]) for r in range(self.rows)]
        before, loop, done = b.block, b.append_basic_block("block"), b.append_basic_block("block.done")
        b.branch(loop)
        b.position_at_end(loop)
        step = b.phi(self.k.type)
        sums = [[b.phi(self.vector) for _ in range(self.vectors)] for _ in range(self.rows)]
        news = self.step(step, starts, sums)
        after = b.add(step, self.number(1))
        step.add_incoming(self.number(0), before)
        step.add_incoming(after, b.block)
        for line, new in zip(sums, news, strict=True):
            for old, value in zip(line, new, strict=True):
                old.add_incoming(ir.Constant(self.vector, None), before)
                old.add_incoming(value, b.block)
        b.cbranch(b.icmp_signed("<", after, self.k), loop, done)
        b.position_at_end(done)
        factor = self.spread(self.factor)
        for r, new in enumerate(news):
            line = b.mul(self.lead, self.number(r))
            for v, value in enumerate(new):
                b.store(b.fmul(factor, value), self.place(self.result, line, v), align=self.align)

    def step(self, step: Any, starts: list[Any], sums: list[list[Any]]) -> list[list[Any]]:
        """Return the sums after one more row of the right matrix."""
        b = self.builder
        line, down = b.mul(step, self.right_lead), b.mul(step, self.column)
        columns = [b.load(self.place(self.right, line, v), align=self.align) for v in range(self.vectors)]
        news = []
        for start, old in zip(starts, sums, strict=True):
            value = self.spread(b.load(b.gep(start, [down])))
            parts = [b.fmul(value, column, flags=("contract",)) for column in columns]
            news.append([b.fadd(p, s, flags=("contract",)) for p, s in zip(parts, old, strict=True)])
        return news
