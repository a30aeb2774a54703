"""Bits: logic, shifts, fields, counts and permutations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.cuda.ptx.operations.common import Binary, Unary, binary, known, ternary, unary
from tests.cuda.ptx.registers import Active, Step, Wave
from tests.cuda.ptx.syntax import Instruction
from tests.cuda.ptx.types import U32, Array, PtxType

Build = Callable[[Instruction, Wave], Step]


def _logic(function: Binary) -> Build:
    def build(i: Instruction, wave: Wave) -> Step:
        known(i)
        return binary(function, i, wave, i.type, i.type, i.type)

    return build


def _not(i: Instruction, wave: Wave) -> Step:
    known(i)
    return unary(np.logical_not if i.type.kind == "pred" else np.invert, i, wave, i.type, i.type)


def _cnot(i: Instruction, wave: Wave) -> Step:
    known(i)
    return unary(lambda a: (a == 0).astype(a.dtype), i, wave, i.type, i.type)


def _shift(i: Instruction, wave: Wave) -> Step:
    """Shift; by the width or more leaves nothing, or the sign."""
    known(i)
    of, left = i.type, i.opcode == "shl"
    last = np.uint32(of.bits - 1)

    def shift(a: Array, amount: Array) -> Array:
        far = amount > last
        by = np.minimum(amount, last).astype(of.dtype)
        found: Array = np.left_shift(a, by) if left else np.right_shift(a, by)
        if of.kind == "s" and not left:
            return found
        return np.where(far, of.dtype.type(0), found) if np.any(far) else found

    return binary(shift, i, wave, of, of, U32)


def _funnel(i: Instruction, wave: Wave) -> Step:
    """shf.l or shf.r of the 64 bits ``b:a``: the upper, or the lower, half after the shift."""
    known(i, "l", "r", "wrap", "clamp")
    left, wrap = i.has("l"), i.has("wrap")
    low, high, amount = (wave.source(operand, U32, i) for operand in i.operands[1:4])
    put = wave.target(i.operands[0], U32, i)
    half = np.uint64(32)

    def step(active: Active) -> None:
        at = active.at
        both = (high(at).astype(np.uint64) << half) | low(at).astype(np.uint64)
        by = amount(at)
        by = (by & np.uint32(31) if wrap else np.minimum(by, np.uint32(32))).astype(np.uint64)
        put(at, ((both << by) >> half if left else both >> by).astype(np.uint32))

    return step


def _extract(i: Instruction, wave: Wave) -> Step:
    """bfe: `length` bits of `a` from `start` on, with the sign of the last one if signed."""
    known(i)
    of = i.type
    wide, width = PtxType("u", of.bits).dtype, of.bits

    def extract(a: Array, start: Array, length: Array) -> Array:
        first, count = start.astype(np.int64) & 0xFF, length.astype(np.int64) & 0xFF
        bits = np.asarray(a).view(wide)
        found = _right(bits, first, width) & _ones(count, wide)
        if of.kind == "s":
            last = np.minimum(first + count - 1, width - 1)
            negative = ((_right(bits, last, width) & wide.type(1)) != 0) & (count > 0)
            filled: Array = ~_ones(np.minimum(count, np.maximum(width - first, 0)), wide)
            found = np.asarray(np.where(negative, found | filled, found))
        return np.asarray(found).view(of.dtype)

    return ternary(extract, i, wave, of, of, U32, U32)


def _right(bits: Array, by: Array, width: int) -> Array:
    shifted: Array = bits >> np.minimum(by, width - 1).astype(bits.dtype)
    return np.where(by < width, shifted, bits.dtype.type(0))


def _ones(count: Array, dtype: np.dtype[np.unsignedinteger]) -> Array:
    """Numbers whose lowest `count` bits are set."""
    width = dtype.itemsize * 8
    one = dtype.type(1)
    part = (one << np.minimum(count, width - 1).astype(dtype)) - one
    return np.where(count >= width, dtype.type((1 << width) - 1), part)


def _insert(i: Instruction, wave: Wave) -> Step:
    """bfi d, a, b, start, length: the low bits of `a` put into `b`."""
    known(i)
    of = i.type
    width = of.bits
    a, b = (wave.source(operand, of, i) for operand in i.operands[1:3])
    start, length = (wave.source(operand, U32, i) for operand in i.operands[3:5])
    put = wave.target(i.operands[0], of, i)

    def step(active: Active) -> None:
        at = active.at
        first, count = start(at).astype(np.int64) & 0xFF, length(at).astype(np.int64) & 0xFF
        by = np.minimum(first, width - 1).astype(of.dtype)
        mask = np.where(first < width, _ones(count, of.dtype) << by, of.dtype.type(0))
        put(at, (b(at) & ~mask) | ((a(at) << by) & mask))

    return step


def _reversed(a: Array) -> Array:
    octets = np.ascontiguousarray(np.atleast_1d(a)).view(np.uint8).reshape(-1, a.dtype.itemsize)
    spread = np.unpackbits(octets, axis=1, bitorder="little")[:, ::-1]
    return np.packbits(spread, axis=1, bitorder="little").view(a.dtype).reshape(-1)


def leading(a: Array) -> Array:
    """How many zeros stand before the first bit that is set."""
    width = a.dtype.itemsize * 8
    left, count = np.array(a, copy=True), np.where(a == 0, width, 0)
    step = width // 2
    while step:
        empty = (left >> a.dtype.type(width - step)) == 0
        left = np.where(empty, left << a.dtype.type(step), left)
        count = np.where(empty & (a != 0), count + step, count)
        step //= 2
    return count.astype(np.uint32)


def _count(function: Unary) -> Build:
    def build(i: Instruction, wave: Wave) -> Step:
        known(i)
        return unary(lambda a: function(a).astype(np.uint32), i, wave, U32, i.type)

    return build


def _find(i: Instruction, wave: Wave) -> Step:
    """bfind: the position of the highest bit that differs from the sign; all bits set if there is none."""
    known(i, "shiftamt")
    of, amount = i.type, i.has("shiftamt")
    unsigned = PtxType("u", of.bits).dtype

    def find(a: Array) -> Array:
        bits = np.where(a < 0, ~a, a).astype(unsigned)
        zeros = leading(bits)
        place = zeros if amount else np.uint32(of.bits - 1) - zeros
        return np.where(bits == 0, np.uint32(0xFFFFFFFF), place)

    return unary(find, i, wave, U32, of)


def _permute(i: Instruction, wave: Wave) -> Step:
    """prmt: four bytes picked of the eight in ``b:a``; a selector's highest bit spreads the sign."""
    known(i)

    def permute(a: Array, b: Array, selector: Array) -> Array:
        both = (b.astype(np.uint64) << np.uint64(32)) | a.astype(np.uint64)
        found: Array = np.zeros((), np.uint32)
        for place in range(4):
            pick = (selector >> np.uint32(4 * place)) & np.uint32(15)
            octet = (both >> ((pick & np.uint32(7)).astype(np.uint64) * np.uint64(8))) & np.uint64(0xFF)
            spread = np.where(octet >= 128, np.uint64(0xFF), np.uint64(0))
            octet = np.where(pick >= 8, spread, octet)
            found = found | (octet.astype(np.uint32) << np.uint32(8 * place))
        return np.asarray(found)

    return ternary(permute, i, wave, U32, U32, U32, U32)


