"""Ranks in a row of keys, for compiled code.

Enters: arrays, positions where a row begins in them, how many keys it has. Leaves: functions that generated
modules call (`symdl.run.cpu.intrinsics.matrices`); keys are float32, float64 or int64. NaN is above all
numbers; zeros are equal whatever their signs; equal keys keep their order.

It is a radix sort: bits of a number, as `in_order` turns them, are in the order of the numbers. A pass for
each eight bits puts the keys in the order of these, those of equal bits as they stood; one whose bits are the
same in all keys is left out. Short rows, and others where there is no memory, are counted in pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from symdl.run.cpu.gemm.micro_kernel import behind
from symdl.run.cpu.intrinsics.linalg import release, reserve
from symdl.run.cpu.intrinsics.pointers import integer_at

_behind: Any = behind
_at: Any = integer_at
_SHORT = 40
"""Up to so many keys comparing all pairs takes less time: measured with float64."""
_DIGITS, _BITS = 256, 8


@intrinsic
def in_order(_typing: Any, key: Any) -> Any:
    """An int64 that is larger for larger keys, and equal for equal ones; NaN is the largest."""

    def build(_context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        (kind,), (value,) = signature.args, args
        if isinstance(kind, types.Integer):
            return value
        width = kind.bitwidth
        bits = ir.IntType(width)
        largest = ir.Constant(bits, (1 << (width - 1)) - 1)
        infinity = ir.Constant(bits, 0x7F800000 if width == 32 else 0x7FF0000000000000)
        raw = builder.bitcast(value, bits)
        size = builder.and_(raw, largest)
        below = builder.ashr(raw, ir.Constant(bits, width - 1))
        turned = builder.xor(raw, builder.and_(below, largest))  # a negative number: larger bits are less
        zero = ir.Constant(bits, 0)
        turned = builder.select(builder.icmp_signed("==", size, zero), zero, turned)
        turned = builder.select(builder.icmp_signed(">", size, infinity), largest, turned)
        return builder.sext(turned, ir.IntType(64)) if width == 32 else turned

    return types.int64(key), build


@intrinsic
def digits_of(_typing: Any, keys: Any) -> Any:
    """How many digits of eight bits the keys have to which a pointer points."""

    def build(_context: Any, _builder: Any, _signature: Any, _args: Sequence[Any]) -> Any:
        return ir.Constant(ir.IntType(64), keys.dtype.bitwidth // _BITS)

    return types.int64(keys), build


_in_order: Any = in_order
_digits_of: Any = digits_of


@register_jitable
def _digit(key: int, place: int, last: int) -> int:
    """Return a digit of a key, the first one so that negative keys come first."""
    found = (key >> (_BITS * place)) & (_DIGITS - 1)
    return found ^ (_DIGITS >> 1) if place == last else found


@register_jitable
def _count(result: Any, keys: Any, count: int, flip: int) -> None:
    """Write for each key how many come before it, from all pairs."""
    for i in range(count):
        own, before = _in_order(keys[i]) ^ flip, 0
        for k in range(count):
            other = _in_order(keys[k]) ^ flip
            before += other < own or (other == own and k < i)
        result[i] = before


@register_jitable
def _sort(result: Any, keys: Any, count: int, flip: int, space: Any) -> None:
    """Write the same from the sorted row; `space` has room for ``4 * count`` numbers and all counters."""
    own, places = space, _behind(space, count)
    next_own, next_places = _behind(space, 2 * count), _behind(space, 3 * count)
    counters, digits = _behind(space, 4 * count), _digits_of(keys)
    last = digits - 1
    for i in range(digits * _DIGITS):
        counters[i] = 0
    for i in range(count):
        key = _in_order(keys[i]) ^ flip
        own[i], places[i] = key, i
        for place in range(digits):
            counters[place * _DIGITS + _digit(key, place, last)] += 1
    for place in range(digits):
        counter = _behind(counters, place * _DIGITS)
        if counter[_digit(own[0], place, last)] == count:
            continue
        total = 0
        for i in range(_DIGITS):
            here = counter[i]
            counter[i] = total
            total += here
        for i in range(count):
            key = own[i]
            digit = _digit(key, place, last)
            at = counter[digit]
            counter[digit] = at + 1
            next_own[at], next_places[at] = key, places[i]
        own, next_own = next_own, own
        places, next_places = next_places, places
    for i in range(count):
        result[places[i]] = i


@register_jitable
def _ranked(ranks: Any, ranks_at: int, keys: Any, at: int, count: int, flip: int) -> None:
    result, given = _behind(ranks, ranks_at), _behind(keys, at)
    counters = _digits_of(keys) * _DIGITS
    address: int = 0 if count <= _SHORT else reserve(8 * (4 * count + counters))
    if address == 0:
        _count(result, given, count, flip)
    else:
        _sort(result, given, count, flip, _at(address))
        release(address)


@register_jitable
def rank(ranks: Any, ranks_at: int, keys: Any, at: int, count: int) -> None:
    """Write how many keys come before each one in rising order."""
    _ranked(ranks, ranks_at, keys, at, count, 0)


@register_jitable
def rank_falling(ranks: Any, ranks_at: int, keys: Any, at: int, count: int) -> None:
    """Write how many keys come before each one in falling order, in which NaN is the first."""
    _ranked(ranks, ranks_at, keys, at, count, -1)
