"""Elementary functions as straight-line instructions.

Enters: an instruction builder and a value. Leaves: the value of the function, computed without branches and
calls, so that a loop around it can be vectorised. `vectors` offers them to generated code.

- ``exp(x) = 2**n * exp(r)`` with ``n = round(x / log 2)``, ``exp(r)`` by a polynomial; ``expm1`` likewise.
- ``tanh`` is a rational function near 0 and ``1 - 2/(exp(2x) + 1)`` elsewhere.
- ``log(m * 2**e) = log(m) + e*log 2`` with m near 1; ``log1p`` finds m and e of ``1 + x`` in float64.
- ``sin`` and ``cos`` (float32) take multiples of pi/2 off in float64, which is exact enough for all of
  them: a large one is ``y * 2**s``, and ``2**s`` may be replaced by what multiples of 2 pi leave of it.
  ``near_sin`` and ``near_cos`` do so in their own format and are right up to `NEAR` only.
- ``erf`` (float32) is a polynomial near 0 and ``1 - exp(-p(x))`` elsewhere.

The polynomials without a source were fitted to be the best for the relative error. Every product with a sum
is one fused operation, which the compiler's freedom to reorder sums leaves alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]


@dataclass(frozen=True, slots=True)
class Format:
    """A floating-point format and the constants for it. `root` is sqrt(1/2) as bits."""

    kind: Any
    integer: Any
    mantissa: int
    bias: int
    overflow: float
    log2_high: float
    log2_low: float
    exp: tuple[float, ...]
    tanh_top: tuple[float, ...]
    tanh_bottom: tuple[float, ...]
    log_top: tuple[float, ...]
    log_bottom: tuple[float, ...]
    sin: tuple[float, ...]
    cos: tuple[float, ...]
    half_pi: tuple[float, ...]
    smallest: float
    root: int


# The quotients of polynomials for tanh on [-0.625, 0.625], in x**2; and in float64 log, sin and cos (Cephes).
SINGLE = Format(
    kind=ir.FloatType(),
    integer=ir.IntType(32),
    mantissa=23,
    bias=127,
    overflow=88.72283,
    log2_high=0.693359375,
    log2_low=-2.12194440e-4,
    exp=(
        *(0.00023736804723739624, 0.0013806397328153253, 0.00832502730190754, 0.041669100522994995),
        *(0.16666723787784576, 0.49999985098838806, 1.0, 1.0),
    ),
    tanh_top=(
        *(-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2),
        *(1.33314422036e-1, -3.33332819422e-1),
    ),
    tanh_bottom=(1.0,),
    log_top=(
        *(-0.07634429633617401, 0.12761549651622772, -0.131601944565773, 0.14201761782169342),
        *(-0.16623356938362122, 0.20001226663589478, -0.250008225440979, 0.3333333134651184),
    ),
    log_bottom=(1.0,),
    sin=(-0.00019517233886290342, 0.008332177996635437, -0.16666655242443085),
    cos=(2.4433080398011953e-05, -0.0013887315290048718, 0.04166664555668831),
    half_pi=(1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    smallest=2.0**-126,
    root=0x3F3504F3,
)
DOUBLE = Format(
    kind=ir.DoubleType(),
    integer=ir.IntType(64),
    mantissa=52,
    bias=1023,
    overflow=709.782712893384,
    log2_high=6.93145751953125e-1,
    log2_low=1.42860682030941723212e-6,
    exp=tuple(1 / math.factorial(n) for n in range(15, -1, -1)),
    tanh_top=(-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3),
    tanh_bottom=(1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3),
    log_top=(
        *(1.01875663804580931796e-4, 4.97494994976747001425e-1, 4.70579119878881725854e0),
        *(1.44989225341610930846e1, 1.79368678507819816313e1, 7.70838733755885391666e0),
    ),
    log_bottom=(
        *(1.0, 1.12873587189167450590e1, 4.52279145837532221105e1, 8.29875266912776603211e1),
        *(7.11544750618563894466e1, 2.31251620126765340583e1),
    ),
    sin=(
        *(1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6),
        *(-1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1),
    ),
    cos=(
        *(-1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7),
        *(2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2),
    ),
    half_pi=(1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
    smallest=2.0**-1022,
    root=0x3FE6A09E667F3BCD,
)

NEAR = 2.0**20
"""Up to here `near_sin` and `near_cos` are right."""
_HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
_WHOLE = 1.5 * 2.0**52
"""Added to a float64, it leaves the nearest integer in the lowest bits."""
_LEFT = (
    (2.0**49, 24, -0.8939688666801969, -3.988009861375488e-18),
    (2.0**71, 48, 0.12986070095632937, 3.4618516565559846e-18),
    (2.0**97, 72, 0.24140591571517903, 5.356820577341173e-18),
    (2.0**120, 87, -0.14125558411288136, 4.417549412025121e-18),
)
"""The least argument in which ``2**s`` is replaced, s, what multiples of 2 pi leave of it in two parts."""
_EXPM1 = (
    *(0.0001984595728572458, 0.0013941653305664659, 0.008333391509950161),
    *(0.04166634753346443, 0.1666666567325592, 0.5),
)
_ERF_NEAR = (
    *(8.513102511642501e-05, -0.0008175639086402953, 0.005203858949244022),
    *(-0.02686050906777382, 0.11283715069293976, -0.37612634897232056, 0.12837916612625122),
)
_ERF_FAR = (
    *(1.0057706276711542e-05, -0.00031114567536860704, 0.003595443209633231, -0.02366349659860134),
    *(0.10612352192401886, 0.635219156742096, 0.12863196432590485),
)
_ERF_BORDER = 0.9


class Code:
    """Builds instructions on values of one format."""

    def __init__(self, builder: Any, form: Format) -> None:
        self.builder, self.form, self.kind = builder, form, form.kind

    def number(self, value: float) -> Any:
        """Return a constant."""
        return ir.Constant(self.kind, value)

    def whole(self, value: int) -> Any:
        """Return a constant integer of the format's width."""
        return ir.Constant(self.form.integer, value)

    def fused(self, a: Any, b: Any, c: Any) -> Any:
        """Return ``a*b + c``, rounded once."""
        return self.call("fma", a, b, c)

    def call(self, name: str, *args: Any) -> Any:
        """Return the value of one of LLVM's functions."""
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
        """Return `yes` where a comparison holds, else `no`; it does not hold for NaN."""
        return self.builder.select(self.builder.fcmp_ordered(comparison, a, b), yes, no)

    def bits(self, x: Any) -> Any:
        """Return a real's bits as an integer."""
        return self.builder.bitcast(x, self.form.integer)

    def real(self, bits: Any) -> Any:
        """Return the real with these bits."""
        return self.builder.bitcast(bits, self.kind)

    def kept(self, x: Any, value: Any) -> Any:
        """Return `value`, or `x` where that is NaN."""
        return self.builder.select(self.builder.fcmp_unordered("uno", x, x), x, value)

    def turns_of_two(self, x: Any, lowest: float, most: int) -> tuple[Any, Any]:
        """Return n, a whole number not above `most` and marked, and r for ``exp(x) = 2**n * exp(r)``.

        An argument below `lowest` counts as that, one too large as the largest; NaN stays.
        """
        form, whole = self.form, 1.5 * 2.0**self.form.mantissa
        low, top = self.number(lowest), self.number(form.overflow)
        inside = self.choose("<", x, low, low, x)
        inside = self.choose(">", inside, top, top, inside)
        # This large a number has no place for digits behind the point: n is in the lowest bits.
        marked = self.fused(inside, self.number(1 / math.log(2)), self.number(whole))
        last = self.number(whole + most)
        marked = self.choose(">", marked, last, last, marked)
        turns = self.builder.fsub(marked, self.number(whole))
        rest = self.fused(turns, self.number(-form.log2_high), inside)
        return marked, self.fused(turns, self.number(-form.log2_low), rest)

    def power_of_two(self, marked: Any, less: int = 0) -> Any:
        """Return 2 to the power of a marked whole number, which is `less` than it says."""
        bits = self.builder.add(self.bits(marked), self.whole(self.form.bias - less))
        return self.real(self.builder.shl(bits, self.whole(self.form.mantissa)))

    def exp(self, x: Any) -> Any:
        """Return e to the power x; results below the smallest normal number are 0."""
        form, builder = self.form, self.builder
        lowest = -(form.bias - 1) * math.log(2)
        turns, rest = self.turns_of_two(x, lowest, form.bias)
        value = builder.fmul(self.horner(form.exp, rest), self.power_of_two(turns))
        value = self.choose("<", x, self.number(lowest), self.number(0.0), value)
        return self.choose(">", x, self.number(form.overflow), self.number(math.inf), value)

    def expm1(self, x: Any) -> Any:
        """Return ``exp(x) - 1``, exact near 0 (float32)."""
        builder = self.builder
        turns, rest = self.turns_of_two(x, -20.0, self.form.bias + 1)
        half = self.power_of_two(turns, 1)
        small = self.fused(builder.fmul(rest, rest), self.horner(_EXPM1, rest), rest)
        value = self.fused(small, half, builder.fsub(half, self.number(0.5)))
        value = builder.fadd(value, value)
        value = self.choose("<", x, self.number(-20.0), self.number(-1.0), value)
        value = self.choose(">", x, self.number(self.form.overflow), self.number(math.inf), value)
        return self.choose("<", self.call("fabs", x), self.number(2.0**-25), x, value)

    def tanh(self, x: Any) -> Any:
        """Return the hyperbolic tangent."""
        builder, form, one = self.builder, self.form, self.number(1.0)
        size = self.call("fabs", x)
        square = builder.fmul(x, x)
        quotient = self.horner(form.tanh_top, square)
        if len(form.tanh_bottom) > 1:
            quotient = builder.fdiv(quotient, self.horner(form.tanh_bottom, square))
        near = self.fused(builder.fmul(x, square), quotient, x)
        grown = self.exp(builder.fadd(size, size))
        far = builder.fsub(one, builder.fdiv(self.number(2.0), builder.fadd(grown, one)))
        return self.call("copysign", self.choose("<", size, self.number(0.625), near, far), x)

    def log(self, x: Any) -> Any:
        """Return the natural logarithm."""
        builder, form = self.builder, self.form
        scale = 2.0 ** (form.mantissa + 1)
        tiny = builder.fcmp_ordered("<", x, self.number(form.smallest))
        normal = builder.select(tiny, builder.fmul(x, self.number(scale)), x)
        exponent, shifted = self.split(normal)
        factor = self.real(builder.sub(self.bits(normal), shifted))
        shift = builder.select(tiny, self.number(form.mantissa + 1.0), self.number(0.0))
        turns = builder.fsub(self.from_whole(exponent), shift)
        return self.log_ends(x, self.log_near(builder.fsub(factor, self.number(1.0)), turns), 0.0)

    def log1p(self, x: Any) -> Any:
        """Return ``log(1 + x)``, exact near 0 (float32)."""
        builder, wide = self.builder, Code(self.builder, DOUBLE)
        one = self.number(1.0)
        exponent, shifted = self.split(builder.fadd(one, x))
        moved = builder.shl(builder.sext(shifted, DOUBLE.integer), wide.whole(DOUBLE.mantissa - 23))
        scale = wide.real(builder.sub(wide.whole(DOUBLE.bias << DOUBLE.mantissa), moved))
        exact = builder.fadd(builder.fpext(x, wide.kind), wide.number(1.0))
        scaled = wide.fused(exact, scale, wide.number(-1.0))
        same = builder.icmp_signed("==", exponent, self.whole(0))
        rest = builder.select(same, x, builder.fptrunc(scaled, self.kind))
        value = self.log_near(rest, self.from_whole(exponent))
        return self.choose("==", x, self.number(0.0), x, self.log_ends(x, value, -1.0))

    def from_whole(self, value: Any) -> Any:
        """Return a small integer as a real; not every processor converts vectors of long ones."""
        whole = self.number(1.5 * 2.0**self.form.mantissa)
        return self.builder.fsub(self.real(self.builder.add(value, self.bits(whole))), whole)

    def split(self, x: Any) -> tuple[Any, Any]:
        """Return the exponent that leaves a factor between sqrt(1/2) and sqrt(2), and its bits in place."""
        builder, form = self.builder, self.form
        above = builder.sub(self.bits(x), self.whole(form.root))
        exponent = builder.ashr(above, self.whole(form.mantissa))
        return exponent, builder.shl(exponent, self.whole(form.mantissa))

    def log_near(self, rest: Any, turns: Any) -> Any:
        """Return ``log(1 + rest) + turns*log 2``."""
        builder, form = self.builder, self.form
        square = builder.fmul(rest, rest)
        tail = self.horner(form.log_top, rest)
        if len(form.log_bottom) > 1:
            tail = builder.fdiv(tail, self.horner(form.log_bottom, rest))
        value = builder.fmul(builder.fmul(rest, square), tail)
        value = self.fused(turns, self.number(form.log2_low), value)
        value = self.fused(square, self.number(-0.5), value)
        return self.fused(turns, self.number(form.log2_high), builder.fadd(rest, value))

    def log_ends(self, x: Any, value: Any, lowest: float) -> Any:
        """Return a logarithm that is right for infinity, NaN and from `lowest` down, too."""
        low = self.number(lowest)
        value = self.choose("==", x, self.number(math.inf), x, value)
        value = self.choose("<", x, low, self.number(math.nan), value)
        value = self.choose("==", x, low, self.number(-math.inf), value)
        return self.kept(x, value)

    def sin(self, x: Any) -> Any:
        """Return the sine (float32)."""
        return self.sine(x, *self.turned(x))

    def cos(self, x: Any) -> Any:
        """Return the cosine (float32)."""
        return self.cosine(*self.turned(x))

    def near_sin(self, x: Any) -> Any:
        """Return the sine of an argument that is not above `NEAR`."""
        return self.sine(x, *self.turned_near(x))

    def near_cos(self, x: Any) -> Any:
        """Return the cosine of an argument that is not above `NEAR`."""
        return self.cosine(*self.turned_near(x))

    def reach(self, x: Any) -> Any:
        """Return the size of a real as an integer that grows with it; NaN is the largest."""
        return self.bits(self.call("fabs", x))

    def sine(self, x: Any, sine: Any, cosine: Any, quarter: Any) -> Any:
        """Return the sine of x from that of the rest and the quarter turns."""
        builder = self.builder
        odd = builder.icmp_signed("!=", builder.and_(quarter, self.whole(1)), self.whole(0))
        value = builder.select(odd, cosine, sine)
        sign = builder.and_(self.bits(x), self.whole(-(2 ** (self.form.integer.width - 1))))
        return self.signed(value, builder.xor(self.half_turn(quarter), sign))

    def cosine(self, sine: Any, cosine: Any, quarter: Any) -> Any:
        """Return the cosine of x."""
        builder = self.builder
        odd = builder.icmp_signed("!=", builder.and_(quarter, self.whole(1)), self.whole(0))
        value = builder.select(odd, sine, cosine)
        return self.signed(value, self.half_turn(builder.add(quarter, self.whole(1))))

    def half_turn(self, quarter: Any) -> Any:
        """Return the sign bit of a number of quarter turns."""
        second = self.builder.and_(quarter, self.whole(2))
        return self.builder.shl(second, self.whole(self.form.integer.width - 2))

    def signed(self, value: Any, sign: Any) -> Any:
        """Return a value with its sign turned by a sign bit."""
        return self.real(self.builder.xor(self.bits(value), sign))

    def turned(self, x: Any) -> tuple[Any, Any, Any]:
        """Return sine and cosine of what quarter turns leave of ``|x|``, and the number of those turns."""
        builder, wide = self.builder, Code(self.builder, DOUBLE)
        size = self.call("fabs", x)
        scale, high, low = self.number(1.0), wide.number(1.0), wide.number(0.0)
        for border, exponent, first, second in _LEFT:
            far = builder.fcmp_ordered(">=", size, self.number(border))
            scale = builder.select(far, self.number(2.0**-exponent), scale)
            high = builder.select(far, wide.number(first), high)
            low = builder.select(far, wide.number(second), low)
        turns = builder.fpext(builder.fmul(size, scale), wide.kind)
        angle = builder.fmul(turns, high)
        lost = wide.fused(turns, low, wide.fused(turns, high, builder.fneg(angle)))
        marked = wide.fused(angle, wide.number(2 / math.pi), wide.number(_WHOLE))
        quarters = builder.fneg(builder.fsub(marked, wide.number(_WHOLE)))
        rest = wide.fused(quarters, wide.number(_HALF_PI[0]), angle)
        rest = builder.fadd(wide.fused(quarters, wide.number(_HALF_PI[1]), rest), lost)
        quarter = builder.trunc(wide.bits(marked), self.form.integer)
        return *self.first_quarter(builder.fptrunc(rest, self.kind)), quarter

    def turned_near(self, x: Any) -> tuple[Any, Any, Any]:
        """Return the same for an argument from which quarter turns can be taken off in its own format."""
        size, whole = self.call("fabs", x), self.number(1.5 * 2.0**self.form.mantissa)
        marked = self.fused(size, self.number(2 / math.pi), whole)
        quarters, rest = self.builder.fneg(self.builder.fsub(marked, whole)), size
        for part in self.form.half_pi:
            rest = self.fused(quarters, self.number(part), rest)
        return *self.first_quarter(rest), self.bits(marked)

    def first_quarter(self, x: Any) -> tuple[Any, Any]:
        """Return sine and cosine of an argument between -pi/4 and pi/4."""
        square = self.builder.fmul(x, x)
        sine = self.fused(self.builder.fmul(x, square), self.horner(self.form.sin, square), x)
        cosine = self.fused(square, self.number(-0.5), self.number(1.0))
        tail = self.builder.fmul(square, square)
        return sine, self.fused(tail, self.horner(self.form.cos, square), cosine)

    def erf(self, x: Any) -> Any:
        """Return the error function (float32)."""
        builder, one = self.builder, self.number(1.0)
        size, square = self.call("fabs", x), builder.fmul(x, x)
        near = self.fused(x, self.horner(_ERF_NEAR, square), x)
        inside = self.choose("<", size, self.number(4.0), size, self.number(4.0))
        decay = builder.fneg(self.fused(inside, self.horner(_ERF_FAR, inside), inside))
        far = self.call("copysign", builder.fsub(one, self.exp(decay)), x)
        return self.kept(x, self.choose("<", size, self.number(_ERF_BORDER), near, far))
