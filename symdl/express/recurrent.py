"""Recurrences: tensors defined step by step from their own earlier steps.

Enters: the shapes of the states, and a function that gives their next values from the previous ones. Leaves:
the states' trajectories, tensors like any other; nothing is unrolled, whatever the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent
from symdl.express.doors import as_tensor, takes_tensors
from symdl.express.equations import Divisible, Equal, Equation, Guard, InRange, Origin, check
from symdl.express.operators import axis_indices, read
from symdl.express.ordering import order
from symdl.express.stopping import StopGradient
from symdl.express.tensors import Tensor


@takes_tensors
def recurrence(
    names: Sequence[str | None],
    shapes: Sequence[Sequence[Extent]],
    step: Callable[..., Tensor | Sequence[Tensor]],
    *,
    initial: Sequence[Tensor | None] | None = None,
    axis: int = 0,
    reverse: bool = False,
    truncate: int | None = None,
    checkpoint: int | None = None,
) -> tuple[Tensor, ...]:
    """Define trajectories: ``h, = recurrence(["h"], [(T, n, 8)], lambda prev: tanh(x + prev @ U))``.

    `step` gets, for each state, the trajectory of its *previous* values (the state one step earlier, the
    initial value at the first step), and returns the trajectories of the new values.

    Args:
        names: of the trajectories.
        shapes: of the trajectories, with the axis of steps.
        step: from previous to new trajectories; called once.
        initial: for each state its value before the first step, without the axis of steps; it broadcasts,
            so a parameter of shape ``(8,)`` is one start for a whole batch. None is zero.
        axis: the axis of steps.
        reverse: run from the last step to the first.
        truncate: cut the gradient every so many steps (truncated back-propagation through time). Steps are
            numbered from 0 in the order in which they run; one whose number is a multiple of `truncate` reads
            the previous state through `stop_gradient`. Values stay the same. What a step learns reaches back
            to the first step of its own segment; an initial value learns from the first segment.
        checkpoint: keep the states for the backward pass every so many steps only, and compute the others
            again when they are needed: memory for ``T/k + k`` steps in place of `T`, for about one more
            forward pass. The number of steps must be a multiple of it, such as ``k*sd.Dim("m")``. Values and
            gradients stay the same.

    Raises:
        ShapeError: a new value or an initial value has the wrong shape.
        ExpressionError: a step would need itself, `truncate` or `checkpoint` is no positive integer, or the
            number of steps is no multiple of `checkpoint`.

    Example:
        >>> x = sd.tensor("x", (4,))
        >>> (h,) = sd.recurrence(["h"], [(4,)], lambda previous: 0.5*previous + x)
        >>> sd.compile(h, target="python")(x=[1, 0, 0, 1])
        array([1.   , 0.5  , 0.25 , 1.125])
    """
    _checked_segments(truncate, checkpoint, [shape[axis] for shape in shapes])
    states = [Tensor(name, shape) for name, shape in zip(names, shapes, strict=True)]
    starts = _starts(initial, states)
    previous = [
        _previous(state, start, axis, reverse, truncate) for state, start in zip(states, starts, strict=True)
    ]
    result = step(*previous)
    several = isinstance(result, list | tuple)
    new = tuple(as_tensor(r, "the step of a recurrence") for r in (result if several else [result]))
    if len(new) != len(states) or any(a.shape != b.shape for a, b in zip(states, new, strict=True)):
        raise ShapeError(
            "the step of a recurrence must return one tensor for each state, of its shape",
            shapes={f"state {n}": s.shape for n, s in enumerate(states)}
            | {f"new {n}": t.shape for n, t in enumerate(new)},
        )
    for state, value in zip(states, new, strict=True):
        state.segment = checkpoint
        where = axis_indices(state.rank)
        origin = Origin("recurrence")
        state.attach(check(Equation(state, where, value.at(*where), origin=origin)))
    order(states, lambda tensor: tensor.equation)  # refuses a step that would need itself
    return tuple(states)


def _starts(initial: Any, states: Sequence[Tensor]) -> Sequence[Tensor | None]:
    """Return the initial value of each state, None for zero."""
    if initial is None:
        return [None] * len(states)
    if isinstance(initial, Tensor) or len(initial) != len(states):
        found = initial.shape if isinstance(initial, Tensor) else [getattr(t, "shape", t) for t in initial]
        raise ShapeError(
            f"a recurrence of {len(states)} states needs as many initial values, in a sequence",
            shapes={"states": [state.shape for state in states], "initial": found},
            cure="pass one tensor, or None, for each state: of an LSTM the pair (h, c)",
        )
    return list(initial)


def _checked_segments(truncate: int | None, checkpoint: int | None, sizes: Sequence[Extent]) -> None:
    """Refuse what is no number of steps, and segments that do not come out even."""
    for name, steps in (("truncate", truncate), ("checkpoint", checkpoint)):
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
            raise ExpressionError(f"{name}={steps!r} is no number of steps", cure="pass a positive integer")
    for size in sizes if checkpoint is not None else ():
        count = sp.expand(sp.sympify(size, strict=True) / checkpoint)
        if not all(term.as_coeff_Mul()[0].is_Integer for term in sp.Add.make_args(count)):
            raise ExpressionError(
                f"{size} steps cannot be cut into segments of {checkpoint} steps",
                cure="choose a divisor, make the size a multiple such as k*sd.Dim('m'), or pad the sequences",
            )


def _previous(
    state: Tensor, initial: Tensor | None, axis: int, reverse: bool, truncate: int | None
) -> Tensor:
    """``state[t - 1]``, and `initial` at the first step."""
    where = axis_indices(state.rank)
    t, size = where[axis], state.shape[axis]
    rest = (*where[:axis], *where[axis + 1 :])
    back = t + 1 if reverse else t - 1
    number: sp.Expr = size - 1 - t if reverse else t
    inside = InRange(back, size)
    body = state.at(*where[:axis], back, *where[axis + 1 :])

    def part(value: sp.Expr, *guards: Guard) -> Tensor:
        made = Tensor(None, state.shape)
        return made.attach(check(Equation(made, where, value, guards=guards, origin=Origin("previous step"))))

    parts = []
    if size == 1:
        parts += [part(sp.Integer(0))] if initial is None else []  # there is no step before the only one
    elif truncate is None:
        parts.append(part(body, inside))
    elif truncate > 1:
        parts.append(part(body, inside, InRange(sp.Mod(number, truncate) - 1, truncate - 1)))
    if truncate is not None and size != 1:
        parts.append(part(StopGradient(body), inside, Divisible(number, truncate)))
    if initial is not None:
        momentary = tuple(s for a, s in enumerate(state.shape) if a != axis)
        aligned = momentary[len(momentary) - initial.rank :]
        if initial.rank > len(momentary) or any(
            a not in (1, b) for a, b in zip(initial.shape, aligned, strict=True)
        ):
            raise ShapeError(
                "an initial value must have the state's shape without the axis of steps, or broadcast to it",
                shapes={"state": state.shape, "initial": initial.shape},
            )
        parts.append(part(read(initial, rest), Equal(sp.expand(number), sp.Integer(0))))
    if len(parts) == 1:
        return parts[0]
    return part(sp.Add(*(one.at(*where) for one in parts)))
