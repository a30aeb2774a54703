"""Derivations over the layer library: every line has the value of its neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import symdl as sd
from symdl.express.program import collect

from .test_lines import agree, world_of

x = sd.tensor("x", (2, 4))
images = sd.tensor("x", (1, 2, 4, 4))
sequences = sd.tensor("x", (2, 3, 2))
ids = sd.tensor("ids", (2, 3), dtype="int64")
lengths = sd.tensor("lengths", (2,), dtype="int64")


def squared(y: sd.Tensor) -> sd.Tensor:
    """A loss with a derivative that depends on every element."""
    return (y * y).mean()


CASES: dict[str, Callable[[], tuple[sd.Tensor, sd.Tensor | str]]] = {
    "convolution": lambda: (squared(sd.nn.conv2d(images, 3, kernel_size=3, padding=1, name="c")), "c.W"),
    "strided": lambda: (squared(sd.nn.conv2d(images, 2, kernel_size=3, stride=2, name="c")), images),
    "transposed": lambda: (squared(sd.nn.conv_transpose2d(images, 2, kernel_size=2, name="c")), "c.W"),
    "max pool": lambda: (squared(sd.nn.max_pool2d(images, 2)), images),
    "average pool": lambda: (squared(sd.nn.avg_pool2d(images, 2)), images),
    "layer norm": lambda: (squared(sd.nn.layer_norm(x, name="n")), x),
    "rms norm": lambda: (squared(sd.nn.rms_norm(x, name="n")), x),
    "embedding": lambda: (squared(sd.nn.embedding(ids, 5, 4, name="e")), "e.E"),
    "attention": lambda: (squared(sd.nn.attention(sequences, sequences, sequences)), sequences),
    "rnn": lambda: (squared(sd.nn.rnn(sequences, 3, name="r")), "r.U"),
    "gru": lambda: (squared(sd.nn.gru(sequences, 2, name="r")), "r.W"),
    "lstm": lambda: (squared(sd.nn.lstm(sequences, 2, name="r")[0]), "r.U"),
    "cut": lambda: (squared(sd.nn.rnn(sequences, 3, name="r", truncate=2)), "r.U"),
    "held": lambda: (squared(sd.nn.gru(sequences, 2, name="r", lengths=lengths)), "r.W"),
    "both ways": lambda: (squared(sd.nn.bidirectional(sd.nn.rnn, sequences, 2, name="r")), "r.backward.U"),
    "alignments": lambda: (sd.nn.ctc(sd.nn.dense(sequences, 5, name="d"), ids[:, :2]), "d.W"),
    "gelu": lambda: (squared(sd.nn.gelu(x)), x),
    "silu": lambda: (squared(sd.nn.silu(x)), x),
    "softmax": lambda: (squared(sd.softmax(x)), x),
    "huber": lambda: (sd.nn.huber(x, x * 0.0), x),
    "clipped": lambda: (squared(sd.clip(x, -0.5, 0.5)), x),
    "joined": lambda: (squared(sd.concatenate([x, sd.sin(x)], axis=1)), x),
    "einsum": lambda: (squared(sd.einsum("ij,kj->ik", x, x)), x),
    "variance": lambda: (sd.var(x, axis=1).sum(), x),
    "product": lambda: (squared(x.prod(axis=1)), x),
}


@pytest.mark.parametrize("name", CASES)
def test_lines(name: str) -> None:
    loss, wrt = CASES[name]()
    rng = np.random.default_rng(3)
    values = {
        str(t.name): rng.integers(0, 5, t.shape) if t.dtype == "int64" else rng.normal(size=t.shape)
        for t in collect([loss]).inputs
    }
    derivation = sd.derive(loss, wrt)
    assert agree(derivation, world_of(derivation, loss, values)) > 2
    for depth in ("result", "key", "all"):
        shown = derivation.at(depth)
        assert shown.text()
        assert shown.latex()
