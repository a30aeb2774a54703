"""ld and st, of one value or a vector, in all spaces; fences and prefetches, which do nothing here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.cuda.ptx.operations.common import known
from tests.cuda.ptx.registers import Active, Step, Wave
from tests.cuda.ptx.stores import POISON
from tests.cuda.ptx.syntax import SPACES, Address, Instruction, Name, Operand, Several
from tests.cuda.ptx.types import Array, PtxType

HARMLESS = (
    "volatile",
    "relaxed",
    "acquire",
    "release",
    "weak",
    "gpu",
    "sys",
    "cta",
    "nc",
    "ca",
    "cg",
    "cs",
    "lu",
    "cv",
)
HINTS = ("wb", "wt", "evict_first", "evict_last", "L1", "L2", "no_allocate", "64B", "128B", "256B")


def space_of(i: Instruction, named: str) -> str:
    """Return the space that the instruction names, or its variable lies in, or ``generic``."""
    return next((m for m in i.modifiers if m in SPACES), named)


def _parts(i: Instruction, operand: Operand) -> tuple[Operand, ...]:
    lanes = 2 if i.has("v2") else 4 if i.has("v4") else 1
    parts = operand.parts if isinstance(operand, Several) else (operand,)
    if len(parts) != lanes:
        raise i.error(f"{lanes} values, {len(parts)} registers")
    return parts


def _ld(i: Instruction, wave: Wave) -> Step:
    known(i, *SPACES, *HARMLESS, *HINTS, "v2", "v4")
    of, parts = i.type, _parts(i, i.operands[0])
    puts = [wave.target(part, of, i) for part in parts]
    where = i.operands[1]
    if isinstance(where, Address) and isinstance(where.base, Name) and where.base.name in wave.parameters:
        return _parameter(i, wave, where)
    named, address = wave.address(where, i)
    space = space_of(i, named) if named == "generic" else named
    width, size = of.bytes, of.bytes * len(parts)
    access, spaces, bits = wave.access(i), wave.spaces, PtxType("u", of.bits).dtype
    poison = bits.type(int.from_bytes(bytes([POISON]) * width, "little"))

    def step(active: Active) -> None:
        ids = active.ids
        addresses = np.broadcast_to(address(active.at), ids.shape)
        pieces = spaces.pieces(space, addresses, ids, size, access)
        wave.metered("read", pieces, ids, size)
        for lane, put in enumerate(puts):
            found: Array | None = None
            for piece in pieces:
                who = ids if piece.chosen is None else ids[piece.chosen]
                values = piece.store.read(piece.positions + lane * width, width, who, access)
                if piece.chosen is None:
                    found = values
                else:
                    found = np.full(ids.shape, poison, bits) if found is None else found
                    found[piece.chosen] = values
            if found is None:
                found = np.full(ids.shape, poison, bits)
            put(active.at, found.view(of.dtype))

    return step


def _parameter(i: Instruction, wave: Wave, where: Address) -> Step:
    """A parameter of the kernel is the same for all threads."""
    assert isinstance(where.base, Name)
    of, parts = i.type, _parts(i, i.operands[0])
    content = wave.parameters[where.base.name]
    start = where.offset + where.base.offset
    if start < 0 or start + of.bytes * len(parts) > len(content):
        raise i.error(f"beyond the {len(content)} bytes of the parameter")
    values = np.frombuffer(content[start : start + of.bytes * len(parts)], of.dtype)
    puts = [wave.target(part, of, i) for part in parts]

    def step(active: Active) -> None:
        for put, value in zip(puts, values, strict=True):
            put(active.at, value)

    return step


def _st(i: Instruction, wave: Wave) -> Step:
    known(i, *SPACES, *HARMLESS, *HINTS, "v2", "v4")
    of, parts = i.type, _parts(i, i.operands[1])
    gets = [wave.source(part, of, i) for part in parts]
    named, address = wave.address(i.operands[0], i)
    space = space_of(i, named) if named == "generic" else named
    if space == "const":
        raise i.error("constant memory cannot be written")
    width, size = of.bytes, of.bytes * len(parts)
    access, spaces, bits = wave.access(i), wave.spaces, PtxType("u", of.bits).dtype

    def step(active: Active) -> None:
        ids = active.ids
        addresses = np.broadcast_to(address(active.at), ids.shape)
        pieces = spaces.pieces(space, addresses, ids, size, access)
        wave.metered("write", pieces, ids, size)
        for piece in pieces:
            who = ids if piece.chosen is None else ids[piece.chosen]
            for lane, get in enumerate(gets):
                values = np.broadcast_to(np.asarray(get(active.at)).view(bits), ids.shape)
                values = values if piece.chosen is None else values[piece.chosen]
                piece.store.write(piece.positions + lane * width, width, values, who, access)

    return step


def _nothing(i: Instruction, wave: Wave) -> Step:
    return lambda active: None


TABLE: Mapping[str, Callable[[Instruction, Wave], Step]] = {
    "ld": _ld,
    "ldu": _ld,
    "st": _st,
    "membar": _nothing,
    "fence": _nothing,
    "prefetch": _nothing,
    "prefetchu": _nothing,
    "pragma": _nothing,
    "nanosleep": _nothing,
}
