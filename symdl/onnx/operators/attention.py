"""Operators: attention and rotary embedding.

Enters: a node. Leaves: what the queries find, the keys and values to be kept, and the scores where asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdl import nn
from symdl.express.tensors import Tensor
from symdl.onnx import language as sd
from symdl.onnx.nodes import Adapter, Node, Unsupported
from symdl.onnx.operators.sequences import heads_apart

LOWEST = -1e38
"""A bias below this is minus infinity: that key is not seen."""


def attention(node: Node) -> Sequence[Tensor]:
    q, k, v = node[0], node[1], node[2]
    node.get("softmax_precision")  # all is computed in one precision
    flat = q.rank == 3
    if flat:
        q = heads_apart(q, node.get("q_num_heads"))
        k, v = (heads_apart(x, node.get("kv_num_heads")) for x in (k, v))
    if node.has(4):
        k, v = sd.concatenate([node[4], k], 2), sd.concatenate([node[5], v], 2)
    kept = [x[:] for x in (k, v)]
    times = q.shape[1] // k.shape[1]
    if times > 1:
        k, v = sd.repeat(k, times, 1), sd.repeat(v, times, 1)
    seen, bias = visible(node, q.shape[2], k.shape[2])
    scale = node.get("scale") or q.shape[-1] ** -0.5
    cap = node.get("softcap") or None
    y = nn.attention(q, k, v, mask=seen, bias=bias, scale=scale, softcap=cap)
    if flat:
        y = y.swapaxes(1, 2).reshape(*q.shape[:1], q.shape[2], -1)
    scores = scale * (q @ k.swapaxes(2, 3))
    scores = scores if cap is None else cap * sd.tanh(scores / cap)
    return y, *kept, shown(node, scores, seen, bias)


def flexible(node: Node) -> Tensor:
    if node.get("score_mod") or node.get("prob_mod"):
        raise Unsupported("graphs as attributes")
    return attention(node)[0]


def visible(node: Node, queries: int, keys: int) -> tuple[Any, Tensor | None]:
    """Which query sees which key, and what is added to their score."""
    distance = sd.arange(keys)[None, :] - sd.arange(queries)[:, None]
    offset: Any = node[4].shape[2] if node.has(4) else 0
    conditions = []
    if node.has(6):
        lengths = node[6][:, None, None, None]
        conditions.append(sd.arange(keys) < lengths)
        offset = lengths - queries
    if node.get("is_causal"):
        conditions.append(distance - offset <= 0)
    for side, sign in (("left_window_size", -1), ("right_window_size", 1)):
        if node.get(side, -1) >= 0:
            conditions.append(sign * (distance - offset) <= node.get(side))
    mask = node[3] if node.has(3) else None
    if mask is not None and mask.shape[-1] < keys:
        width = [(0, 0)] * (mask.rank - 1) + [(0, keys - mask.shape[-1])]
        mask = sd.pad(mask, width, value=0 if mask.dtype == "int64" else float("-inf"))
    bias = mask if mask is not None and mask.dtype == "real" else None
    if mask is not None:
        conditions.append(sd.equal(mask, 1) if bias is None else mask > LOWEST)
    seen = None
    for condition in conditions:
        seen = condition if seen is None else seen & condition
    return seen, bias


def shown(node: Node, scores: Tensor, seen: Any, bias: Tensor | None) -> Tensor:
    """The scores at the place that is asked for: before the bias, with it, or as shares."""
    mode = node.get("qk_matmul_output_mode", 0)
    if mode < 2:
        return scores
    biased = scores if bias is None else scores + bias
    if mode == 2:
        return biased if seen is None else sd.where(seen, biased, float("-inf"))
    if seen is None:
        return sd.softmax(biased)
    total = sd.reduction("logsumexp", biased, -1, keepdims=True, where=seen)
    return sd.where(seen, sd.exp(biased - total), 0)


def rotary(node: Node) -> Tensor:
    flat = node[0].rank == 3
    x = heads_apart(node[0], node.get("num_heads")) if flat else node[0]
    cosine, sine = node[1], node[2]
    if node.has(3):
        cosine, sine = sd.take(cosine, node[3]), sd.take(sine, node[3])
    if 2 * cosine.shape[-1] != (node.get("rotary_embedding_dim") or x.shape[-1]):
        raise Unsupported("more angles than are used")
    y = nn.rotary(x, cosine[:, None], sine[:, None], interleaved=bool(node.get("interleaved")))
    return y.swapaxes(1, 2).reshape(*node[0].shape) if flat else y


LOOKUPS: dict[str, Adapter] = {"Attention": attention, "FlexAttention": flexible, "RotaryEmbedding": rotary}
