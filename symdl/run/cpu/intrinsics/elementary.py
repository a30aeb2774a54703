"""Elementary functions in a form that loops can be vectorised over.

Enters: a real. Leaves: Numba intrinsics that generated modules import. The C library's functions take one
number at a time, which makes activations slower than the matrix products around them; these are ten times
faster. In float32 errors stay below 2 units in the last place for all arguments, in float64 below 3;
infinities, NaN and the sign of 0 are kept. Results of ``exp`` below the smallest normal number are 0.
Where there is no form for float64, the C library's is called. Divisions that round down are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic, register_jitable

from symdl.express.random import GOLDEN, MIX, STRIDE
from symdl.run.cpu.intrinsics.operand import Traced
from symdl.run.elementary import division, exponential, logarithm, trigonometric
from symdl.run.elementary.formats import DOUBLE, SINGLE

_FORMATS = {types.float32: SINGLE, types.float64: DOUBLE}
_ONLY_SINGLE = (exponential.expm1, exponential.erf, logarithm.log1p, trigonometric.sin, trigonometric.cos)
BODIES: dict[str, Callable[..., Any]] = {
    body.__name__: body
    for body in (
        *(exponential.exp, exponential.tanh, logarithm.log, *_ONLY_SINGLE),
        *(trigonometric.near_sin, trigonometric.near_cos, trigonometric.reach),
        *(division.ratio, division.floor_divide, division.remainder),
        *(division.near_floor_divide, division.near_remainder, division.reach_of_two),
    )
}
_WHOLE = ("reach", "reach_of_two")
"""Those that return integers."""


def inline(name: str, kind: Any) -> Callable[..., Any] | None:
    """Return what builds a function of reals of a type, or of vectors of them, into code.

    It gets an LLVM builder and values, and returns one. None if there is no form for the type.
    """
    body, form = BODIES[name], _FORMATS.get(kind)
    if form is None or (body in _ONLY_SINGLE and form is DOUBLE):
        return None
    return lambda builder, *args: body(*(Traced(builder, value) for value in args), form).value


def _function(name: str, count: int = 1) -> Any:
    """Return an intrinsic for so many reals. What is not built into code is called in the C library."""

    def built(kind: Any) -> Any:
        if kind not in _FORMATS:
            return None

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            make = inline(name, kind)
            if make is None:
                return context.get_function(getattr(math, name), signature)(builder, args)
            return make(builder, *args)

        result = types.Integer.from_bitwidth(kind.bitwidth) if name in _WHOLE else kind
        return result(*[kind] * count), build

    def of_one(_typing: Any, x: Any) -> Any:
        return built(x)

    def of_two(_typing: Any, x: Any, _y: Any) -> Any:
        return built(x)

    of = of_one if count == 1 else of_two
    of.__name__ = name
    return intrinsic(of)


exp, expm1, tanh, erf = map(_function, ("exp", "expm1", "tanh", "erf"))
log, log1p = map(_function, ("log", "log1p"))
sin, cos, near_sin, near_cos, reach = map(_function, ("sin", "cos", "near_sin", "near_cos", "reach"))
ratio, floor_divide, remainder, near_floor_divide, near_remainder, reach_of_two = (
    _function(name, 2)
    for name in ("ratio", "floor_divide", "remainder", "near_floor_divide", "near_remainder", "reach_of_two")
)

_GOLDEN, _STRIDE, _ONE = np.uint64(GOLDEN), np.uint64(STRIDE), np.uint64(1)
(_FIRST, _BY_FIRST), (_SECOND, _BY_SECOND) = ((np.uint64(s), np.uint64(f)) for s, f in MIX)
_LAST, _DROPPED = np.uint64(31), np.uint64(40)

_MIDDLE = (
    *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1),
    *(2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3),
    1.23033935479799725e3,
)
_MIDDLE_BELOW = (
    *(1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3),
    *(3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)
_FAR = (
    *(1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1),
    *(1.60837851487422766e-2, 6.58749161529837803e-4),
)
_FAR_BELOW = (
    *(2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2),
    2.33520497626869185e-3,
)


@register_jitable
def erfcx(x: Any) -> Any:
    """Return ``exp(x**2)*erfc(x)``; the quotients of polynomials are those of Cody (1969)."""
    size: Any = abs(np.float64(x))
    top, bottom = _MIDDLE[0] * size, size
    for n in range(7):
        top = (top + _MIDDLE[n + 1]) * size
        bottom = (bottom + _MIDDLE_BELOW[n]) * size
    middle = (top + _MIDDLE[8]) / (bottom + _MIDDLE_BELOW[7])
    far = 1 / max(size, 1.0)
    inverse = far * far
    top, bottom = _FAR[0] * inverse, inverse
    for n in range(4):
        top = (top + _FAR[n + 1]) * inverse
        bottom = (bottom + _FAR_BELOW[n]) * inverse
    far *= 0.5641895835477563 - inverse * (top + _FAR[5]) / (bottom + _FAR_BELOW[4])
    value = far if size > 4 else middle
    if size < 0.46875:
        return type(x)(math.exp(x * x) * math.erfc(x))
    return type(x)(value if x > 0 else 2 * math.exp(size * size) - value)


@register_jitable
def uniform(seed: Any, step: Any, position: Any) -> Any:
    """Return the number in [0, 1) of `symdl.express.random.RandomUniform`."""
    state = np.uint64(np.int64(seed)) * _GOLDEN + np.uint64(np.int64(step)) * _STRIDE
    state += (np.uint64(position) + _ONE) * _GOLDEN
    state = (state ^ (state >> _FIRST)) * _BY_FIRST
    state = (state ^ (state >> _SECOND)) * _BY_SECOND
    state = state ^ (state >> _LAST)
    return np.int64(state >> _DROPPED) * 5.9604644775390625e-08  # 2**-24
