"""Where a formula is not finite.

Enters: a data set, parameters, and the values of its formula, one of which is not finite. Leaves: an error
that names the row and the smallest part of the formula to blame. Parts are computed by the reference
interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import FittingError, SymdlError
from symdl.express.operations import stable_graphs
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.express.walks import nodes, symbols_of
from symdl.fitting.sets import DataSet
from symdl.run.reference.interpreter import evaluate, outputs
from symdl.train.layout import Vector


def culprit(one: DataSet, known: Mapping[str, Any], value: Vector, when: str) -> FittingError:
    """Return the error.

    Args:
        one: the data set.
        known: all parameters by name.
        value: what the formula is at each point.
        when: such as ``"at the start"``.
    """
    row = int(np.argmin(np.isfinite(value)))
    here = {**known, **one.row(row)}
    try:
        part = _part(one.formula, here, {**known, **one.data})
    except SymdlError:  # what has no meaning in NumPy is computed by kernels only
        part = ""
    where = ", ".join(f"{name} = {number:g}" for name, number in here.items() if not np.ndim(number))
    count = int((~np.isfinite(value)).sum())
    many = f", and in {count - 1} other rows" if count > 1 else ""
    return FittingError(
        f"the formula of {one.name} is {value[row]} {when}, in row {row}{many} ({where})",
        expression=part or one.formula,
        cure="start elsewhere, keep parameters away from there by bounds, or leave those rows out",
    )


def _part(formula: Any, here: Mapping[str, Any], everywhere: Mapping[str, Any]) -> str:
    """Return the part to blame, in words."""
    if isinstance(formula, Tensor):
        program = collect([formula])
        read = {str(t.name) for t in program.inputs if t.value is None}
        found = evaluate(program, {n: v for n, v in everywhere.items() if n in read})
        first = next((e for e in program.equations if not np.isfinite(found[e.lhs]).all()), None)
        return "" if first is None else f"{first}, the first that is not finite"
    node, values = formula, _values(formula, here)
    while wrong := [part for part in node.args if part in values and not np.isfinite(values[part])]:
        node = wrong[0]
    if node not in values or np.isfinite(values[node]):
        return ""
    inside = [p for p in node.args if p in values and p.args]
    parts = ", ".join(f"{part} = {values[part]:g}" for part in inside)
    return f"{node} is {values[node]:g}{', where ' if parts else ''}{parts}"


def _values(formula: sp.Expr, here: Mapping[str, Any]) -> dict[sp.Basic, float]:
    """Return the value of every part that has one of its own at one point."""
    parts = [n for n in nodes(formula, enter=_open) if isinstance(n, sp.Expr) and symbols_of(n)]
    program = stable_graphs(parts)
    read = {str(t.name): here[str(t.name)] for t in program.inputs}
    return {part: float(value) for part, value in zip(parts, outputs(program, read), strict=True)}


def _open(node: sp.Basic) -> bool:
    """Say whether the operands of a node have values by themselves."""
    return not isinstance(node, sp.Piecewise | sp.Sum | sp.Product)
