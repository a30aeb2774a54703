"""The computation graph as a drawing.

Enters: the nodes of a graph, with the local derivative on every edge. Leaves: SVG: inputs at the left, each
node to the right of what it reads; or nothing if the graph is too large to be read.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence

from symdl.explain.notation.tree import Node, Symbol
from symdl.explain.printers.text import text
from symdl.explain.sections import GraphNode

MOST = 24
"""Nodes up to which a graph is drawn."""
_WIDE, _HIGH, _RADIUS = 150, 84, 24
_ROOM = 18
"""Characters for which there is room beside an edge and under a node; the table below has the rest."""


Point = tuple[float, float]
Cell = tuple[int, int, int]  # source and target of an edge (a node: twice itself), and the column


def graph_svg(graph: Sequence[GraphNode], key: Callable[[Node], str] = lambda node: "") -> str:
    """Return the drawing, or an empty string; `key` is by what a page knows a node's name."""
    if not 1 < len(graph) <= MOST:
        return ""
    places, bends = places_of(graph)
    width = max(x for x, _ in places) + 90
    height = max(y for _, y in (*places, *(p for way in bends.values() for p in way))) + 60
    parts = [
        f'<svg class="graph" role="img" aria-label="computation graph" xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px">'
    ]
    for target, node in enumerate(graph):
        for source, local in node.edges:
            way = [places[source], *bends.get((source, target), []), places[target]]
            ends = f"{key(graph[source].name)} {key(node.name)}".strip()
            words = text(local) if has_room(local) else f"∂{text(node.name)}/∂{text(graph[source].name)}"
            parts.append(_edge(way, words, f' data-edge="{ends}"' if ends else ""))
    for (x, y), node in zip(places, graph, strict=True):
        kind = "given" if node.given else "node"
        tint = _colour(node.name) or _colour(node.operation)
        ring = f' style="stroke:{tint}"' if tint else ""
        known = key(node.name)
        parts.append(f'<g data-s="{known}" class="v">' if known else "<g>")
        parts.append(f'<circle class="{kind}"{ring} cx="{x:.0f}" cy="{y:.0f}" r="{_RADIUS}"/>')
        parts.append(_words(x, y + 5, text(node.name), "name", tint))
        words = text(node.operation) if has_room(node.operation) else ""
        parts.append(_words(x, y + _RADIUS + 16, words, "operation") + "</g>")
    return "".join([*parts, "</svg>"])


def has_room(node: Node) -> bool:
    """Say whether a formula is short enough to stand in the drawing, so that no words lie over others."""
    return len(text(node)) <= _ROOM


def places_of(graph: Sequence[GraphNode]) -> tuple[list[Point], dict[tuple[int, int], list[Point]]]:
    """Return places of nodes, and where long edges bend.

    Columns by the longest way from an input, rows by what is read; a long edge takes a row of its own.
    """
    depth: list[int] = []
    for node in graph:
        depth.append(1 + max((depth[s] for s, _ in node.edges), default=-1))
    columns: dict[int, list[Cell]] = {}
    before: dict[Cell, list[Cell]] = {}
    for number, node in enumerate(graph):
        own = (number, number, depth[number])
        columns.setdefault(depth[number], []).append(own)
        before[own] = []
        for source, _ in node.edges:
            last = (source, source, depth[source])
            for level in range(depth[source] + 1, depth[number]):
                stop = (source, number, level)
                columns.setdefault(level, []).append(stop)
                before[stop] = [last]
                last = stop
            before[own].append(last)
    tall = max(map(len, columns.values()))
    high: dict[Cell, float] = {}
    for level in sorted(columns):
        wish = [(_average([high[p] for p in before[c]], c[0]), c) for c in columns[level]]
        ordered = [cell for _, cell in sorted(wish)]
        for place, cell in enumerate(ordered):
            high[cell] = (tall - len(ordered)) / 2 + place

    def point(cell: Cell) -> Point:
        return 60.0 + cell[2] * _WIDE, 50.0 + high[cell] * _HIGH

    places = [point((n, n, depth[n])) for n in range(len(graph))]
    bends = {
        (source, target): [point((source, target, k)) for k in range(depth[source] + 1, depth[target])]
        for target, node in enumerate(graph)
        for source, _ in node.edges
    }
    return places, bends


def _average(values: Sequence[float], otherwise: int) -> float:
    return sum(values) / len(values) if values else float(otherwise)


def _edge(way: Sequence[Point], words: str, known: str) -> str:
    """A line through the points of `way`, rounded at the bends, with an arrow and words near its start."""
    start, end = _towards(way[0], way[1], _RADIUS), _towards(way[-1], way[-2], _RADIUS + 7)
    inner = [start, *way[1:-1], end]
    path = f"M{inner[0][0]:.1f},{inner[0][1]:.1f}"
    for place in range(1, len(inner)):
        (x1, y1), (x2, y2) = inner[place - 1], inner[place]
        half = (x2 - x1) / 2 if len(inner) > 2 else 0.0
        path += f" C{x1 + half:.1f},{y1:.1f} {x2 - half:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
    bx, by = way[-2] if len(inner) == 2 else (end[0] - 1, way[-1][1])
    length = math.hypot(way[-1][0] - bx, way[-1][1] - by) or 1.0
    dx, dy = (way[-1][0] - bx) / length, (way[-1][1] - by) / length
    c, d = end
    corners = ((c + dx * 7, d + dy * 7), (c - dy * 4, d + dx * 4), (c + dy * 4, d - dx * 4))
    tip = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    (x1, y1), (x2, y2) = inner[0], inner[1]
    label = _words(x1 + 0.5 * (x2 - x1), y1 + 0.5 * (y2 - y1) - 7, words, "local")
    return f'<g{known}><path d="{path}"/><polygon points="{tip}"/>{label}</g>'


def _towards(point: Point, other: Point, distance: float) -> Point:
    length = math.hypot(other[0] - point[0], other[1] - point[1]) or 1.0
    return (
        point[0] + (other[0] - point[0]) / length * distance,
        point[1] + (other[1] - point[1]) / length * distance,
    )


def _colour(node: Node) -> str:
    """The colour that the user gave a symbol, checked when it was given."""
    return node.label.color if isinstance(node, Symbol) else ""


def _words(x: float, y: float, words: str, kind: str, tint: str = "") -> str:
    style = f' style="fill:{tint}"' if tint else ""
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="middle"'
    return f'<text class="{kind}"{style} {place}>{html.escape(words)}</text>'
