"""What generated CPU code is built on: typed pointers, kernels by address, numbers that threads share.

Enters: addresses. Leaves: Numba intrinsics that generated modules import. Arrays are passed as bare
pointers: no wrap-around of negative positions, which would keep loops from being vectorised.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from symdl.run.cpu.intrinsics.compiler import KernelCompiler
from symdl.run.cpu.intrinsics.instructions import BYTES, call, slot
from symdl.run.cpu.limits import STOP

_KEPT = {"contract", "reassoc", "nsz", "arcp"}  # those that keep infinities and NaN

OPTIONS: dict[str, Any] = {
    "error_model": "numpy",  # a division may give infinity; testing for zero would stop vectorisation
    "fastmath": _KEPT,
    "no_cfunc_wrapper": True,  # functions are called by their addresses: `symdl.run.cpu.cache.objects`
    "no_cpython_wrapper": True,
    "_nrt": False,
}
"""Options of generated functions."""
KERNEL = {**OPTIONS, "pipeline_class": KernelCompiler}
"""Options of generated kernels, which Numba compiles with fewer passes."""
PLAIN = {**OPTIONS, "fastmath": False}
"""Options of functions whose instructions are chosen one by one."""
PLAIN_KERNEL = {**KERNEL, "fastmath": False}
"""Such options with fewer passes."""


_pointer: Any = types.CPointer


def _pointer_from_address(element: Any) -> Any:
    def at(_typing: Any, address: Any) -> Any:
        def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(_pointer(element)))

        return _pointer(element)(types.int64), build

    return intrinsic(at)


REALS = {
    "float32": _pointer_from_address(types.float32),
    "float64": _pointer_from_address(types.float64),
}
"""For each dtype, the function from an address to a pointer to reals."""

integer_at, byte_at = map(_pointer_from_address, (types.int64, types.uint8))
total_at = REALS["float64"]


@intrinsic
def first_of(_typing: Any, array: Any) -> Any:
    """The address of an array's first element. The array must live on.

    A pointer costs nothing to hand on; of an array every holder is counted, with an atomic instruction.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    return _pointer(array.dtype)(array), build


@intrinsic
def row_of(_typing: Any, table: Any, row: Any, width: Any) -> Any:
    """A row of a table whose rows have so many elements."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [builder.mul(args[1], args[2])])

    return table(table, types.int64, types.int64), build


def call_address(builder: Any, address: Any, values: Sequence[Any]) -> None:
    """Call a function of a generated module; it returns nothing and cannot fail."""
    result, error = slot(builder, BYTES), slot(builder, BYTES)
    arguments = [result, error, *values]
    kind = ir.FunctionType(ir.IntType(32), [value.type for value in arguments])
    builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)


@intrinsic
def disjoint(_typing: Any) -> Any:
    """Tell the compiler that the arrays of the function do not overlap. The buffer plan sees to it."""

    def build(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        for argument in builder.function.args:
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), build


_WIDEST = 64
"""Bytes of the widest vector of any processor."""


@intrinsic
def align_stack(_typing: Any) -> Any:
    """Begin the function's part of the stack at a multiple of the widest vector's size.

    What a kernel keeps there for want of registers would otherwise lie across two cache lines in three of
    four calls, and kernels of many constants take up to twice as long then.
    """

    def build(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        attributes = builder.function.attributes
        attributes.alignstack = _WIDEST
        attributes.add("nounwind")  # without another attribute this one is not printed
        return context.get_dummy_value()

    return types.void(), build


_FLUSH = 0x8040
"""Bits of the x86 control register: subnormal results are 0, and so are subnormal operands."""


@intrinsic
def flush_subnormals(_typing: Any) -> Any:
    """Switch flush-to-zero on: subnormal numbers are 0 from here on. Return what `restore` needs.

    Gradients that fade away would otherwise make a step several times slower.
    """

    def build(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        short = ir.IntType(32)
        place = slot(builder, short)
        _control(builder, place, "stmxcsr")
        before = builder.load(place)
        builder.store(builder.or_(before, ir.Constant(short, _FLUSH)), place)
        _control(builder, place, "ldmxcsr")
        return builder.zext(before, ir.IntType(64))

    return types.int64(), build


@intrinsic
def restore(_typing: Any, _state: Any) -> Any:
    """Undo `flush_subnormals`."""

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        place = slot(builder, ir.IntType(32))
        builder.store(builder.trunc(args[0], ir.IntType(32)), place)
        _control(builder, place, "ldmxcsr")
        return context.get_dummy_value()

    return types.void(types.int64), build


def _control(builder: Any, place: Any, name: str) -> None:
    """Read or write the control register of x86; other processors keep their own."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        call(builder, f"llvm.x86.sse.{name}", ir.VoidType(), [builder.bitcast(place, BYTES)])


