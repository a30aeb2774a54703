"""Operators: recurrences, which are the recurrent layers of both directions, and attention as a recurrence.

Enters: a node, its weights as ``(directions, gates*units, ...)``. Leaves: the states of all steps and the
last ones. Each step is written out as a formula: that is all that a layer is. The part that does not depend
on the state is one product for all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from symdl.express.tensors import Tensor
from symdl.onnx import language as sd
from symdl.onnx.nodes import Adapter, Node, Unsupported


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a recurrent layer: its weights, gates side by side."""

    node: Node
    number: int
    reverse: bool
    gates: int

    @property
    def units(self) -> int:
        return int(self.node.get("hidden_size"))

    @property
    def time_first(self) -> bool:
        return not self.node.get("layout", 0)

    def own(self, place: int) -> Tensor:
        """What an input holds for this direction."""
        return self.node[place][self.number]

    def biases(self) -> tuple[Tensor | float, Tensor | float]:
        """The shifts of the products with the input and with the state."""
        if not self.node.has(3):
            return 0.0, 0.0
        both, half = self.own(3), self.gates * self.units
        return both[:half], both[half:]

    def projected(self, shift: Any) -> Tensor:
        """The products with the input of all steps: ``x[t] W' + shift``."""
        product = self.node[0] @ self.own(1).T
        return product + shift if isinstance(shift, Tensor) else product

    def gate(self, z: Tensor, k: int) -> Tensor:
        """One gate of those side by side."""
        return z[..., k * self.units : (k + 1) * self.units]

    def initial(self, place: int) -> Tensor | None:
        if not self.node.has(place):
            return None
        return self.own(place) if self.time_first else self.node[place][:, self.number]

    def recur(
        self, *states: str, step: Callable[..., Tensor | Sequence[Tensor]], start: Sequence[int]
    ) -> tuple[Tensor, ...]:
        """Run a step."""
        shape = (*self.node[0].shape[:2], self.units)
        return sd.recurrence(
            [f"{self.node.name}.{self.number}.{s}" for s in states],
            [shape] * len(states),
            step,
            initial=[self.initial(place) for place in start],
            axis=0 if self.time_first else 1,
            reverse=self.reverse,
        )


USUAL = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
"""The functions that a layer has unless a file says others."""


def recurrent(gates: int, layer: Callable[[Direction], Sequence[Tensor]]) -> Adapter:
    """Both directions of a layer, and the states after their last steps."""

    def adapter(node: Node) -> Sequence[Tensor]:
        first = not node.get("layout", 0)
        steps = node[0].shape[0 if first else 1]
        if node.has(4) and set(node.ints(4)) != {steps}:
            raise Unsupported("sequences of different lengths")
        reverses = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[
            node.get("direction", "forward")
        ]
        usual = USUAL[node.op] * len(reverses)
        if (node.get("activations") or usual)[: len(usual)] != usual:
            raise Unsupported("other functions than a sigmoid and tanh")
        found = [layer(Direction(node, k, reverse, gates)) for k, reverse in enumerate(reverses)]

        def last(trajectory: Tensor, reverse: bool) -> Tensor:
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


def rnn(d: Direction) -> Sequence[Tensor]:
    """A step is ``tanh(x[t] W' + h U' + b)``."""
    before, after = d.biases()
    z, u = d.projected(before + after), d.own(2).T
    return d.recur("h", step=lambda h: sd.tanh(z + h @ u), start=(5,))


def lstm(d: Direction) -> Sequence[Tensor]:
    """Long short-term memory; its gates may look at the cell. They stand as input, output, forget, new."""
    before, after = d.biases()
    projected, u = d.projected(before + after), d.own(2).T
    peep = [d.own(7)[k * d.units : (k + 1) * d.units] for k in range(3)] if d.node.has(7) else None

    def step(h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        z = projected + h @ u
        i, o, f, new = (d.gate(z, k) for k in range(4))
        if peep is not None:
            i, f = i + peep[0] * c, f + peep[2] * c
        cell = sd.sigmoid(f) * c + sd.sigmoid(i) * sd.tanh(new)
        if peep is not None:
            o = o + peep[1] * cell
        return sd.sigmoid(o) * sd.tanh(cell), cell

    return d.recur("h", "c", step=step, start=(5, 6))


def gru(d: Direction) -> Sequence[Tensor]:
    """Gated recurrent unit; the reset gate acts before or after the product. Gates: update, reset, new."""
    before, after = d.biases()
    late = bool(d.node.get("linear_before_reset"))
    projected, u = d.projected(before if late else before + after), d.own(2).T

    def step(h: Tensor) -> Tensor:
        if late:
            inner = h @ u + after if isinstance(after, Tensor) else h @ u
            z, r = (sd.sigmoid(d.gate(projected, k) + d.gate(inner, k)) for k in range(2))
            new = sd.tanh(d.gate(projected, 2) + r * d.gate(inner, 2))
        else:
            z, r = (sd.sigmoid(d.gate(projected, k) + h @ d.gate(u, k)) for k in range(2))
            new = sd.tanh(d.gate(projected, 2) + (r * h) @ d.gate(u, 2))
        return (1 - z) * new + z * h

    return d.recur("h", step=step, start=(5,))


def heads_apart(x: Tensor, heads: int) -> Tensor:
    """``(batch, time, heads*features)`` as ``(batch, heads, time, features)``."""
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads).swapaxes(1, 2)


def linear_attention(node: Node) -> Sequence[Tensor]:
    """A matrix as state, to which every step adds the product of its key and its value."""
    heads, queries = node.get("kv_num_heads"), node.get("q_num_heads")
    rule = node.get("update_rule", "gated_delta")
    q = heads_apart(node[0], queries)
    k, v = (heads_apart(node[place], heads)[..., None] for place in (1, 2))
    rows, columns = k.shape[3], v.shape[3]
    decay = sd.exp(heads_apart(node[4], heads))[..., None] if "gated" in rule else None
    share = node[5].swapaxes(1, 2)[..., None] if "delta" in rule else None
    v = v.swapaxes(3, 4)

    def step(s: Tensor) -> Tensor:
        kept = s if decay is None else s * decay
        value = v
        if share is not None:
            known = (kept * k).sum(3, keepdims=True)
            value = share[..., None] * (v - known)
        return kept + k * value

    shape = (*k.shape[:3], rows, columns)
    (s,) = sd.recurrence([node.name], [shape], step, initial=[node[3] if node.has(3) else None], axis=2)
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
