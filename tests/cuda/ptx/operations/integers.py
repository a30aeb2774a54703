"""Integer arithmetic: add, sub, mul, mad, div, rem, min, max, abs, neg, with carries and wide results.

`add`, `sub`, `mul`, `mad`, `div`, `min`, `max`, `abs` and `neg` lead on to `floats` where their type is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.cuda.ptx.operations import floats
from tests.cuda.ptx.operations.common import Binary, Unary, binary, known, ternary, unary
from tests.cuda.ptx.registers import Active, Step, Wave
from tests.cuda.ptx.syntax import Instruction
from tests.cuda.ptx.types import Array, PtxType

Build = Callable[[Instruction, Wave], Step]


def _add(i: Instruction, wave: Wave) -> Step:
    if i.has("cc") or i.opcode in ("addc", "subc"):
        return _carrying(i, wave)
    known(i, "sat")
    function: Binary = np.add if i.opcode == "add" else np.subtract
    if i.has("sat"):
        limits = np.iinfo(i.type.dtype)
        wide: Binary = function

        def function(a: Array, b: Array) -> Array:
            return np.clip(wide(a.astype(np.int64), b.astype(np.int64)), limits.min, limits.max)

    return binary(function, i, wave, i.type, i.type, i.type)


def _carrying(i: Instruction, wave: Wave) -> Step:
    """add.cc, addc, sub.cc, subc: the carry is a register of its own."""
    known(i, "cc")
    of = PtxType("u", i.type.bits)
    first, second = wave.source(i.operands[1], of, i), wave.source(i.operands[2], of, i)
    put = wave.target(i.operands[0], of, i)
    carry, uses, sets = wave.carry, i.opcode in ("addc", "subc"), i.has("cc")
    minus = i.opcode in ("sub", "subc")

    def step(active: Active) -> None:
        at = active.at
        a, b = first(at), second(at)
        before = carry[at].astype(of.dtype) if uses else of.dtype.type(0)
        once = a - b if minus else a + b
        twice = once - before if minus else once + before
        out = (a < b) | (once < before) if minus else (once < a) | (twice < once)
        put(at, twice)
        if sets:
            carry[at] = out

    return step


def high(of: PtxType) -> Binary:
    """The upper half of a product."""
    if of.bits < 64:
        wide, shift = of.wide().dtype, of.wide().dtype.type(of.bits)
        return lambda a, b: ((a.astype(wide) * b.astype(wide)) >> shift).astype(of.dtype)
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)

    def unsigned(a: Array, b: Array) -> Array:
        a0, a1, b0, b1 = a & low, a >> half, b & low, b >> half
        middle = a1 * b0 + ((a0 * b0) >> half)
        other = (middle & low) + a0 * b1
        return np.asarray(a1 * b1 + (middle >> half) + (other >> half))

    if of.kind == "u":
        return unsigned

    def signed(a: Array, b: Array) -> Array:
        x, y = a.view(np.uint64), b.view(np.uint64)
        zero = np.uint64(0)
        found = unsigned(x, y) - np.where(a < 0, y, zero) - np.where(b < 0, x, zero)
        return found.view(np.int64)

    return signed


def _product(i: Instruction) -> tuple[Binary, PtxType]:
    """Return the product that ``.lo``, ``.hi`` or ``.wide`` names, and its type."""
    of = i.type
    if i.has("wide"):
        wide = of.wide().dtype
        return (lambda a, b: a.astype(wide) * b.astype(wide)), of.wide()
    if i.has("hi"):
        return high(of), of
    if i.has("lo"):
        return np.multiply, of
    raise i.error("neither lo nor hi nor wide")


def _mul(i: Instruction, wave: Wave) -> Step:
    known(i, "lo", "hi", "wide")
    product, result = _product(i)
    return binary(product, i, wave, result, i.type, i.type)


def _mad(i: Instruction, wave: Wave) -> Step:
    if i.has("cc") or i.opcode == "madc":
        return _mad_carrying(i, wave)
    known(i, "lo", "hi", "wide")
    product, result = _product(i)
    return ternary(lambda a, b, c: product(a, b) + c, i, wave, result, i.type, i.type, result)


def _mad_carrying(i: Instruction, wave: Wave) -> Step:
    known(i, "lo", "hi", "cc")
    product, of = _product(i)
    unsigned = PtxType("u", of.bits)
    first, second = (wave.source(operand, of, i) for operand in i.operands[1:3])
    third, put = wave.source(i.operands[3], unsigned, i), wave.target(i.operands[0], unsigned, i)
    carry, uses, sets = wave.carry, i.opcode == "madc", i.has("cc")

    def step(active: Active) -> None:
        at = active.at
        a = product(first(at), second(at)).view(unsigned.dtype)
        once = a + third(at)
        twice = once + carry[at].astype(unsigned.dtype) if uses else once
        out = (once < a) | (twice < once)
        put(at, twice)
        if sets:
            carry[at] = out

    return step


def _divided(of: PtxType, remainder: bool) -> Binary:
    """Quotient towards zero, or the remainder that belongs to it; all bits set where the divisor is 0."""

    def divide(a: Array, b: Array) -> Array:
        by_zero = b == 0
        divisor = np.where(by_zero, of.dtype.type(1), b)
        rest = np.fmod(a, divisor)
        found = rest if remainder else (a - rest) // divisor
        ones = np.asarray((1 << of.bits) - 1, PtxType("u", of.bits).dtype).view(of.dtype)
        return np.where(by_zero, ones, found)

    return divide


def _div(i: Instruction, wave: Wave) -> Step:
    known(i)
    return binary(_divided(i.type, i.opcode == "rem"), i, wave, i.type, i.type, i.type)


def _extreme(i: Instruction, wave: Wave) -> Step:
    known(i)
    return binary(np.minimum if i.opcode == "min" else np.maximum, i, wave, i.type, i.type, i.type)


def _one(function: Unary) -> Build:
    def build(i: Instruction, wave: Wave) -> Step:
        known(i)
        return unary(function, i, wave, i.type, i.type)

    return build


def _sad(i: Instruction, wave: Wave) -> Step:
    known(i)
    return ternary(lambda a, b, c: c + np.where(a < b, b - a, a - b), i, wave, i.type, i.type, i.type, i.type)


def _either(of_integers: Build, of_floats: Build) -> Build:
    return lambda i, wave: (of_floats if i.type.kind == "f" else of_integers)(i, wave)


TABLE: Mapping[str, Build] = {
    "add": _either(_add, floats.add),
    "sub": _either(_add, floats.add),
    "addc": _add,
    "subc": _add,
    "mul": _either(_mul, floats.mul),
    "mad": _either(_mad, floats.fma),
    "madc": _mad,
    "div": _either(_div, floats.div),
    "rem": _div,
    "min": _either(_extreme, floats.extreme),
    "max": _either(_extreme, floats.extreme),
    "abs": _either(_one(np.abs), floats.sign),
    "neg": _either(_one(np.negative), floats.sign),
    "sad": _sad,
}
