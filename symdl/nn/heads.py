"""Attention by several heads on learned projections.

Enters: sequences of features, perhaps keys and values of earlier positions. Leaves: sequences of the same
shape, perhaps the keys and values of all positions so far.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdl.errors import ShapeError
from symdl.express.dims import Extent
from symdl.express.doors import takes_tensors
from symdl.express.joining import concatenate
from symdl.express.options import Mask
from symdl.express.tensors import Tensor
from symdl.nn.attention import attention
from symdl.nn.layers import dense


@takes_tensors
def multi_head_attention(
    q: Tensor,
    k: Tensor | None = None,
    v: Tensor | None = None,
    *,
    heads: int,
    kv_heads: int | None = None,
    causal: bool = False,
    mask: Mask = None,
    bias: bool = True,
    rate: float = 0.0,
    name: str,
) -> Tensor:
    """Attention by several heads on learned projections, their results joined and projected again.

    Args:
        q: shape ``(batch, queries, features)``; the features are a multiple of `heads`.
        k: shape ``(batch, keys, features)``; `q` itself by default (self-attention).
        v: the shape of `k`; `k` by default.
        heads: into how many parts the features are divided.
        kv_heads: how many heads keys and values have, a divisor of `heads`: each serves a group of heads of
            queries (Ainslie et al., 2023), one serves all (multi-query attention). All by default.
        causal: query i sees keys 0 to i only.
        mask: broadcasts to ``(batch, heads, queries, keys)``; see `attention`.
        bias: whether the projections have one.
        rate: of the weights that are dropped while learning, with the state ``name.mixed.dropout.step``.
        name: the path of the projections ``name.q``, ``name.k``, ``name.v``, ``name.out``: dense layers.

    Raises:
        ShapeError: shapes that do not fit together, features that the heads do not divide, or heads that
            `kv_heads` does not divide.

    Example:
        >>> x = sd.tensor("x", (sd.Dim("n"), 10, 4))
        >>> sd.nn.multi_head_attention(x, heads=2, name="attention").shape
        (n, 10, 4)
    """
    k = q if k is None else k
    v = k if v is None else v
    fewer = _checked_heads(q, heads, kv_heads, name)
    queries = _split(q, heads, heads, bias, f"{name}.q")
    keys, values = (_split(x, fewer, heads, bias, f"{name}.{part}") for x, part in ((k, "k"), (v, "v")))
    path = f"{name}.mixed" if rate else None  # dropout has a state
    mixed = attention(queries, keys, values, causal=causal, mask=mask, rate=rate, name=path)
    return _joined(mixed, q, bias, name)


@takes_tensors
def cached_attention(
    x: Tensor,
    cache: tuple[Tensor, Tensor] | None = None,
    *,
    heads: int,
    kv_heads: int | None = None,
    bias: bool = True,
    name: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Causal self-attention of new positions that also sees those before them, for generation.

    What it gives for the positions of `x` is what `multi_head_attention` of the same name gives for them when
    it reads the whole sequence; the work of earlier positions is not done again.

    Args:
        x: the new positions, shape ``(batch, new, features)``; one at a time while generating.
        cache: keys and values of the positions before, each ``(batch, kv_heads, past, features/heads)``; None
            for the first call, which reads the beginning.
        heads: of the queries.
        kv_heads: of keys and values, as in `multi_head_attention`.
        bias: whether the projections have one.
        name: the path of the projections, as in `multi_head_attention`.

    Returns:
        The result, the shape of `x`; and the keys and the values of all positions, which are the cache of the
        next call.

    Raises:
        ShapeError: shapes that do not fit together.

    Example:
        >>> n, past = sd.Dim("n"), sd.Dim("past")
        >>> x, cache = sd.tensor("x", (n, 1, 4)), [sd.tensor(name, (n, 2, past, 2)) for name in "kv"]
        >>> y, keys, values = sd.nn.cached_attention(x, cache, heads=2, name="attention")
        >>> y.shape, keys.shape
        ((n, 1, 4), (n, 2, past + 1, 2))
    """
    fewer = _checked_heads(x, heads, kv_heads, name)
    queries = _split(x, heads, heads, bias, f"{name}.q")
    keys, values = (_split(x, fewer, heads, bias, f"{name}.{part}") for part in "kv")
    past: Extent = 0
    if cache is not None:
        past = _checked_cache(cache, keys, name)
        keys, values = (concatenate([a, b], 2) for a, b in zip(cache, (keys, values), strict=True))
    mixed = attention(queries, keys, values, causal=True, start=past)
    return _joined(mixed, x, bias, name), keys, values


def _checked_cache(cache: Sequence[Tensor], new: Tensor, name: str) -> Extent:
    """Return how many positions a cache holds."""
    shapes = [part.shape for part in cache]
    fits = len(shapes) == 2 and shapes[0] == shapes[1] and len(shapes[0]) == 4
    if not fits or (*shapes[0][:2], shapes[0][3]) != (*new.shape[:2], new.shape[3]):
        raise ShapeError(
            f"{name}: keys and values of earlier positions do not fit",
            shapes={"cache": shapes, "keys of x": new.shape},
            cure="pass two tensors of shape (batch, kv_heads, past, features/heads)",
        )
    return shapes[0][2]


def _checked_heads(x: Tensor, heads: int, kv_heads: int | None, name: str) -> int:
    """Return the number of heads of keys and values."""
    features = x.shape[-1] if x.rank == 3 else None
    if not isinstance(features, int) or heads < 1 or features % heads:
        raise ShapeError(f"{name}: {x} does not divide into {heads} heads")
    fewer = heads if kv_heads is None else kv_heads
    if fewer < 1 or heads % fewer:
        raise ShapeError(f"{name}: {fewer} heads of keys do not divide {heads} heads of queries")
    return fewer


def _split(x: Tensor, count: int, heads: int, bias: bool, name: str) -> Tensor:
    """Project to `count` heads, each of 1/`heads` of the features: ``(batch, count, positions, size)``."""
    size = x.shape[-1] // heads
    flat = dense(x, count * size, name=name, bias=bias)
    return flat.reshape(*flat.shape[:2], count, size).swapaxes(1, 2)


def _joined(mixed: Tensor, x: Tensor, bias: bool, name: str) -> Tensor:
    joined = mixed.swapaxes(1, 2).reshape(*x.shape)
    return dense(joined, x.shape[-1], name=f"{name}.out", bias=bias)
