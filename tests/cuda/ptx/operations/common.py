"""Instructions that are a function of their operands."""

from __future__ import annotations

from collections.abc import Callable

from tests.cuda.ptx.registers import Active, Step, Wave
from tests.cuda.ptx.syntax import Instruction
from tests.cuda.ptx.types import SUFFIXES, Array, PtxType

Unary = Callable[[Array], Array]
Binary = Callable[[Array, Array], Array]
Ternary = Callable[[Array, Array, Array], Array]


def unary(function: Unary, i: Instruction, wave: Wave, result: PtxType, a: PtxType) -> Step:
    get, put = wave.source(i.operands[1], a, i), wave.target(i.operands[0], result, i)

    def step(active: Active) -> None:
        at = active.at
        put(at, function(get(at)))

    return step


def binary(function: Binary, i: Instruction, wave: Wave, result: PtxType, a: PtxType, b: PtxType) -> Step:
    first, second = wave.source(i.operands[1], a, i), wave.source(i.operands[2], b, i)
    put = wave.target(i.operands[0], result, i)

    def step(active: Active) -> None:
        at = active.at
        put(at, function(first(at), second(at)))

    return step


def ternary(
    function: Ternary, i: Instruction, wave: Wave, result: PtxType, a: PtxType, b: PtxType, c: PtxType
) -> Step:
    first, second, third = (
        wave.source(operand, of, i) for operand, of in zip(i.operands[1:4], (a, b, c), strict=True)
    )
    put = wave.target(i.operands[0], result, i)

    def step(active: Active) -> None:
        at = active.at
        put(at, function(first(at), second(at), third(at)))

    return step


def known(i: Instruction, *modifiers: str) -> None:
    """Refuse modifiers that are neither types nor among those given: none is ignored silently."""
    strange = [m for m in i.modifiers if m not in modifiers and m not in SUFFIXES]
    if strange:
        raise i.error(f"modifier .{strange[0]} is not known for {i.opcode}")
