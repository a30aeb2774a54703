"""Floating-point arithmetic, float32 and float64, with rounding directions, ``.ftz`` and ``.sat``.

The ``.approx`` functions are computed in float64 and rounded once: closer than the hardware, which is free to
be off by an ulp or two. Those of float64 keep the upper 32 bits only, as the hardware does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.cuda.ptx.operations.common import Binary, Unary, binary, known, ternary, unary
from tests.cuda.ptx.registers import Step, Wave
from tests.cuda.ptx.rounding import (
    DIRECTIONS,
    add32,
    flushed,
    fma32,
    fma64,
    mul32,
    quotient32,
    root32,
    saturated,
)
from tests.cuda.ptx.syntax import Instruction
from tests.cuda.ptx.types import Array, PtxType


def _direction(i: Instruction) -> str:
    return next((m for m in i.modifiers if m in DIRECTIONS), "rn")


def _narrow(i: Instruction) -> bool:
    if i.type.bits not in (32, 64):
        raise i.error("arithmetic of this width is not known")
    return i.type.bits == 32


def _finished(i: Instruction) -> Unary | None:
    """What is done to a result: flushed, clipped, or nothing."""
    ftz, sat = i.has("ftz") and i.type.bits == 32, i.has("sat")
    if ftz and sat:
        return lambda values: saturated(flushed(values))
    return flushed if ftz else saturated if sat else None


def _two(function: Binary, i: Instruction, wave: Wave) -> Step:
    finish, of = _finished(i), i.type
    if finish is None:
        return binary(function, i, wave, of, of, of)
    if i.has("ftz"):
        return binary(lambda a, b: finish(function(flushed(a), flushed(b))), i, wave, of, of, of)
    return binary(lambda a, b: finish(function(a, b)), i, wave, of, of, of)


def _one(function: Unary, i: Instruction, wave: Wave) -> Step:
    finish, of = _finished(i), i.type
    if finish is None:
        return unary(function, i, wave, of, of)
    if i.has("ftz"):
        return unary(lambda a: finish(function(flushed(a))), i, wave, of, of)
    return unary(lambda a: finish(function(a)), i, wave, of, of)


def add(i: Instruction, wave: Wave) -> Step:
    known(i, *DIRECTIONS, "ftz", "sat")
    direction, minus = _direction(i), i.opcode == "sub"
    if direction == "rn":
        _narrow(i)
        return _two(np.subtract if minus else np.add, i, wave)
    if _narrow(i):
        return _two(lambda a, b: add32(a, -b if minus else b, direction), i, wave)
    one = np.asarray(1.0)
    return _two(lambda a, b: fma64(np.asarray(a), one, -b if minus else b, direction), i, wave)


def mul(i: Instruction, wave: Wave) -> Step:
    known(i, *DIRECTIONS, "ftz", "sat")
    direction = _direction(i)
    if direction == "rn":
        _narrow(i)
        return _two(np.multiply, i, wave)
    if _narrow(i):
        return _two(lambda a, b: mul32(a, b, direction), i, wave)
    return _two(lambda a, b: fma64(a, b, np.copysign(0.0, a * b), direction), i, wave)


def fma(i: Instruction, wave: Wave) -> Step:
    known(i, *DIRECTIONS, "ftz", "sat")
    direction, finish, of = _direction(i), _finished(i), i.type
    fused = fma32 if _narrow(i) else fma64
    if finish is None:
        return ternary(lambda a, b, c: fused(a, b, c, direction), i, wave, of, of, of, of)
    before: Unary = flushed if i.has("ftz") else np.asarray
    return ternary(
        lambda a, b, c: finish(fused(before(a), before(b), before(c), direction)), i, wave, of, of, of, of
    )


def _once(function: Callable[..., Array]) -> Callable[..., Array]:
    """Compute in float64 and round once to float32."""
    return lambda *values: np.asarray(function(*(v.astype(np.float64) for v in values))).astype(np.float32)


def div(i: Instruction, wave: Wave) -> Step:
    known(i, *DIRECTIONS, "ftz", "approx", "full")
    if not _narrow(i):
        if _direction(i) != "rn":
            raise i.error("this rounding of a float64 quotient is not known")
        return _two(np.divide, i, wave)
    if i.has("approx") or i.has("full"):
        return _two(_once(np.divide), i, wave)
    direction = _direction(i)
    return _two(lambda a, b: quotient32(a, b, direction), i, wave)


def least(a: Array, b: Array) -> Array:
    """The smaller number; NaN only if both are; -0 is smaller than 0."""
    return _zeros(np.fmin(a, b), a, b, np.bitwise_or)


def greatest(a: Array, b: Array) -> Array:
    return _zeros(np.fmax(a, b), a, b, np.bitwise_and)


def _zeros(found: Array, a: Array, b: Array, join: Binary) -> Array:
    zeros = (a == 0) & (b == 0)
    if not zeros.any():
        return found
    bits = f"u{found.dtype.itemsize}"
    joined = join(np.asarray(a).view(bits), np.asarray(b).view(bits))
    return np.where(zeros, np.asarray(joined).view(found.dtype), found)


def extreme(i: Instruction, wave: Wave) -> Step:
    known(i, "ftz", "NaN")
    _narrow(i)
    plain = least if i.opcode == "min" else greatest
    if not i.has("NaN"):
        return _two(plain, i, wave)
    return _two(
        lambda a, b: np.where(np.isnan(a) | np.isnan(b), i.type.dtype.type(np.nan), plain(a, b)), i, wave
    )


def sign(i: Instruction, wave: Wave) -> Step:
    known(i, "ftz")
    _narrow(i)
    return _one(np.abs if i.opcode == "abs" else np.negative, i, wave)


def _copysign(i: Instruction, wave: Wave) -> Step:
    """copysign.f32 d, a, b: the sign of `a`, the size of `b`."""
    known(i)
    return _two(lambda a, b: np.copysign(b, a), i, wave)


def _upper(values: Array) -> Array:
    """Keep the upper 32 bits of float64 and flush, as ``.approx.ftz.f64`` does."""
    bits = np.asarray(flushed(np.asarray(values))).view(np.uint64) & np.uint64(0xFFFFFFFF00000000)
    return bits.view(np.float64)


def _root(values: Array) -> Array:
    return np.asarray(1 / np.sqrt(values))


def _inverse(i: Instruction, wave: Wave) -> Step:
    """rcp, sqrt and rsqrt."""
    known(i, *DIRECTIONS, "ftz", "approx")
    functions: dict[str, Unary] = {"rcp": np.reciprocal, "sqrt": np.sqrt, "rsqrt": _root}
    function = functions[i.opcode]
    direction = _direction(i)
    if _narrow(i):
        if i.has("approx"):
            return _one(_once(function), i, wave)
        if i.opcode == "rcp":
            return _one(lambda a: quotient32(np.ones((), np.float32), a, direction), i, wave)
        return _one(lambda a: root32(a, direction), i, wave)
    if i.has("approx"):
        return unary(lambda a: _upper(function(flushed(np.asarray(a)))), i, wave, i.type, i.type)
    if direction != "rn":
        raise i.error("this rounding of float64 is not known")
    return _one(function, i, wave)


def _approximate(function: Unary) -> Callable[[Instruction, Wave], Step]:
    def build(i: Instruction, wave: Wave) -> Step:
        known(i, "approx", "ftz")
        if not _narrow(i):
            raise i.error("only float32 has it")
        return _one(_once(function), i, wave)

    return build


def _testp(i: Instruction, wave: Wave) -> Step:
    known(i, "finite", "infinite", "number", "notanumber", "normal", "subnormal")
    tiny = np.finfo(i.type.dtype).tiny
    tests: dict[str, Unary] = {
        "finite": np.isfinite,
        "infinite": np.isinf,
        "number": lambda a: ~np.isnan(a),
        "notanumber": np.isnan,
        "normal": lambda a: np.isfinite(a) & (np.abs(a) >= tiny),
        "subnormal": lambda a: (np.abs(a) < tiny) & (a != 0),
    }
    return unary(tests[i.modifiers[0]], i, wave, PtxType("pred", 1), i.type)


TABLE: Mapping[str, Callable[[Instruction, Wave], Step]] = {
    "fma": fma,
    "copysign": _copysign,
    "rcp": _inverse,
    "sqrt": _inverse,
    "rsqrt": _inverse,
    "ex2": _approximate(np.exp2),
    "lg2": _approximate(np.log2),
    "sin": _approximate(np.sin),
    "cos": _approximate(np.cos),
    "tanh": _approximate(np.tanh),
    "testp": _testp,
}
