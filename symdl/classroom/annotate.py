"""Derivations that carry their own check: shapes, values, and the gradient computed in other ways.

Enters: a derivation. Leaves: the same one with remarks below its lines and a table at its end, in every
format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symdl.check.gradients import check_gradients
from symdl.classroom.points import Array, Point, point_at, points_of
from symdl.errors import ExplainError
from symdl.explain.documents.blanks import tensor_of
from symdl.explain.documents.derivation import Derivation
from symdl.explain.documents.record import lefts
from symdl.explain.matrix.monomials import shape
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import Cross, Multiply, Node, Partial, Symbol, children
from symdl.explain.sections import Lines, Section, Step, Table, Words
from symdl.express.dims import Extent
from symdl.express.program import Program
from symdl.express.tensors import Tensor

_MOST = 6
"""Numbers of an array up to which they are shown."""


def annotate(
    derivation: Derivation,
    *,
    shapes: bool = True,
    values: bool = True,
    check: bool = True,
    at: Mapping[str, Any] | None = None,
) -> Derivation:
    """Return a derivation that carries its check: ``sd.annotate(sd.derive(L, "W")).save("page.pdf")``.

    Args:
        derivation: of a gradient or of a scalar function's derivative.
        shapes: below a matrix product the shapes of its factors, ``(d × n)(n) = d``.
        values: below the lines that define something its value at a point; of larger arrays the norm.
        check: at the end a table: the gradient by the derivation, by central differences, by automatic
            differentiation.
        at: the point, an array for every input by name; by default a small random one.

    Raises:
        ExplainError: the derivation is of a Jacobian, a Hessian or no derivative at all.
        ArgumentError: `at` does not fit, or no random point is found.
    """
    program = derivation.program
    if program is None or (derivation.network is None and isinstance(derivation.result, Tensor)):
        raise ExplainError(
            "only the derivation of a gradient can be checked at a point", cure="annotate sd.derive(L, W)"
        )
    point = None
    if values or check:
        point = point_at(program, at) if at is not None else points_of(program, count=1)[0]
    sections = [_annotated(s, derivation, point if values else None, shapes) for s in derivation.sections]
    if point is not None:
        sections.append(_point_table(point))
    if check and point is not None:
        sections.append(_check_table(derivation, program, point))
    return replace(derivation, sections=tuple(sections))


def _annotated(section: Section, derivation: Derivation, point: Point | None, shapes: bool) -> Section:
    if not isinstance(section, Lines) or section.level == "all":
        return section
    steps = []
    seen: set[Tensor] = set()
    for step, left in zip(section.steps, lefts(section.steps), strict=True):
        notes = [*_shapes(step.right)] if shapes else []
        if point is not None and left is not None:
            notes += _values(step, left, derivation, point, seen)
        steps.append(replace(step, notes=(*step.notes, *notes)) if notes else step)
    return replace(section, steps=steps)


def _shapes(node: Node) -> list[Words]:
    """The shapes of the outermost matrix products in a formula."""
    found: list[Words] = []
    todo = [node]
    while todo and len(found) < 2:
        current = todo.pop(0)
        sizes = [shape(part) for part in current.args] if isinstance(current, Multiply) else []
        whole = shape(current)
        if sizes and whole is not None and all(one is not None for one in sizes):
            parts: list[str | Node] = ["shapes: "]
            for one in sizes:
                parts += ["(", _size(one), ")"] if one else ["(scalar)"]
            found.append((*parts, " = ", _size(whole) if whole else "scalar"))
        else:
            todo += list(children(current))
    return found


def _size(sizes: Sequence[Extent]) -> Node:
    sizes = sizes[:1] if len(sizes) == 2 and sizes[1] == 1 else sizes  # a vector is a column
    nodes = tuple(Notation().read(sp.sympify(size, strict=True)) for size in sizes)
    return nodes[0] if len(nodes) == 1 else Cross(nodes)


def _values(step: Step, left: Node, derivation: Derivation, point: Point, seen: set[Tensor]) -> list[Words]:
    """The value of what a line defines; said once for each."""
    tensor = tensor_of(left)
    if tensor is None:
        whole = isinstance(left, Partial) and step.kind == "result" and derivation.network is None
        if not whole:
            return []
        bars = [t for t in point.arrays if t.of is not None and t.of.name == _variable(derivation)]
        return [("value: ", _numbers(point.arrays[bars[-1]]))] if bars else []
    if tensor not in point.arrays or tensor in seen:
        return []
    seen.add(tensor)
    return [("value: ", _numbers(point.arrays[tensor]))]


def _variable(derivation: Derivation) -> str:
    """The name of what a scalar function is differentiated with respect to."""
    last = [s.left for s in derivation.steps if isinstance(s.left, Partial) and s.kind == "result"]
    by = last[-1].bottom if last else None
    return str(by.expr) if isinstance(by, Symbol) else ""


def _numbers(value: Array) -> str:
    """An array in few digits; of a larger one its norm."""
    if np.ndim(value) == 0:
        return f"{float(value):.4g}"
    if np.size(value) > _MOST:
        return f"of norm {float(np.linalg.norm(np.ravel(value))):.4g}"
    rows = [
        ", ".join(f"{x:.4g}" for x in row) for row in np.atleast_2d(value).reshape(-1, np.shape(value)[-1])
    ]
    return f"({'; '.join(rows)})"


def _point_table(point: Point) -> Table:
    """The point at which values are given."""
    sizes = tuple((str(size), str(number)) for size, number in point.sizes.items())
    names = tuple((name, _numbers(value)) for name, value in point.given.items())
    return Table("The point of the values", ("name", "value"), (*sizes, *names))


def _check_table(derivation: Derivation, program: Program, point: Point) -> Table:
    """The gradient in three ways."""
    loss = derivation.network if derivation.network is not None else program.outputs[0]
    found = derivation.result if isinstance(derivation.result, tuple) else (derivation.result,)
    targets = [bar.of for bar in found if isinstance(bar, Tensor) and bar.of is not None]
    if derivation.network is None:
        targets = [t for t in program.inputs if t.name == _variable(derivation)]
    given = {t.name for t in program.inputs}
    wanted = [t for t in targets if t.name in given]
    if not wanted:
        raise ExplainError(
            "the gradient with respect to an intermediate cannot be computed by differences",
            cure="pass check=False",
        )
    report = check_gradients(
        loss, at=point.given, wrt=[str(t.name) for t in wanted], methods=("central", "tape"), compiled=False
    )
    head, *rows = report.rows()
    words = (
        f"The function is {report.value:.6g} there; " + ("all agree." if report.ok else "they disagree!"),
    )
    return Table("Check", head, tuple(rows), words)


__all__ = ["annotate"]
