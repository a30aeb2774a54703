"""Recurrences: tensors defined step by step from their own earlier steps.

Enters: the shapes of the states, and a function that gives their next values from the previous ones. Leaves:
the states' trajectories, tensors like any other; nothing is unrolled, whatever the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.dims import Extent
from symdl.express.equations import Equal, Equation, InRange, Origin, check
from symdl.express.operators import axis_indices
from symdl.express.ordering import order
from symdl.express.tensors import Tensor


def recurrence(
    names: Sequence[str | None],
    shapes: Sequence[Sequence[Extent]],
    step: Callable[..., Tensor | Sequence[Tensor]],
    *,
    initial: Sequence[Tensor | None] | None = None,
    axis: int = 0,
    reverse: bool = False,
) -> tuple[Tensor, ...]:
    """Define trajectories: ``h, = recurrence(["h"], [(T, n, 8)], lambda prev: tanh(x + prev @ U))``.

    `step` gets, for each state, the trajectory of its *previous* values (the state one step earlier, the
    initial value at the first step), and returns the trajectories of the new values.

    Args:
        names: of the trajectories.
        shapes: of the trajectories, with the axis of steps.
        step: from previous to new trajectories; called once.
        initial: for each state its value before the first step, without the axis of steps; None is zero.
        axis: the axis of steps.
        reverse: run from the last step to the first.

    Raises:
        ShapeError: a new value or an initial value has the wrong shape.
        ExpressionError: a step would need itself.
    """
    states = [Tensor(name, shape) for name, shape in zip(names, shapes, strict=True)]
    starts = list(initial) if initial is not None else [None] * len(states)
    previous = [_previous(state, start, axis, reverse) for state, start in zip(states, starts, strict=True)]
    result = step(*previous)
    new = (result,) if isinstance(result, Tensor) else tuple(result)
    if len(new) != len(states) or any(a.shape != b.shape for a, b in zip(states, new, strict=True)):
        raise ShapeError(
            "the step of a recurrence must return one tensor for each state, of its shape",
            shapes={f"state {n}": s.shape for n, s in enumerate(states)}
            | {f"new {n}": t.shape for n, t in enumerate(new)},
        )
    for state, value in zip(states, new, strict=True):
        where = axis_indices(state.rank)
        origin = Origin("recurrence")
        state.attach(check(Equation(state, where, value.at(*where), origin=origin)))
    order(states, lambda tensor: tensor.equation)  # refuses a step that would need itself
    return tuple(states)


def _previous(state: Tensor, initial: Tensor | None, axis: int, reverse: bool) -> Tensor:
    """``state[t - 1]``, and `initial` at the first step."""
    where = axis_indices(state.rank)
    t, size = where[axis], state.shape[axis]
    rest = (*where[:axis], *where[axis + 1 :])
    back = t + 1 if reverse else t - 1
    origin = Origin("previous step")
    earlier = Tensor(None, state.shape)
    moved = (*where[:axis], back, *where[axis + 1 :])
    body = state.at(*moved)
    earlier.attach(check(Equation(earlier, where, body, guards=(InRange(back, size),), origin=origin)))
    if initial is None:
        return earlier
    if initial.shape != tuple(s for a, s in enumerate(state.shape) if a != axis):
        raise ShapeError(
            "an initial value must have the state's shape without the axis of steps",
            shapes={"state": state.shape, "initial": initial.shape},
        )
    first = Tensor(None, state.shape)
    guard = Equal(t, sp.sympify(size - 1 if reverse else 0, strict=True))
    first.attach(check(Equation(first, where, initial.at(*rest), guards=(guard,), origin=origin)))
    both = Tensor(None, state.shape)
    body = earlier.at(*where) + first.at(*where)
    return both.attach(check(Equation(both, where, body, origin=origin)))
