"""What a notebook shows of programs, equations and optimizers: mathematics in a cell.

Enters: one of these. Leaves: LaTeX, or nothing where it would be too long or there are no equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdl.errors import SymdlError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.letters import labels_of
from symdl.explain.notation.notation import Notation
from symdl.explain.sections import Lines, Step
from symdl.explain.stories.equations import Page, left_side, right_side
from symdl.explain.stories.updates import update_rules
from symdl.express.build import parameter
from symdl.express.equations import Equation
from symdl.express.program import Program, collect

_MOST = 40
"""Equations that a cell still shows."""


def program_cell(program: Program) -> str | None:
    """Return the equations of a program, in order."""
    return _aligned(program, program.equations)


def equation_cell(equation: Equation) -> str | None:
    """Return one equation, as derivations print it."""
    return _aligned(collect([equation.lhs]), [equation])


def optimizer_cell(optimizer: Any) -> str | None:
    """Return one step of an optimizer for a parameter θ."""
    try:
        return update_rules(optimizer, [parameter("theta", ())])._repr_latex_()
    except SymdlError:
        return None  # no equations of one step, or parameters that are chosen by their names


def _aligned(program: Program, equations: Sequence[Equation]) -> str | None:
    if not 0 < len(equations) <= _MOST:
        return None
    page = Page(program, program.outputs[0])
    page.notation = Notation(labels_of(program))
    sides = [(e.origin.rule, left_side(page, e), right_side(page, e)) for e in equations]
    steps = tuple(Step(rule, left, right, "definition", "result") for rule, left, right in sides)
    return Derivation((), (Lines("", steps, level="result"),), None)._repr_latex_()
