"""Adapters of losses and of the steps of optimizers.

Enters: a node; losses have their classes along axis 1. Leaves: tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import symdl as sd
from symdl import nn

from .cases import Adapter, Node, Skip


def likelihood(node: Node) -> sd.Tensor:
    weights = node[2] if node.has(2) else None
    options = {"ignore_label": node.get("ignore_index"), "reduction": node.get("reduction")}
    return nn.nll(sd.moveaxis(node[0], 1, -1), node[1], class_weights=weights, **options)


def cross_entropy(node: Node) -> Sequence[sd.Tensor]:
    weights = node[2] if node.has(2) else None
    options = {"ignore_label": node.get("ignore_index"), "reduction": node.get("reduction")}
    loss = nn.cross_entropy(sd.moveaxis(node[0], 1, -1), node[1], class_weights=weights, **options)
    return loss, sd.log_softmax(node[0], 1)


def stepping(states: Sequence[str], build: Callable[[Node, int], nn.Optimizer]) -> Adapter:
    """One step of an optimizer: rate, count of steps, then parameters, gradients and states."""

    def adapter(node: Node) -> Sequence[sd.Tensor]:
        count = (len(node.arrays) - 2) // (2 + len(states))
        steps = int(node.array(1))
        optimizer: Any = build(node, steps)
        node.give("learning_rate", np.asarray(optimizer.learning_rate, "float32"))
        # Before the first step nothing is corrected there; after infinitely many nothing is here.
        node.give("step", np.asarray(steps - 1 if steps else 10**9, "float32"))
        groups = [[node[2 + count * g + k] for k in range(count)] for g in range(2 + len(states))]
        for name, group in zip(states, groups[2:], strict=True):
            for parameter, state in zip(groups[0], group, strict=True):
                node.give(f"{parameter.name}.{name}", node.values[str(state.name)])
        pairs = optimizer.updates(groups[0], dict(zip(groups[0], groups[1], strict=True)))
        new = {str(old.name): value for old, value in pairs}
        names = [str(p.name) for p in groups[0]]
        return [new[n] for n in names] + [new[f"{n}.{s}"] for s in states for n in names]

    return adapter


def adagrad(node: Node, steps: int) -> nn.Optimizer:
    rate = float(node.array(0)) / (1 + steps * node.get("decay_factor"))
    return nn.Adagrad(rate, epsilon=node.get("epsilon"), weight_decay=node.get("norm_coefficient"))


def adam(node: Node, steps: int) -> nn.Optimizer:
    if node.get("norm_coefficient_post"):
        raise Skip("a decay after the step")
    betas = {"beta1": node.get("alpha"), "beta2": node.get("beta"), "epsilon": node.get("epsilon")}
    return nn.Adam(float(node.array(0)), weight_decay=node.get("norm_coefficient"), **betas)


def momentum(node: Node, steps: int) -> nn.Optimizer:
    if steps and node.get("beta") != 1:
        raise Skip("a gradient that is scaled after the first step")
    kind = nn.Nesterov if node.get("mode") == "nesterov" else nn.Momentum
    decay = node.get("norm_coefficient")
    return kind(float(node.array(0)), momentum=node.get("alpha"), weight_decay=decay)


LEARNING: dict[str, Adapter] = {
    "Adagrad": stepping(["v"], adagrad),
    "Adam": stepping(["m", "v"], adam),
    "Momentum": stepping(["velocity"], momentum),
    "NegativeLogLikelihoodLoss": likelihood,
    "SoftmaxCrossEntropyLoss": cross_entropy,
}
