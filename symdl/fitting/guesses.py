"""Start values of curves, guessed from data.

Enters: a `Curve` and points. Leaves: a value for each parameter. All curves are linear in some parameters:
these are solved for; the others are tried out on a grid, or read off peaks, one after the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from symdl.errors import FittingError
from symdl.fitting.curves import Curve, Part, Shape
from symdl.fitting.parameters import by_name, names_in
from symdl.fitting.sets import DataSet
from symdl.fitting.solve import Mask
from symdl.train.layout import Vector

_MOST = 4000  # combinations of shapes that are tried together
_ROUNDS = 6  # of leaving out what stands off the background
_OFF = 2.5  # deviations


def guess(curve: Curve, x: Vector, y: Vector) -> dict[str, float]:
    """Return start values by name.

    Raises:
        FittingError: there are no two different points.
    """
    if x.size < 2 or np.ptp(x) == 0:
        cure = "pass start values: start={...}"
        raise FittingError(f"start values cannot be guessed: {curve.x} is the same at all points", cure=cure)
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    peaks = [part for part in curve.parts if part.shapes is None]
    others = [part for part in curve.parts if part.shapes is not None]
    best, chosen = np.inf, None
    for kept in _first_masks(y) if peaks and others else [np.ones(y.size, bool)]:
        background, shapes = _background(others, x, y, kept, clipped=bool(peaks))
        pairs = [*shapes, *zip(peaks, _peaks(peaks, x, y - background), strict=True)]
        linear, squares = _solved(pairs, x, y)
        if chosen is None or squares < best:
            best, chosen = squares, (pairs, linear)
    assert chosen is not None
    values: dict[str, float] = {}
    for (part, shape), numbers in zip(*chosen, strict=True):
        solved = part.values(numbers, shape, x)
        values |= {str(s): float(v) for s, v in zip(part.symbols, solved, strict=True)}
    return {str(symbol): values[str(symbol)] for symbol in curve.parameters}


def _first_masks(y: Vector) -> Iterator[Mask]:
    """Yield where there may be nothing but background: anywhere, at the ends, below peaks, above dips."""
    place = np.arange(y.size) / max(y.size - 1, 1)
    yield np.ones(y.size, bool)
    yield (place <= 0.15) | (place >= 0.85)
    yield y <= np.quantile(y, 0.4)
    yield y >= np.quantile(y, 0.6)


def _solved(pairs: Sequence[tuple[Part, Shape]], x: Vector, y: Vector) -> tuple[list[Vector], float]:
    """Return the linear numbers of each part, solved for together, and the sum of squares that is left."""
    columns = [part.columns(x, shape) for part, shape in pairs]
    whole = np.hstack(columns)
    found = np.linalg.lstsq(whole, y)[0]
    ends = np.cumsum([c.shape[1] for c in columns])[:-1]
    return np.split(found, ends), float(((y - whole @ found) ** 2).sum())


def guessed(
    curves: Mapping[str | None, Curve], sets: Sequence[DataSet], said: tuple[Any, Any, Any, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return start values and bounds: those that were said, the others guessed.

    Args:
        curves: by what was measured; None is the only set.
        sets: the data.
        said: start, bounds, what is fixed and what is tied.
    """
    start, bounds = by_name(said[0], "start"), by_name(said[1], "bounds")
    tied, held = set(said[3]), {*said[3], *names_in(said[2])}
    valued = tied | (held if isinstance(said[2], Mapping) else set())
    values: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for one in sets:
        curve = curves.get(one.name) or curves.get(None)
        if curve is not None and str(curve.x) in one.data:
            values = {**guess(curve, one.data[str(curve.x)], one.measured), **values}
            limits |= {name: pair for name, pair in curve.bounds.items() if name not in held}
    limits |= bounds
    for name, pair in limits.items():
        if name in values and isinstance(pair, list | tuple) and len(pair) == 2:
            low, high = (
                side if end is None else end for end, side in zip(pair, (-np.inf, np.inf), strict=True)
            )
            values[name] = float(np.clip(values[name], low, high))
    return {**{n: v for n, v in values.items() if n not in valued}, **start}, limits


def _background(
    parts: Sequence[Part], x: Vector, y: Vector, kept: Mask, *, clipped: bool
) -> tuple[Vector, list[tuple[Part, Shape]]]:
    """Return what lies below peaks, and the shapes of its parts; points that stand off are left out."""
    background: Vector = np.zeros_like(y)
    shapes: list[tuple[Part, Shape]] = [(part, ()) for part in parts]
    for _ in range(_ROUNDS if clipped and parts else bool(parts)):
        best = np.inf
        for tried in _combinations(parts, x):
            columns = np.hstack([part.columns(x, shape) for part, shape in tried])
            linear = np.linalg.lstsq(columns[kept], y[kept])[0]
            fitted = columns @ linear
            squares = float(((y - fitted)[kept] ** 2).sum())
            if squares < best:
                best, background, shapes = squares, fitted, tried
        off = np.abs(y - background)
        near = off <= max(_OFF * 1.4826 * float(np.median(off[kept])), float(np.quantile(off, 0.3)))
        if (near == kept).all():
            break
        kept = near
    return background, shapes


def _combinations(parts: Sequence[Part], x: Vector) -> Iterator[list[tuple[Part, Shape]]]:
    """Yield shapes of all parts; two parts of one kind have different ones, in order."""
    several = [list(part.shapes(x)) for part in parts if part.shapes is not None]
    while np.prod([len(shapes) for shapes in several]) > _MOST:
        several = [shapes[::2] if len(shapes) > 1 else shapes for shapes in several]
    kinds = [part.kind for part in parts]
    for shapes in itertools.product(*several):
        pairs = itertools.combinations(range(len(parts)), 2)
        if all(kinds[a] != kinds[b] or not shapes[a] or shapes[a] < shapes[b] for a, b in pairs):
            yield list(zip(parts, shapes, strict=True))


def _peaks(parts: Sequence[Part], x: Vector, rest: Vector) -> list[Shape]:
    """Return centres and widths, the highest first taken away; of one kind they are in the order of `x`."""
    found: list[Shape] = []
    for part in parts:
        shape = _highest(part, x, rest)
        column = part.columns(x, shape)[:, 0]
        at = int(np.argmin(np.abs(x - shape[0])))
        rest = rest - rest[max(at - 1, 0) : at + 2].mean() * column
        found.append(shape)
    return sorted(found) if len({part.kind for part in parts}) == 1 else found


def _highest(part: Part, x: Vector, rest: Vector) -> Shape:
    """Return where the highest peak is, up or down, and how wide at half its height."""
    wide = 2 * (x.size // 80) + 1
    padded = np.pad(rest, wide // 2, mode="edge")
    smooth = np.convolve(padded, np.full(wide, 1 / wide), mode="valid")
    top = int(np.argmax(np.abs(smooth)))
    above = smooth * np.sign(smooth[top]) > abs(smooth[top]) / 2
    left = next((at for at in range(top, -1, -1) if not above[at]), None)
    right = next((at for at in range(top, x.size) if not above[at]), None)
    sides = [abs(float(x[at] - x[top])) for at in (left, right) if at is not None]
    width = min((side for side in sides if side > 0), default=float(np.ptp(x)) / 10)
    return float(x[top]), width * part.half
