"""Derivations of long sequences: every line has the value of its neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import symdl as sd
from symdl.express.program import collect

from .test_lines import agree, world_of

sequences = sd.tensor("x", (2, 3, 2))
ids = sd.tensor("ids", (2, 3), dtype="int64")
lengths = sd.tensor("lengths", (2,), dtype="int64")


def squared(y: sd.Tensor) -> sd.Tensor:
    """A loss with a derivative that depends on every element."""
    return (y * y).mean()


CASES: dict[str, Callable[[], tuple[sd.Tensor, sd.Tensor | str]]] = {
    "cut": lambda: (squared(sd.nn.rnn(sequences, 3, name="r", truncate=2)), "r.U"),
    "held": lambda: (squared(sd.nn.gru(sequences, 2, name="r", lengths=lengths)), "r.W"),
    "alignments": lambda: (sd.nn.ctc(sd.nn.dense(sequences, 5, name="d"), ids[:, :2]), "d.W"),
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
