"""Small charts as SVG, which need neither script nor font and take their colours from the page.

Enters: series of points. Leaves: SVG: lines over the epochs, and the roofline.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

_WIDE, _HIGH = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 34, 46
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together.

    Attributes:
        name: in the legend, and of a point when the pointer is on it.
        points: x and y; what is no finite number is left out.
        joined: by a line.
        names: of single points, if they have any.
    """

    name: str
    points: Sequence[tuple[float, float]]
    joined: bool = True
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """A direction: its words, from where to where, whether in powers of ten, and the pixels of both ends."""

    words: str
    low: float
    high: float
    log: bool
    begin: float
    end: float

    def place(self, value: float) -> float:
        """Return the pixels of a value."""
        share = (self._scaled(value) - self._scaled(self.low)) / (
            self._scaled(self.high) - self._scaled(self.low)
        )
        return self.begin + share * (self.end - self.begin)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def ticks(self) -> list[float]:
        """Return round values on the axis."""
        if self.log:
            least, most = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            if most - least < 2:
                values = [n * 10.0**power for power in range(least - 1, most + 1) for n in (1, 2, 5)]
                return [value for value in values if self.low <= value <= self.high]
            every = max(1, math.ceil((most - least) / _TICKS))
            return [10.0**power for power in range(least, most + 1, every)]
        step = rounded_up((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        return [step * n for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def rounded_up(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not less than a step."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= step * (1 - 1e-9))


def chart(
    label: str,
    series: Sequence[Series],
    *,
    x: str,
    y: str,
    log_x: bool = False,
    log_y: bool = False,
    mark: tuple[float, str] | None = None,
) -> str:
    """Return a chart with a legend above it, or nothing if no point is left.

    Args:
        label: says what is drawn to whoever does not see it.
        x, y: words at the axes.
        mark: a vertical line, and what it stands for, in the legend.
    """
    kept = [Series(s.name, _finite(s.points, log_x, log_y), s.joined, s.names) for s in series]
    points = [point for s in kept for point in s.points]
    if not points:
        return ""
    across = _axis(x, [p[0] for p in points], log_x, _LEFT, _WIDE - _RIGHT, tight=True)
    up = _axis(y, [p[1] for p in points], log_y, _HIGH - _BOTTOM, _TOP, tight=False)
    parts = [*_grid(across, up), *_legend(kept, mark)]
    if mark is not None and across.low <= mark[0] <= across.high:
        at = across.place(mark[0])
        parts.append(f'<path class="mark" d="M{at:.1f},{_TOP} V{_HIGH - _BOTTOM}"/>')
    for number, one in enumerate(kept):
        parts += _drawn(one, number, across, up)
    return (
        f'<svg class="chart" role="img" aria-label="{html.escape(label)}" xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {_WIDE} {_HIGH}">{"".join(parts)}</svg>'
    )


def _finite(points: Sequence[tuple[float, float]], log_x: bool, log_y: bool) -> list[tuple[float, float]]:
    return [
        (a, b)
        for a, b in points
        if math.isfinite(a) and math.isfinite(b) and (a > 0 or not log_x) and (b > 0 or not log_y)
    ]


def _axis(words: str, values: list[float], log: bool, begin: float, end: float, *, tight: bool) -> Axis:
    low, high = min(values), max(values)
    if log:
        return Axis(words, low / 1.5, max(high, low) * 1.5, log, begin, end)
    if high == low:
        low, high = low - 0.5 * abs(low or 1), high + 0.5 * abs(high or 1)
    beyond = 0.0 if tight else 0.06 * (high - low)
    return Axis(
        words, min(low - beyond, low) if low < 0 or low > beyond else 0.0, high + beyond, log, begin, end
    )


def _grid(across: Axis, up: Axis) -> list[str]:
    bottom, parts = _HIGH - _BOTTOM, []
    for value in up.ticks():
        y = up.place(value)
        parts.append(f'<path class="grid" d="M{_LEFT},{y:.1f} H{_WIDE - _RIGHT}"/>')
        parts.append(f'<text class="tick end" x="{_LEFT - 8}" y="{y + 4:.1f}">{_number(value)}</text>')
    for value in across.ticks():
        x = across.place(value)
        parts.append(f'<path class="grid" d="M{x:.1f},{bottom} v5"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 19}">{_number(value)}</text>')
    middle = (_LEFT + _WIDE - _RIGHT) / 2
    parts.append(f'<text class="tick" x="{middle:.0f}" y="{_HIGH - 8}">{html.escape(across.words)}</text>')
    turned = f'transform="translate(14,{(_TOP + bottom) / 2:.0f}) rotate(-90)"'
    parts.append(f'<text class="tick" {turned}>{html.escape(up.words)}</text>')
    return parts


def _legend(series: Sequence[Series], mark: tuple[float, str] | None) -> list[str]:
    """Return the legend in one line above the chart, so that nothing runs through it."""
    named = [(f"s{n}", s.name, s.joined) for n, s in enumerate(series) if s.name and s.points]
    if mark is not None:
        named.append(("mark", mark[1], True))
    parts, x = [], float(_LEFT)
    for kind, name, joined in named:
        sign = f"M{x:.0f},16 h18" if joined else f"M{x + 9:.0f},16 h.01"
        parts.append(f'<path class="{kind}{"" if joined else " dot"}" d="{sign}"/>')
        parts.append(f'<text class="tick start" x="{x + 24:.0f}" y="20">{html.escape(name)}</text>')
        x += 24 + 7.2 * len(name) + 18
    return parts


def _drawn(one: Series, number: int, across: Axis, up: Axis) -> list[str]:
    places = [(across.place(a), up.place(b)) for a, b in one.points]
    parts = []
    if one.joined and len(places) > 1:
        way = " L".join(f"{a:.1f},{b:.1f}" for a, b in places)
        parts.append(f'<path class="s{number}" d="M{way}"/>')
    if not one.joined or len(places) == 1:
        names = [*one.names, *([one.name] * len(places))]
        for (a, b), name in zip(places, names, strict=False):
            title = f"<title>{html.escape(name)}</title>"
            parts.append(f'<circle class="s{number}" cx="{a:.1f}" cy="{b:.1f}" r="4">{title}</circle>')
    return parts


def _number(value: float) -> str:
    """Return a value at an axis."""
    if value and not 1e-3 <= abs(value) < 1e5:
        power = math.floor(math.log10(abs(value)) + 1e-9)
        lead = value / 10.0**power
        exponent = str(power).replace("-", "−").translate(str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
        return f"10{exponent}" if abs(lead - 1) < 1e-9 else f"{lead:g}·10{exponent}"
    return f"{value:g}"
