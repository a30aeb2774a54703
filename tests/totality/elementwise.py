"""Functions of one element: arithmetic, elementary functions, activations, comparisons."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import sympy as sp

import symdl as sd
from symdl import nn

from .case import Case, Given, flags, positive, real

X = real("n", 3)
ROW = real(3)
INSIDE = real("n", 3, low=-0.9, high=0.9)


def _plain(operation: str, theirs: Any, x: Given = X, *, setting: str = "", **options: Any) -> Case:
    """A function of one tensor."""
    function = getattr(nn if operation.startswith("nn.") else sd, operation.partition(".")[2])
    return Case(operation, lambda x: function(x, **options), {"x": x}, theirs, setting)


def _shifted(x: sd.Tensor) -> sd.Tensor:
    """The logarithm of a sum of exponentials, whose value does not depend on the shift."""
    shift = sd.stop_gradient(x.max(1, keepdims=True))
    return sd.log(sd.exp(x - shift).sum(1, keepdims=True)) + shift


def _two(operation: str, formula: Any, setting: str = "", **given: Given) -> Case:
    """An operator, written the same way in both libraries."""
    return Case(operation, lambda x, y: formula(x, y), given, lambda t, x, y: formula(x, y), setting)


def _pair(operation: str, theirs: Any, **given: Given) -> Case:
    """A function of two tensors."""
    return Case(operation, lambda x, y: getattr(sd, operation.removeprefix("sd."))(x, y), given, theirs)


def _bessel(kind: str, x: sd.Tensor) -> Any:
    return getattr(sd, f"bessel{kind}")(1.5, x)


FUNCTIONS = (
    _plain("sd.absolute", lambda t, x: x.abs()),
    _plain("sd.acos", lambda t, x: x.acos(), INSIDE),
    _plain("sd.acosh", lambda t, x: x.acosh(), real("n", 3, low=1.2, high=3)),
    _plain("sd.asinh", lambda t, x: x.asinh()),
    _plain("sd.atanh", lambda t, x: x.atanh(), INSIDE),
    _plain("sd.asin", lambda t, x: x.asin(), INSIDE),
    _plain("sd.atan", lambda t, x: x.atan()),
    _plain("sd.cos", lambda t, x: x.cos()),
    _plain("sd.cosh", lambda t, x: x.cosh()),
    _plain("sd.erf", lambda t, x: x.erf()),
    _plain("sd.exp", lambda t, x: x.exp()),
    _plain("sd.expm1", lambda t, x: x.expm1()),
    _plain("sd.log", lambda t, x: x.log(), positive("n", 3)),
    _plain("sd.log1p", lambda t, x: x.log1p(), INSIDE),
    _plain("sd.reciprocal", lambda t, x: x.reciprocal(), positive("n", 3)),
    _plain("sd.rsqrt", lambda t, x: x.rsqrt(), positive("n", 3)),
    Case("sd.sign", lambda x: sd.sign(x) * x, {"x": X}, lambda t, x: x.sign() * x),
    Case("sd.floor", lambda x: sd.floor(x) * x, {"x": X}, lambda t, x: x.floor() * x),
    Case("sd.ceil", lambda x: sd.ceil(x) * x, {"x": X}, lambda t, x: x.ceil() * x),
    Case("sd.rint", lambda x: sd.rint(x) * x, {"x": X}, lambda t, x: x.round() * x),
    Case("sd.mod", lambda x: sd.mod(x, 0.75) * x, {"x": X}, lambda t, x: x.remainder(0.75) * x),
    Case("sd.stop_gradient", lambda x: _shifted(x), {"x": X}, lambda t, x: x.logsumexp(1, keepdim=True)),
    _plain("sd.sin", lambda t, x: x.sin()),
    _plain("sd.sinh", lambda t, x: x.sinh()),
    _plain("sd.sqrt", lambda t, x: x.sqrt(), positive("n", 3)),
    _plain("sd.square", lambda t, x: x.square()),
    _plain("sd.tan", lambda t, x: x.tan(), INSIDE),
    _two("sd.power", lambda x, y: sd.power(x, y) if isinstance(x, sd.Tensor) else x**y,
         x=positive("n", 3), y=ROW),
    Case("sd.power", lambda x: sd.power(x, 3), {"x": X}, lambda t, x: x**3, "whole exponent"),
    Case("sd.elementwise", lambda x, y: sd.elementwise(lambda a, b: a * sp.exp(b), x, y),
         {"x": X, "y": ROW}, lambda t, x, y: x * y.exp()),
)  # fmt: skip

ABOVE = positive("n", 3)
UNIT = real("n", 3, low=0.1, high=0.9)
SPECIAL = (
    _pair("sd.atan2", lambda t, x, y: x.atan2(y), x=X, y=positive(3)),
    _plain("sd.cot", lambda t, x: 1 / x.tan(), ABOVE),
    _plain("sd.coth", lambda t, x: 1 / x.tanh(), ABOVE),
    _plain("sd.csc", lambda t, x: 1 / x.sin(), ABOVE),
    _plain("sd.sec", lambda t, x: 1 / x.cos(), INSIDE),
    _plain("sd.log10", lambda t, x: x.log10(), ABOVE),
    _plain("sd.log2", lambda t, x: x.log2(), ABOVE),
    _pair("sd.hypot", lambda t, x, y: x.hypot(y), x=X, y=positive(3)),
    _pair("sd.logaddexp", lambda t, x, y: x.logaddexp(y), x=X, y=ROW),
    _plain("sd.sinc", lambda t, x: x.sinc(), ABOVE),
    _pair("sd.xlogy", lambda t, x, y: x.xlogy(y), x=X, y=positive(3)),
    _plain("sd.cbrt", lambda t, x: x.sign() * x.abs() ** (1 / 3)),
    _pair("sd.copysign", lambda t, x, y: x.copysign(y), x=X, y=ROW),
    _plain("sd.deg2rad", lambda t, x: x.deg2rad()),
    _plain("sd.entr", lambda t, x: t.special.entr(x), positive("n", 3)),
    _plain("sd.exp2", lambda t, x: x.exp2()),
    Case("sd.fmod", lambda x: sd.fmod(x, 0.75) * x, {"x": X}, lambda t, x: x.fmod(0.75) * x),
    _plain("sd.frac", lambda t, x: x.frac()),
    Case("sd.heaviside", lambda x: sd.heaviside(x, 0.5) * x, {"x": X}, lambda t, x: (x > 0) * x),
    Case("sd.isclose", lambda x: sd.where(sd.isclose(x, 1, rtol=0.5), sd.exp(x), x), {"x": X},
         lambda t, x: t.where((x - 1).abs() <= 0.5, x.exp(), x)),
    _pair("sd.ldexp", lambda t, x, y: x * 2**y, x=X, y=ROW),
    Case("sd.lerp", lambda x, y: sd.lerp(x, y, 0.25), {"x": X, "y": ROW}, lambda t, x, y: x + 0.25 * (y - x)),
    _plain("sd.logit", lambda t, x: x.logit(), real("n", 3, low=0.1, high=0.9)),
    _plain("sd.rad2deg", lambda t, x: x.rad2deg()),
    Case("sd.trunc", lambda x: sd.trunc(x) * x, {"x": X}, lambda t, x: x.trunc() * x),
    _pair("sd.xlog1py", lambda t, x, y: t.special.xlog1py(x, y), x=X, y=positive(3)),
    Case("sd.cross", lambda x, y: sd.cross(x, y), {"x": X, "y": ROW},
         lambda t, x, y: t.linalg.cross(x, y.expand(x.shape))),
    _plain("sd.erfc", lambda t, x: x.erfc()),
    _plain("sd.erfinv", lambda t, x: x.erfinv(), INSIDE),
    _plain("sd.gamma", lambda t, x: x.lgamma().exp(), ABOVE),
    _plain("sd.gammaln", lambda t, x: x.lgamma(), ABOVE),
    _plain("sd.digamma", lambda t, x: x.digamma(), ABOVE),
    Case("sd.polygamma", lambda x: sd.polygamma(2, x), {"x": ABOVE}, lambda t, x: t.polygamma(2, x)),
    Case("sd.beta", lambda x: sd.beta(x, 1.5), {"x": ABOVE},
         lambda t, x: (x.lgamma() + math.lgamma(1.5) - (x + 1.5).lgamma()).exp()),
    _pair("sd.betaln", lambda t, x, y: x.lgamma() + y.lgamma() - (x + y).lgamma(), x=ABOVE, y=positive(3)),
    Case("sd.gammainc", lambda x: sd.gammainc(1, x), {"x": ABOVE}, lambda t, x: 1 - (-x).exp()),
    Case("sd.gammaincc", lambda x: sd.gammaincc(1, x), {"x": ABOVE}, lambda t, x: (-x).exp()),
    Case("sd.betainc", lambda x: sd.betainc(1, 3, x), {"x": UNIT}, lambda t, x: 1 - (1 - x) ** 3),
    *(Case(f"sd.bessel{kind}", partial(_bessel, kind), {"x": ABOVE}, None) for kind in "jyik"),
    _plain("sd.expi", None, ABOVE),
    Case("sd.expint", lambda x: sd.expint(2, x), {"x": ABOVE}, None),
    Case("sd.zeta", lambda x: sd.zeta(3, x), {"x": ABOVE}, lambda t, x: -t.polygamma(2, x) / 2),
    _plain("sd.lambertw", None, ABOVE),
    _plain("sd.ellipk", None, UNIT),
    _plain("sd.ellipe", None, UNIT),
    _plain("sd.sine_integral", None, ABOVE),
    _plain("sd.cosine_integral", None, ABOVE),
    _plain("sd.airy_ai", None),
    _plain("sd.airy_bi", None),
)  # fmt: skip

OPERATORS = (
    _two("Tensor.__add__", lambda x, y: x + y + 2, x=X, y=ROW),
    _two("Tensor.__radd__", lambda x, y: 2 + x + y, x=X, y=X),
    _two("Tensor.__sub__", lambda x, y: x - y - 2, x=X, y=real("n", 1)),
    _two("Tensor.__rsub__", lambda x, y: 2 - x - y, x=X, y=real()),
    _two("Tensor.__mul__", lambda x, y: x * y * 0.5, x=X, y=real("n", 1)),
    _two("Tensor.__rmul__", lambda x, y: 0.5 * x * y, x=X, y=X),
    _two("Tensor.__truediv__", lambda x, y: x / y / 2, x=X, y=positive(3)),
    _two("Tensor.__rtruediv__", lambda x, y: 2 / y / x, x=positive("n", 3), y=positive(3)),
    _two("Tensor.__pow__", lambda x, y: x**2 * y**0.5, x=X, y=positive(3)),
    _two("Tensor.__rpow__", lambda x, y: 2**x * y, x=X, y=X),
    _two("Tensor.__mod__", lambda x, y: x % 2 * y, x=X, y=X),
    Case("Tensor.__rmod__", lambda x: 2 % x, {"x": positive("n", 3)}, lambda t, x: 2 - x * (2 / x).floor()),
    Case(
        "Tensor.__floordiv__",
        lambda x, y: x // y * x,
        {"x": X, "y": positive(3)},
        lambda t, x, y: (x / y).floor() * x,
    ),
    Case(
        "Tensor.__rfloordiv__",
        lambda x: 2 // x * x,
        {"x": positive("n", 3)},
        lambda t, x: (2 / x).floor() * x,
    ),
    _two("Tensor.__neg__", lambda x, y: -x * y, x=X, y=X),
    _two("Tensor.__pos__", lambda x, y: +x * y, x=X, y=X),
    _two("Tensor.__abs__", lambda x, y: abs(x) * y, x=X, y=X),
)

_BELOW = (-1.0, -0.5, 0.5)


def _compared(operation: str, relation: Any) -> Case:
    return Case(
        operation,
        lambda x, y: sd.where(relation(x, y), x, y**2),
        {"x": X, "y": ROW},
        lambda t, x, y: t.where(relation(x, y), x, y**2),
    )


COMPARISONS = (
    _compared("Tensor.__lt__", lambda x, y: x < y),
    _compared("Tensor.__le__", lambda x, y: x <= y),
    _compared("Tensor.__gt__", lambda x, y: x > y),
    _compared("Tensor.__ge__", lambda x, y: x >= y),
    Case("Tensor.__gt__", lambda x, y: (x > y) * x**2 + 2 * (x + y > 0)[:, ::-1] - (x > 0).mean(),
         {"x": X, "y": ROW},
         lambda t, x, y: (x > y) * x**2 + 2.0 * (x + y > 0).flip(1) - (x > 0).double().mean(),
         "as a number", sizes=(3, 1)),
    Case("sd.equal", lambda m, x: sd.where(sd.equal(m, 1), x, 0), {"m": flags("n", 1), "x": X},
         lambda t, m, x: t.where(m == 1, x, 0.0)),
    Case("sd.equal", lambda m, x: sd.equal(x > 0, m) * x, {"m": flags("n", 1), "x": X},
         lambda t, m, x: ((x > 0) == (m == 1)) * x, "of comparisons"),
    Case("sd.not_equal", lambda m, x: sd.where(sd.not_equal(m, 1) | (x > 0), x**2, x),
         {"m": flags("n", 1), "x": X}, lambda t, m, x: t.where((m != 1) | (x > 0), x**2, x)),
    Case("sd.where", lambda m, x, y: sd.where(m, x, sd.log(y)),
         {"m": flags("n", 3), "x": X, "y": positive(3)}, lambda t, m, x, y: t.where(m == 1, x, y.log())),
    Case("sd.where", lambda x: sd.where((x > 0) & ~(x > 1), sd.sqrt(x), x), {"x": X},
         lambda t, x: t.where((x > 0) & ~(x > 1), x.clamp(min=1e-9).sqrt(), x), "not evaluated elsewhere"),
    Case("sd.maximum", sd.maximum, {"left": X, "right": ROW}, lambda t, left, right: left.maximum(right)),
    Case("sd.minimum", sd.minimum, {"left": X, "right": ROW}, lambda t, left, right: left.minimum(right)),
    Case("sd.clip", lambda x: sd.clip(x, -0.5, 0.5), {"x": X}, lambda t, x: x.clamp(-0.5, 0.5)),
    Case("sd.clip", lambda x, low: sd.clip(x, low), {"x": X, "low": ROW},
         lambda t, x, low: x.maximum(low), "from a tensor"),
)  # fmt: skip

ACTIVATIONS = (
    _plain("nn.sigmoid", lambda t, x: x.sigmoid()),
    _plain("nn.tanh", lambda t, x: x.tanh()),
    _plain("nn.relu", lambda t, x: x.relu()),
    _plain("nn.leaky_relu", lambda t, x: t.nn.functional.leaky_relu(x, 0.2), slope=0.2),
    _plain("nn.softplus", lambda t, x: t.nn.functional.softplus(x)),
    _plain("nn.softmax", lambda t, x: x.softmax(-1)),
    _plain("nn.softmax", lambda t, x: x.softmax(0), real(2, "n"), setting="first axis", axis=0),
    Case("nn.softmax", lambda x, m: sd.softmax(x, where=m), {"x": X, "m": flags("n", 3)},
         lambda t, x, m: x.exp() * m / (x.exp() * m).sum(1, keepdim=True).clamp(min=1e-30), "of some"),
    _plain("nn.log_softmax", lambda t, x: x.log_softmax(-1)),
    _plain("nn.silu", lambda t, x: t.nn.functional.silu(x)),
    _plain("nn.gelu", lambda t, x: t.nn.functional.gelu(x)),
    _plain("nn.gelu", lambda t, x: t.nn.functional.gelu(x, approximate="tanh"), setting="tanh",
           approximate=True),
    _plain("nn.mish", lambda t, x: t.nn.functional.mish(x)),
    _plain("nn.softsign", lambda t, x: t.nn.functional.softsign(x)),
    _plain("nn.log_sigmoid", lambda t, x: t.nn.functional.logsigmoid(x)),
    _plain("nn.elu", lambda t, x: t.nn.functional.elu(x, 0.7), alpha=0.7),
    _plain("nn.celu", lambda t, x: t.nn.functional.celu(x, 0.5), alpha=0.5),
    _plain("nn.glu", lambda t, x: t.nn.functional.glu(x), real("n", 4)),
    _plain("nn.hard_swish", lambda t, x: t.nn.functional.hardswish(x), real("n", 3, low=-5, high=5)),
    _plain("nn.thresholded_relu", lambda t, x: t.nn.functional.threshold(x, 0.5, 0.0), threshold=0.5),
    _plain("nn.shrink", lambda t, x: t.nn.functional.softshrink(x), shift=0.5),
    _plain("nn.selu", lambda t, x: t.nn.functional.selu(x)),
    _plain("nn.relu6", lambda t, x: t.nn.functional.relu6(x), real("n", 3, low=-3, high=9)),
    _plain("nn.hardtanh", lambda t, x: t.nn.functional.hardtanh(x)),
    _plain("nn.hard_sigmoid", lambda t, x: (x / 6 + 0.5).clamp(0, 1), real("n", 3, low=-5, high=5)),
    Case("nn.prelu", lambda x, *, name: nn.prelu(x, name=name), {"x": X},
         lambda t, x, a: t.nn.functional.prelu(x, a.reshape(1))),
    Case("nn.prelu", lambda x, *, name: nn.prelu(x, name=name, axis=1), {"x": real("n", 3, 2)},
         lambda t, x, a: t.nn.functional.prelu(x, a), "one slope a channel"),
)  # fmt: skip

CASES = (*FUNCTIONS, *SPECIAL, *OPERATORS, *COMPARISONS, *ACTIVATIONS)
