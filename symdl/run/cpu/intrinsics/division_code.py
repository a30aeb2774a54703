"""Divisions that round down, as straight-line instructions.

Enters: an instruction builder and two values. Leaves: quotient and remainder, those of NumPy bit for bit.

NumPy takes what the C library's ``fmod`` leaves, gives it the sign of the divisor, and rounds the quotient
without it to a whole number. A quotient below 2**52 (float32: 2**23) needs no ``fmod``, which no loop can be
vectorised over: the rounded quotient cut off is at most one too large, and what it leaves is exact as one
fused operation. The forms called near do so, and are right up to there only.
"""

from __future__ import annotations

from typing import Any

from symdl.run.cpu.intrinsics.elementary_code import NEAR, Code

_ALONE = ("contract",)
"""Flags of an instruction that must not become a multiplication by a reciprocal, or part of another sum.

One without flags would get those of all arithmetic.
"""


class Division(Code):
    """Builds divisions of values of one format."""

    def reach_of_two(self, x: Any, y: Any) -> Any:
        """Return the size of a quotient, in the measure of `NEAR`."""
        most = 2.0**self.form.mantissa
        return self.reach(self.builder.fmul(self.ratio(x, y), self.number(NEAR / most)))

    def ratio(self, x: Any, y: Any) -> Any:
        """Return the quotient, rounded once: no multiplication by a reciprocal."""
        return self.builder.fdiv(x, y, flags=_ALONE)

    def floor_divide(self, x: Any, y: Any) -> Any:
        """Return the quotient rounded down."""
        return self.rounded_down(x, y, self.builder.frem(x, y, flags=_ALONE))

    def remainder(self, x: Any, y: Any) -> Any:
        """Return what the quotient rounded down leaves."""
        return self.of_divisor(y, self.builder.frem(x, y, flags=_ALONE))[0]

    def near_floor_divide(self, x: Any, y: Any) -> Any:
        """Return the same where the quotient is not large."""
        return self.rounded_down(x, y, self.left(x, y))

    def near_remainder(self, x: Any, y: Any) -> Any:
        """Return the same where the quotient is not large."""
        return self.of_divisor(y, self.left(x, y))[0]

    def left(self, x: Any, y: Any) -> Any:
        """Return what the quotient cut off leaves, of the sign of `x`."""
        builder, zero = self.builder, self.number(0.0)
        whole = self.call("trunc", self.ratio(x, y))
        rest = self.fused(builder.fneg(whole), y, x)
        beyond = builder.fcmp_ordered("<", builder.fmul(self.signs(rest), self.signs(x)), zero)
        back = builder.fadd(rest, self.call("copysign", y, x), flags=_ALONE)
        rest = builder.select(beyond, back, rest)
        return self.choose("==", whole, zero, x, rest)

    def signs(self, x: Any) -> Any:
        """Return -1, 0 or 1."""
        one = self.call("copysign", self.number(1.0), x)
        return self.choose("==", x, self.number(0.0), self.number(0.0), one)

    def of_divisor(self, y: Any, left: Any) -> tuple[Any, Any]:
        """Return what is left with the sign of the divisor, and whether that took one divisor more."""
        builder, zero = self.builder, self.number(0.0)
        opposite = builder.fcmp_ordered("<", builder.fmul(self.signs(left), self.signs(y)), zero)
        value = builder.select(opposite, builder.fadd(left, y, flags=_ALONE), left)
        return self.choose("==", left, zero, self.call("copysign", zero, y), value), opposite

    def rounded_down(self, x: Any, y: Any, left: Any) -> Any:
        """Return the quotient rounded down from what it leaves when cut off."""
        builder, zero, one = self.builder, self.number(0.0), self.number(1.0)
        _, opposite = self.of_divisor(y, left)
        quotient = self.ratio(builder.fsub(x, left, flags=_ALONE), y)
        quotient = builder.select(opposite, builder.fsub(quotient, one, flags=_ALONE), quotient)
        down = self.call("floor", quotient)
        above = builder.fcmp_ordered(">", builder.fsub(quotient, down, flags=_ALONE), self.number(0.5))
        down = builder.select(above, builder.fadd(down, one, flags=_ALONE), down)
        plain = self.ratio(x, y)
        down = self.choose("==", quotient, zero, self.call("copysign", zero, plain), down)
        return self.choose("==", y, zero, plain, down)
