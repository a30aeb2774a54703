"""Kernels by their addresses.

Enters: a row of a call table. Leaves: `call_kernel`, with which the loop over calls calls its kernel. So that
loop is compiled once for all programs, and a kernel not again with everything that calls it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from symdl.emit.source import ARGUMENTS, FIRST_PLACE
from symdl.run.cpu.intrinsics.pointers import call_address

_long = ir.IntType(64)


@intrinsic
def call_kernel(_typing: Any, line: Any, pointers: Any, sizes: Any) -> Any:
    """Call the kernel of a row of the call table: its arrays are in `pointers`, its sizes in `sizes`.

    64-bit machines pass addresses and integers alike, and a function does not see more arguments than it has.
    """

    def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def word(base: Any, at: Any) -> Any:
            return builder.load(builder.gep(base, [at]))

        line, places, lengths = args
        address, arrays, count = (word(line, ir.Constant(_long, at)) for at in (1, 2, 3))
        done = builder.append_basic_block("done")
        choice = builder.switch(count, done)
        for number in (0, *ARGUMENTS):
            case = builder.append_basic_block(f"with{number}")
            choice.add_case(ir.Constant(_long, number), case)
            builder.position_at_end(case)
            values = []
            for at in range(number):
                place = word(line, ir.Constant(_long, FIRST_PLACE + at))
                mine = builder.icmp_signed("<", ir.Constant(_long, at), arrays)
                values.append(word(builder.select(mine, places, lengths), place))
            values = values or [line, places, lengths]  # it finds them itself
            call_address(builder, address, values)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(line, pointers, sizes), build
