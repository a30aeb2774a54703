"""The computation graph for LaTeX, as a TikZ picture.

Enters: the nodes of a graph. Leaves: the picture, placed as `graph` places it; or nothing if it is too large.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdl.explain.drawings.graph import MOST, Point, has_room, places_of
from symdl.explain.printers.latex import latex
from symdl.explain.sections import GraphNode

_UNIT = 72.0  # of the drawing, to a centimetre
_WIDEST = 15.5  # centimetres


def graph_tikz(graph: Sequence[GraphNode]) -> str:
    """Return the picture, or an empty string."""
    if not 1 < len(graph) <= MOST:
        return ""
    places, bends = places_of(graph)
    width = (max(x for x, _ in places) - min(x for x, _ in places)) / _UNIT
    scale = min(1.0, _WIDEST / max(width, 1.0))
    parts = [rf"\begin{{tikzpicture}}[scale={scale:.3g},>=stealth,every node/.style={{font=\small}}]"]
    for number, ((x, y), node) in enumerate(zip(places, graph, strict=True)):
        style = "circle,draw,dashed" if node.given else "circle,draw"
        at = f"({x / _UNIT:.2f},{-y / _UNIT:.2f})"
        shown = latex(node.operation) if has_room(node.operation) else ""
        words = rf"$\smash{{{shown}}}\vphantom{{x}}$"
        below = rf"label={{[font=\footnotesize,text=gray]below:{words}}}"
        parts.append(
            rf"\node[{style},minimum size=8mm,inner sep=1pt,{below}] (n{number}) at {at} "
            rf"{{${latex(node.name)}$}};"
        )
    for target, node in enumerate(graph):
        for source, local in node.edges:
            name = rf"\partial {latex(node.name)} / \partial {latex(graph[source].name)}"
            words = latex(local) if has_room(local) else name
            parts.append(_edge(source, target, bends.get((source, target), []), words))
    return "\n".join([*parts, r"\end{tikzpicture}"])


def _edge(source: int, target: int, bends: Sequence[Point], words: str) -> str:
    """A line with the local derivative on its first part."""
    label = rf"node[midway,above,sloped,font=\footnotesize,text=blue!60!black] {{${words}$}}"
    stops = [*(f"({x / _UNIT:.2f},{-y / _UNIT:.2f})" for x, y in bends), f"(n{target})"]
    first, *rest = stops
    way = f"(n{source}) -- {first} {label}" + "".join(f" -- {stop}" for stop in rest)
    corners = ",rounded corners=4mm" if rest else ""
    return rf"\draw[->{corners}] {way};"
