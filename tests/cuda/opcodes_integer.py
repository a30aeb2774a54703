"""Cases for integer instructions: arithmetic, comparisons, bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.cuda import exact
from tests.cuda.evaluate import Case
from tests.cuda.ptx.types import type_named


def integers() -> list[Case]:
    cases = []
    for of in ("u16", "s16", "u32", "s32", "u64", "s64"):
        t = type_named(of)
        w = t.bits
        two, three = (of, of), (of, of, of)

        def high(a: int, b: int, w: int = w) -> int:
            return a * b >> w

        def divide(a: int, b: int, w: int = w) -> int:
            return exact.quotient(a, b, w)

        cases += [
            Case(f"add.{of}", two, of, lambda a, b: a + b),
            Case(f"sub.{of}", two, of, lambda a, b: a - b),
            Case(f"mul.lo.{of}", two, of, lambda a, b: a * b),
            Case(f"mul.hi.{of}", two, of, high),
            Case(f"mad.lo.{of}", three, of, lambda a, b, c: a * b + c),
            Case(f"mad.hi.{of}", three, of, lambda a, b, c, high=high: high(a, b) + c),
            Case(f"div.{of}", two, of, divide),
            Case(f"rem.{of}", two, of, exact.remainder),
            Case(f"min.{of}", two, of, min),
            Case(f"max.{of}", two, of, max),
            Case(f"sad.{of}", three, of, lambda a, b, c: c + abs(a - b)),
            Case(f"shr.{of}", (of, "u32"), of, lambda a, n: a >> min(n, 64)),
            *(Case(f"setp.{name}.{of}", two, "pred", compare) for name, compare in COMPARED.items()),
            Case(f"setp.gt.{of}", two, "pred", lambda a, b: a > b),
        ]
        if w < 64:
            wide = f"{t.kind}{2 * w}"
            cases.append(Case(f"mul.wide.{of}", two, wide, lambda a, b: a * b))
            cases.append(Case(f"mad.wide.{of}", (of, of, wide), wide, lambda a, b, c: a * b + c))
        if t.kind == "s":
            cases += [Case(f"abs.{of}", (of,), of, abs), Case(f"neg.{of}", (of,), of, lambda a: -a)]
    cases.append(
        Case("add.sat.s32", ("s32", "s32"), "s32", lambda a, b: min(max(a + b, -(1 << 31)), (1 << 31) - 1))
    )
    for one, other in ((a, b) for a in ("u32", "s32") for b in ("u32", "s32")):
        result = "u32" if one == other == "u32" else "s32"
        for name, bits, first in (("dp2a.lo", 16, 0), ("dp2a.hi", 16, 2), ("dp4a", 8, 0)):
            dot = partial(dot_product, of=(one, other), bits=bits, first=first)
            cases.append(Case(f"{name}.{one}.{other}", (one, other, result), result, dot))
    return cases


def dot_product(a: int, b: int, c: int, *, of: tuple[str, str], bits: int, first: int) -> int:
    """Return ``c`` and the products of parts of ``a`` with bytes of ``b``, from byte `first` on."""
    pairs = ((p, first + p) for p in range(32 // bits))
    return c + sum(part(a, of[0], p, bits) * part(b, of[1], q, 8) for p, q in pairs)


def part(value: int, of: str, number: int, bits: int) -> int:
    """Return so many bits of an integer as an integer."""
    found = value >> number * bits & (1 << bits) - 1
    return found - (1 << bits) if of == "s32" and found >> bits - 1 else found


COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "ge": lambda a, b: a >= b,
}


def bits() -> list[Case]:
    cases = []
    for of in ("b16", "b32", "b64"):
        w = type_named(of).bits
        cases += [
            Case(f"and.{of}", (of, of), of, lambda a, b: a & b),
            Case(f"or.{of}", (of, of), of, lambda a, b: a | b),
            Case(f"xor.{of}", (of, of), of, lambda a, b: a ^ b),
            Case(f"not.{of}", (of,), of, lambda a: ~a),
            Case(f"cnot.{of}", (of,), of, lambda a: a == 0),
            Case(f"shl.{of}", (of, "u32"), of, lambda a, n: a << min(n, 64)),
            Case(f"mov.{of}", (of,), of, lambda a: a),
        ]
        if w == 16:
            continue
        cases += [
            Case(f"popc.{of}", (of,), "u32", int.bit_count),
            Case(f"clz.{of}", (of,), "u32", lambda a, w=w: w - a.bit_length()),
            Case(f"brev.{of}", (of,), of, lambda a, w=w: int(f"{a:0{w}b}"[::-1], 2)),
            Case(f"bfi.{of}", (of, of, "u32", "u32"), of, lambda a, b, i, n, w=w: inserted(a, b, i, n, w)),
        ]
        for kind in "us":
            typed = f"{kind}{w}"
            cases.append(
                Case(
                    f"bfe.{typed}",
                    (typed, "u32", "u32"),
                    typed,
                    lambda a, i, n, w=w, s=kind == "s": extracted(a, i, n, w, s),
                )
            )
            cases.append(
                Case(f"bfind.{typed}", (typed,), "u32", lambda a: (~a if a < 0 else a).bit_length() - 1)
            )
    cases += [
        Case("prmt.b32", ("b32", "b32", "b32"), "b32", permuted),
        Case("lop3.b32", ("b32", "b32", "b32"), "b32", lambda a, b, c: (a & b) ^ c, ", 0x6A"),
    ]
    for mode in ("wrap", "clamp"):
        by: Callable[[int], int] = (lambda n: n & 31) if mode == "wrap" else (lambda n: min(n, 32))
        cases += [
            Case(
                f"shf.l.{mode}.b32",
                ("b32", "b32", "u32"),
                "b32",
                lambda a, b, n, by=by: ((b << 32 | a) << by(n)) >> 32,
            ),
            Case(
                f"shf.r.{mode}.b32",
                ("b32", "b32", "u32"),
                "b32",
                lambda a, b, n, by=by: (b << 32 | a) >> by(n),
            ),
        ]
    return cases


def extracted(a: int, start: int, length: int, w: int, sign: bool) -> int:
    """As the manual of PTX does it, bit by bit."""
    start, length = start & 0xFF, length & 0xFF
    bits = a % (1 << w)
    fill = (bits >> min(start + length - 1, w - 1)) & 1 if sign and length else 0
    found = 0
    for place in range(w):
        inside = place < length and start + place < w
        found |= ((bits >> (start + place)) & 1 if inside else fill) << place
    return found


def inserted(a: int, b: int, start: int, length: int, w: int) -> int:
    start, length = start & 0xFF, length & 0xFF
    found = b
    for place in range(length):
        if start + place < w:
            found = found & ~(1 << (start + place)) | ((a >> place) & 1) << (start + place)
    return found


def permuted(a: int, b: int, selector: int) -> int:
    octets = (b << 32 | a).to_bytes(8, "little")
    found = 0
    for place in range(4):
        pick = selector >> (4 * place)
        octet = octets[pick & 7]
        found |= ((0xFF if octet & 0x80 else 0) if pick & 8 else octet) << (8 * place)
    return found
