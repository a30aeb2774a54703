"""Networks as drawings: layers with shapes and parameter counts, and units with their weights.

Enters: an output tensor. Leaves: SVG that needs neither script nor font, with colours that follow the page.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from symdl.errors import ExplainError
from symdl.express.dims import Extent
from symdl.express.equations import Equation
from symdl.express.program import collect
from symdl.express.tensors import Tensor

_WIDE, _HIGH, _GAP = 132, 64, 34
_PER_ROW = 6
_MOST_UNITS = 10
_RULES = (
    ".box{fill:none;stroke:#3d8fd1;stroke-width:1.5}",
    ".given{stroke-dasharray:4 3}",
    ".wire{stroke:#7a828c;stroke-width:1.2;fill:none}",
    ".tip{fill:#7a828c}",
    "text{font:13px system-ui,sans-serif;fill:currentColor;text-anchor:middle}",
    "text.small{font-size:11px;fill:#7a828c}",
    "text.name{font-weight:600}",
    "text.halo{paint-order:stroke;stroke:#fff;stroke-width:4px}",
)
_STYLE = "".join(f".network {rule}" for rule in _RULES)  # in a page they must not reach other drawings


@dataclass(frozen=True, slots=True)
class Layer:
    """One box of a layer diagram.

    Attributes:
        name: as the user gave it.
        kind: the rules that compute it, such as ``affine, relu``.
        shape: of what it hands on.
        parameters: how many numbers it learns.
        given: whether it is an input.
        beside: whether it goes into the loss and stands to its right, such as the labels.
    """

    name: str
    kind: str
    shape: tuple[Extent, ...]
    parameters: int
    given: bool = False
    beside: bool = False


def layers_of(output: Tensor) -> tuple[Layer, ...]:
    """Return the layers of a network: inputs first, then the groups of tensors that share a layer's name."""
    program = collect([output])
    found: dict[str, Layer] = {}
    sizes: dict[str, int] = {}
    for tensor in program.inputs:
        if tensor.role == "parameter":
            owner = str(tensor.name).rpartition(".")[0] or str(tensor.name)
            count = 1
            for size in tensor.shape:
                count *= int(size)
            sizes[owner] = sizes.get(owner, 0) + count
    kinds: dict[str, list[str]] = {}
    shapes: dict[str, tuple[Extent, ...]] = {}
    last = str(output.name or "L")
    owners: dict[Tensor, str] = {}
    readers: dict[Tensor, str] = {}
    for equation in program.equations:
        reads = [a.tensor for a in equation.accesses()]
        owner = owners[equation.lhs] = _owner(equation, reads, owners, last)
        for tensor in reads:
            readers.setdefault(tensor, owner)
        rule = equation.origin.rule
        known = kinds.setdefault(owner, [])
        if rule not in (*known, "definition", "operation", "elementwise", "", "matmul"):
            known.append(rule)
        shapes[owner] = equation.lhs.shape
    given = [t for t in program.inputs if t.role == "input"]
    for tensor in given:
        beside = readers.get(tensor) == last and len(given) > 1
        found[str(tensor.name)] = Layer(str(tensor.name), "input", tensor.shape, 0, True, beside)
    for owner, kind in kinds.items():
        found[owner] = Layer(owner, ", ".join(kind), shapes[owner], sizes.get(owner, 0))
    return tuple(sorted(found.values(), key=lambda layer: layer.beside))


def _owner(equation: Equation, reads: Sequence[Tensor], owners: dict[Tensor, str], last: str) -> str:
    """The layer that a tensor belongs to: by its own name, that of its parameters, or what it reads."""
    tensor = equation.lhs
    if tensor.name:
        return tensor.name.rpartition(".")[0] or tensor.name
    for other in reads:
        if other.role == "parameter":
            return str(other.name).rpartition(".")[0] or str(other.name)
    if equation.reduction is None or len(equation.lhs.shape) == max((r.rank for r in reads), default=0):
        found = [owners[other] for other in reads if other in owners]
        if found and all(other in owners for other in reads):
            return found[-1]
    return last


