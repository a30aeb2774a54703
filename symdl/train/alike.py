"""Whether two optimizers give one training step.

Enters: optimizers, and what they answered when they were asked for their updates. Leaves: settings that can
be compared, and the form of an answer: equal forms are the same equations, whatever the states start at.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symdl.express.equations import Equation, Guard
from symdl.express.ordering import order
from symdl.express.structure import terms
from symdl.express.tensors import Tensor
from symdl.nn.protocol import updates_of

_OWN = __name__.partition(".")[0]


def settings_of(value: Any) -> object:
    """Return what an optimizer or a setting of one is, so that equal ones have equal descriptions.

    The optimizers and schedules of this package are their settings. A function, or an object of another
    class, may do something else tomorrow: its description equals no other, not even a later one of itself.
    """
    if value is None or isinstance(value, bool | int | float | str | np.number):
        return type(value), repr(value)
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Mapping):
        return "mapping", tuple((key, settings_of(each)) for key, each in value.items())
    if dataclasses.is_dataclass(value) and type(value).__module__.partition(".")[0] == _OWN:
        each = (settings_of(getattr(value, field.name)) for field in dataclasses.fields(value))
        return type(value), *each
    return object()


@dataclass(frozen=True, eq=False)
class Answer:
    """What an optimizer was asked, and the pairs of a tensor and its next value that it answered."""

    parameters: tuple[Tensor, ...]
    gradients: Mapping[Tensor, Tensor]
    loss: Tensor
    pairs: tuple[tuple[Tensor, Tensor], ...]

    def again(self, optimizer: Any) -> Answer | None:
        """Ask another optimizer the same; return its answer if its equations are the same."""
        answer = asked(optimizer, self.parameters, self.gradients, self.loss)
        return answer if answer.form == self.form else None

    @cached_property
    def states(self) -> dict[str, Tensor]:
        """The states that the updates read or change, by name."""
        found = (*self._order.inputs, *(old for old, _ in self.pairs))
        return {str(t.name): t for t in found if t.role == "state"}

    @cached_property
    def form(self) -> tuple[object, ...]:
        """The updates as plain data, in which new tensors are numbers: equal forms, equal equations."""
        numbers: dict[Tensor, object] = {}
        for at, tensor in enumerate(
            (*self.parameters, *(self.gradients[p] for p in self.parameters), self.loss)
        ):
            numbers.setdefault(tensor, ("asked", at))
        for tensor in self._order.inputs:
            numbers.setdefault(tensor, _given(tensor))
        equations = [_equation(e, numbers, at) for at, e in enumerate(self._order.equations)]
        pairs = [
            (numbers.get(old) or _given(old), numbers.get(new) or _given(new)) for old, new in self.pairs
        ]
        return (*equations, *pairs)

    @cached_property
    def _order(self) -> Any:
        known = {self.loss, *self.parameters, *self.gradients.values()}
        wanted = [value for _, value in self.pairs]
        return order(wanted, lambda tensor: None if tensor in known else tensor.equation)


def asked(
    optimizer: Any, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor], loss: Tensor
) -> Answer:
    """Ask an optimizer for its updates."""
    pairs = updates_of(optimizer, parameters, gradients, loss)
    return Answer(tuple(parameters), dict(gradients), loss, pairs)


def _given(tensor: Tensor) -> object:
    """Return what a tensor without an equation is: a state by its name, a constant by its values."""
    what = (tensor.name, tensor.shape, tensor.dtype, tensor.below, tensor.properties)
    if tensor.role == "state":
        return "state", *what
    if tensor.value is not None:
        return "constant", *what, np.asarray(tensor.value).tobytes()
    return tensor


def _equation(equation: Equation, numbers: dict[Tensor, object], at: int) -> object:
    """Return an equation as plain data, and number what it defines."""
    lhs, reduction = equation.lhs, equation.reduction
    numbers.setdefault(lhs, ("defined", at))
    for tensor in equation.reads():
        numbers.setdefault(tensor, ("later", at, len(numbers)))  # of a recurrence, read before its place
    return (
        (numbers[lhs], lhs.name, lhs.shape, lhs.dtype, lhs.below, lhs.segment, equation.indices),
        None if reduction is None else (reduction.op, reduction.axes),
        tuple(_guard(guard, numbers) for guard in equation.guards),
        equation.origin.rule,
        terms([equation.body], lambda access: numbers[access.tensor]),
    )


def _guard(guard: Guard, numbers: Mapping[Tensor, object]) -> object:
    parts: Sequence[Any] = [getattr(guard, field.name) for field in dataclasses.fields(guard)]
    return type(guard), terms(map(sp.sympify, parts), lambda access: numbers[access.tensor])
