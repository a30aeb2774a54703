"""Adapters of normalization and dropout.

Enters: a node. Leaves: tensors.
"""

from __future__ import annotations

from collections.abc import Sequence

import symdl as sd
from symdl import nn

from .cases import Adapter, Node, Skip


def affine(node: Node, *, scale: int = 1, bias: int = 2) -> bool:
    """Give a layer its gain and its shift."""
    node.give(f"{node.layer}.gain", node.array(scale))
    if node.has(bias):
        node.give(f"{node.layer}.shift", node.array(bias))
    return True


def batch(node: Node) -> Sequence[sd.Tensor]:
    share = 1 - node.get("momentum")
    y = nn.batch_norm(
        node[0], momentum=share, epsilon=node.get("epsilon"), affine=affine(node), name=node.layer
    )
    node.give(f"{node.layer}.running_mean", node.array(3))
    node.give(f"{node.layer}.running_variance", node.array(4))
    if not node.get("training_mode"):
        return sd.inference(y)
    mean = next(new for state, new in sd.training_updates(y) if state.name == f"{node.layer}.running_mean")
    axes = [a for a in range(node[0].rank) if a != 1]
    # Here the running variance is that of the batch, there it is an estimate without bias.
    return y, mean, (1 - share) * node[4] + share * node[0].var(axes)


def instance(node: Node) -> sd.Tensor:
    return nn.instance_norm(node[0], epsilon=node.get("epsilon"), affine=affine(node), name=node.layer)


def layer(node: Node) -> Sequence[sd.Tensor]:
    x, epsilon = node[0], node.get("epsilon")
    last = list(range(x.rank))[node.get("axis") :]
    y = nn.layer_norm(x, axes=len(last), epsilon=epsilon, affine=False, name=node.layer) * node[1]
    y = y + node[2] if node.has(2) else y
    variance = x.var(last, keepdims=True)
    return y, x.mean(last, keepdims=True), sd.rsqrt(variance + epsilon)


def rms(node: Node) -> sd.Tensor:
    last = list(range(node[0].rank))[node.get("axis") :]
    affine(node)
    return nn.rms_norm(node[0], axes=len(last), epsilon=node.get("epsilon"), name=node.layer)


def group(node: Node) -> sd.Tensor:
    groups, epsilon = node.get("num_groups"), node.get("epsilon")
    return nn.group_norm(node[0], groups, epsilon=epsilon, affine=affine(node), name=node.layer)


def local(node: Node) -> sd.Tensor:
    alpha, beta, bias = (node.get(name) for name in ("alpha", "beta", "bias"))
    return nn.local_response_norm(node[0], node.get("size"), alpha=alpha, beta=beta, bias=bias)


def standardized(node: Node) -> sd.Tensor:
    axes = node.get("axes")
    deviation = node[0] - node[0].mean(axes, keepdims=True)
    return deviation / (node[0].std(axes, keepdims=True) + 1e-9)


def dropped(node: Node) -> Sequence[sd.Tensor]:
    """At inference, or with nothing dropped: numbers drawn by another generator are not to be compared."""
    ratio = float(node.array(1, node.get("ratio", 0.5)))
    if node.has(2) and node.array(2) and ratio:
        raise Skip("random numbers of another generator")
    (y,) = sd.inference(nn.dropout(node[0], ratio, name=node.layer))
    return y, sd.full(node[0].shape, 1)


NORMS: dict[str, Adapter] = {
    "BatchNormalization": batch,
    "Dropout": dropped,
    "GroupNormalization": group,
    "InstanceNormalization": instance,
    "LRN": local,
    "LayerNormalization": layer,
    "MeanVarianceNormalization": standardized,
    "RMSNormalization": rms,
}
