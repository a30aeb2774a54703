"""The workloads in symdl: a compiled function, and the training kernel of `Model.fit`."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl import nn
from symdl.cli.peers.workloads import RATE, Way, Workload
from symdl.express.build import parameters, tensor
from symdl.express.dims import Dim
from symdl.express.parser import parse
from symdl.nn.activations import relu
from symdl.run.compile import compile
from symdl.run.training import compile_training
from symdl.train.weights import initial


def ways(workload: Workload, *, quick: bool) -> list[Way]:
    """Return the one way there is."""
    return [_network(workload) if workload.sizes else _formula(workload)]


def _formula(workload: Workload) -> Way:
    columns = workload.columns()
    call: Any = compile(parse("sin(x**2*y) + exp(z)"), wrt=list(columns), dtype="float32")
    return Way("symdl", lambda: float(np.mean(call(**columns)[0])), lambda: call(**columns))


def _network(workload: Workload) -> Way:
    n = Dim("n")
    h, t = tensor("X", (n, workload.sizes[0])), tensor("t", (n,), dtype="int64")
    *hidden, last = workload.sizes[1:]
    for at, units in enumerate(hidden):
        h = nn.dense(h, units, activation=relu, name=f"l{at}")
    loss = nn.cross_entropy(nn.dense(h, last, name=f"l{len(hidden)}"), t)
    kernel = compile_training(loss, parameters(loss), nn.SGD(RATE).updates)
    weights = {**workload.weights(), **initial(kernel.states, seed=0, dtype="float32")}
    bound = kernel.bind(weights, workload.samples(), workload.batch)
    order = np.arange(workload.count)

    def epoch() -> float:
        return float(np.ravel(bound.run(order))[0]) / workload.count

    return Way("symdl", epoch, epoch)
