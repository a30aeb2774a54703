"""The exponential and the hyperbolic tangent in a form that loops can be vectorised over.

Enters: a real. Leaves: Numba intrinsics that generated modules import. The C library's functions take one
number at a time, which makes activations slower than the matrix products around them.

``exp(x) = 2**n * exp(r)`` with ``n = round(x / log 2)``, and ``exp(r)`` by its series; ``tanh`` is a rational
function near 0 and ``1 - 2/(exp(2x) + 1)`` elsewhere. Errors stay below 3 units in the last place; results
below the smallest normal number are 0; infinities and NaN are kept. Every product with a sum is one fused
operation, which the compiler's freedom to reorder sums leaves alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, register_jitable

from symdl.express.random import GOLDEN, MIX, STRIDE


@dataclass(frozen=True, slots=True)
class _Format:
    """A floating-point format and the constants for it."""

    integer: Any
    mantissa: int
    bias: int
    overflow: float
    log2_high: float
    log2_low: float
    terms: int
    tanh_top: tuple[float, ...]
    tanh_bottom: tuple[float, ...]


# The quotients of polynomials for tanh on [-0.625, 0.625], in x**2, highest power first (Cephes).
_FORMATS = {
    types.float32: _Format(
        integer=ir.IntType(32),
        mantissa=23,
        bias=127,
        overflow=88.72283,
        log2_high=0.693359375,
        log2_low=-2.12194440e-4,
        terms=8,
        tanh_top=(
            -5.70498872745e-3,
            2.06390887954e-2,
            -5.37397155531e-2,
            1.33314422036e-1,
            -3.33332819422e-1,
        ),
        tanh_bottom=(1.0,),
    ),
    types.float64: _Format(
        integer=ir.IntType(64),
        mantissa=52,
        bias=1023,
        overflow=709.782712893384,
        log2_high=6.93145751953125e-1,
        log2_low=1.42860682030941723212e-6,
        terms=15,
        tanh_top=(-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3),
        tanh_bottom=(1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3),
    ),
}


class _Code:
    """Builds instructions on values of one format."""

    def __init__(self, builder: Any, kind: Any, form: _Format) -> None:
        self.builder, self.kind, self.form = builder, kind, form

    def number(self, value: float) -> Any:
        return ir.Constant(self.kind, value)

    def fused(self, a: Any, b: Any, c: Any) -> Any:
        """Return ``a*b + c``, rounded once."""
        return self.call("fma", a, b, c)

    def call(self, name: str, *args: Any) -> Any:
        function = self.builder.module.declare_intrinsic(
            f"llvm.{name}", [self.kind], ir.FunctionType(self.kind, [self.kind] * len(args))
        )
        return self.builder.call(function, args)

    def horner(self, coefficients: tuple[float, ...], x: Any) -> Any:
        """Return a polynomial, highest power first."""
        result = self.number(coefficients[0])
        for coefficient in coefficients[1:]:
            result = self.fused(result, x, self.number(coefficient))
        return result

    def choose(self, comparison: str, a: Any, b: Any, yes: Any, no: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered(comparison, a, b), yes, no)

    def exp(self, x: Any) -> Any:
        form, builder = self.form, self.builder
        lowest = -(form.bias - 1) * math.log(2)
        top = self.number(form.overflow)
        # A NaN is not greater than anything: it goes on as `lowest` and comes back at the end.
        inside = self.choose(">", x, self.number(lowest), x, self.number(lowest))
        inside = self.choose("<", inside, top, inside, top)
        turns = self.call("rint", builder.fmul(inside, self.number(1 / math.log(2))))
        turns = self.choose("<", turns, self.number(form.bias), turns, self.number(form.bias))
        rest = self.fused(turns, self.number(-form.log2_high), inside)
        rest = self.fused(turns, self.number(-form.log2_low), rest)
        series = tuple(1 / math.factorial(n) for n in range(form.terms, -1, -1))
        bits = builder.add(builder.fptosi(turns, form.integer), ir.Constant(form.integer, form.bias))
        power = builder.bitcast(builder.shl(bits, ir.Constant(form.integer, form.mantissa)), self.kind)
        value = builder.fmul(self.horner(series, rest), power)
        value = self.choose("<", x, self.number(lowest), self.number(0.0), value)
        value = self.choose(">", x, top, self.number(math.inf), value)
        return builder.select(builder.fcmp_unordered("uno", x, x), x, value)

    def tanh(self, x: Any) -> Any:
        builder, form, one = self.builder, self.form, self.number(1.0)
        size = self.call("fabs", x)
        square = builder.fmul(x, x)
        quotient = builder.fdiv(self.horner(form.tanh_top, square), self.horner(form.tanh_bottom, square))
        near = self.fused(builder.fmul(x, square), quotient, x)
        grown = self.exp(builder.fadd(size, size))
        far = builder.fsub(one, builder.fdiv(self.number(2.0), builder.fadd(grown, one)))
        return self.choose("<", size, self.number(0.625), near, self.call("copysign", far, x))


def _function(name: str) -> Any:
    def of(_typing: Any, x: Any) -> Any:
        form = _FORMATS.get(x)
        if form is None:
            return None

        def build(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            code = _Code(builder, context.get_value_type(x), form)
            return getattr(code, name)(args[0])

        return x(x), build

    of.__name__ = name
    return intrinsic(of)


exp = _function("exp")
tanh = _function("tanh")

_GOLDEN, _STRIDE, _ONE = np.uint64(GOLDEN), np.uint64(STRIDE), np.uint64(1)
(_FIRST, _BY_FIRST), (_SECOND, _BY_SECOND) = ((np.uint64(s), np.uint64(f)) for s, f in MIX)
_LAST, _DROPPED = np.uint64(31), np.uint64(40)


@register_jitable
def uniform(seed: Any, step: Any, position: Any) -> Any:
    """Return the number in [0, 1) of `symdl.express.random.RandomUniform`."""
    state = np.uint64(np.int64(seed)) * _GOLDEN + np.uint64(np.int64(step)) * _STRIDE
    state += (np.uint64(position) + _ONE) * _GOLDEN
    state = (state ^ (state >> _FIRST)) * _BY_FIRST
    state = (state ^ (state >> _SECOND)) * _BY_SECOND
    state = state ^ (state >> _LAST)
    return np.int64(state >> _DROPPED) * 5.9604644775390625e-08  # 2**-24
