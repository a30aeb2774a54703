"""A student's gradient as numbers, and the derivation's with one line changed.

Enters: points, and a tensor, a function or an expression. Leaves: arrays.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symdl.classroom.points import Array, Point
from symdl.errors import ArgumentError, SymdlError
from symdl.express.equations import Equation
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor
from symdl.run.reference.interpreter import evaluate, evaluate_equation, evaluate_recurrence


def value_of(mine: Any, point: Point, what: str) -> Array:
    """Return a student's gradient at a point.

    Args:
        mine: a tensor over the loss's own tensors; a function of arrays by name (a dot in a name is ``_``),
            or of one dictionary; an expression in symbols; or numbers.
        point: where.
        what: how it is called in an error.

    Raises:
        ArgumentError: it needs something that the loss does not have, or is no array of numbers.
    """
    if isinstance(mine, Tensor):
        program = collect([mine])
        names = {str(t.name) for t in program.inputs if t.value is None}
        strangers = sorted(names - set(point.given))
        if strangers:
            known = ", ".join(point.given)
            raise ArgumentError(
                f"{what} reads {strangers[0]}, which the function does not depend on", cure=f"use {known}"
            )
        return evaluate(program, {name: point.given[name] for name in names})[mine]
    if isinstance(mine, sp.Basic):
        values = {
            s: sp.Float(float(point.given[s.name]), 30) for s in mine.free_symbols if s.name in point.given
        }
        found = mine.evalf(30, subs=values) if isinstance(mine, sp.Expr) else mine
        if not found.is_number:
            raise ArgumentError(
                f"{what} is no number at a point", expression=mine, cure="use the function's symbols"
            )
        return np.asarray(complex(found).real)
    value = _called(mine, point) if callable(mine) else mine
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"{what} is no array of numbers: {value!r}",
            cure="pass a tensor, a function of arrays, or numbers",
        ) from error


def _called(mine: Callable[..., Any], point: Point) -> Any:
    """Call a function with the arrays that its parameters name, or with all of them in a dictionary."""
    given: Mapping[str, Array] = {name: value.copy() for name, value in point.given.items()}
    by_name = {name.replace(".", "_"): value for name, value in given.items()}
    parameters = list(inspect.signature(mine).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return mine(**by_name)
    if all(p.name in by_name for p in parameters):
        return mine(**{p.name: by_name[p.name] for p in parameters})
    if len(parameters) == 1:
        return mine(dict(given))
    missing = next(p.name for p in parameters if p.name not in by_name)
    raise ArgumentError(f"nothing is called {missing}", cure=f"name parameters like {', '.join(by_name)}")


def with_line(program: Program, point: Point, line: Equation, wanted: Tensor) -> Array | None:
    """Return the value of `wanted` where one equation is replaced, or None where that cannot be computed."""
    arrays = dict(point.arrays)
    changed: set[Tensor] = set()
    recurrences = {r.equations: r for r in program.recurrences}
    try:
        with np.errstate(all="ignore"):
            for group in program.groups:
                mine = any(e.lhs is line.lhs for e in group)
                if not mine and not any(t in changed for e in group for t in e.reads()):
                    continue
                new = tuple(line if e.lhs is line.lhs else e for e in group)
                if group in recurrences:
                    moved = replace(recurrences[group], equations=new)
                    arrays |= evaluate_recurrence(moved, arrays, point.sizes)
                else:
                    arrays[new[0].lhs] = evaluate_equation(new[0], arrays, point.sizes)
                changed |= {e.lhs for e in group}
    except (SymdlError, ValueError, IndexError, TypeError, KeyError):
        return None
    return arrays[wanted]


def same(left: Array, right: Array) -> bool:
    """Say whether two gradients are equal, up to rounding."""
    if np.shape(left) != np.shape(right) or not np.all(np.isfinite(left)):
        return False
    scale = max(float(np.abs(right).max(initial=0.0)), 1e-12)
    return bool(np.abs(left - right).max(initial=0.0) <= 1e-7 * scale)
