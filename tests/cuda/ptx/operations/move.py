"""mov, with packing and unpacking of wide registers, and addresses: cvta, isspacep."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.cuda.ptx.memory import WINDOWS
from tests.cuda.ptx.operations.common import known, unary
from tests.cuda.ptx.registers import Active, Step, Wave
from tests.cuda.ptx.syntax import SPACES, Instruction, Register, Several
from tests.cuda.ptx.types import PRED, U64, Array, PtxType


def _mov(i: Instruction, wave: Wave) -> Step:
    known(i, "v2", "v4")
    to, of = i.operands
    if isinstance(to, Several):
        return _unpack(i, wave, to)
    if isinstance(of, Several):
        return _pack(i, wave, of)
    kind = i.type
    narrow = (
        isinstance(of, Register)
        and of.name in wave.special
        and wave.special[of.name].dtype.itemsize < kind.bytes
    )
    if narrow:
        kind = PtxType("u", 32)
    get, put = wave.source(of, kind, i), wave.target(to, kind, i)

    def step(active: Active) -> None:
        put(active.at, get(active.at))

    return step


def _unpack(i: Instruction, wave: Wave, to: Several) -> Step:
    parts = len(to.parts)
    part = PtxType("u", i.type.bits // parts)
    get = wave.source(i.operands[1], PtxType("u", i.type.bits), i)
    puts = [wave.target(register, part, i) for register in to.parts]

    def step(active: Active) -> None:
        at = active.at
        values = np.array(get(at))  # a copy: what is set below may be what is read
        for number, put in enumerate(puts):
            put(at, (values >> values.dtype.type(number * part.bits)).astype(part.dtype))

    return step


def _pack(i: Instruction, wave: Wave, of: Several) -> Step:
    whole = PtxType("u", i.type.bits)
    part = PtxType("u", i.type.bits // len(of.parts))
    gets = [wave.source(operand, part, i) for operand in of.parts]
    put = wave.target(i.operands[0], whole, i)

    def step(active: Active) -> None:
        at = active.at
        found: Array = whole.dtype.type(0)
        for number, get in enumerate(gets):
            found = found | (get(at).astype(whole.dtype) << whole.dtype.type(number * part.bits))
        put(at, found)

    return step


def _cvta(i: Instruction, wave: Wave) -> Step:
    """cvta.space: to a generic address; cvta.to.space: back."""
    known(i, "to", *SPACES)
    space = next(m for m in i.modifiers if m in SPACES)
    if space == "param":
        raise i.error("addresses of parameters are not known")
    window = np.uint64(WINDOWS[space])
    if i.has("to"):
        return unary(lambda a: a - window, i, wave, U64, U64)
    return unary(lambda a: a + window, i, wave, U64, U64)


def _isspacep(i: Instruction, wave: Wave) -> Step:
    known(i, *SPACES)
    window = np.uint64(WINDOWS[i.modifiers[0]] >> 61)
    return unary(lambda a: (a >> np.uint64(61)) == window, i, wave, PRED, U64)


TABLE: Mapping[str, Callable[[Instruction, Wave], Step]] = {
    "mov": _mov,
    "cvta": _cvta,
    "isspacep": _isspacep,
}
