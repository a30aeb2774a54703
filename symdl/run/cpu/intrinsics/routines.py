"""Routines for compiled code.

Enters: the name of a routine, as generated modules import it. Leaves: an intrinsic that calls a C function of
doubles, whose result is of the type of the first argument; or a compiled function, where SciPy has no C
function of real numbers. Machine code names the C functions (``symdl_routine_special_jv``), and who links it
looks up where they are: `symdl.run.routines`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic, register_jitable

from symdl.run.cpu.intrinsics.instructions import call, slot
from symdl.run.routines import LINKED, Source, address, source

_DOUBLE, _INT = ir.DoubleType(), ir.IntType(32)
_KEPT = 256
"""Routines of which the intrinsic is kept, the latest ones."""


def __getattr__(name: str) -> Any:
    """Return the routine of a name."""
    if name.startswith("_"):
        raise AttributeError(name)
    return _routine(name)


@lru_cache(maxsize=_KEPT)
def _routine(name: str) -> Any:
    found = source(name)
    return _intrinsic(name, found) if found is not None else _COMPILED[name]


def _intrinsic(name: str, of: Source) -> Any:
    """Return an intrinsic that calls a C function."""

    def called(*given: Any) -> Any:
        kind = given[0]

        def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            binding.add_symbol(LINKED + name, address(name))  # for Numba, which links it here and now
            doubles = [
                context.cast(builder, value, each, types.float64)
                for value, each in zip(args, given, strict=True)
            ]
            result = _called(builder, LINKED + name, doubles, of)
            return context.cast(builder, result, types.float64, kind)

        return kind(*given), build

    forms: Mapping[int, Callable[..., Any]] = {
        1: lambda _typing, a: called(a),
        2: lambda _typing, a, b: called(a, b),
        3: lambda _typing, a, b, c: called(a, b, c),
        4: lambda _typing, a, b, c, d: called(a, b, c, d),
        5: lambda _typing, a, b, c, d, e: called(a, b, c, d, e),
        6: lambda _typing, a, b, c, d, e, f: called(a, b, c, d, e, f),
    }
    form = forms[of.arguments]
    form.__name__ = name
    return intrinsic(form)


def _called(builder: Any, name: str, doubles: list[Any], of: Source) -> Any:
    """Return the value of a C function."""
    flag = [ir.Constant(_INT, 0)] if of.flag else []
    if not of.values:
        return call(builder, name, _DOUBLE, [*doubles, *flag])
    places = [slot(builder, _DOUBLE) for _ in range(of.values)]
    call(builder, name, ir.VoidType(), [*doubles, *places, *flag])
    return builder.load(places[of.which])


_TAIL = tuple(
    above / below
    for above, below in (
        *((1, 12), (-1, 720), (1, 30240), (-1, 1209600), (1, 47900160), (-691, 1307674368000)),
        *((1, 74724249600), (-3617, 10670622842880000)),
    )
)
"""Bernoulli's numbers over factorials, ``B_2j/(2j)!``."""
_NEAR, _MOST = 12.0, 1e6


@register_jitable
def _hurwitz(s: Any, q: Any) -> Any:
    """Return Hurwitz's zeta function for ``s > 1``, by the sum of Euler and Maclaurin.

    Below 0, where only whole `s` have a real value, it is NaN beyond a million terms.
    """
    order, at = np.float64(s), np.float64(q)
    if not (order > 1.0) or at != at:
        return type(q)(np.inf if order == 1.0 else np.nan)
    if at <= 0.0 and (at == math.floor(at) or order != math.floor(order) or at < -_MOST):
        return type(q)(np.inf if at == math.floor(at) else np.nan)
    total = 0.0
    while at < _NEAR:
        total += at**-order
        at += 1.0
    power = at ** (1.0 - order)
    total += power / (order - 1.0) + 0.5 * power / at
    factor = order * power / (at * at)
    for j in range(len(_TAIL)):
        total += _TAIL[j] * factor
        factor *= (order + 2 * j + 1.0) * (order + 2 * j + 2.0) / (at * at)
    return type(q)(total)


@register_jitable
def _lambert_w(x: Any, branch: Any) -> Any:
    """Return the real solution of ``w exp(w) = x`` on the branch 0 or -1, by Halley's steps."""
    value, lower = np.float64(x), np.float64(branch) == -1.0
    if (
        not (value >= -0.36787944117144233)
        or (lower and value >= 0.0)
        or np.float64(branch) not in (0.0, -1.0)
    ):
        edge = lower and value == 0.0
        return type(x)(-np.inf if edge else np.nan)
    if value == 0.0 or value == np.inf:
        return x
    # e*x + 1, exactly enough near the branch point: e is 2.718281828459045 + 1.4456468917292502e-16
    above = (value + 0.36787944117144233) * 2.718281828459045 - 3.3697e-17
    root = math.sqrt(max(2.0 * above, 0.0))
    root = -root if lower else root
    w = -1.0 + root * (1.0 + root * (-1.0 / 3.0 + root * (11.0 / 72.0 - root * 43.0 / 540.0)))
    if abs(root) < 1e-3:
        return type(x)(w)
    if not lower and value > 1.0:
        w = math.log(value)
        w = w - math.log(w) if value > 3.0 else 0.5 * w + 0.4
    elif lower and value > -0.25:
        w = math.log(-value)
        w -= math.log(-w)
    for _ in range(20):
        grown = math.exp(w)
        error = w * grown - value if abs(w) < 700.0 and grown > 0.0 else 0.0
        if error == 0.0:
            break
        step = error / (grown * (w + 1.0) - (w + 2.0) * error / (2.0 * w + 2.0))
        w -= step
        if abs(step) < 1e-16 * abs(w):
            break
    return type(x)(w)


_COMPILED = {"special_hurwitz": _hurwitz, "special_lambertw": _lambert_w}
