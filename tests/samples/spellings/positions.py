"""Reading and writing at positions: gather, scatter, masks, patterns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

import symdl as sd
from symdl.express.conditions import Condition

from ..sample import Absent, Spelling


def lifted(x: Any) -> Any:
    return x.reshape(1) if isinstance(x, sd.Tensor) and x.rank == 0 else x


def gather(x: Any, dim: int, index: Any, **_: Any) -> Any:
    if x.rank == 0:
        return sd.take(x.reshape(1), 0) if index.rank == 0 else x.reshape(1)
    if any(i < s for a, (i, s) in enumerate(zip(index.shape, x.shape, strict=True)) if a != dim % x.rank):
        x = x[tuple(slice(None) if a == dim % x.rank else slice(0, i) for a, i in enumerate(index.shape))]
    return sd.take_along_axis(x, index, dim)


def take_along_dim(x: Any, index: Any, dim: Any = None) -> Any:
    return (
        sd.take(x.reshape(-1), index.reshape(-1))
        if dim is None
        else sd.take_along_axis(x, index, dim, mode="wrap")
    )


def index_select(x: Any, dim: int, index: Any) -> Any:
    return (
        sd.take(lifted(x), lifted(index), dim).reshape(x.shape if x.rank == 0 else None)
        if x.rank == 0
        else sd.take(x, lifted(index), dim)
    )


def take(x: Any, index: Any) -> Any:
    return sd.take(x.reshape(-1), index, mode="wrap")


def written(op: str, *, include_self: bool = True) -> Callable[..., Any]:
    def ours(
        x: Any, dim: int, index: Any, src: Any = None, *, include_self: bool = include_self, **k: Any
    ) -> Any:
        reduce = k.get("reduce")
        how: Any = {"add": "add", "multiply": "multiply", None: op}[reduce] if op == "set" else op
        value = k.get("value", src)
        scalar = x.rank == 0
        x, index, value = lifted(x), lifted(index), lifted(value)
        if not isinstance(value, sd.Tensor):
            value = sd.full(index.shape, float(value))
        if value.shape != index.shape:
            value = value[tuple(slice(0, i) for i in index.shape)]
        found = sd.scatter(x, index, value, dim, op=how, include_self=include_self)
        return found.reshape(()) if scalar else found

    return ours


def scatter_reduce(op: str) -> Callable[..., Any]:
    def ours(x: Any, dim: int, index: Any, src: Any, reduce: str = "", *, include_self: bool = True) -> Any:
        return written(op)(x, dim, index, src, include_self=include_self)

    return ours


def _along(x: Any, dim: int, index: Any, value: Any) -> tuple[Any, Any]:
    """Positions along an axis as positions of elements."""
    dim %= x.rank
    shape = (*x.shape[:dim], index.shape[0], *x.shape[dim + 1 :])
    spread = sd.broadcast_to(index.reshape(*(-1 if a == dim else 1 for a in range(x.rank))), shape)
    if not isinstance(value, sd.Tensor):
        value = sd.full((), float(value))
    return spread, sd.broadcast_to(value, shape)


def indexed(op: Any) -> Callable[..., Any]:
    def ours(
        x: Any,
        dim: int,
        index: Any,
        value: Any,
        reduce: str = "",
        *,
        alpha: float = 1,
        include_self: bool = True,
    ) -> Any:
        scalar = x.rank == 0
        x, index, value = lifted(x), lifted(index), lifted(value)
        places, updates = _along(x, dim, index, value)
        updates = updates * alpha if alpha != 1 else updates
        if op == "set":
            found = sd.scatter(x, places, updates, dim)
        else:
            found = sd.scatter(x, places, updates, dim, op=op, include_self=include_self)
        return found.reshape(()) if scalar else found

    return ours


def put(x: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    size = x.reshape(-1).shape[0]
    places = index.reshape(-1)
    places = sd.where(places < 0, places + size, places)
    found = sd.scatter(x.reshape(-1), places, source.reshape(-1), op="add" if accumulate else "set")
    return found.reshape(x.shape)


def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return sd.where(mask, value, x)


def getitem(x: Any, key: Any) -> Any:
    for part in key if isinstance(key, list | tuple) else [key]:
        if isinstance(part, Condition) and part.shape:
            raise Absent("sizes that depend on values")
    return x[tuple(key) if isinstance(key, list) and not all(isinstance(k, int) for k in key) else key]


def indices(x: Any, places: Any, values: Any, accumulate: bool = False) -> Any:
    if len(places) > 1 or not isinstance(places[0], sd.Tensor):
        raise Absent("writing at several positions and at masks")
    return indexed("add" if accumulate else "set")(x, 0, places[0], values)


def isin(x: Any, of: Any, *, invert: bool = False, **_: Any) -> Any:
    found = sd.equal(sd.expand_dims(x, -1), of.reshape(*(1,) * x.rank, -1))
    count = sd.sum(found, -1)
    return sd.equal(count, 0) if invert else count > 0


def searchsorted(
    edges: Any, x: Any, *, right: bool = False, side: Any = None, sorter: Any = None, **_: Any
) -> Any:
    if sorter is not None:
        edges = sd.take_along_axis(edges, sorter)
    right = right or side == "right"
    if not isinstance(x, sd.Tensor):
        return sd.sum(edges <= x if right else edges < x, -1)
    edges = sd.expand_dims(edges, -2) if edges.rank > 1 else edges
    at = sd.expand_dims(x, -1)
    edges = edges.reshape(*(1,) * (at.rank - edges.rank), *edges.shape) if at.rank > edges.rank else edges
    return sd.sum(edges <= at if right else edges < at, -1)


def bucketize(x: Any, edges: Any, *, right: bool = False, **_: Any) -> Any:
    return searchsorted(edges, x, right=right)


def renorm(x: Any, p: float, dim: int, maxnorm: float) -> Any:
    others = tuple(a for a in range(x.rank) if a != dim % x.rank)
    length = sd.norm(x, others, order=p, keepdims=True)
    return sd.where(length > maxnorm, x * (maxnorm / (length + 1e-7)), x)


def arange(*args: Any, **_: Any) -> Any:
    start, end, step = (v + 0 for v in ((0, *args, 1) if len(args) == 1 else (*args, 1)[:3]))
    count = int(sp.ceiling(sp.nsimplify(end - start) / sp.nsimplify(step)))
    if not count:
        raise Absent("an axis of no elements")
    return sd.arange(count, start=start, step=step)


def linspace(start: Any, end: Any, steps: int, **_: Any) -> Any:
    if not steps:
        raise Absent("an axis of no elements")
    if isinstance(start, sd.Tensor) or isinstance(end, sd.Tensor):
        start, end = (t.reshape(1) if isinstance(t, sd.Tensor) else t for t in (start, end))
    return start + sd.arange(steps) * (end - start) / max(steps - 1, 1) + 0.0 * sd.arange(steps)


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, **_: Any) -> Any:
    return sd.power(base, linspace(start, end, steps))


def eye(n: int, m: Any = None, **k: Any) -> Any:
    if n == 0 or m == 0:
        raise Absent("an axis of no elements")
    return sd.eye(n, m)


def filled(value: float) -> Callable[..., Any]:
    def ours(*shape: Any, **_: Any) -> Any:
        shape = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
        if 0 in shape:
            raise Absent("an axis of no elements")
        return sd.full(shape, value)

    return ours


def full(shape: Any, value: Any, **_: Any) -> Any:
    if 0 in shape:
        raise Absent("an axis of no elements")
    return sd.full(shape, value)


SPELLINGS = {
    "gather": Spelling(gather),
    "take_along_dim": Spelling(take_along_dim),
    "index_select": Spelling(index_select),
    "take": Spelling(take),
    "scatter": Spelling(written("set")),
    "scatter_add": Spelling(written("add")),
    "scatter_reduce.sum": Spelling(scatter_reduce("add")),
    "scatter_reduce.prod": Spelling(scatter_reduce("multiply")),
    "scatter_reduce.mean": Spelling(scatter_reduce("mean")),
    "scatter_reduce.amin": Spelling(scatter_reduce("min")),
    "scatter_reduce.amax": Spelling(scatter_reduce("max")),
    "index_add": Spelling(indexed("add")),
    "index_copy": Spelling(indexed("set")),
    "index_fill": Spelling(indexed("set")),
    "index_reduce.mean": Spelling(indexed("mean")),
    "index_reduce.prod": Spelling(indexed("multiply")),
    "index_reduce.amin": Spelling(indexed("min")),
    "index_reduce.amax": Spelling(indexed("max")),
    "index_put": Spelling(indices),
    "put": Spelling(put),
    "masked_fill": Spelling(masked_fill),
    "__getitem__": Spelling(getitem),
    "isin": Spelling(isin),
    "searchsorted": Spelling(searchsorted),
    "bucketize": Spelling(bucketize),
    "renorm": Spelling(renorm),
    "arange": Spelling(arange),
    "linspace": Spelling(linspace),
    "linspace.tensor_overload": Spelling(linspace),
    "logspace": Spelling(logspace),
    "logspace.tensor_overload": Spelling(logspace),
    "eye": Spelling(eye),
    "zeros": Spelling(filled(0.0)),
    "ones": Spelling(filled(1.0)),
    "full": Spelling(full),
    "zeros_like": Spelling(lambda x, **_: sd.full(x.shape, 0.0)),
    "ones_like": Spelling(lambda x, **_: sd.full(x.shape, 1.0)),
    "full_like": Spelling(lambda x, value, **_: sd.full(x.shape, value)),
    "fill": Spelling(
        lambda x, value: (
            sd.broadcast_to(value, x.shape) if isinstance(value, sd.Tensor) else sd.full(x.shape, value)
        )
    ),
    "new_zeros": Spelling(lambda x, shape, **_: filled(0.0)(shape)),
    "new_ones": Spelling(lambda x, shape, **_: filled(1.0)(shape)),
    "new_full": Spelling(lambda x, shape, value, **_: full(shape, value)),
}
