"""Reductions, statistics, scans, orders and norms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import symdl as sd

from ..sample import Absent, Spelling


def reduced(f: Callable[..., Any]) -> Callable[..., Any]:
    """Spell `dim`, `keepdim`; no axes are all of them."""

    def ours(x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
        if x.rank == 0:
            return f(x.reshape(1), None)
        return f(
            x,
            tuple(dim) if isinstance(dim, list | tuple) and dim else None if dim == () else dim,
            keepdims=keepdim,
        )

    return ours


def nonzero(x: Any) -> Any:
    return x if not isinstance(x, sd.Tensor) else sd.not_equal(x, 0)


def whole(f: Callable[..., Any]) -> Callable[..., Any]:
    """Of the tensor of ones and zeros."""
    return reduced(lambda x, axis, **k: sd.not_equal(f(sd.where(sd.not_equal(x, 0), 1, 0), axis, **k), 0))


def deviation(f: Callable[..., Any], *, mean: bool = False) -> Callable[..., Any]:
    def ours(
        x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        axis = tuple(dim) if isinstance(dim, list | tuple) and dim else None if dim == () else dim
        if unbiased is not None:
            correction = int(unbiased)
        correction = 1 if correction is None else correction
        if x.rank == 0:
            x, axis, keepdim = x.reshape(1), None, False
        found = f(x, axis, correction=correction, keepdims=keepdim)
        return (found, sd.mean(x, axis, keepdims=keepdim)) if mean else found

    return ours


def scan(f: Callable[..., Any]) -> Callable[..., Any]:
    def ours(x: Any, dim: int, **_: Any) -> Any:
        return f(x.reshape(1), 0).reshape(()) if x.rank == 0 else f(x, dim)

    return ours


def extreme(f: Callable[..., Any]) -> Callable[..., Any]:
    """Values and positions: the values only."""

    def ours(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return f(x.reshape(1), 0) if x.rank == 0 else f(x, dim, keepdims=keepdim)

    return ours


def argument(f: Callable[..., Any]) -> Callable[..., Any]:
    def ours(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return f(x.reshape(1), None) if x.rank == 0 else f(x, dim, keepdims=keepdim)

    return ours


def ordered(f: Callable[..., Any]) -> Callable[..., Any]:
    def ours(x: Any, dim: int = -1, descending: bool = False, stable: Any = None, **_: Any) -> Any:
        return f(x.reshape(1)).reshape(()) if x.rank == 0 else f(x, dim, descending=descending)

    return ours


def quantile(f: Callable[..., Any]) -> Callable[..., Any]:
    def ours(x: Any, q: Any, dim: Any = None, keepdim: bool = False, interpolation: str = "linear") -> Any:
        if x.rank == 0:
            x, dim, keepdim = x.reshape(1), None, False
        return f(x, q, dim, keepdims=keepdim, method=interpolation)

    return ours


def middle(f: Callable[..., Any]) -> Callable[..., Any]:
    """PyTorch's median is the lower one of two in the middle."""

    def ours(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if x.rank == 0:
            return x
        return f(x, 0.5, dim, method="lower", keepdims=keepdim)

    return ours


def topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    return x if x.rank == 0 else sd.top_k(x, k, dim, largest=largest)[0]


def kthvalue(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    if x.rank == 0:
        return x
    found = sd.take(sd.sort(x, dim), k - 1, dim)
    return sd.expand_dims(found, dim) if keepdim else found


def mode(x: Any, dim: int = -1, keepdim: bool = False) -> Any:
    if x.rank == 0:
        return x
    found = sd.mode(x, dim)
    return sd.expand_dims(found, dim) if keepdim else found


def norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    if p == "nuc":
        return sd.sum(sd.svd(x)[1], -1)
    return vector_norm(x, 2 if p in ("fro", None) else p, dim, keepdim)


def vector_norm(x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Any:
    axis = tuple(dim) if isinstance(dim, list | tuple) else dim
    if x.rank == 0:
        x, axis, keepdim = x.reshape(1), None, False
    return sd.norm(x, axis or None if axis == () else axis, order=ord, keepdims=keepdim)


def matrix_norm(x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, **_: Any) -> Any:
    rows, columns = (a % x.rank for a in dim)
    if ord == "fro":
        return sd.norm(x, (rows, columns), keepdims=keepdim)
    if ord in (1, -1, math.inf, -math.inf):
        first, second = (rows, columns) if abs(ord) == 1 else (columns, rows)
        largest: Any = sd.max if ord > 0 else sd.min
        return (
            largest(sd.sum(sd.absolute(x), first, keepdims=True), second, keepdims=True, ties="split")
            if keepdim
            else sd.squeeze(
                largest(sd.sum(sd.absolute(x), first, keepdims=True), second, keepdims=True, ties="split"),
                (rows, columns),
            )
        )
    others = [a for a in range(x.rank) if a not in (rows, columns)]
    singular = sd.svd(sd.transpose(x, *others, rows, columns))[1]
    reduce: dict[Any, Callable[..., Any]] = {"nuc": sd.sum, 2: sd.max, -2: sd.min}
    found = reduce[ord](singular, -1)
    return sd.expand_dims(found, (rows, columns)) if keepdim else found


def any_norm(x: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, **k: Any) -> Any:
    axes = (dim,) if isinstance(dim, int) else tuple(dim) if dim is not None else tuple(range(x.rank))
    if ord is None:
        return vector_norm(x, 2, dim, keepdim)
    if len(axes) == 1 or (x.rank == 1 and dim is None):
        return vector_norm(x, ord, axes, keepdim)
    return matrix_norm(x, ord, axes, keepdim)


def dist(x: Any, y: Any, p: float = 2) -> Any:
    return sd.norm(x - y, order=p)


def diff(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    if n == 0:
        return x
    parts = [t for t in (prepend, x, append) if t is not None]
    x = sd.concatenate(parts, dim) if len(parts) > 1 else x
    for _ in range(n):
        if x.shape[dim] == 1:
            raise Absent("an axis of no elements")
        x = _slice(x, dim, 1, None) - _slice(x, dim, 0, x.shape[dim] - 1)
    return x


def _slice(x: Any, axis: int, start: int, stop: Any) -> Any:
    key: list[Any] = [slice(None)] * x.rank
    key[axis] = slice(start, stop)
    return x[tuple(key)]


def trapezoid(x: Any, y: Any = None, *, dim: int = -1, dx: Any = 1) -> Any:
    return sd.sum(_panels(x, y, dim, dx), dim)


def cumulative_trapezoid(x: Any, y: Any = None, *, dim: int = -1, dx: Any = 1) -> Any:
    return sd.cumsum(_panels(x, y, dim, dx), dim)


def _panels(f: Any, at: Any, dim: int, dx: Any) -> Any:
    if f.shape[dim] == 1:
        raise Absent("an axis of no elements")
    means = (_slice(f, dim, 1, None) + _slice(f, dim, 0, f.shape[dim] - 1)) / 2
    if at is None:
        return means * dx
    if at.rank == 1:
        steps = at[1:] - at[: at.shape[0] - 1]
        return means * steps.reshape(*(-1 if a == dim % f.rank else 1 for a in range(f.rank)))
    return means * (_slice(at, dim, 1, None) - _slice(at, dim, 0, at.shape[dim] - 1))


def cov(x: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    x = x.reshape(1, -1) if x.rank < 2 else x
    weights: Any = 1
    less: Any = correction
    if fweights is not None:
        weights = fweights
    if aweights is not None:
        weights = weights * aweights
    if weights == 1 if isinstance(weights, int) else False:
        total, mean = x.shape[1], sd.mean(x, 1, keepdims=True)
    else:
        total = sd.sum(weights)
        mean = sd.sum(x * weights, 1, keepdims=True) / total
        if aweights is not None:
            less = correction * sd.sum(weights * aweights) / total
    away = x - mean
    scale = total - less
    scale = max(scale, 0) if isinstance(scale, int) else sd.maximum(scale, 0)
    found = (weights * away) @ away.T
    found = found / scale if not isinstance(scale, int) or scale else found * math.inf
    return found.reshape(()) if x.shape[0] == 1 else found


def corrcoef(x: Any) -> Any:
    c = cov(x)
    if c.rank == 0:
        return c / c
    d = sd.sqrt(sd.diag(c))
    return sd.clip(c / sd.outer(d, d), -1, 1)


def first(result: Any) -> Any:
    return result if not isinstance(result, tuple) else result[0]


SPELLINGS = {
    "sum": Spelling(reduced(sd.sum)),
    "nansum": Spelling(reduced(sd.nansum)),
    "mean": Spelling(reduced(sd.mean)),
    "nanmean": Spelling(reduced(sd.nanmean)),
    "prod": Spelling(reduced(sd.prod)),
    "amax": Spelling(reduced(lambda x, axis, **k: sd.max(x, axis, ties="split", **k))),
    "amin": Spelling(reduced(lambda x, axis, **k: sd.min(x, axis, ties="split", **k))),
    "aminmax": Spelling(
        lambda x, dim=None, keepdim=False: tuple(
            reduced(lambda x, axis, f=f, **k: f(x, axis, ties="split", **k))(x, dim, keepdim)
            for f in (sd.min, sd.max)
        )
    ),
    "max.reduction_with_dim": Spelling(extreme(sd.max), first),
    "min.reduction_with_dim": Spelling(extreme(sd.min), first),
    "max.reduction_no_dim": Spelling(reduced(lambda x, axis, **_: sd.max(x, axis, ties="split"))),
    "min.reduction_no_dim": Spelling(reduced(lambda x, axis, **_: sd.min(x, axis, ties="split"))),
    "argmax": Spelling(argument(sd.argmax)),
    "argmin": Spelling(argument(sd.argmin)),
    "all": Spelling(whole(sd.min)),
    "any": Spelling(whole(sd.max)),
    "count_nonzero": Spelling(reduced(lambda x, axis, **k: sd.sum(sd.not_equal(x, 0), axis, **k))),
    "logsumexp": Spelling(reduced(sd.logsumexp)),
    "var": Spelling(deviation(sd.var)),
    "var.unbiased": Spelling(deviation(sd.var)),
    "std": Spelling(deviation(sd.std)),
    "std.unbiased": Spelling(deviation(sd.std)),
    "var_mean": Spelling(deviation(sd.var, mean=True)),
    "var_mean.unbiased": Spelling(deviation(sd.var, mean=True)),
    "std_mean": Spelling(deviation(sd.std, mean=True)),
    "std_mean.unbiased": Spelling(deviation(sd.std, mean=True)),
    "cumsum": Spelling(scan(sd.cumsum)),
    "cumprod": Spelling(scan(sd.cumprod)),
    "cummax": Spelling(scan(sd.cummax), first),
    "cummin": Spelling(scan(sd.cummin), first),
    "logcumsumexp": Spelling(scan(sd.logcumsumexp)),
    "sort": Spelling(ordered(sd.sort), first),
    "msort": Spelling(lambda x: sd.sort(x, 0)),
    "argsort": Spelling(ordered(sd.argsort)),
    "quantile": Spelling(quantile(sd.quantile)),
    "nanquantile": Spelling(quantile(sd.nanquantile)),
    "median": Spelling(middle(sd.quantile), first),
    "nanmedian": Spelling(middle(sd.nanquantile), first),
    "topk": Spelling(topk, first),
    "kthvalue": Spelling(kthvalue, first),
    "mode": Spelling(mode, first),
    "norm": Spelling(norm),
    "norm.fro": Spelling(norm),
    "norm.inf": Spelling(norm),
    "norm.nuc": Spelling(norm),
    "linalg.vector_norm": Spelling(vector_norm),
    "linalg.matrix_norm": Spelling(matrix_norm),
    "linalg.norm": Spelling(any_norm),
    "linalg.norm.subgradients_at_zero": Spelling(any_norm),
    "dist": Spelling(dist),
    "diff": Spelling(diff),
    "trapz": Spelling(trapezoid),
    "trapezoid": Spelling(trapezoid),
    "cumulative_trapezoid": Spelling(cumulative_trapezoid),
    "cov": Spelling(cov),
    "corrcoef": Spelling(corrcoef),
    "equal": Spelling(lambda x, y: sd.min(sd.where(sd.equal(x, y), 1, 0))),
    "allclose": Spelling(
        lambda x, y, rtol=1e-5, atol=1e-8, equal_nan=False: sd.min(
            sd.where(sd.isclose(x, y, rtol=rtol, atol=atol), 1, 0)
        )
    ),
}
