"""Elementwise functions, comparisons and activations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sympy as sp

import symdl as sd

from ..sample import Absent, Spelling

ONE: dict[str, Callable[..., Any]] = {
    "abs": sd.absolute,
    "acos": sd.acos,
    "acosh": sd.acosh,
    "asin": sd.asin,
    "asinh": sd.asinh,
    "atan": sd.atan,
    "atanh": sd.atanh,
    "ceil": sd.ceil,
    "cos": sd.cos,
    "cosh": sd.cosh,
    "deg2rad": sd.deg2rad,
    "exp": sd.exp,
    "exp2": sd.exp2,
    "expm1": sd.expm1,
    "floor": sd.floor,
    "frac": sd.frac,
    "log": sd.log,
    "log10": sd.log10,
    "log1p": sd.log1p,
    "log2": sd.log2,
    "rad2deg": sd.rad2deg,
    "reciprocal": sd.reciprocal,
    "rsqrt": sd.rsqrt,
    "sigmoid": sd.sigmoid,
    "sign": sd.sign,
    "sgn": sd.sign,
    "sin": sd.sin,
    "sinc": sd.sinc,
    "sinh": sd.sinh,
    "sqrt": sd.sqrt,
    "square": sd.square,
    "tan": sd.tan,
    "tanh": sd.tanh,
    "trunc": sd.trunc,
    "erf": sd.erf,
    "erfc": sd.erfc,
    "erfinv": sd.erfinv,
    "digamma": sd.digamma,
    "lgamma": sd.gammaln,
    "isnan": sd.isnan,
    "neg": lambda x: -x,
    "positive": lambda x: x,
    "special.entr": sd.entr,
    "special.airy_ai": sd.airy_ai,
    "special.bessel_j0": lambda x: sd.besselj(0, x),
    "special.bessel_j1": lambda x: sd.besselj(1, x),
    "special.bessel_y0": lambda x: sd.bessely(0, x),
    "special.bessel_y1": lambda x: sd.bessely(1, x),
    "i0": lambda x: sd.besseli(0, x),
    "special.i1": lambda x: sd.besseli(1, x),
    "special.modified_bessel_i0": lambda x: sd.besseli(0, x),
    "special.modified_bessel_i1": lambda x: sd.besseli(1, x),
    "special.modified_bessel_k0": lambda x: sd.besselk(0, x),
    "special.modified_bessel_k1": lambda x: sd.besselk(1, x),
    "special.scaled_modified_bessel_k0": lambda x: sd.exp(x) * sd.besselk(0, x),
    "special.scaled_modified_bessel_k1": lambda x: sd.exp(x) * sd.besselk(1, x),
    "special.i0e": lambda x: sd.exp(-sd.absolute(x)) * sd.besseli(0, x),
    "special.i1e": lambda x: sd.exp(-sd.absolute(x)) * sd.besseli(1, x),
    "special.ndtr": lambda x: sd.erfc(-x / math.sqrt(2)) / 2,
    "special.ndtri": lambda x: math.sqrt(2) * sd.erfinv(2 * x - 1),
    "special.log_ndtr": lambda x: sd.log(sd.erfc(-x / math.sqrt(2)) / 2),
    "special.erfcx": lambda x: sd.exp(x**2) * sd.erfc(x),
    "special.spherical_bessel_j0": lambda x: sd.sinc(x / math.pi),
    "isfinite": lambda x: ~sd.isnan(x - x),
    "isreal": lambda x: sd.equal(0 * x, 0 * x) | sd.isnan(x),
    "isinf": lambda x: sd.equal(sd.absolute(x), sp.oo),
    "isposinf": lambda x: sd.equal(x, sp.oo),
    "isneginf": lambda x: sd.equal(x, -sp.oo),
    "real": lambda x: x,
    "conj": lambda x: x,
    "conj_physical": lambda x: x,
    "resolve_conj": lambda x: x,
    "resolve_neg": lambda x: x,
    "angle": lambda x: sd.atan2(0 * x, x),
    "logical_not": lambda x: sd.equal(x, 0),
    "clone": lambda x, **_: x,
    "contiguous": lambda x, **_: x,
    "alias_copy": lambda x: x,
    "signbit": lambda x: sd.copysign(1 + 0 * x, x) < 0,
    "nn.functional.relu": sd.relu,
    "nn.functional.relu6": sd.nn.relu6,
    "nn.functional.silu": sd.nn.silu,
    "nn.functional.hardsigmoid": sd.nn.hard_sigmoid,
    "nn.functional.hardswish": sd.nn.hard_swish,
    "nn.functional.logsigmoid": sd.nn.log_sigmoid,
    "nn.functional.mish": sd.nn.mish,
    "nn.functional.softsign": sd.nn.softsign,
    "nn.functional.selu": sd.nn.selu,
    "nn.functional.tanhshrink": lambda x: x - sd.tanh(x),
}

TWO: dict[str, Callable[..., Any]] = {
    "atan2": sd.atan2,
    "copysign": sd.copysign,
    "fmod": sd.fmod,
    "remainder": sd.mod,
    "heaviside": sd.heaviside,
    "hypot": sd.hypot,
    "ldexp": sd.ldexp,
    "logaddexp": sd.logaddexp,
    "xlogy": sd.xlogy,
    "lerp": sd.lerp,
    "special.xlog1py": sd.xlog1py,
    "special.zeta": sd.zeta,
    "igamma": sd.gammainc,
    "igammac": sd.gammaincc,
    "mul": lambda x, y: x * y,
    "maximum": sd.maximum,
    "minimum": sd.minimum,
    "max.binary": sd.maximum,
    "min.binary": sd.minimum,
    "eq": sd.equal,
    "ne": sd.not_equal,
    "ge": lambda x, y: x >= y,
    "gt": lambda x, y: x > y,
    "le": lambda x, y: x <= y,
    "lt": lambda x, y: x < y,
    "pow": lambda x, y: x**y,
    "float_power": lambda x, y: x**y,
    "true_divide": lambda x, y: x / y,
    "floor_divide": lambda x, y: x // y,
    "logaddexp2": lambda x, y: sd.logaddexp(x * math.log(2), y * math.log(2)) / math.log(2),
    "logical_and": lambda x, y: sd.not_equal(x, 0) & sd.not_equal(y, 0),
    "logical_or": lambda x, y: sd.not_equal(x, 0) | sd.not_equal(y, 0),
    "logical_xor": lambda x, y: sd.not_equal(x, 0) ^ sd.not_equal(y, 0),
    "__radd__": lambda x, y: y + x,
    "__rdiv__": lambda x, y: y / x,
    "__rmul__": lambda x, y: y * x,
    "__rmod__": lambda x, y: y % x,
    "__rpow__": lambda x, y: y**x,
    "__rsub__": lambda x, y: y - x,
    "fmax": lambda x, y: sd.where(sd.isnan(x), y, sd.where(sd.isnan(y), x, sd.maximum(x, y))),
    "fmin": lambda x, y: sd.where(sd.isnan(x), y, sd.where(sd.isnan(y), x, sd.minimum(x, y))),
    "clamp_max": lambda x, y: sd.clip(x, None, y),
    "clamp_min": lambda x, y: sd.clip(x, y),
    "isclose": lambda x, y, **k: isclose(x, y, **k),
    "where": lambda x, c, y: sd.where(c, x, y),
}


def isclose(x: Any, y: Any, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    close = sd.isclose(x, y, rtol=rtol, atol=atol)
    return close | (sd.isnan(x) & sd.isnan(y)) if equal_nan else close


def add(x: Any, y: Any, *, alpha: float = 1) -> Any:
    return x + alpha * y


def div(rounding_mode: str | None) -> Callable[..., Any]:
    rounded = {None: lambda q: q, "trunc": sd.trunc, "floor": sd.floor}

    def divided(x: Any, y: Any, **_: Any) -> Any:
        return rounded[rounding_mode](x / y)

    return divided


def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    return sd.clip(x, min, max)


def nan_to_num(x: Any, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Any:
    large = 1.7976931348623157e308
    high, low = large if posinf is None else posinf, -large if neginf is None else neginf
    finite = sd.where(sd.equal(x, sp.oo), high, sd.where(sd.equal(x, -sp.oo), low, x))
    return sd.where(sd.isnan(x), nan or 0, finite)


def rounded(x: Any, decimals: int = 0) -> Any:
    return (
        sd.rint(x * 10**decimals) / 10**decimals
        if decimals >= 0
        else sd.rint(x / 10**-decimals) * 10**-decimals
    )


def logit(x: Any, eps: float | None = None) -> Any:
    return sd.logit(x if eps is None else sd.clip(x, eps, 1 - eps))


def polygamma(x: Any, n: int) -> Any:
    return sd.digamma(x) if n == 0 else sd.polygamma(n, x)


def mvlgamma(x: Any, p: int) -> Any:
    total = sum((sd.gammaln(x - j / 2) for j in range(1, p)), sd.gammaln(x))
    return total + p * (p - 1) / 4 * math.log(math.pi)


def softplus(x: Any, beta: float = 1, threshold: float = 20) -> Any:
    return sd.where(x * beta > threshold, x, sd.softplus(x * beta) / beta)


def gelu(x: Any, approximate: str = "none") -> Any:
    return sd.nn.gelu(x, approximate=approximate == "tanh")


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    return sd.nn.hardtanh(x, min_val, max_val)


def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    return sd.nn.shrink(x, lambd)


def softshrink(x: Any, lambd: float = 0.5) -> Any:
    return sd.nn.shrink(x, lambd, shift=lambd)


def threshold(x: Any, threshold: float, value: float) -> Any:
    return sd.where(x > threshold, x, value)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    return sd.leaky_relu(x, negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    return sd.nn.elu(x, alpha)


def celu(x: Any, alpha: float = 1.0) -> Any:
    return sd.nn.celu(x, alpha)


def prelu(x: Any, weight: Any) -> Any:
    if weight.rank and x.rank > 1:
        weight = weight.reshape(*(-1 if a == 1 else 1 for a in range(x.rank)))
    elif weight.rank:
        weight = weight.reshape(())
    return sd.where(x > 0, x, weight * x)


def rrelu(x: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Any:
    if training:
        raise Absent("PyTorch's random numbers")
    return sd.leaky_relu(x, (lower + upper) / 2)


def addcmul(x: Any, first: Any, second: Any, *, value: float = 1) -> Any:
    return x + value * first * second


def addcdiv(x: Any, first: Any, second: Any, *, value: float = 1) -> Any:
    return x + value * first / second


SPELLINGS = {
    **{name: Spelling(f) for name, f in {**ONE, **TWO}.items()},
    "add": Spelling(add),
    "sub": Spelling(lambda x, y, alpha=1: x - alpha * y),
    "rsub": Spelling(lambda x, y, alpha=1: y - alpha * x),
    "div.no_rounding_mode": Spelling(div(None)),
    "div.trunc_rounding": Spelling(div("trunc")),
    "div.floor_rounding": Spelling(div("floor")),
    "clamp": Spelling(clamp),
    "nan_to_num": Spelling(nan_to_num),
    "round": Spelling(rounded),
    "round.decimals_0": Spelling(rounded),
    "round.decimals_3": Spelling(rounded),
    "round.decimals_neg_3": Spelling(rounded),
    "logit": Spelling(logit),
    **{f"polygamma.polygamma_n_{n}": Spelling(polygamma) for n in range(5)},
    "special.polygamma.special_polygamma_n_0": Spelling(polygamma),
    **{f"mvlgamma.mvlgamma_p_{p}": Spelling(mvlgamma) for p in (1, 3, 5)},
    "nn.functional.softplus": Spelling(softplus),
    "nn.functional.gelu": Spelling(gelu),
    "nn.functional.hardtanh": Spelling(hardtanh),
    "nn.functional.hardshrink": Spelling(hardshrink),
    "nn.functional.softshrink": Spelling(softshrink),
    "nn.functional.threshold": Spelling(threshold),
    "nn.functional.leaky_relu": Spelling(leaky_relu),
    "nn.functional.elu": Spelling(elu),
    "nn.functional.celu": Spelling(celu),
    "nn.functional.prelu": Spelling(prelu),
    "nn.functional.rrelu": Spelling(rrelu),
    "addcmul": Spelling(addcmul),
    "addcdiv": Spelling(addcdiv),
}
