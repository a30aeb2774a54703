"""Steps of optimizers with given gradients, by the reference interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdl import nn
from symdl.express.build import parameter, tensor
from symdl.express.program import collect
from symdl.nn.protocol import updates_of
from symdl.run.reference.interpreter import evaluate

RNG = np.random.default_rng(3)
KINDS = (
    *(nn.SGD, nn.Momentum, nn.Nesterov, nn.RMSProp, nn.Adagrad, nn.Adadelta, nn.Adafactor),
    *(nn.Adam, nn.AdamW, nn.NAdam, nn.RAdam, nn.Adamax, nn.LAMB, nn.Lion),
)
"""All optimizers that are equations by themselves; the first setting of each is its learning rate."""
SHAPES = {"w": (2, 3), "b": (3,), "k": (2, 3, 2, 2)}
START = {name: RNG.normal(size=shape) for name, shape in SHAPES.items()}
SLOPES = [{name: RNG.normal(size=shape) for name, shape in SHAPES.items()} for _ in range(10)]


def run(optimizer: nn.Optimizer, steps: int = len(SLOPES), losses: Sequence[float] = ()) -> dict[str, Any]:
    """Run some steps with given gradients, and losses if there are some; return parameters and states."""
    learned = [parameter(name, shape) for name, shape in SHAPES.items()]
    gradients = {p: tensor(f"{p.name}.g", p.shape) for p in learned}
    pairs = updates_of(optimizer, learned, gradients, tensor("loss"))
    program = collect([], updates=pairs)
    values: dict[str, Any] = dict(START)
    for state in program.inputs:
        if state.role == "state":
            assert state.init is not None
            values[str(state.name)] = state.init(state.shape, np.random.default_rng(0))
    for at, slopes in enumerate(SLOPES[:steps]):
        given = {**values, **{f"{name}.g": g for name, g in slopes.items()}}
        if losses:
            given["loss"] = np.array(losses[at])
        computed = evaluate(program, given)
        values.update({str(old.name): computed[new] for old, new in pairs})
    return values
