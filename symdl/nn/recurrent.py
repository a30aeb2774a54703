"""Recurrent layers: one step's formula, applied along an axis of time.

Enters: sequences of shape ``(batch, time, features)``, or ``(time, batch, features)`` with
``time_first=True``. Leaves: the states of all steps. Nothing is unrolled: deriving and compiling cost as much
for 10 steps as for 10,000, and their number may be a `Dim`.

Weights act from the right, ``x W + h U + b``, and hold the gates of a cell side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symdl.errors import ShapeError
from symdl.express.build import parameter
from symdl.express.dims import Extent
from symdl.express.doors import takes_tensors
from symdl.express.operators import axis_indices, elementwise
from symdl.express.options import Mask
from symdl.express.recurrent import recurrence
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.nn.activations import sigmoid, tanh
from symdl.nn.initializers import glorot, zeros
from symdl.nn.sequences import counting, held


@takes_tensors
def rnn(
    x: Tensor,
    units: int,
    *,
    name: str,
    activation: Callable[..., Tensor] = tanh,
    initial: Tensor | None = None,
    lengths: Tensor | None = None,
    mask: Mask = None,
    time_first: bool = False,
    reverse: bool = False,
    truncate: int | None = None,
    checkpoint: int | None = None,
) -> Tensor:
    """The vanilla recurrent layer: ``h[t] = f(x[t] W + h[t-1] U + b)`` (Elman, 1990).

    Args:
        x: shape ``(batch, time, features)``; ``(time, batch, features)`` if `time_first`.
        units: the size of the state.
        name: the path of ``name.W`` (features, units), ``name.U`` (units, units), ``name.b`` (units,).
        activation: applied to each step.
        initial: the state before the first step, shape ``(batch, units)`` or, one for all samples,
            ``(units,)``; a parameter is learned. Zero by default.
        lengths: how many steps of each sequence count, int64 of shape ``(batch,)``; past its end a sequence
            holds its state (see `symdl.nn.sequences`).
        mask: which steps count instead, a condition or an int64 tensor of zeros and ones, one a step.
        time_first: whether time is the first axis.
        reverse: run from the last step to the first.
        truncate: cut the gradient every so many steps (see `recurrence`).
        checkpoint: keep states every so many steps, compute the others again (see `recurrence`).

    Returns:
        The states of all steps, the shape of `x` with `units` features.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 10, 4))
        >>> sd.nn.rnn(x, 8, name="rnn").shape
        (n, 10, 8)
    """
    time = _Time(lengths, mask, time_first, reverse, truncate, checkpoint)
    shape = _checked(x, units, name)
    projected, recur = _affine(x, units, 1, name)

    def step(previous: Tensor) -> Tensor:
        new = activation(projected + previous @ recur)
        if not time.has_ends:
            return new
        where = axis_indices(3)  # a name keeps the new state in memory, for the activation's derivative
        return define(f"{name}.new", where, new.at(*where), shape=shape)

    (h,) = time.run([f"{name}.h"], [shape], step, [initial])
    return h


@takes_tensors
def lstm(
    x: Tensor,
    units: int,
    *,
    name: str,
    project: int | None = None,
    initial: tuple[Tensor, Tensor] | None = None,
    lengths: Tensor | None = None,
    mask: Mask = None,
    time_first: bool = False,
    reverse: bool = False,
    truncate: int | None = None,
    checkpoint: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; with a forget gate, Gers et al., 2000).

    With gates ``i, f, g, o`` from ``x[t] W + h[t-1] U + b``, in this order side by side:
    ``c[t] = s(f)*c[t-1] + s(i)*tanh(g)`` and ``h[t] = s(o)*tanh(c[t])``, `s` the sigmoid.

    Args:
        project: the size of the output, if it is another than that of the cell state: then
            ``h[t] = (s(o)*tanh(c[t])) P`` with ``name.P`` (units, project) (Sak et al., 2014), and ``name.U``
            has `project` rows.
        initial: the pair ``(h, c)`` before the first step, each ``(batch, units)`` or ``(units,)``, `h` with
            `project` units if given; zero by default.

    Returns:
        ``(h, c)``, the trajectories of output and cell state; other arguments as in `rnn`, with weights
        ``name.W`` (features, 4 units), ``name.U`` (units, 4 units), ``name.b`` (4 units,).

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 10, 4))
        >>> h, c = sd.nn.lstm(x, 8, name="lstm")
        >>> h.shape, c.shape
        ((n, 10, 8), (n, 10, 8))
    """
    time = _Time(lengths, mask, time_first, reverse, truncate, checkpoint)
    shape = _checked(x, units, name)
    size = units if project is None else project
    projected, recur = _affine(x, units, 4, name, size)
    p = None if project is None else parameter(f"{name}.P", (units, project), init=glorot())

    def step(h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        z = projected + h @ recur
        i, f, o = (sigmoid(_gate(z, n, units), name=f"{name}.{g}") for n, g in ((0, "i"), (1, "f"), (3, "o")))
        g = tanh(_gate(z, 2, units), name=f"{name}.g")
        new_c = elementwise(lambda f, c, i, g: f * c + i * g, f, c, i, g)
        new_h = o * tanh(new_c, name=f"{name}.tanh_c")
        return (new_h if p is None else new_h @ p), new_c

    h, c = time.run([f"{name}.h", f"{name}.c"], [(*shape[:2], size), shape], step, initial)
    return h, c


@takes_tensors
def gru(
    x: Tensor,
    units: int,
    *,
    name: str,
    initial: Tensor | None = None,
    lengths: Tensor | None = None,
    mask: Mask = None,
    time_first: bool = False,
    reverse: bool = False,
    truncate: int | None = None,
    checkpoint: int | None = None,
) -> Tensor:
    """Gated recurrent unit (Cho et al., 2014, with the reset gate after the product).

    With ``r, u, n`` side by side in ``p = x[t] W + b`` and ``q = h[t-1] U + d``:
    ``r = s(p_r + q_r)``, ``u = s(p_u + q_u)``, ``n = tanh(p_n + r*q_n)`` and ``h[t] = (1 - u)*n + u*h[t-1]``.

    Returns:
        The states of all steps; arguments as in `rnn`, with weights ``name.W`` (features, 3 units),
        ``name.U`` (units, 3 units), ``name.b`` and ``name.d`` (3 units,).

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 10, 4))
        >>> sd.nn.gru(x, 8, name="gru").shape
        (n, 10, 8)
    """
    time = _Time(lengths, mask, time_first, reverse, truncate, checkpoint)
    shape = _checked(x, units, name)
    projected, recur = _affine(x, units, 3, name)
    d = parameter(f"{name}.d", (3 * units,), init=zeros())

    def step(h: Tensor) -> Tensor:
        q = h @ recur + d
        r, u = (
            sigmoid(_gate(projected, n, units) + _gate(q, n, units), name=f"{name}.{g}")
            for n, g in ((0, "r"), (1, "u"))
        )
        new = tanh(_gate(projected, 2, units) + r * _gate(q, 2, units), name=f"{name}.n")
        return elementwise(lambda u, n, h: (1 - u) * n + u * h, u, new, h)

    (h,) = time.run([f"{name}.h"], [shape], step, [initial])
    return h


@dataclass(frozen=True, slots=True)
class _Time:
    """How a cell runs along the axis of time; the fields are the layers' options."""

    lengths: Tensor | None
    mask: Mask
    time_first: bool
    reverse: bool
    truncate: int | None
    checkpoint: int | None

    @property
    def has_ends(self) -> bool:
        """Say whether sequences may end before the last step."""
        return self.lengths is not None or self.mask is not None

    def run(
        self,
        names: Sequence[str],
        shapes: Sequence[Sequence[Extent]],
        step: Callable[..., Tensor | tuple[Tensor, ...]],
        initial: Sequence[Tensor | None] | None,
    ) -> tuple[Tensor, ...]:
        """Return the trajectories of the states; past its end a sequence holds them.

        Args:
            names: of the states.
            shapes: of the states, with the axis of time.
            step: the cell: from the states one step before to the new ones.
            initial: the states before the first step.
        """
        counts = counting(shapes[0], self.lengths, self.mask, time_first=self.time_first)

        def held_at_ends(*previous: Tensor) -> tuple[Tensor, ...]:
            new = step(*previous)
            states = new if isinstance(new, tuple) else (new,)
            if counts is None:
                return states
            pairs = zip(states, previous, strict=True)
            return tuple(held(state, old, counts, time_first=self.time_first) for state, old in pairs)

        return recurrence(
            names,
            shapes,
            held_at_ends,
            initial=initial,
            axis=0 if self.time_first else 1,
            reverse=self.reverse,
            truncate=self.truncate,
            checkpoint=self.checkpoint,
        )


def _checked(x: Tensor, units: int, name: str) -> tuple[Extent, ...]:
    if x.rank != 3 or not isinstance(x.shape[2], int):
        raise ShapeError(
            f"layer {name} needs sequences with three axes and an integer number of features",
            shapes={str(x.name): x.shape},
            cure="pass (batch, time, features), or (time, batch, features) with time_first=True",
        )
    return (*x.shape[:2], units)


def _affine(x: Tensor, units: int, gates: int, name: str, size: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the inputs' part of all gates, for all steps at once, and the weight of a state of `size`."""
    w = parameter(f"{name}.W", (x.shape[2], gates * units), init=glorot())
    u = parameter(f"{name}.U", (size or units, gates * units), init=glorot())
    b = parameter(f"{name}.b", (gates * units,), init=zeros())
    return x @ w + b, u


def _gate(z: Tensor, number: int, units: int) -> Tensor:
    part = z[..., number * units : (number + 1) * units]
    assert isinstance(part, Tensor)
    return part
