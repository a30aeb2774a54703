"""Adapters of recurrences: the recurrent layers of both directions, and attention as a recurrence.

Enters: a node, its weights as ``(directions, gates*units, ...)``. Leaves: the states of all steps and the
last ones. Where a layer here has another form (the reset gate before the product, gates that look at the
cell), the step is written out as a formula: that is all that a layer is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import symdl as sd
from symdl import nn

from .cases import Adapter, Array, Node, Skip


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a recurrent layer: its weights, as ``(gates, units, ...)``."""

    node: Node
    number: int
    reverse: bool
    gates: int

    @property
    def name(self) -> str:
        return f"{self.node.layer}{self.number}"

    @property
    def units(self) -> int:
        return int(self.node.get("hidden_size"))

    @property
    def time_first(self) -> bool:
        return not self.node.get("layout", 0)

    def part(self, place: int, halves: int = 1) -> Array:
        """The weight of this direction by gates, zero where it is left out."""
        given = self.node.array(place)
        if given is None:
            return np.zeros((halves * self.gates, self.units), "float32")
        return given[self.number].reshape(halves * self.gates, self.units, *given.shape[2:])

    def give(self, order: Sequence[int], *, biases: tuple[str, ...] = ("b",)) -> None:
        """Set the parameters of a layer whose gates stand in this order."""
        w, u, b = self.part(1)[list(order)], self.part(2)[list(order)], self.part(3, 2)
        both = b[: self.gates][list(order)], b[self.gates :][list(order)]
        self.node.give(f"{self.name}.W", w.reshape(-1, w.shape[-1]).T)
        self.node.give(f"{self.name}.U", u.reshape(-1, u.shape[-1]).T)
        values = (both[0] + both[1],) if len(biases) == 1 else both
        for bias, value in zip(biases, values, strict=True):
            self.node.give(f"{self.name}.{bias}", value.reshape(-1))

    def parameter(self, name: str, array: Array) -> sd.Tensor:
        self.node.give(f"{self.name}.{name}", array)
        return sd.parameter(f"{self.name}.{name}", array.shape)

    def initial(self, place: int) -> sd.Tensor | None:
        if not self.node.has(place):
            return None
        return self.node[place][self.number] if self.time_first else self.node[place][:, self.number]

    def recur(
        self, *states: str, step: Callable[..., sd.Tensor | Sequence[sd.Tensor]], start: Sequence[int]
    ) -> tuple[sd.Tensor, ...]:
        """Run a step that is written out."""
        shape = (*self.node[0].shape[:2], self.units)
        return sd.recurrence(
            [f"{self.name}.{s}" for s in states],
            [shape] * len(states),
            step,
            initial=[self.initial(place) for place in start],
            axis=0 if self.time_first else 1,
            reverse=self.reverse,
        )


def recurrent(gates: int, layer: Callable[[Direction], Sequence[sd.Tensor]]) -> Adapter:
    """Both directions of a layer, and the states after their last steps."""

    def adapter(node: Node) -> Sequence[sd.Tensor]:
        if node.has(4) and set(node.ints(4)) != {node[0].shape[node.get("layout", 0)]}:
            raise Skip("sequences of different lengths")
        flags = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
        found = [
            layer(Direction(node, number, reverse, gates))
            for number, reverse in enumerate(flags[node.get("direction", "forward")])
        ]
        first = not node.get("layout", 0)
        reverses = flags[node.get("direction", "forward")]

        def last(trajectory: sd.Tensor, reverse: bool) -> sd.Tensor:
            at = 0 if reverse else -1
            return trajectory[at] if first else trajectory[:, at]

        whole = sd.stack([states[0] for states in found], 1 if first else 2)
        ends = [
            sd.stack(
                [last(states[k], r) for states, r in zip(found, reverses, strict=True)], 0 if first else 1
            )
            for k in range(len(found[0]))
        ]
        return whole, *ends

    return adapter


def rnn(d: Direction) -> Sequence[sd.Tensor]:
    d.give([0])
    options: dict[str, Any] = {"initial": d.initial(5), "time_first": d.time_first, "reverse": d.reverse}
    return (nn.rnn(d.node[0], d.units, name=d.name, **options),)