@intrinsic
def larger(_typing: Any, one: Any, _other: Any) -> Any:
    """Return the larger of two reals, NaN if either is; the largest of many is found in vectors."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        kind = args[0].type
        form = ir.FunctionType(kind, [kind, kind])
        return builder.call(builder.module.declare_intrinsic("llvm.maximum", [kind], form), args)

    return one(one, one), build


def _wrapping(name: str) -> Any:
    """Return an operation of int64 that wraps around. Numba's tell LLVM that there is no overflow."""

    def of(_typing: Any, one: Any, other: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pairs = zip(args, signature.args, strict=True)
            return getattr(builder, name)(*(context.cast(builder, a, t, types.int64) for a, t in pairs))

        return types.int64(one, other), build

    of.__name__ = name
    return intrinsic(of)


plus, minus, times = map(_wrapping, ("add", "sub", "mul"))


_SPINS = 512
"""How often to look before another thread may have the core."""


@intrinsic
def claim(_typing: Any, counters: Any, at: Any) -> Any:
    """Add 1 to a number that other threads see, too; return what it was."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _added(builder, _number(context, builder, signature, args))

    return types.int64(types.int64[::1], types.int64), build


@intrinsic
def seen(_typing: Any, counters: Any, at: Any) -> Any:
    """Return a number that other threads may have changed."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_number(context, builder, signature, args), "seq_cst", 8)

    return types.int64(types.int64[::1], types.int64), build


@intrinsic
def until(_typing: Any, counters: Any, at: Any, goal: Any, patience: Any) -> Any:
    """Wait until a number that other threads change has reached `goal`, forever if `patience` is 0.

    Otherwise look so often at the most. True if it has.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _number(context, builder, signature, args)
        return builder.icmp_signed(">=", _spin(builder, place, *args[2:]), args[2])

    return types.boolean(types.int64[::1], *[types.int64] * 3), build


@intrinsic
def barrier(_typing: Any, arrivals: Any, workers: Any) -> Any:
    """Wait until all `workers` have arrived equally often; true if they shall stop.

    ``arrivals[0]`` counts arrivals.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zero, one = (ir.Constant(ir.IntType(64), value) for value in (0, 1))
        place = _number(context, builder, signature, (args[0], zero))
        here = _added(builder, place)
        stop = ir.Constant(ir.IntType(64), STOP)
        goal = builder.mul(builder.add(builder.sdiv(here, args[1]), one), args[1])
        goal = builder.select(builder.icmp_signed("<", goal, stop), goal, stop)  # also after a stop
        return builder.icmp_signed(">=", _spin(builder, place, goal, zero), stop)

    return types.boolean(types.int64[::1], types.int64), build


def _number(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Return the address of a number in a vector: the first two arguments."""
    vector = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(vector.data, [args[1]])


def _added(builder: Any, place: Any) -> Any:
    """Add 1 to a number; return what it was."""
    return builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "seq_cst")


def _spin(builder: Any, place: Any, goal: Any, patience: Any) -> Any:
    """Wait until a number has reached another one, or one has looked often enough; return the number.

    Waiting spins, because what is waited for takes microseconds; now and then it lets another thread have the
    core, which may be the one that is waited for.
    """
    long = ir.IntType(64)
    spins = slot(builder, long)
    builder.store(ir.Constant(long, 0), spins)
    look, again, rest, done = (builder.append_basic_block(n) for n in ("look", "again", "rest", "done"))
    builder.branch(look)
    builder.position_at_end(look)
    count = builder.load_atomic(place, "acquire", 8)
    before = builder.load(spins)
    enough = builder.and_(
        builder.icmp_signed(">", patience, ir.Constant(long, 0)), builder.icmp_signed(">=", before, patience)
    )
    builder.cbranch(builder.or_(enough, builder.icmp_signed(">=", count, goal)), done, again)
    builder.position_at_end(again)
    if platform.machine().lower() in ("x86_64", "amd64"):
        call(builder, "llvm.x86.sse2.pause", ir.VoidType(), [])
    more = builder.add(before, ir.Constant(long, 1))
    builder.store(more, spins)
    tired = builder.icmp_signed("==", builder.srem(more, ir.Constant(long, _SPINS)), ir.Constant(long, 0))
    builder.cbranch(tired, rest, look)
    builder.position_at_end(rest)
    if hasattr(os, "sched_yield"):
        call(builder, "sched_yield", ir.IntType(32), [])
    builder.branch(look)
    builder.position_at_end(done)
    return count
