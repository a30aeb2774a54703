"""All opcodes but those of control, which `execute` keeps to itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from tests.cuda.ptx.operations import (
    atomics,
    bits,
    compare,
    convert,
    dots,
    floats,
    integers,
    move,
    transfer,
    warp,
)
from tests.cuda.ptx.registers import Step, Wave
from tests.cuda.ptx.syntax import Instruction

Builder: TypeAlias = Callable[[Instruction, Wave], Step]

TABLE: Mapping[str, Builder] = {
    **integers.TABLE,
    **dots.TABLE,
    **bits.TABLE,
    **floats.TABLE,
    **compare.TABLE,
    **convert.TABLE,
    **move.TABLE,
    **transfer.TABLE,
    **atomics.TABLE,
    **warp.TABLE,
}


def bind(instruction: Instruction, wave: Wave) -> Step:
    """Return the step of an instruction without its guard; `PtxError` if the opcode is not known."""
    builder = TABLE.get(instruction.opcode)
    if builder is None:
        raise instruction.error(f"opcode {instruction.name} is not known")
    return builder(instruction, wave)