def _lookup(i: Instruction, wave: Wave) -> Step:
    """lop3: any function of three bits, given as a table of eight."""
    known(i)
    a, b, c = (wave.source(operand, U32, i) for operand in i.operands[1:4])
    table, put = wave.source(i.operands[4], U32, i), wave.target(i.operands[0], U32, i)

    def step(active: Active) -> None:
        at = active.at
        x, y, z, chosen = a(at), b(at), c(at), int(np.asarray(table(at)).flat[0])
        found = np.zeros_like(x | y | z)
        for case in range(8):
            if chosen >> case & 1:
                found |= (x if case & 4 else ~x) & (y if case & 2 else ~y) & (z if case & 1 else ~z)
        put(at, found)

    return step


TABLE: Mapping[str, Build] = {
    "and": _logic(np.bitwise_and),
    "or": _logic(np.bitwise_or),
    "xor": _logic(np.bitwise_xor),
    "not": _not,
    "cnot": _cnot,
    "shl": _shift,
    "shr": _shift,
    "shf": _funnel,
    "bfe": _extract,
    "bfi": _insert,
    "popc": _count(np.bitwise_count),
    "clz": _count(leading),
    "brev": lambda i, wave: unary(_reversed, i, wave, i.type, i.type),
    "bfind": _find,
    "prmt": _permute,
    "lop3": _lookup,
}
