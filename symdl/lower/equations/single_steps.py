"""Recurrences: what is computed one step at a time.

Enters: a frozen program in which the members of a recurrence have an index variable for the steps. Leaves:
the same with that variable replaced by a size that changes from step to step, so that all later passes
see the equations of a single step. Tensors that only their own step reads keep one step in memory.
"""

from __future__ import annotations

from dataclasses import replace

from symdl.errors import LoweringError
from symdl.lower.ir.integers import ONE, ZERO, Poly, Size, of
from symdl.lower.ir.loops import FrozenEquation, FrozenProgram, FrozenRecurrence
from symdl.lower.ir.names import Index, TensorId
from symdl.lower.ir.visitors import Read, reads_of, with_index


def single_steps(program: FrozenProgram) -> FrozenProgram:
    """Return the program with one step of every recurrence in place of all.

    Raises:
        LoweringError: a recurrence without steps.
    """
    if not program.recurrences:
        return program
    equations = list(program.equations)
    for recurrence in program.recurrences:
        if recurrence.extent.number == 0:
            raise LoweringError("a recurrence has no steps", cure="give its axis a positive size")
        step = of(Size(recurrence.name))
        for number, axis in recurrence.members.items():
            equations[number] = _at(equations[number], axis, step)
    program = replace(program, equations=tuple(equations))
    tensors = list(program.tensors)
    for recurrence in program.recurrences:
        for tensor, axis in _momentary(program, recurrence).items():
            shape = tensors[tensor].shape
            tensors[tensor] = replace(tensors[tensor], shape=(*shape[:axis], ONE, *shape[axis + 1 :]))
    return replace(program, tensors=tuple(tensors))


def _at(equation: FrozenEquation, axis: int, step: Poly) -> FrozenEquation:
    """Return an equation at one step."""
    variable = equation.free[axis]
    return replace(with_index(equation, variable, step), fixed=(*equation.fixed, variable))


def _momentary(program: FrozenProgram, recurrence: FrozenRecurrence) -> dict[TensorId, int]:
    """Return the tensors, with their axis of steps, of which one step at a time is needed in memory.

    Members may read the present step. They may read the one before as long as it is not overwritten, and what
    comes after the recurrence may read the last step.
    """
    step = of(Size(recurrence.name))
    axes = {program.equations[n].lhs: axis for n, axis in recurrence.members.items()}
    makers = {program.equations[n].lhs: n for n in recurrence.members}
    last = recurrence.extent - 1 if recurrence.direction > 0 else ZERO
    end = max(recurrence.members)
    for tensor in (*program.outputs, *(new for _, new in program.updates)):
        axes.pop(tensor, None)
    for equation in program.equations:
        inside = equation.number in recurrence.members
        for read in reads_of(equation):
            if read.tensor not in axes:
                continue
            where = read.where[axes[read.tensor]]
            if inside and where == step - recurrence.direction:
                early = equation.number < makers[read.tensor]
                fine = early and _same_place(equation, read, axes[read.tensor])
            else:
                fine = where == step if inside else where == last and equation.number > end
            if not fine:
                del axes[read.tensor]
    return axes


def _same_place(equation: FrozenEquation, read: Read, axis: int) -> bool:
    """Say whether an equation reads each element, but for the step, to write it to the same place."""
    own = [v for v in equation.free if v not in equation.fixed]
    others = [e.atom for a, e in enumerate(read.where) if a != axis]
    names = [atom for atom in others if isinstance(atom, Index)]
    return len(names) == len(others) and not equation.bound and names == own
