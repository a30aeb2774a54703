"""Recurrences as one step.

Enters: a recurrence. Leaves: `Step`: its equations without the axis of steps, alike for every step, and the
tensors that these read in place of whole trajectories.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from symdl.express.dims import Extent
from symdl.express.equations import Equation, InRange, map_guard
from symdl.express.ordering import Recurrence
from symdl.express.tensors import Access, Tensor, substitute


@dataclass(slots=True)
class Step:
    """What one step of a recurrence computes, and what it reads.

    Attributes:
        recurrence: whose step this is.
        number: the number of the step along the axis, a tensor of rank 0.
        now: for each tensor that the recurrence defines, its part of this step.
        before: the same of 1, 2, … steps ago, as far back as they are read.
        slices: what belongs to this step of other tensors, by tensor and axis of steps.
        equations: in the order of computation; they define the tensors in `now`.
    """

    recurrence: Recurrence
    number: Tensor = field(default_factory=lambda: Tensor("step", (), dtype="int64"))
    now: dict[Tensor, Tensor] = field(default_factory=dict)
    before: dict[Tensor, list[Tensor]] = field(default_factory=dict)
    slices: dict[tuple[Tensor, int], Tensor] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)

    @property
    def given(self) -> tuple[Tensor, ...]:
        """What is given to each step: slices, and its number if that is read, or nothing else given."""
        counts = not self.slices or any(self.number in e.reads() for e in self.equations)
        return (*([self.number] if counts else []), *self.slices.values())

    @property
    def states(self) -> tuple[Tensor, ...]:
        """What is handed from step to step."""
        return tuple(state for states in self.before.values() for state in states)

    def __post_init__(self) -> None:
        recurrence = self.recurrence
        self.now = {tensor: _part(tensor, axis) for tensor, axis in recurrence.axes.items()}
        for equation in recurrence.equations:
            part = self._without_axis(equation)
            part.lhs.attach(part)
            self.equations.append(part)

    def _without_axis(self, equation: Equation) -> Equation:
        """Return an equation at one step; the index variable of the step is the number of it."""
        step = self.recurrence.step_index(equation)
        values: dict[Any, Any] = {step: self.number.at()}
        guards = () if self._starts_at_zero(equation, step) else equation.guards
        for access in sorted(equation.accesses(), key=lambda a: len(a.nested())):  # inner ones first
            values[access] = self._read(access, step, values)
        return replace(
            equation,
            lhs=self.now[equation.lhs],
            indices=tuple(i for i in equation.indices if i != step),
            body=substitute(equation.body, values),
            guards=tuple(map_guard(guard, lambda e: substitute(e, values)) for guard in guards),
        )

    def _starts_at_zero(self, equation: Equation, step: sp.Symbol) -> bool:
        """Say whether an equation only reads an earlier step, and 0 where there is none: states start so."""
        recurrence, body = self.recurrence, equation.body
        axis = recurrence.axes.get(body.tensor) if isinstance(body, Access) else None
        if axis is None or equation.reduction is not None or body.indices[axis] == step:
            return False
        return equation.guards == (InRange(body.indices[axis], recurrence.extent),)

    def _read(self, access: Access, step: sp.Symbol, values: dict[Any, Any]) -> Access:
        """Return what an access reads, as an access without the axis of steps where it has one."""
        tensor, where = access.tensor, [*access.indices]
        axis = self.recurrence.axes.get(tensor)
        if axis is not None:
            tensor = self._member(tensor, int(sp.expand(step - where.pop(axis))) * self.recurrence.direction)
        else:
            extent = self.recurrence.extent
            own = (a for a, e in enumerate(where) if e == step and tensor.shape[a] == extent)
            axis = next(own, None)
            if axis is not None:
                where.pop(axis)
                tensor = self.slices.setdefault((tensor, axis), _part(tensor, axis))
        return Access(tensor, *(sp.expand(substitute(e, values)) for e in where))

    def _member(self, tensor: Tensor, ago: int) -> Tensor:
        """Return a tensor of the recurrence as it was some steps ago."""
        if not ago:
            return self.now[tensor]
        known = self.before.setdefault(tensor, [])
        while len(known) < ago:
            known.append(_part(tensor, self.recurrence.axes[tensor]))
        return known[ago - 1]


def _part(tensor: Tensor, axis: int) -> Tensor:
    """Return a tensor for one step of another."""
    shape: tuple[Extent, ...] = (*tensor.shape[:axis], *tensor.shape[axis + 1 :])
    return Tensor(tensor.name, shape, dtype=tensor.dtype)
