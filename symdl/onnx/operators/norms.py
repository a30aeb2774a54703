"""Operators: normalization and dropout.

Enters: a node. Leaves: tensors. Running statistics of a file are constants and do not learn.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdl import nn
from symdl.express.tensors import Tensor
from symdl.onnx import language as sd
from symdl.onnx.nodes import Adapter, Node, Unsupported


def per_channel(x: Tensor, rank: int) -> Tensor:
    """A value for each channel, laid along axis 1."""
    return x.reshape(-1, *(1,) * (rank - 2)) if rank > 2 else x


def affine(node: Node, unit: Tensor, *, channels: bool = True) -> Tensor:
    """Gain and shift."""
    gain = per_channel(node[1], unit.rank) if channels else node[1]
    y = unit * gain
    if not node.has(2):
        return y
    return y + (per_channel(node[2], unit.rank) if channels else node[2])


def batch(node: Node) -> Sequence[Tensor]:
    x, share, epsilon = node[0], 1 - node.get("momentum"), node.get("epsilon")
    if node.get("training_mode"):
        axes = [a for a in range(x.rank) if a != 1]
        mean, variance = x.mean(axes), x.var(axes)
        news = [(1 - share) * node[3] + share * mean, (1 - share) * node[4] + share * variance]
    else:
        mean, variance = node.still(3), node.still(4)
        news = []
    deviation = x - per_channel(mean, x.rank)
    unit = deviation * per_channel(sd.rsqrt(variance + epsilon), x.rank)
    return affine(node, unit), *news


def instance(node: Node) -> Tensor:
    return affine(node, nn.instance_norm(node[0], epsilon=node.get("epsilon"), affine=False, name=node.name))


def layer(node: Node) -> Sequence[Tensor]:
    x, epsilon = node[0], node.get("epsilon")
    node.get("stash_type")
    last = list(range(x.rank))[node.get("axis") :]
    unit = nn.layer_norm(x, axes=len(last), epsilon=epsilon, affine=False, name=node.name)
    variance = x.var(last, keepdims=True)
    y = affine(node, unit, channels=False)
    return y, x.mean(last, keepdims=True), sd.rsqrt(variance + epsilon)


def rms(node: Node) -> Tensor:
    node.get("stash_type")
    last = list(range(node[0].rank))[node.get("axis") :]
    unit = nn.rms_norm(node[0], axes=len(last), epsilon=node.get("epsilon"), affine=False, name=node.name)
    return affine(node, unit, channels=False)


def group(node: Node) -> Tensor:
    groups, epsilon = node.get("num_groups"), node.get("epsilon")
    node.get("stash_type")
    if node.version < 21:
        raise Unsupported("a gain for each group")
    return affine(node, nn.group_norm(node[0], groups, epsilon=epsilon, affine=False, name=node.name))


def local(node: Node) -> Tensor:
    alpha, beta, bias = (node.get(name) for name in ("alpha", "beta", "bias"))
    return nn.local_response_norm(node[0], node.get("size"), alpha=alpha, beta=beta, bias=bias)


def standardized(node: Node) -> Tensor:
    axes = node.get("axes")
    deviation = node[0] - node[0].mean(axes, keepdims=True)
    return deviation / (node[0].std(axes, keepdims=True) + 1e-9)


def dropped(node: Node) -> Sequence[Tensor]:
    """At inference, or with nothing dropped: numbers drawn by another generator are not to be compared."""
    ratio = float(node.array(1, node.get("ratio", 0.5)))
    node.get("seed")
    if node.has(2) and node.array(2) and ratio:
        raise Unsupported("random numbers of another generator")
    (y,) = sd.inference(nn.dropout(node[0], ratio, name=node.name))
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
