"""Sequences of different lengths in one batch, and what is read off the states of a recurrent layer.

Enters: lengths or masks, trajectories of states. Leaves: trajectories that hold still where a sequence is
over, masks, final states, both directions side by side.

**A sequence that is over holds its state.** At a step that does not count, the new state is the previous one.
So the state at the last step is the state at each sequence's own last step, whatever its length; it does not
depend on the padding, and neither do gradients, which pass through held steps unchanged. A reversed run meets
the padding first and holds the initial state there, so that it starts at each sequence's own last step and
ends at step 0. (PyTorch's packed sequences have the same states at all steps that count; what they return
beyond is 0.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.conditions import Condition, as_condition, compare
from symdl.express.dims import Extent, Index, as_extent
from symdl.express.doors import takes_tensors
from symdl.express.equations import Origin
from symdl.express.joining import concatenate
from symdl.express.operators import axis_indices
from symdl.express.options import Mask
from symdl.express.surface import define
from symdl.express.tensors import Tensor

Counts = Callable[[Index, Index], sp.Basic]
"""Maps the indices of a sample and of a step to the condition that the step counts."""


def counting(
    shape: Sequence[Extent], lengths: Tensor | None, mask: Mask, *, time_first: bool
) -> Counts | None:
    """Return which steps of states of `shape` count, or None if all do.

    Raises:
        ExpressionError: both are given, or `lengths` holds no integers.
        ShapeError: one of them does not fit.
    """
    batch = shape[1] if time_first else shape[0]
    if lengths is not None and mask is not None:
        raise ExpressionError("lengths and a mask are two ways to say the same", cure="pass one of them")
    if lengths is not None:
        if lengths.dtype != "int64":
            raise ExpressionError(f"{lengths} holds no lengths", cure="declare it with dtype='int64'")
        _fits("lengths", lengths.shape, (batch,), shape)
        counts = _within(lengths, shape[0] if time_first else shape[1])
        return lambda sample, step: sp.StrictLessThan(step, counts.at(sample))
    if mask is None:
        return None
    valid = as_condition(mask)
    _fits("mask", valid.shape, shape[:2], shape)
    return lambda sample, step: valid.at((step, sample) if time_first else (sample, step))


def _within(lengths: Tensor, steps: Extent) -> Tensor:
    """Return lengths that are known to be at most `steps`: given ones are checked when they are passed."""
    (n,) = axis_indices(1)
    known = define(None, (n,), lengths.at(n), shape=lengths.shape, dtype="int64", origin=Origin("lengths"))
    known.below = as_extent(sp.sympify(steps, strict=True) + 1)
    return known


def _fits(what: str, found: Sequence[Extent], wanted: Sequence[Extent], states: Sequence[Extent]) -> None:
    if tuple(found) != tuple(wanted):
        raise ShapeError(
            f"the {what} do not fit the sequences",
            shapes={what: found, "states": states},
            cure=f"pass the shape {tuple(wanted)}",
        )


def held(new: Tensor, previous: Tensor, counts: Counts, *, time_first: bool) -> Tensor:
    """`new` at steps that count, `previous` at the others; shape ``(batch, time, units)``."""
    where = axis_indices(3)
    sample, step = (where[1], where[0]) if time_first else where[:2]
    body = sp.Piecewise((new.at(*where), counts(sample, step)), (previous.at(*where), True))
    return define(None, where, body, shape=new.shape)


@takes_tensors
def sequence_mask(lengths: Tensor, steps: Extent) -> Condition:
    """Return where sequences of `lengths`, shape ``(batch,)``, have a step: a condition ``(batch, steps)``.

    It fits ``mask=`` of a loss or a layer and ``where=`` of a reduction. A length is from 0 to `steps`.

    >>> lengths = sd.tensor("lengths", (2,), dtype="int64")
    >>> sd.compile(sd.nn.sequence_mask(lengths, 3), target="python")(lengths=[1, 3])
    array([[1., 0., 0.],
           [1., 1., 1.]])
    """
    lengths = _within(lengths, steps)
    (t,) = axis_indices(1)
    numbers = define(None, (t,), t, shape=(steps,), dtype="int64")
    result: Condition = compare("less", numbers, lengths[:, None])
    return result


@takes_tensors
def last_state(
    h: Tensor | tuple[Tensor, ...],
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
    bidirectional: bool = False,
    time_first: bool = False,
) -> Tensor:
    """The state after a whole sequence: many to one.

    Args:
        h: states of all steps, ``(batch, time, units)``; or the states and cells of `lstm`.
        lengths: not needed where `h` holds its state past the end, as the recurrent layers do when they know
            the lengths. Else the state at step ``lengths - 1`` is taken; every length must be positive.
        reverse: `h` ran from the last step to the first, so it ended at step 0, whatever the lengths.
        bidirectional: the second half of the units ran in reverse, as from `bidirectional`.
        time_first: `h` has shape ``(time, batch, units)``.

    Returns:
        Shape ``(batch, units)``.

    Raises:
        ShapeError: `h` has not three axes, or an odd number of units for two directions.
        ExpressionError: `reverse` together with `lengths` or `bidirectional`.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 10, 4))
        >>> sd.nn.last_state(sd.nn.gru(x, 8, name="gru")).shape
        (n, 8)
    """
    h = h[0] if isinstance(h, tuple) else h
    if reverse and (bidirectional or lengths is not None):
        raise ExpressionError(
            "a reversed run ends at step 0, whatever the lengths; of two directions the second is reversed",
            cure=f"leave {'reverse' if bidirectional else 'lengths'} out",
        )
    if h.rank != 3 or not isinstance(h.shape[2], int) or (bidirectional and h.shape[2] % 2):
        raise ShapeError(
            "a final state is read off states with three axes (and two equal halves for two directions)",
            shapes={str(h.name): h.shape},
        )
    if bidirectional:
        half = h.shape[2] // 2
        first, second = h[..., :half], h[..., half:]
        assert isinstance(first, Tensor) and isinstance(second, Tensor)
        ends = last_state(first, lengths=lengths, time_first=time_first)
        return concatenate([ends, last_state(second, reverse=True, time_first=time_first)], 1)
    n, j = axis_indices(2)
    steps = h.shape[0] if time_first else h.shape[1]
    place: sp.Expr = sp.Integer(0) if reverse else sp.sympify(steps, strict=True) - 1
    if lengths is not None:
        place = (lengths - 1).at(n)
    body = h.at(place, n, j) if time_first else h.at(n, place, j)
    return define(None, (n, j), body, shape=(h.shape[1 if time_first else 0], h.shape[2]))


@takes_tensors
def bidirectional(
    layer: Callable[..., Any],
    x: Tensor,
    units: int,
    *,
    name: str,
    initial: tuple[Any, Any] | None = None,
    **options: Any,
) -> Any:
    """A recurrent layer in both directions: ``bidirectional(sd.nn.lstm, x, 64, name="r")``.

    Args:
        layer: `rnn`, `lstm`, `gru` or a function of the same form.
        x: shape ``(batch, time, features)``.
        units: of each direction.
        name: of the directions ``name.forward`` and ``name.backward``, which learn weights of their own.
        initial: a pair, what the forward and the backward layer start from.
        options: passed on: ``lengths``, ``mask``, ``time_first``, ``truncate``, …

    Returns:
        What the layer returns, with ``2*units`` features: forward states, then reversed ones, of each step.

    Raises:
        ExpressionError: `reverse` among the options.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 10, 4))
        >>> sd.nn.bidirectional(sd.nn.gru, x, 8, name="both").shape
        (n, 10, 16)
    """
    if "reverse" in options:
        raise ExpressionError("both directions run, whatever reverse says", cure="leave reverse out")
    starts = initial if initial is not None else (None, None)
    forward = layer(x, units, name=f"{name}.forward", initial=starts[0], **options)
    backward = layer(x, units, name=f"{name}.backward", initial=starts[1], reverse=True, **options)
    if isinstance(forward, Tensor):
        return concatenate([forward, backward], 2)
    return tuple(concatenate(pair, 2) for pair in zip(forward, backward, strict=True))
