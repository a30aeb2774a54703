"""Operators: losses and of the steps of optimizers.

Enters: a node; losses have their classes along axis 1. Leaves: tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symdl import nn
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.onnx import language as sd
from symdl.onnx.nodes import Adapter, Node, Unsupported


def likelihood(node: Node) -> Tensor:
    weights = node[2] if node.has(2) else None
    options = {"ignore_label": node.get("ignore_index"), "reduction": node.get("reduction")}
    return nn.nll(sd.moveaxis(node[0], 1, -1), node[1], class_weights=weights, **options)


def cross_entropy(node: Node) -> Sequence[Tensor]:
    weights = node[2] if node.has(2) else None
    options = {"ignore_label": node.get("ignore_index"), "reduction": node.get("reduction")}
    loss = nn.cross_entropy(sd.moveaxis(node[0], 1, -1), node[1], class_weights=weights, **options)
    return loss, sd.log_softmax(node[0], 1)


def stepping(states: Sequence[str], build: Callable[[Node, int], nn.Optimizer]) -> Adapter:
    """One step of an optimizer: rate, count of steps, then parameters, gradients and states."""

    def adapter(node: Node) -> Sequence[Tensor]:
        width = (len(node.values) - 2) // (2 + len(states))
        steps = int(node.array(1))
        optimizer: Any = build(node, steps)
        groups = [[node[2 + width * g + k] for k in range(width)] for g in range(2 + len(states))]
        pairs = optimizer.updates(groups[0], dict(zip(groups[0], groups[1], strict=True)))
        names = [str(p.name) for p in groups[0]]
        # Before the first step nothing is corrected there; after infinitely many nothing is here.
        known: dict[str, Any] = {
            "learning_rate": sd.constant(float(optimizer.learning_rate)),
            "step": sd.constant(float(steps - 1 if steps else 10**9)),
        }
        for state, group in zip(states, groups[2:], strict=True):
            known |= {f"{name}.{state}": tensor for name, tensor in zip(names, group, strict=True)}
        new = {str(old.name): filled(value, known) for old, value in pairs}
        return [new[n] for n in names] + [new[f"{n}.{s}"] for s in states for n in names]

    return adapter


def filled(value: Tensor, known: Mapping[str, Tensor]) -> Tensor:
    """A tensor with others in place of what it reads by name."""
    given = {t: known[str(t.name)] for t in collect([value]).inputs if str(t.name) in known}
    return sd.replace(value, given) if given else value


def adagrad(node: Node, steps: int) -> nn.Optimizer:
    rate = float(node.array(0)) / (1 + steps * node.get("decay_factor"))
    return nn.Adagrad(rate, epsilon=node.get("epsilon"), weight_decay=node.get("norm_coefficient"))


def adam(node: Node, steps: int) -> nn.Optimizer:
    if node.get("norm_coefficient_post"):
        raise Unsupported("a decay after the step")
    betas = {"beta1": node.get("alpha"), "beta2": node.get("beta"), "epsilon": node.get("epsilon")}
    return nn.Adam(float(node.array(0)), weight_decay=node.get("norm_coefficient"), **betas)


def momentum(node: Node, steps: int) -> nn.Optimizer:
    scale = node.get("beta")
    if steps and scale != 1:
        raise Unsupported("a gradient that is scaled after the first step")
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