def lstm(d: Direction) -> Sequence[sd.Tensor]:
    if d.node.has(7):
        return peeping(d)
    d.give([0, 2, 3, 1])  # there i, o, f, c
    given: Any = (d.initial(5), d.initial(6))
    options: dict[str, Any] = {"time_first": d.time_first, "reverse": d.reverse}
    return nn.lstm(d.node[0], d.units, name=d.name, initial=None if None in given else given, **options)


def peeping(d: Direction) -> Sequence[sd.Tensor]:
    """Long short-term memory whose gates look at the cell."""
    w, u = (d.parameter(n, np.moveaxis(d.part(k), -1, 1)) for n, k in (("W", 1), ("U", 2)))
    b = d.parameter("b", d.part(3, 2)[:4] + d.part(3, 2)[4:])
    peep = d.parameter("P", d.node.array(7)[d.number].reshape(3, d.units))

    def gate(k: int, h: sd.Tensor) -> sd.Tensor:
        return d.node[0] @ w[k] + h @ u[k] + b[k]

    def step(h: sd.Tensor, c: sd.Tensor) -> tuple[sd.Tensor, sd.Tensor]:
        i, f = sd.sigmoid(gate(0, h) + peep[0] * c), sd.sigmoid(gate(2, h) + peep[2] * c)
        new = f * c + i * sd.tanh(gate(3, h))
        return sd.sigmoid(gate(1, h) + peep[1] * new) * sd.tanh(new), new

    return d.recur("h", "c", step=step, start=(5, 6))


def gru(d: Direction) -> Sequence[sd.Tensor]:
    if d.node.get("linear_before_reset"):
        d.give([1, 0, 2], biases=("b", "d"))  # there z, r, h
        options: dict[str, Any] = {"initial": d.initial(5), "time_first": d.time_first, "reverse": d.reverse}
        return (nn.gru(d.node[0], d.units, name=d.name, **options),)
    w, u = (d.parameter(n, np.moveaxis(d.part(k), -1, 1)) for n, k in (("W", 1), ("U", 2)))
    b = d.parameter("b", d.part(3, 2)[:3] + d.part(3, 2)[3:])

    def step(h: sd.Tensor) -> sd.Tensor:
        z, r = (sd.sigmoid(d.node[0] @ w[k] + h @ u[k] + b[k]) for k in range(2))
        new = sd.tanh(d.node[0] @ w[2] + (r * h) @ u[2] + b[2])
        return (1 - z) * new + z * h

    return d.recur("h", step=step, start=(5,))


def heads_apart(x: sd.Tensor, heads: int) -> sd.Tensor:
    """``(batch, time, heads*features)`` as ``(batch, heads, time, features)``."""
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads).swapaxes(1, 2)


def linear_attention(node: Node) -> Sequence[sd.Tensor]:
    """A matrix as state, to which every step adds the product of its key and its value."""
    heads, queries = node.get("kv_num_heads"), node.get("q_num_heads")
    rule = node.get("update_rule", "gated_delta")
    q = heads_apart(node[0], queries)
    k, v = (heads_apart(node[place], heads)[..., None] for place in (1, 2))
    rows, columns = k.shape[3], v.shape[3]
    decay = sd.exp(heads_apart(node[4], heads))[..., None] if "gated" in rule else None
    share = node[5].swapaxes(1, 2)[..., None] if "delta" in rule else None
    v = v.swapaxes(3, 4)

    def step(s: sd.Tensor) -> sd.Tensor:
        kept = s if decay is None else s * decay
        value = v
        if share is not None:
            known = (kept * k).sum(3, keepdims=True)
            value = share[..., None] * (v - known)
        return kept + k * value

    shape = (*k.shape[:3], rows, columns)
    (s,) = sd.recurrence([node.layer], [shape], step, initial=[node[3] if node.has(3) else None], axis=2)
    read = sd.repeat(s, queries // heads, 1)
    scale = node.get("scale") or rows**-0.5
    y = scale * (q[..., None] * read).sum(3)
    return y.swapaxes(1, 2).reshape(q.shape[0], q.shape[2], queries * columns), s[:, :, -1]


SEQUENCES: dict[str, Adapter] = {
    "GRU": recurrent(3, gru),
    "LSTM": recurrent(4, lstm),
    "LinearAttention": linear_attention,
    "RNN": recurrent(1, rnn),
}
