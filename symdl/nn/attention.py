"""Lookups by position and by content: embedding and attention.

Enters: positions, or queries, keys and values. Leaves: rows of a table, or means of the values, weighted by
how well their keys fit the queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdl.errors import ShapeError
from symdl.express.build import parameter
from symdl.express.conditions import as_condition, not_equal, where
from symdl.express.dims import Extent, Index
from symdl.express.doors import takes_tensors
from symdl.express.equations import Guard, InRange, Origin
from symdl.express.operators import axis_indices, broadcast_shapes, read
from symdl.express.options import Mask
from symdl.express.selecting import take
from symdl.express.surface import LogSumExp, Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.activations import literal
from symdl.nn.initializers import Initializer, uniform
from symdl.nn.layers import dense


@takes_tensors
def embedding(
    ids: Tensor,
    count: int,
    size: int,
    *,
    padding: int | None = None,
    name: str,
    init: Initializer | None = None,
) -> Tensor:
    """Rows of a learned table: ``Y[..., d] = E[ids[...], d]``.

    Args:
        ids: int64 positions from 0 to ``count - 1``, any shape; checked when values are known.
        count: the number of rows.
        size: the length of a row.
        padding: a position that stands for nothing: it gives zeros, and its row is not learned.
        name: the path of the table ``name.E`` (count, size), and the name of the result.
        init: of the table; uniform in ±0.1 by default.

    Returns:
        The shape of `ids` with an axis of `size` at the end.

    Example:
        >>> ids = sd.tensor("ids", (sd.Dim("n"), 10), dtype="int64")
        >>> sd.nn.embedding(ids, 100, 8, name="words").shape
        (n, 10, 8)
    """
    table = parameter(f"{name}.E", (count, size), init=uniform(-0.1, 0.1) if init is None else init)
    if padding is None:
        return take(table, ids, name=name)
    rows: Tensor = where(not_equal(ids, padding)[..., None], take(table, ids), 0, name=name)
    return rows


@takes_tensors
def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    mask: Mask = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    name: str | None = None,
) -> Tensor:
    """Scaled dot-product attention (Vaswani et al., 2017): ``softmax(q k^T / sqrt(d)) v``.

    Args:
        q: queries, shape ``(..., queries, d)``.
        k: keys, shape ``(..., keys, d)``; the leading axes of all three are equal.
        v: values, shape ``(..., keys, features)``.
        causal: query i sees keys 0 to i only.
        mask: where a key may be seen: a condition or an int64 tensor of zeros and ones that broadcasts to
            ``(..., queries, keys)``. What is masked is not evaluated; a query that sees nothing gives 0.
        bias: added to the scores; broadcasts like `mask`.
        scale: of the scores, instead of ``1/sqrt(d)``.
        softcap: a limit `c` of the scores, before the bias: ``c*tanh(score/c)``.
        name: of the result.

    Returns:
        shape ``(..., queries, features)``.

    Raises:
        ShapeError: shapes that do not fit together.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 10, 4))
        >>> sd.nn.attention(x, x, x).shape
        (n, 10, 4)
    """
    _check_fit(q, k, v)
    *rows, i, j, d = axis_indices(q.rank + 1)
    queries, keys, depth = q.shape[-2], k.shape[-2], q.shape[-1]
    row, pair = (*rows, i), (*rows, i, j)
    shape = (*q.shape[:-2], queries, keys)
    guards: list[Guard] = [InRange(i - j, queries)] if causal else []
    factor = 1 / sp.sqrt(depth) if scale is None else literal(scale, "scale")
    dot = Sum(q.at(*rows, i, d) * k.at(*rows, j, d), (d, depth))
    product = define(None, pair, dot, shape=shape, origin=Origin("scores"))
    score = _shifted(factor * product.at(*pair), pair, shape, bias, softcap, guards)

    def seen(value: sp.Expr, otherwise: sp.Expr) -> sp.Expr:
        condition = _condition(mask, pair, shape)
        return value if condition is None else sp.Piecewise((value, condition), (otherwise, True))

    total = define(None, row, LogSumExp(seen(score, -sp.oo), (j, keys)), shape=shape[:-1], guards=guards)
    share = seen(sp.exp(score - total.at(*row)), sp.S.Zero)
    weights = define(
        f"{name}.P" if name else None, pair, share, shape=shape, guards=guards, origin=Origin("softmax")
    )
    part = seen(weights.at(*pair) * v.at(*rows, j, d), sp.S.Zero)
    out = (*q.shape[:-2], queries, v.shape[-1])
    return define(name, (*row, d), Sum(part, (j, keys)), shape=out, guards=guards, origin=Origin("attention"))


def _check_fit(q: Tensor, k: Tensor, v: Tensor) -> None:
    fits = q.rank >= 2 and q.rank == k.rank == v.rank and q.shape[-1] == k.shape[-1]
    if not fits or k.shape[:-1] != v.shape[:-1] or k.shape[:-2] != q.shape[:-2]:
        raise ShapeError(
            "attention: queries, keys and values do not fit together",
            shapes={"q": q.shape, "k": k.shape, "v": v.shape},
        )


def _shifted(
    score: sp.Expr,
    pair: Sequence[Index],
    shape: tuple[Extent, ...],
    bias: Tensor | None,
    softcap: float | None,
    guards: Sequence[Guard],
) -> sp.Expr:
    """Return the scores within their limit and with the bias."""
    if bias is None and softcap is None:
        return score
    if softcap is not None:
        limit = literal(softcap, "softcap")
        score = limit * sp.tanh(score / limit)
    if bias is not None:
        if broadcast_shapes(bias.shape, shape) != shape:
            raise ShapeError("attention: the bias does not fit", shapes={"bias": bias.shape, "scores": shape})
        score = score + read(bias, pair)
    return define(None, pair, score, shape=shape, guards=guards, origin=Origin("biased scores")).at(*pair)


def _condition(mask: Mask, pair: Any, shape: Any) -> sp.Basic | None:
    if mask is None:
        return None
    condition = as_condition(mask)
    if broadcast_shapes(condition.shape, shape) != shape:
        raise ShapeError(
            "attention: the mask does not fit", shapes={"mask": condition.shape, "scores": shape}
        )
    return condition.at(pair)


@takes_tensors
def multi_head_attention(
    q: Tensor,
    k: Tensor | None = None,
    v: Tensor | None = None,
    *,
    heads: int,
    causal: bool = False,
    mask: Mask = None,
    bias: bool = True,
    name: str,
) -> Tensor:
    """Attention by several heads on learned projections, their results joined and projected again.

    Args:
        q: shape ``(batch, queries, features)``; the features are a multiple of `heads`.
        k: shape ``(batch, keys, features)``; `q` itself by default (self-attention).
        v: the shape of `k`; `k` by default.
        heads: into how many parts the features are divided.
        causal: query i sees keys 0 to i only.
        mask: broadcasts to ``(batch, heads, queries, keys)``; see `attention`.
        bias: whether the projections have one.
        name: the path of the projections ``name.q``, ``name.k``, ``name.v``, ``name.out``: dense layers.

    Raises:
        ShapeError: shapes that do not fit together, or features that the heads do not divide.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 10, 4))
        >>> sd.nn.multi_head_attention(x, heads=2, name="attention").shape
        (n, 10, 4)
    """
    k = q if k is None else k
    v = k if v is None else v
    features = q.shape[-1] if q.rank == 3 else None
    if not isinstance(features, int) or heads < 1 or features % heads:
        raise ShapeError(f"{name}: {q} does not divide into {heads} heads")

    def split(x: Tensor, part: str) -> Tensor:
        flat = dense(x, features, name=f"{name}.{part}", bias=bias)
        return flat.reshape(*flat.shape[:2], heads, features // heads).swapaxes(1, 2)

    mixed = attention(split(q, "q"), split(k, "k"), split(v, "v"), causal=causal, mask=mask)
    joined = mixed.swapaxes(1, 2).reshape(*q.shape)
    return dense(joined, features, name=f"{name}.out", bias=bias)
