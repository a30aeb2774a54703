"""Numbers of 16 bits.

Enters: their bits, from arrays of uint16. Leaves: intrinsics that make them float32, which holds every one.
They are made of conversions and integer arithmetic without branches, so that loops are vectorised.
"""

from __future__ import annotations

import platform
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from symdl.run.cpu.intrinsics.instructions import SHORT

_FLOAT = ir.FloatType()
_SIGN, _SIZE, _INFINITE, _NORMAL = 0x8000, 0x7FFF, 0x7C00, 0x0400
_SHIFT = 13
"""How many more bits the fraction of a float32 has."""
_BIAS = (127 - 15) << 23
"""What exponents differ by, where they are in a float32."""


@cache
def _converts() -> bool:
    """Say whether the processor has an instruction that makes float16 a float32; otherwise it is a call."""
    if platform.machine().lower() in ("aarch64", "arm64"):
        return True
    return bool(llvm.get_host_cpu_features().get("f16c", False))


@intrinsic
def from_float16(_typing: Any, bits: Any) -> Any:
    """The float32 that a float16 with these bits is."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        if _converts():
            return builder.fpext(builder.bitcast(args[0], ir.HalfType()), _FLOAT)
        return by_bits(builder, builder.zext(args[0], SHORT))

    return types.float32(bits), build


def by_bits(builder: Any, bits: Any) -> Any:
    """Return the same by integer arithmetic. Subnormal ones are a difference of two numbers that are not."""

    def number(value: int) -> Any:
        return ir.Constant(SHORT, value)

    size = builder.and_(bits, number(_SIZE))
    wide = builder.add(builder.shl(size, number(_SHIFT)), number(_BIAS))
    infinite = builder.icmp_unsigned(">=", size, number(_INFINITE))
    wide = builder.select(infinite, builder.add(wide, number(_BIAS)), wide)
    smallest = number(_BIAS + (1 << 23))  # 2⁻¹⁴
    above = builder.add(builder.shl(size, number(_SHIFT)), smallest)
    less = builder.fsub(builder.bitcast(above, _FLOAT), builder.bitcast(smallest, _FLOAT))
    subnormal = builder.icmp_unsigned("<", size, number(_NORMAL))
    value = builder.select(subnormal, builder.bitcast(less, SHORT), wide)
    sign = builder.shl(builder.and_(bits, number(_SIGN)), number(16))
    return builder.bitcast(builder.or_(value, sign), _FLOAT)


@intrinsic
def from_bfloat16(_typing: Any, bits: Any) -> Any:
    """The float32 that a bfloat16 with these bits is: they are the upper half of its own."""

    def build(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        wide = builder.shl(builder.zext(args[0], SHORT), ir.Constant(SHORT, 16))
        return builder.bitcast(wide, _FLOAT)

    return types.float32(bits), build
