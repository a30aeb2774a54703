"""Kernels by their addresses.

Enters: a row of the launch list. Leaves: `call_kernel`, with which the loops over the list call a kernel. So
they are compiled once for all programs, and a kernel not again with everything that calls it. `by_row` is for
kernels of so many arguments that they find them themselves.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from symdl.emit.operations import ARGUMENTS, FIRST_PLACE
from symdl.run.cpu.intrinsics.instructions import LONG
from symdl.run.cpu.intrinsics.pointers import KERNEL, call_address


@intrinsic
def call_kernel(_typing: Any, line: Any, pointers: Any, sizes: Any) -> Any:
    """Call the kernel of a row of the launch list: its arrays are in `pointers`, its sizes in `sizes`.

    64-bit machines pass addresses and integers alike, and a function does not see more arguments than it has.
    """

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def word(base: Any, at: Any) -> Any:
            return builder.load(builder.gep(base, [at]))

        line, places, lengths = args
        address, arrays, count = (word(line, ir.Constant(LONG, at)) for at in (1, 2, 3))
        done = builder.append_basic_block("done")
        choice = builder.switch(count, done)
        for number in (0, *ARGUMENTS):
            case = builder.append_basic_block(f"with{number}")
            choice.add_case(ir.Constant(LONG, number), case)
            builder.position_at_end(case)
            values = []
            for at in range(number):
                place = word(line, ir.Constant(LONG, FIRST_PLACE + at))
                mine = builder.icmp_signed("<", ir.Constant(LONG, at), arrays)
                values.append(word(builder.select(mine, places, lengths), place))
            values = values or [line, places, lengths]  # it finds them itself
            call_address(builder, address, values)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(line, pointers, sizes), build


_tuple: Any = types.Tuple
_integers: Any = types.CPointer(types.int64)  # type: ignore[no-untyped-call]  # Numba has no types


def by_row(kernel: Any) -> Any:
    """Return a compiled kernel as a function of its row, the places of buffers, and the sizes."""
    (kinds,) = kernel.signatures
    found = _arguments(kinds)

    def entry(line: Any, pointers: Any, sizes: Any) -> None:
        kernel(*found(line, pointers, sizes))

    entry.__name__ = f"{kernel.__name__}_entry"
    return njit(types.void(_integers, _integers, _integers), **KERNEL)(entry)


def _arguments(kinds: tuple[Any, ...]) -> Any:
    """Return what finds the arguments of a kernel: pointers by their addresses, and sizes."""

    def at(_typing: Any, line: Any, pointers: Any, sizes: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def word(base: Any, at: Any) -> Any:
                return builder.load(builder.gep(base, [at]))

            line, places, lengths = args
            values = []
            for number, kind in enumerate(kinds):
                place = word(line, ir.Constant(LONG, FIRST_PLACE + number))
                array = isinstance(kind, types.CPointer)
                value = word(places if array else lengths, place)
                values.append(builder.inttoptr(value, context.get_value_type(kind)) if array else value)
            return context.make_tuple(builder, signature.return_type, values)

        return _tuple(kinds)(line, pointers, sizes), build

    return intrinsic(at)
