"""Random programs, and the comparison of a compiled program with the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st

from symdl.differentiate.adjoint import differentiate
from symdl.errors import ExpressionError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim, Index
from symdl.express.operators import elementwise, maximum, reduce
from symdl.express.program import Program, collect
from symdl.express.surface import Sum, define
from symdl.express.tensors import Tensor
from symdl.lower.lowered import Schedule
from symdl.run.compiled import Compiled
from symdl.run.reference.interpreter import outputs

Arrays = dict[str, np.ndarray]


def assert_agrees(
    program: Program,
    values: Mapping[str, Any],
    *,
    targets: Sequence[str] = ("python",),
    schedules: Sequence[Schedule] = ("fused", "naive"),
    dtype: str = "float64",
) -> None:
    """Compare schedules on some targets with the interpreter."""
    expected = outputs(program, values, dtype=dtype)
    tolerance = 1e-10 if dtype == "float64" else 3e-5
    for target in targets:
        for schedule in schedules:
            found = Compiled(program, dtype=dtype, target=target, schedule=schedule)(**values)
            for ours, theirs in zip(found, expected, strict=True):
                assert ours.dtype == theirs.dtype
                assert np.shape(ours) == theirs.shape
                finite = theirs[np.isfinite(theirs)]
                scale = max(1.0, float(np.abs(finite).max())) if finite.size else 1.0
                np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale)


_UNARY: Sequence[Callable[[Any], Any]] = (
    sp.tanh,
    lambda x: 1 / (1 + sp.exp(-x)),
    lambda x: sp.exp(-(x**2)),
    lambda x: sp.Piecewise((x, x > 0), (x / 10, True)),
    lambda x: sp.log(1 + sp.exp(x)),
    lambda x: sp.sqrt(x**2 + 1),
    lambda x: sp.sin(x) / 3 - sp.Rational(1, 7),
)


@st.composite
def programs(draw: st.DrawFn, *, gradients: bool = True) -> tuple[Program, Arrays]:
    """Draw a program of about ten equations, sometimes of gradients, and values for its inputs."""
    n, batch = Dim("n"), draw(st.integers(1, 4))
    a, b = draw(st.sampled_from([1, 2, 3, 5])), draw(st.sampled_from([0, 1, 2, 4]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    inputs = [
        tensor("X", (n, a)),
        tensor("Y", (n, 1)),
        parameter("W", (a, b)),
        parameter("V", (b, a)),
        parameter("c", (a,)),
    ]
    ids = tensor("ids", (n,), dtype="int64")
    pool = list(inputs)
    for _ in range(draw(st.integers(1, 8))):
        step = draw(st.sampled_from(_STEPS))
        try:
            new = step(draw, pool, ids)
        except ExpressionError:  # shapes that do not fit
            continue
        if new is not None:
            pool.append(new)
    last = pool[-1]
    values: dict[str, Any] = {"X": rng.normal(size=(batch, a)), "Y": rng.normal(size=(batch, 1))}
    values |= {"W": rng.normal(size=(a, b)), "V": rng.normal(size=(b, a)), "c": rng.normal(size=a)}
    values["ids"] = rng.integers(0, a, batch)
    if gradients and draw(st.booleans()):
        loss = reduce("sum", elementwise(sp.tanh, last))
        used = [t for t in collect([loss]).inputs if t in inputs]
        program = differentiate(loss, used).program if used else collect([loss])
    else:
        program = collect(draw(st.lists(st.sampled_from(pool[5:] or [last]), min_size=1, max_size=3)))
    return program, {k: v for k, v in values.items() if k in {t.name for t in program.inputs}}


def _pick(draw: st.DrawFn, pool: list[Tensor]) -> Tensor:
    return draw(st.sampled_from(pool[-4:] if draw(st.booleans()) else pool))


def _unary(draw: st.DrawFn, pool: list[Tensor], _ids: Tensor) -> Tensor:
    return elementwise(draw(st.sampled_from(_UNARY)), _pick(draw, pool))


def _binary(draw: st.DrawFn, pool: list[Tensor], _ids: Tensor) -> Tensor:
    left, right = _pick(draw, pool), _pick(draw, pool)
    kind = draw(st.integers(0, 3))
    if kind == 3:
        return maximum(left, right)
    return [left + right, left - right / 2, left * right][kind]


def _product(draw: st.DrawFn, pool: list[Tensor], _ids: Tensor) -> Tensor:
    left, right = _pick(draw, pool), _pick(draw, pool)
    turns = draw(st.integers(0, 3))
    return (left.T if turns & 1 else left) @ (right.T if turns & 2 else right)


def _reduce(draw: st.DrawFn, pool: list[Tensor], _ids: Tensor) -> Tensor | None:
    chosen = _pick(draw, pool)
    if not chosen.rank:
        return None
    op = draw(st.sampled_from(["sum", "sum", "mean", "max", "logsumexp"]))
    axis = draw(st.sampled_from([None, 0, chosen.rank - 1]))
    if op in ("max", "mean", "logsumexp") and 0 in chosen.shape:
        op = "sum"
    return reduce(op, chosen, axis, keepdims=draw(st.booleans()))


def _view(draw: st.DrawFn, pool: list[Tensor], _ids: Tensor) -> Tensor | None:
    chosen = _pick(draw, pool)
    if not chosen.rank:
        return None
    kind = draw(st.integers(0, 2))
    if kind == 0:
        return chosen.T
    if kind == 1:
        return chosen[::-1]
    return None if 0 in chosen.shape else chosen.reshape(sp.Mul(*chosen.shape))


def _gather(draw: st.DrawFn, pool: list[Tensor], ids: Tensor) -> Tensor | None:
    x, _y, w = pool[0], pool[1], pool[2]
    i, j = Index("i"), Index("j")
    if draw(st.booleans()):
        return define(None, (i,), x[i, ids[i]])
    return define(None, (i, j), w[ids[i], j], shape=(ids.shape[0], w.shape[1]))


def _window(draw: st.DrawFn, pool: list[Tensor], _ids: Tensor) -> Tensor | None:
    chosen = _pick(draw, pool)
    if chosen.rank != 2 or chosen.shape[1] == 0:
        return None
    i, j, r = Index("i"), Index("j"), Index("r")
    size = chosen.shape[1]
    inside = sp.And(j - r + 1 >= 0, j - r + 1 < size)
    moved = define(
        None, (i, j, r), sp.Piecewise((chosen.at(i, j - r + 1), inside), (0, True)), shape=(*chosen.shape, 3)
    )
    return define(None, (i, j), Sum(moved[i, j, r] * (r + 1), r), shape=chosen.shape)


_STEPS = (_unary, _unary, _binary, _binary, _product, _reduce, _view, _gather, _window)
