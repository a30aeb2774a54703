"""Comparisons and choices: setp, set, selp, slct."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.cuda.ptx.operations.common import Binary, known
from tests.cuda.ptx.registers import Active, Step, Wave
from tests.cuda.ptx.rounding import flushed
from tests.cuda.ptx.syntax import Both, Instruction
from tests.cuda.ptx.types import F32, PRED, S32, Array

PLAIN: Mapping[str, Binary] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
UNSIGNED: Mapping[str, Binary] = {
    "lo": np.less,
    "ls": np.less_equal,
    "hi": np.greater,
    "hs": np.greater_equal,
}
JOINS: Mapping[str, Binary] = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}


def _unordered(a: Array, b: Array) -> Array:
    return np.isnan(a) | np.isnan(b)


def comparison(i: Instruction) -> Binary:
    """Return what an instruction compares by; of floats, ``ne`` is false and ``neu`` is true with NaN."""
    name = i.modifiers[0]
    if i.type.kind != "f":
        found = PLAIN.get(name) or UNSIGNED.get(name)
        if found is None:
            raise i.error(f"comparison {name} is not known")
        return found
    if name == "num":
        return lambda a, b: ~_unordered(a, b)
    if name == "nan":
        return _unordered
    if name == "ne":
        return lambda a, b: (a != b) & ~_unordered(a, b)
    if name in PLAIN:
        return PLAIN[name]
    if name == "neu":
        return np.not_equal
    plain = PLAIN.get(name.removesuffix("u"))
    if plain is None:
        raise i.error(f"comparison {name} is not known")
    return lambda a, b: plain(a, b) | _unordered(a, b)


def _compared(i: Instruction, wave: Wave) -> Callable[[slice | Array], tuple[Array, Array]]:
    """Return a function that gives the outcome, and its opposite, joined with the third operand."""
    known(i, i.modifiers[0], *JOINS, "ftz")
    compare = comparison(i)
    a, b = wave.source(i.operands[1], i.type, i), wave.source(i.operands[2], i.type, i)
    ftz = i.has("ftz") and i.type == F32
    join = next((JOINS[m] for m in i.modifiers[1:] if m in JOINS), None)
    third = wave.predicate(i.operands[3], i) if join else None

    def outcome(at: slice | Array) -> tuple[Array, Array]:
        x, y = a(at), b(at)
        found = compare(flushed(x), flushed(y)) if ftz else compare(x, y)
        if join is None or third is None:
            return found, ~found
        more = third(at)
        return join(found, more), join(~found, more)

    return outcome


def _setp(i: Instruction, wave: Wave) -> Step:
    outcome = _compared(i, wave)
    to = i.operands[0]
    first, second = (to.first, to.second) if isinstance(to, Both) else (to, None)
    put = wave.target(first, PRED, i)
    other = None if second is None else wave.target(second, PRED, i)

    def step(active: Active) -> None:
        found, opposite = outcome(active.at)
        put(active.at, found)
        if other is not None:
            other(active.at, opposite)

    return step


def _set(i: Instruction, wave: Wave) -> Step:
    """set: 1.0 as a float32, or all bits, where true."""
    outcome = _compared(i, wave)
    of = i.types[0]
    put = wave.target(i.operands[0], of, i)
    true = np.float32(1) if of.kind == "f" else np.asarray(0xFFFFFFFF, np.uint32).view(of.dtype)[()]

    def step(active: Active) -> None:
        put(active.at, np.where(outcome(active.at)[0], true, of.dtype.type(0)))

    return step


def _selp(i: Instruction, wave: Wave) -> Step:
    known(i)
    a, b = wave.source(i.operands[1], i.type, i), wave.source(i.operands[2], i.type, i)
    which, put = wave.predicate(i.operands[3], i), wave.target(i.operands[0], i.type, i)

    def step(active: Active) -> None:
        at = active.at
        put(at, np.where(which(at), a(at), b(at)))

    return step


def _slct(i: Instruction, wave: Wave) -> Step:
    """slct d, a, b, c: `a` where `c` is not negative."""
    known(i, "ftz")
    of, by = i.types[0], i.types[-1] if i.types[-1].kind == "f" else S32
    a, b = wave.source(i.operands[1], of, i), wave.source(i.operands[2], of, i)
    sign, put = wave.source(i.operands[3], by, i), wave.target(i.operands[0], of, i)

    def step(active: Active) -> None:
        at = active.at
        put(at, np.where(sign(at) >= 0, a(at), b(at)))

    return step


TABLE: Mapping[str, Callable[[Instruction, Wave], Step]] = {
    "setp": _setp,
    "set": _set,
    "selp": _selp,
    "slct": _slct,
}