def layer_svg(output: Tensor) -> str:
    """Return the diagram of a network's layers, with the shape that each hands on and its parameters."""
    layers = layers_of(output)
    rows = [layers[n : n + _PER_ROW] for n in range(0, len(layers), _PER_ROW)]
    width = min(len(layers), _PER_ROW) * (_WIDE + _GAP) + 20
    parts = []
    for level, row in enumerate(rows):
        y = 16 + level * (_HIGH + 58)
        for place, layer in enumerate(row):
            x = 10 + place * (_WIDE + _GAP)
            if place or level:
                ends = (x, x - _GAP) if layer.beside else (x - _GAP if place else x - 8, x)
                parts.append(_arrow(*ends, y + _HIGH / 2))
            parts += _box(layer, x, y)
    height = 16 + len(rows) * (_HIGH + 58)
    total = sum(layer.parameters for layer in layers)
    parts.append(
        f'<text class="small" x="{width / 2:.0f}" y="{height - 4}">{total:,} parameters in all</text>'
    )
    return _svg("layers of the network", width, height + 6, parts)


def _box(layer: Layer, x: float, y: float) -> list[str]:
    middle = x + _WIDE / 2
    kind = "box given" if layer.given else "box"
    shape = " × ".join(str(size) for size in layer.shape) or "scalar"
    lines = [
        f'<rect class="{kind}" x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}" rx="8"/>',
        f'<text class="name" x="{middle:.0f}" y="{y + 26}">{html.escape(_short(layer.name))}</text>',
        f'<text class="small" x="{middle:.0f}" y="{y + 46}">{html.escape(_short(layer.kind))}</text>',
        f'<text class="small" x="{middle:.0f}" y="{y + _HIGH + 15}">{html.escape(shape)}</text>',
    ]
    if layer.parameters:
        words = f"{layer.parameters:,} parameters"
        lines.append(f'<text class="small" x="{middle:.0f}" y="{y + _HIGH + 30}">{words}</text>')
    return lines


def _short(name: str) -> str:
    return name if len(name) <= 18 else name[:17] + "…"


def _arrow(start: float, end: float, y: float) -> str:
    back = end - 8 if start < end else end + 8
    tip = f"{end:.0f},{y:.0f} {back:.0f},{y - 4:.0f} {back:.0f},{y + 4:.0f}"
    return f'<path class="wire" d="M{start:.0f},{y:.0f} H{back:.0f}"/><polygon class="tip" points="{tip}"/>'


def unit_svg(sizes: Sequence[int], *, weights: bool = True) -> str:
    """Return the diagram of a small network: a circle for each unit, a line for each weight.

    Args:
        sizes: the number of units in each layer, inputs first.
        weights: whether the lines between the first two layers carry their names.

    Raises:
        ExplainError: there are fewer than two layers or more than ten units in one.
    """
    if len(sizes) < 2 or min(sizes) < 1 or max(sizes) > _MOST_UNITS:
        raise ExplainError(
            f"layers of {', '.join(map(str, sizes))} units cannot be drawn",
            cure=f"give two layers or more of at most {_MOST_UNITS} units, or use the layer diagram",
        )
    tall = max(sizes)
    points = [
        [(60.0 + 190 * place, 45.0 + 62 * (n + (tall - size) / 2)) for n in range(size)]
        for place, size in enumerate(sizes)
    ]
    parts: list[str] = []
    labels: list[str] = []
    for place, (left, right) in enumerate(itertools.pairwise(points)):
        for b, (x2, y2) in enumerate(right):
            for a, (x1, y1) in enumerate(left):
                parts.append(f'<path class="wire" d="M{x1 + 20:.0f},{y1:.0f} L{x2 - 20:.0f},{y2:.0f}"/>')
                if weights and place == 0 and len(left) * len(right) <= 8:
                    share = 0.22 + 0.16 * (b % 3)
                    x, y = x1 + 20 + share * (x2 - x1 - 40), y1 + share * (y2 - y1) - 4
                    labels.append(_indexed(x, y, "w", f"{b + 1}{a + 1}", "small halo"))
    for place, column in enumerate(points):
        letter = "x" if place == 0 else "y" if place == len(points) - 1 else "h"
        for n, (x, y) in enumerate(column):
            kind = "box given" if place == 0 else "box"
            parts.append(f'<circle class="{kind}" cx="{x:.0f}" cy="{y:.0f}" r="20"/>')
            parts.append(_indexed(x, y + 5, letter, str(n + 1), "name"))
    width, height = 120 + 190 * (len(sizes) - 1), 45 + 62 * tall
    return _svg("units and weights", width, height, [*parts, *labels])


def _indexed(x: float, y: float, letter: str, index: str, kind: str) -> str:
    low = f'<tspan dy="4" font-size="9">{index}</tspan>'
    high = f'<tspan font-style="italic">{letter}</tspan>'
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{high}{low}</text>'


def _svg(label: str, width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg class="network" role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>"
    )
