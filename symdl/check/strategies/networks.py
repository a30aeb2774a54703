"""Random small networks with their losses.

Enters: limits. Leaves: a strategy of `Network`: a loss, the output before it, and values for the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl import nn
from symdl.errors import require_extra
from symdl.express.build import parameters, tensor
from symdl.express.dims import Dim
from symdl.express.tensors import Tensor

Array = NDArray[Any]

BATCHES = (1, 2, 3, 15, 16, 17, 31, 32, 33, 47)
"""Around the sizes of blocks of samples."""
_ACTIVATIONS: Sequence[Callable[[Tensor], Tensor] | None] = (
    *(nn.relu, nn.tanh, nn.sigmoid, nn.gelu, nn.silu, nn.leaky_relu, nn.softplus, None),
)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network.

    Attributes:
        loss: of rank 0.
        output: what the loss compares with the targets.
        values: the arrays of inputs and parameters by name.
    """

    loss: Tensor
    output: Tensor
    values: Mapping[str, Array]

    def __repr__(self) -> str:
        shapes = {name: array.shape for name, array in self.values.items()}
        return f"Network({self.output!r}, {shapes!r})"


def networks(
    *,
    layers: tuple[int, int] = (1, 3),
    widths: Sequence[int] = (1, 2, 3, 5, 8, 17),
    batches: Sequence[int] = BATCHES,
    dtype: str = "float64",
) -> Any:
    """Return a strategy for networks of dense, convolutional or recurrent layers, pooling, norms, attention.

    Args:
        layers: the least and the largest number of layers.
        widths: numbers of units and channels; some hundred reach the schedules of several threads.
        batches: numbers of samples.
        dtype: of the values.
    """
    st = require_extra("hypothesis.strategies", "test")
    made = partial(network, layers=layers, widths=tuple(widths), batches=tuple(batches), dtype=dtype)
    return st.randoms(use_true_random=False).map(made)


def network(
    rng: Random, *, layers: tuple[int, int], widths: Sequence[int], batches: Sequence[int], dtype: str
) -> Network:
    """Return one of `networks`."""
    n, count = Dim("n"), rng.choice(batches)
    draw = np.random.default_rng(rng.randrange(1000))
    shape, layer = rng.choice(_KINDS)(rng, widths)
    x = tensor("X", (n, *shape))
    values: dict[str, Any] = {"X": draw.normal(size=(count, *shape))}
    for place in range(rng.randint(*layers)):
        x = layer(rng, x, f"layer{place}", rng.choice(widths))
    x = nn.flatten(x) if x.rank > 2 else x
    classes = rng.choice([1, 2, 3, 10])
    output = nn.dense(x, classes, name="out")
    loss, target = _loss(rng, output, classes, n)
    if target.dtype == "int64":
        values["t"] = draw.integers(0, classes, count)
    else:
        values["t"] = draw.random((count, classes))
    for t in parameters(loss):
        size = tuple(int(s) for s in t.shape)
        values[t.name] = draw.normal(size=size) / np.sqrt(max(size[0], 1) if size else 1)
    typed = {name: v if v.dtype.kind == "i" else v.astype(dtype) for name, v in values.items()}
    return Network(loss, output, typed)


def _loss(rng: Random, output: Tensor, classes: int, n: Dim) -> tuple[Tensor, Tensor]:
    kind = rng.choice(["classes", "squares", "bits", "huber"])
    target = tensor("t", (n,), dtype="int64") if kind == "classes" else tensor("t", (n, classes))
    functions: Mapping[str, Callable[..., Tensor]] = {
        "classes": nn.cross_entropy,
        "squares": nn.mean_squared_error,
        "bits": nn.binary_cross_entropy,
        "huber": nn.huber,
    }
    return functions[kind](output, target), target


def _rows(rng: Random, widths: Sequence[int]) -> tuple[tuple[int, ...], Callable[..., Tensor]]:
    return (rng.choice(widths),), _dense


def _dense(rng: Random, x: Tensor, name: str, width: int) -> Tensor:
    h = nn.dense(x, width, activation=rng.choice(_ACTIVATIONS), name=name)
    return rng.choice([h, h, nn.layer_norm(h, name=f"{name}.norm"), nn.rms_norm(h, name=f"{name}.rms")])


def _images(rng: Random, widths: Sequence[int]) -> tuple[tuple[int, ...], Callable[..., Tensor]]:
    return (rng.choice([1, 2, 3]), rng.randint(4, 9), rng.randint(4, 9)), _convolution


def _convolution(rng: Random, x: Tensor, name: str, width: int) -> Tensor:
    kernel = rng.randint(1, min(3, int(x.shape[2]), int(x.shape[3])))
    h = nn.conv2d(
        *(x, min(width, 6)),
        kernel_size=kernel,
        stride=rng.choice([1, 1, 2]),
        padding=rng.choice([0, 1]),
        activation=rng.choice(_ACTIVATIONS),
        name=name,
    )
    if min(int(h.shape[2]), int(h.shape[3])) < 2 or rng.random() < 0.5:
        return h
    return rng.choice([nn.max_pool2d, nn.avg_pool2d])(h, 2)


def _sequences(rng: Random, widths: Sequence[int]) -> tuple[tuple[int, ...], Callable[..., Tensor]]:
    return (rng.randint(1, 5), rng.choice([1, 2, 3, 5])), _recurrent


def _recurrent(rng: Random, x: Tensor, name: str, width: int) -> Tensor:
    kind, units = rng.choice(["rnn", "gru", "lstm", "attention"]), min(width, 6)
    if kind == "attention":
        return x + nn.attention(x, x, x, causal=rng.random() < 0.5)
    if kind == "lstm":
        return nn.lstm(x, units, name=name)[0]
    return (nn.rnn if kind == "rnn" else nn.gru)(x, units, name=name)


_KINDS: Sequence[Callable[..., tuple[tuple[int, ...], Callable[..., Tensor]]]] = (_rows, _images, _sequences)
