"""A discrete Fourier transform in stages.

Enters: what is transformed, as a function of a place, and its sizes. Leaves: the result as such a function;
the equations between are written down.

With ``N = r R``, ``n = n1 R + n2`` and ``k = k1 + r k2`` a transform is R small ones of size r, a rotation of
each element, and r transforms of size R (Cooley and Tukey). The small ones are one product with a matrix of
cosines and sines; real and imaginary part are an axis. A size with a large prime factor is a convolution with
a chirp, by three transforms of a power of two (Bluestein).
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symdl.differentiate.transforms.tables import Writer
from symdl.differentiate.transforms.waves import Kind
from symdl.express.dims import Extent, Index
from symdl.express.tensors import Tensor

Reader = Callable[[tuple[sp.Expr, ...], sp.Expr], tuple[sp.Expr, sp.Expr | None]]
"""From the indices of a batch and a place to real and imaginary part; None for a real one."""
Result = Callable[[tuple[sp.Expr, ...], sp.Expr], tuple[sp.Expr, sp.Expr]]
"""The same of what is complex."""

RADIX = 16
"""The largest size of a stage made of several primes."""
LARGEST_PRIME = 64
"""The largest prime that is a stage of its own; of one signal, the chirp is faster beyond (decision 47)."""
DIRECT = 16
"""Up to this size a transform is one product with its matrix."""


def radices(size: int) -> list[int] | None:
    """Return the sizes of the stages, or None if a prime factor is too large for one."""
    primes = [p for p, power in sp.factorint(size).items() for _ in range(power)]
    if max(primes, default=1) > LARGEST_PRIME:
        return None
    count = 1
    while True:
        stages = [1] * count
        for p in sorted(primes, reverse=True):
            stages[stages.index(min(stages))] *= p
        if all(stage <= RADIX or sp.isprime(stage) for stage in stages):
            return sorted(stages, reverse=True)
        count += 1


def transform(writer: Writer, kind: Kind, read: Reader) -> Result:
    """Return ``sum_n x[n] exp(-2πikn/N)`` as a function of the batch and k."""
    stages = radices(kind.size)
    return _chirp(writer, kind, read) if stages is None else _staged(writer, kind, read, stages)


def _indices(kind: Kind) -> list[tuple[Index, Extent]]:
    return [(Index(f"b{at}"), size) for at, size in enumerate(kind.batch, 1)]


def _names(pairs: list[tuple[Index, Extent]]) -> tuple[Index, ...]:
    return tuple(index for index, _ in pairs)


def _staged(writer: Writer, kind: Kind, read: Reader, stages: list[int]) -> Result:
    batch, part, other = _indices(kind), (Index("c"), 2), (Index("d"), 2)
    digits: list[tuple[Index, Extent]] = []
    rest = kind.size // stages[0]
    first, low = (Index("p"), stages[0]), (Index("q"), rest)
    values, whole = _laid_out(writer, kind, read, [*batch], first, low)
    for number, radix in enumerate(stages):
        digit = (Index(f"k{number + 1}"), radix)
        matrix = _matrix(writer, kind.size, radix, whole)
        before = [*batch, *digits]
        entries = ([part[0]] if whole else []) + [first[0], digit[0], other[0]]
        body = values.at(*_names([*before, *([part] if whole else []), first, low])) * matrix.at(*entries)
        over = [*([part] if whole else []), first]
        values = writer.define([*before, digit, other, low], body, over=over)
        digits.append(digit)
        if number + 1 == len(stages):
            break
        turned = _turns(writer, kind.size, radix, rest)
        rest //= stages[number + 1]
        first, low = (Index("p"), stages[number + 1]), (Index("q"), rest)
        values, whole = _rotated(writer, values, turned, [*batch, *digits], part, first, low), True

    def result(where: tuple[sp.Expr, ...], k: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        places, step = [], 1
        for radix in stages:
            above = sp.floor(k / step) if step > 1 else k
            places.append(sp.Mod(above, radix) if step * radix < kind.size else above)
            step *= radix
        return values.at(*where, *places, 0, 0), values.at(*where, *places, 1, 0)

    return result


def _laid_out(
    writer: Writer,
    kind: Kind,
    read: Reader,
    batch: list[tuple[Index, Extent]],
    first: tuple[Index, int],
    low: tuple[Index, int],
) -> tuple[Tensor, bool]:
    """Return what is transformed with the axes of the first stage, and whether it has an imaginary part."""
    place = first[0] * low[1] + low[0] if low[1] > 1 else first[0] + 0 * low[0]
    real, imaginary = read(_names(batch), place)
    if imaginary is None:
        return writer.define([*batch, first, low], _within(real, place, kind)), False
    part = Index("c")
    both = sp.Piecewise((real, sp.Eq(part, 0)), (imaginary, True))
    return writer.define([*batch, (part, 2), first, low], _within(both, place, kind)), True


def _within(value: sp.Expr, place: sp.Expr, kind: Kind) -> sp.Expr:
    return value if kind.length == kind.size else sp.Piecewise((value, place < kind.length), (0, True))


def _matrix(writer: Writer, size: int, radix: int, whole: bool) -> Tensor:
    """Return ``exp(-2πikn/r)`` as a matrix of reals: two by two for each entry, for real input one by two."""
    c, n, k, d = (Index(name) for name in ("c", "p", "k", "d"))
    cosines, sines = writer.circle(size)
    place = size // radix * sp.Mod(n * k, radix)
    cos, sin = cosines.at(place), sines.at(place)
    if not whole:
        body = sp.Piecewise((cos, sp.Eq(d, 0)), (-sin, True))
        return writer.define([(n, radix), (k, radix), (d, 2)], body)
    body = sp.Piecewise((cos, sp.Eq(c, d)), (sin, sp.Eq(d, 0)), (-sin, True))
    return writer.define([(c, 2), (n, radix), (k, radix), (d, 2)], body)


def _turns(writer: Writer, size: int, radix: int, rest: int) -> tuple[Tensor, Tensor]:
    """Return by how much element n2 of result k1 of a stage is turned: cosines and sines."""
    k, n = (Index("k"), radix), (Index("n"), rest)
    place = size // (radix * rest) * k[0] * n[0]
    cosines, sines = writer.circle(size)
    return writer.define([k, n], cosines.at(place)), writer.define([k, n], sines.at(place))


def _rotated(
    writer: Writer,
    values: Tensor,
    turns: tuple[Tensor, Tensor],
    before: list[tuple[Index, Extent]],
    part: tuple[Index, int],
    first: tuple[Index, int],
    low: tuple[Index, int],
) -> Tensor:
    """Return the results of a stage turned, with the axes of the next."""
    place = first[0] * low[1] + low[0]
    c, digit, where = part[0], before[-1][0], _names(before)
    cos, sin = (table.at(digit, place) for table in turns)
    straight, crossed = values.at(*where, c, place), values.at(*where, 1 - c, place)
    return writer.define([*before, part, first, low], straight * cos + (1 - 2 * c) * crossed * sin)


def _chirp(writer: Writer, kind: Kind, read: Reader) -> Result:
    size, padded = kind.size, 1 << (kind.length + kind.size - 2).bit_length()
    n = Index("n")
    cosines, sines = writer.circle(2 * size)
    square = sp.Mod(n * n, 2 * size)
    chirps = [writer.define([(n, size)], table.at(square)) for table in (cosines, sines)]

    def turned(real: sp.Expr, imaginary: sp.Expr | None, place: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        cos, sin = (table.at(place) for table in chirps)
        if imaginary is None:
            return real * cos, -real * sin
        return real * cos + imaginary * sin, imaginary * cos - real * sin

    def chirped(where: tuple[sp.Expr, ...], place: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        return turned(*read(where, place), place)

    def chirp(_: tuple[sp.Expr, ...], place: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        back = padded - place
        cos, sin = (
            sp.Piecewise((t.at(place), place < size), (t.at(back), back < size), (0, True)) for t in chirps
        )
        return cos, sin

    spectrum = transform(writer, Kind(padded, kind.length, kind.batch), chirped)
    response = transform(writer, Kind(padded, padded, ()), chirp)

    def exchanged(where: tuple[sp.Expr, ...], place: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        (a, b), (c, d) = spectrum(where, place), response((), place)
        return a * d + b * c, a * c - b * d  # as the transform of exchanged parts is the inverse one's

    back = transform(writer, Kind(padded, padded, kind.batch), exchanged)

    def result(where: tuple[sp.Expr, ...], k: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        imaginary, real = back(where, k)
        real, imaginary = turned(real, imaginary, k)
        return real / padded, imaginary / padded

    return result
