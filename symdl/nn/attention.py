"""Attention: a lookup by content.

Enters: queries, keys and values. Leaves: means of the values, weighted by how well
their keys fit the queries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.conditions import as_condition
from symdl.express.dims import Extent, Index
from symdl.express.doors import takes_tensors
from symdl.express.equations import Guard, InRange, Origin
from symdl.express.operators import axis_indices, broadcast_shapes, read
from symdl.express.options import Mask
from symdl.express.surface import LogSumExp, Sum, define
from symdl.express.tensors import Tensor
from symdl.nn.activations import literal
from symdl.nn.dropout import dropout


@takes_tensors
def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    start: Extent = 0,
    mask: Mask = None,
    bias: Tensor | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    rate: float = 0.0,
    name: str | None = None,
) -> Tensor:
    """Scaled dot-product attention (Vaswani et al., 2017): ``softmax(q k^T / sqrt(d)) v``.

    Args:
        q: queries, shape ``(..., queries, d)``.
        k: keys, shape ``(..., keys, d)``; the leading axes of all three are equal, but for the heads, the
            last of them: each head of keys serves as many heads of queries as come on it, side by side.
        v: values, shape ``(..., keys, features)``.
        causal: query i sees keys 0 to ``start + i`` only.
        start: how many keys come before that of the first query: the length of a cache.
        mask: where a key may be seen: a condition or an int64 tensor of zeros and ones that broadcasts to
            ``(..., queries, keys)``. What is masked is not evaluated; a query that sees nothing gives 0.
        bias: added to the scores, an additive mask with ``-inf``; broadcasts like `mask`.
        scale: of the scores, instead of ``1/sqrt(d)``.
        softcap: a limit `c` of the scores, before the bias: ``c*tanh(score/c)``.
        rate: the share of the weights that `dropout` of the path ``name.dropout`` drops.
        name: of the result.

    Returns:
        shape ``(..., queries, features)``.

    Raises:
        ShapeError: shapes that do not fit together.
        ExpressionError: dropout without a name, or a start without `causal`.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 10, 4))
        >>> sd.nn.attention(x, x, x).shape
        (n, 10, 4)
    """
    group = _check_fit(q, k, v)
    _check_options(causal, start, rate, name)
    *rows, i, j, d = axis_indices(q.rank + 1)
    queries, keys = q.shape[-2], k.shape[-2]
    row, pair = (*rows, i), (*rows, i, j)
    held = rows if group == 1 else [*rows[:-1], sp.floor(rows[-1] / sp.Integer(group))]  # the head of keys
    shape = (*q.shape[:-2], queries, keys)
    guards: list[Guard] = [InRange(i - j + start, queries + start)] if causal else []
    dot = Sum(q.at(*rows, i, d) * k.at(*held, j, d), (d, q.shape[-1]))
    product = define(None, pair, dot, shape=shape, origin=Origin("scores"))
    factor = 1 / sp.sqrt(q.shape[-1]) if scale is None else literal(scale, "scale")
    score = _shifted(factor * product.at(*pair), pair, shape, bias, softcap, guards)
    seen = _seen(mask, pair, shape)
    total = define(None, row, LogSumExp(seen(score, -sp.oo), (j, keys)), shape=shape[:-1], guards=guards)
    share = seen(sp.exp(score - total.at(*row)), sp.S.Zero)
    path = f"{name}.P" if name else None
    weights = define(path, pair, share, shape=shape, guards=guards, origin=Origin("softmax"))
    if rate:
        weights = dropout(weights, rate, name=f"{name}.dropout")
    part = seen(weights.at(*pair) * v.at(*held, j, d), sp.S.Zero)
    out = (*q.shape[:-2], queries, v.shape[-1])
    return define(name, (*row, d), Sum(part, (j, keys)), shape=out, guards=guards, origin=Origin("attention"))


def _check_options(causal: bool, start: Extent, rate: float, name: str | None) -> None:
    if rate and name is None:
        raise ExpressionError("attention: dropout needs a name for its state", cure="pass name=...")
    if start != 0 and not causal:
        raise ExpressionError("attention: only causal attention has a start", cure="pass causal=True")


def _check_fit(q: Tensor, k: Tensor, v: Tensor) -> int:
    """Return how many heads of queries come on one head of keys."""
    fits = q.rank >= 2 and q.rank == k.rank == v.rank and q.shape[-1] == k.shape[-1]
    group = 1
    if fits and q.rank > 2 and q.shape[-3] != k.shape[-3]:
        heads, fewer = q.shape[-3], k.shape[-3]
        fits = isinstance(heads, int) and isinstance(fewer, int) and fewer > 0 and heads % fewer == 0
        group = int(heads) // int(fewer) if fits else 1
        fits = fits and k.shape[:-3] == q.shape[:-3]
    elif fits:
        fits = k.shape[:-2] == q.shape[:-2]
    if not fits or k.shape[:-1] != v.shape[:-1]:
        raise ShapeError(
            "attention: queries, keys and values do not fit together",
            shapes={"q": q.shape, "k": k.shape, "v": v.shape},
        )
    return group


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


def _seen(mask: Mask, pair: Any, shape: Any) -> Callable[[sp.Expr, sp.Expr], sp.Expr]:
    """Return what chooses between a value where the mask holds and another one elsewhere."""
    if mask is None:
        return lambda value, otherwise: value
    condition = as_condition(mask)
    if broadcast_shapes(condition.shape, shape) != shape:
        raise ShapeError(
            "attention: the mask does not fit", shapes={"mask": condition.shape, "scores": shape}
        )
    holds = condition.at(pair)
    return lambda value, otherwise: sp.Piecewise((value, holds), (otherwise, True))
