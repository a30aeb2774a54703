"""cvt: between integers and floats of all widths, with rounding, saturation and flushing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.cuda.ptx.operations.common import Unary, known, unary
from tests.cuda.ptx.registers import Step, Wave
from tests.cuda.ptx.rounding import DIRECTIONS, flushed, rounded, saturated, to_odd
from tests.cuda.ptx.syntax import Instruction
from tests.cuda.ptx.types import Array, PtxType

WHOLE: Mapping[str, Unary] = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def _cvt(i: Instruction, wave: Wave) -> Step:
    known(i, *DIRECTIONS, *WHOLE, "ftz", "sat")
    if len(i.types) != 2:
        raise i.error("conversions have two types")
    to, of = i.types
    direction = next((m for m in i.modifiers if m in DIRECTIONS), "rn")
    whole = next((WHOLE[m] for m in i.modifiers if m in WHOLE), None)
    if of.kind == "f" and to.kind == "f":
        convert = _float_to_float(to, of, direction, whole)
    elif of.kind == "f":
        convert = _float_to_integer(to, whole or np.trunc)
    elif to.kind == "f":
        convert = _integer_to_float(to, of, direction)
    else:
        convert = _integer_to_integer(to, of, i.has("sat"))
    return unary(_around(convert, i, to, of), i, wave, to, of)


def _around(convert: Unary, i: Instruction, to: PtxType, of: PtxType) -> Unary:
    """Flush what goes in and comes out, and clip, where asked for."""
    before: Unary = flushed if i.has("ftz") and of.kind == "f" and of.bits == 32 else np.asarray
    flush = i.has("ftz") and to.kind == "f" and to.bits == 32
    clip = i.has("sat") and to.kind == "f"

    def around(values: Array) -> Array:
        found = np.asarray(convert(before(values)))
        found = flushed(found) if flush else found
        return saturated(found) if clip else found

    return around if flush or clip or before is flushed else convert


def _float_to_float(to: PtxType, of: PtxType, direction: str, whole: Unary | None) -> Unary:
    if to.bits == of.bits:
        return whole or np.asarray
    if to.bits > of.bits or direction == "rn":
        before: Unary = np.asarray if whole is None else whole
        return lambda a: before(a).astype(to.dtype)
    if (to.bits, of.bits) == (32, 64):
        return lambda a: rounded(np.asarray(a), direction).reshape(np.shape(a))
    return lambda a: a.astype(to.dtype)


def _float_to_integer(to: PtxType, whole: Unary) -> Unary:
    """To the nearest number of the type; NaN becomes 0."""
    limits = np.iinfo(to.dtype)
    low, high = np.float64(limits.min), np.float64(limits.max)

    def convert(a: Array) -> Array:
        wide = whole(a.astype(np.float64))
        inside = (wide > low) & (wide < high)
        found = np.where(inside, wide, 0.0).astype(to.dtype)
        found = np.where(wide >= high, to.dtype.type(limits.max), found)
        return np.where(wide <= low, to.dtype.type(limits.min), found)

    return convert


def _integer_to_float(to: PtxType, of: PtxType, direction: str) -> Unary:
    if direction == "rn" or (of.bits < 64 and to.bits == 64):
        return lambda a: a.astype(to.dtype)
    if to.bits == 64:
        return lambda a: _directed64(a, direction)
    if of.bits < 64:
        return lambda a: rounded(a.astype(np.float64), direction)

    def convert(a: Array) -> Array:
        near = np.asarray(a.astype(np.float64))
        lost = _difference(np.asarray(a), near)
        return rounded(to_odd(near, lost), direction).reshape(np.shape(a))

    return convert


def _difference(whole: Array, near: Array) -> Array:
    """Return ``whole - near`` for integers of 64 bits and their rounding, exactly."""
    half = np.int64(1 << 32)
    high = np.floor(near / float(half))
    low = near - high * float(half)
    upper = (whole >> whole.dtype.type(32)).astype(np.int64) - high.astype(np.int64)
    lower = (whole & whole.dtype.type(0xFFFFFFFF)).astype(np.int64) - low.astype(np.int64)
    return np.asarray((upper * half + lower).astype(np.float64))


def _directed64(a: Array, direction: str) -> Array:
    near = np.asarray(a.astype(np.float64))
    lost = _difference(np.asarray(a), near)
    down = (lost < 0) & ((direction == "rm") | ((direction == "rz") & (near > 0)))
    up = (lost > 0) & ((direction == "rp") | ((direction == "rz") & (near < 0)))
    near = np.where(down, np.nextafter(near, -np.inf), near)
    return np.where(up, np.nextafter(near, np.inf), near)


def _integer_to_integer(to: PtxType, of: PtxType, clip: bool) -> Unary:
    if not clip:
        return lambda a: a.astype(to.dtype)
    source, target = np.iinfo(of.dtype), np.iinfo(to.dtype)
    low = of.dtype.type(max(source.min, target.min))
    high = of.dtype.type(min(source.max, target.max))
    return lambda a: np.clip(a, low, high).astype(to.dtype)


TABLE: Mapping[str, Callable[[Instruction, Wave], Step]] = {"cvt": _cvt}
