"""Cases for floating-point instructions and conversions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.cuda import exact
from tests.cuda.evaluate import Case
from tests.cuda.exact import bits_of, clipped, flushed

DIRECTIONS = ("rn", "rz", "rm", "rp")
ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a < b or a > b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}


def _unordered(a: float, b: float) -> bool:
    return math.isnan(a) or math.isnan(b)


def arithmetic() -> list[Case]:
    cases = []
    for w in (32, 64):
        of = f"f{w}"
        two, three = (of, of), (of, of, of)
        for d in DIRECTIONS:
            cases += [
                Case(f"add.{d}.{of}", two, of, lambda a, b, w=w, d=d: exact.added(a, b, w, d)),
                Case(f"sub.{d}.{of}", two, of, lambda a, b, w=w, d=d: exact.added(a, -b, w, d)),
                Case(f"mul.{d}.{of}", two, of, lambda a, b, w=w, d=d: exact.multiplied(a, b, w, d)),
                Case(f"fma.{d}.{of}", three, of, lambda a, b, c, w=w, d=d: exact.fused(a, b, c, w, d)),
            ]
            if w == 32 or d == "rn":
                cases += [
                    Case(f"div.{d}.{of}", two, of, lambda a, b, w=w, d=d: exact.divided(a, b, w, d)),
                    Case(f"rcp.{d}.{of}", (of,), of, lambda a, w=w, d=d: exact.divided(1.0, a, w, d)),
                    Case(f"sqrt.{d}.{of}", (of,), of, lambda a, w=w, d=d: exact.root(a, w, d)),
                ]
        cases += [
            Case(f"min.{of}", two, of, exact.least),
            Case(f"max.{of}", two, of, exact.greatest),
            Case(f"abs.{of}", (of,), of, abs),
            Case(f"neg.{of}", (of,), of, lambda a: -a),
            Case(f"copysign.{of}", two, of, lambda a, b: math.copysign(b, a)),
            Case(f"testp.finite.{of}", (of,), "pred", math.isfinite),
            Case(f"testp.infinite.{of}", (of,), "pred", math.isinf),
            Case(f"testp.notanumber.{of}", (of,), "pred", math.isnan),
            Case(f"testp.number.{of}", (of,), "pred", lambda a: not math.isnan(a)),
            Case(f"testp.normal.{of}", (of,), "pred", lambda a, w=w: _normal(a, w)),
            Case(f"testp.subnormal.{of}", (of,), "pred", lambda a, w=w: a != 0 and _finite_small(a, w)),
        ]
        for name, compare in ORDERED.items():
            cases.append(Case(f"setp.{name}.{of}", two, "pred", compare))
            cases.append(
                Case(f"setp.{name}u.{of}", two, "pred", lambda a, b, c=compare: c(a, b) or _unordered(a, b))
            )
        cases.append(Case(f"setp.num.{of}", two, "pred", lambda a, b: not _unordered(a, b)))
        cases.append(Case(f"setp.nan.{of}", two, "pred", _unordered))
    return cases


def _finite_small(a: float, w: int) -> bool:
    return abs(a) < (2.0**-126 if w == 32 else 2.0**-1022)


def _normal(a: float, w: int) -> bool:
    return math.isfinite(a) and not _finite_small(a, w)


def finished() -> list[Case]:
    """Results that are flushed or clipped, NaN that is kept."""

    def ftz(function: Callable[..., float]) -> Callable[..., float]:
        return lambda *values: flushed(function(*map(flushed, values)))

    def sat(function: Callable[..., float]) -> Callable[..., float]:
        return lambda *values: clipped(function(*values))

    two = ("f32", "f32")

    def add(a: float, b: float) -> float:
        return exact.added(a, b, 32)

    def mul(a: float, b: float) -> float:
        return exact.multiplied(a, b, 32)

    def fma(a: float, b: float, c: float) -> float:
        return exact.fused(a, b, c, 32)

    return [
        Case("add.ftz.f32", two, "f32", ftz(add)),
        Case("add.sat.f32", two, "f32", sat(add)),
        Case("add.ftz.sat.f32", two, "f32", sat(ftz(add))),
        Case("mul.ftz.f32", two, "f32", ftz(mul)),
        Case("mul.sat.f32", two, "f32", sat(mul)),
        Case("fma.rn.ftz.f32", (*two, "f32"), "f32", ftz(fma)),
        Case("fma.rn.sat.f32", (*two, "f32"), "f32", sat(fma)),
        Case("min.ftz.f32", two, "f32", ftz(exact.least)),
        Case("min.NaN.f32", two, "f32", lambda a, b: math.nan if _unordered(a, b) else exact.least(a, b)),
        Case(
            "max.NaN.f64",
            ("f64", "f64"),
            "f64",
            lambda a, b: math.nan if _unordered(a, b) else exact.greatest(a, b),
        ),
        Case("abs.ftz.f32", ("f32",), "f32", ftz(abs)),
        Case("cvt.sat.f32.f32", ("f32",), "f32", clipped),
        Case("setp.lt.ftz.f32", two, "pred", lambda a, b: flushed(a) < flushed(b)),
        Case("div.rn.ftz.f32", two, "f32", ftz(lambda a, b: exact.divided(a, b, 32))),
    ]


def conversions() -> list[Case]:
    cases = []
    for w in (32, 64):
        f = f"f{w}"
        for d in ("rni", "rzi", "rmi", "rpi"):
            cases.append(Case(f"cvt.{d}.{f}.{f}", (f,), f, lambda a, d=d: exact.whole(a, d)))
            for bits in (16, 32, 64):
                for kind in "us":
                    cases.append(
                        Case(
                            f"cvt.{d}.{kind}{bits}.{f}",
                            (f,),
                            f"{kind}{bits}",
                            lambda a, d=d, bits=bits, kind=kind: exact.to_integer(
                                a, bits, unsigned=kind == "u", direction=d
                            ),
                        )
                    )
        for d in DIRECTIONS:
            for bits in (16, 32, 64):
                for kind in "us":
                    of = f"{kind}{bits}"
                    cases.append(
                        Case(f"cvt.{d}.{f}.{of}", (of,), f, lambda a, w=w, d=d: exact.from_integer(a, w, d))
                    )
    for d in DIRECTIONS:
        cases.append(Case(f"cvt.{d}.f32.f64", ("f64",), "f32", lambda a, d=d: _narrowed(a, d)))
    cases.append(Case("cvt.f64.f32", ("f32",), "f64", lambda a: a))
    for to in ("u16", "s16", "u32", "s32", "u64", "s64"):
        for of in ("u16", "s16", "u32", "s32", "u64", "s64"):
            if to == of:
                continue
            cases.append(Case(f"cvt.{to}.{of}", (of,), to, lambda a: a))
            bits, low = int(to[1:]), to[0] == "s"
            limits = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if low else (0, (1 << bits) - 1)
            cases.append(
                Case(
                    f"cvt.sat.{to}.{of}",
                    (of,),
                    to,
                    lambda a, limits=limits: min(max(a, limits[0]), limits[1]),
                )
            )
    cases += [
        Case("mov.b32", ("f32",), "u32", lambda a: bits_of(a, 32)),
        Case("mov.b64", ("f64",), "u64", lambda a: bits_of(a, 64)),
    ]
    return cases


def _narrowed(a: float, direction: str) -> float:
    from fractions import Fraction

    return exact.rounded(Fraction(a), 32, direction) if math.isfinite(a) and a else a
