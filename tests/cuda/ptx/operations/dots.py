"""Dot products of parts of integers: `dp2a`, `dp4a`; the compiler writes them for small unsigned factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.cuda.ptx.operations.common import known, ternary
from tests.cuda.ptx.registers import Step, Wave
from tests.cuda.ptx.syntax import Instruction
from tests.cuda.ptx.types import Array, PtxType, type_named


def _parts(value: Array, of: PtxType, bits: int, first: int, count: int) -> list[Array]:
    """Return parts of so many bits, signed as the type is, as int64."""
    wide, found = value.astype(np.int64), []
    for part in range(first, first + count):
        piece = (wide >> np.int64(part * bits)) & np.int64((1 << bits) - 1)
        if of.kind == "s":
            piece = np.where(piece >> np.int64(bits - 1), piece - np.int64(1 << bits), piece)
        found.append(piece)
    return found


def _dot(i: Instruction, wave: Wave) -> Step:
    known(i, "lo", "hi")
    one, other = i.types
    result = type_named("s32" if "s" in one.kind + other.kind else "u32")
    count, bits = (2, 16) if i.opcode == "dp2a" else (4, 8)
    first = 2 if i.has("hi") else 0

    def dot(a: Array, b: Array, c: Array) -> Array:
        pairs = zip(_parts(a, one, bits, 0, count), _parts(b, other, 8, first, count), strict=True)
        total = sum((x * y for x, y in pairs), c.astype(np.int64))
        return np.asarray(total & 0xFFFFFFFF, np.int64).astype(np.uint32).view(result.dtype)

    return ternary(dot, i, wave, result, one, other, result)


TABLE: Mapping[str, Callable[[Instruction, Wave], Step]] = {"dp2a": _dot, "dp4a": _dot}
