"""Elements moved, joined and chosen: views, joins, gathers."""

from __future__ import annotations

from typing import Any

import numpy as np

import symdl as sd
from symdl import nn

from .case import Case, Given, positions, positive, real

X = real("n", 3, 4)


def _view(operation: str, ours: Any, theirs: Any, x: Given = X, setting: str = "") -> Case:
    return Case(operation, lambda x: ours(x), {"x": x}, lambda t, x: theirs(x), setting)


VIEWS = (
    _view("sd.broadcast_to", lambda x: sd.broadcast_to(x, (2, *x.shape[:1], 3)),
          lambda x: x.expand(2, x.shape[0], 3), real("n", 1)),
    _view("sd.expand_dims", lambda x: sd.expand_dims(x, (0, -1)), lambda x: x[None, ..., None]),
    _view("sd.flatten", lambda x: sd.flatten(x), lambda x: x.flatten()),
    Case("sd.meshgrid", lambda x, y: sd.meshgrid(x, y), {"x": real("n"), "y": real(3)},
         lambda t, x, y: t.meshgrid(x, y, indexing="xy")),
    _view("nn.flatten", lambda x: nn.flatten(x), lambda x: x.flatten(1)),
    _view("Tensor.flatten", lambda x: x.flatten(1), lambda x: x.flatten(1)),
    _view("sd.flip", lambda x: sd.flip(x), lambda x: x.flip(0, 1, 2)),
    _view("sd.flip", lambda x: sd.flip(x, 1), lambda x: x.flip(1), setting="one axis"),
    _view("sd.moveaxis", lambda x: sd.moveaxis(x, 0, -1), lambda x: x.movedim(0, -1)),
    _view("sd.squeeze", lambda x: sd.squeeze(x, 1), lambda x: x.squeeze(1), real("n", 1, 3)),
    _view("Tensor.squeeze", lambda x: x.squeeze(), lambda x: x[0, :, 0], real(1, 3, 1)),
    _view("sd.swapaxes", lambda x: sd.swapaxes(x, 0, 2), lambda x: x.swapaxes(0, 2)),
    _view("Tensor.swapaxes", lambda x: x.swapaxes(-1, -2), lambda x: x.swapaxes(-1, -2)),
    _view("Tensor.T", lambda x: x.T, lambda x: x.T, real("n", 3)),
    _view("Tensor.transpose", lambda x: x.transpose(1, 2, 0), lambda x: x.permute(1, 2, 0)),
    _view("sd.transpose", lambda x: sd.transpose(x, (-1, 0, 1)), lambda x: x.permute(2, 0, 1)),
    Case("sd.reshape", lambda x: sd.reshape(x, (-1, 12)), {"x": X}, lambda t, x: x.reshape(-1, 12),
         sizes=(3, 1)),
    Case("Tensor.__iter__", lambda x: tuple(x), {"x": real(3, "n")}, lambda t, x: tuple(x)),
    Case("Tensor.reshape", lambda x: x.reshape(x.shape[0], 2, 6), {"x": X},
         lambda t, x: x.reshape(-1, 2, 6), sizes=(3, 1)),
    Case("Tensor.reshape", lambda x: x.reshape(-1, 2), {"x": X}, lambda t, x: x.reshape(-1, 2),
         "rows merged", sizes=(3, 1)),
    _view("Tensor.__getitem__", lambda x: x[:, 1:, ::2], lambda x: x[:, 1:, ::2], setting="slices"),
    _view("Tensor.__getitem__", lambda x: x[:, ::-2, None, 3], lambda x: x.flip(1)[:, ::2, None, 3],
          setting="backwards"),
    _view("Tensor.__getitem__", lambda x: x[..., ::5], lambda x: x[..., ::5], setting="step beyond the end"),
    _view("Tensor.__getitem__", lambda x: x[:, 2:2], lambda x: x[:, 2:2], setting="nothing"),
)  # fmt: skip

JOINS = (
    Case("sd.concatenate", lambda x, y: sd.concatenate([x, y, x], 0), {"x": real("n", 3), "y": real(2, 3)},
         lambda t, x, y: t.cat([x, y, x])),
    Case("sd.concatenate", lambda x, y: sd.concatenate([x, sd.sin(y)], 1),
         {"x": real("n", 3), "y": real("n", 1)}, lambda t, x, y: t.cat([x, y.sin()], 1), "of formulas"),
    Case("sd.stack", lambda x, y: sd.stack([x, y], 1), {"x": real("n", 3), "y": real("n", 3)},
         lambda t, x, y: t.stack([x, y], 1)),
    Case("sd.stack", lambda x: sd.stack([x]), {"x": real("n", 3)}, lambda t, x: x[None], "one"),
    Case("sd.split", lambda x: sd.split(x, 2, 1), {"x": real("n", 4)}, lambda t, x: x.split(2, 1)),
    Case("sd.split", lambda x: sd.split(x, [1, 1], 1), {"x": real("n", 4)},
         lambda t, x: x.split([1, 0, 3], 1), "uneven"),
    Case("sd.pad", lambda x: sd.pad(x, ((0, 0), (2, 1))), {"x": real("n", 3)},
         lambda t, x: t.nn.functional.pad(x, (2, 1))),
    Case("sd.pad", lambda x: sd.pad(x, ((0, 0), (2, -1))), {"x": real("n", 3)},
         lambda t, x: t.nn.functional.pad(x, (2, -1)), "negative"),
    Case("sd.pad", lambda x: sd.pad(x, 1), {"x": real("n", 3)},
         lambda t, x: t.nn.functional.pad(x, (1, 1, 1, 1)), "all sides"),
)  # fmt: skip

COPIES = (
    _view("sd.repeat", lambda x: sd.repeat(x, 2, -1), lambda x: x.repeat_interleave(2, 2)),
    _view("sd.tile", lambda x: sd.tile(x, (2, 3)), lambda x: x.tile(2, 3), real("n", 2)),
    _view("sd.roll", lambda x: sd.roll(x, 1, 1), lambda x: x.roll(1, 1)),
    _view("sd.roll", lambda x: sd.roll(x, 3), lambda x: x.roll(3), real(3, 2), "of all"),
    _view("sd.repeat", lambda x: sd.repeat(x, 2), lambda x: x.repeat_interleave(2), setting="of all"),
    _view("sd.tril", lambda x: sd.tril(x, 1), lambda x: x.tril(1)),
    _view("sd.triu", lambda x: sd.triu(x), lambda x: x.triu()),
    Case("sd.constant", lambda x: sd.constant([0.5, -1.0, 2.0]) * x, {"x": real("n", 3)},
         lambda t, x: t.tensor([0.5, -1.0, 2.0], dtype=t.float64) * x),
    Case("Tensor.__rmatmul__", lambda x: np.array([[1.0, -2.0], [0.5, 3.0]]) @ x, {"x": real(2, "n")},
         lambda t, x: t.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=t.float64) @ x),
    Case("sd.full", lambda x: sd.full((3,), 0.5) * x, {"x": real("n", 3)}, lambda t, x: 0.5 * x),
    Case("sd.arange", lambda x: sd.arange(3, start=1.5, step=-0.5) * x, {"x": real("n", 3)},
         lambda t, x: t.arange(1.5, 0, -0.5, dtype=t.float64) * x),
    Case("sd.vmap", lambda x, y: sd.vmap(lambda x: sd.sin(x) @ y)(x), {"x": real("n", 3), "y": real(3)},
         lambda T, x, y: T.func.vmap(lambda x: x.sin() @ y)(x)),
    Case("sd.taylor", lambda x, a: sd.taylor(sd.exp(x) * x, x, about=a),
         {"x": real("n", 3), "a": real("n", 3)},
         lambda t, x, a: a.exp() * (a + (1 + a) * (x - a) + (2 + a) * (x - a)**2 / 2)),
    Case("sd.expectation",
         lambda m, v: sd.expectation((z := sd.tensor("z", m.shape))**2 * sd.exp(z),
                                     {z: sd.Normal(m, variance=v)}),
         {"m": real("n", 3), "v": positive(3)}, lambda t, m, v: ((m + v) ** 2 + v) * (m + v / 2).exp()),
    Case("sd.replace", lambda x, y: sd.replace(sd.sin(x) * 2, {x: y}) + x,
         {"x": real("n", 3), "y": real("n", 3)}, lambda t, x, y: y.sin() * 2 + x),
    *(Case("sd.pad", lambda x, mode=mode: sd.pad(x, ((0, 0), (0, 0), (2, 1)), mode=mode),
           {"x": real("n", 2, 4)}, lambda t, x, theirs=theirs: t.nn.functional.pad(x, (2, 1), mode=theirs),
           mode, sizes=(3, 1))
      for mode, theirs in (("edge", "replicate"), ("reflect", "reflect"), ("wrap", "circular"))),
)  # fmt: skip

ORDER = (
    Case("sd.sort", lambda x: sd.sort(x, 1), {"x": X}, lambda t, x: x.sort(1)[0]),
    Case("sd.argsort", lambda x: sd.argsort(x, descending=True), {"x": X},
         lambda t, x: x.argsort(descending=True), order=0),
    Case("sd.top_k", lambda x: sd.top_k(x, 2), {"x": X}, lambda t, x: x.topk(2)),
)  # fmt: skip

ANYWHERE = Given(("n", 1), "whole", 0, 4, checked=False)
WRITTEN = {"x": real("n", 4), "at": ANYWHERE, "y": real("n", 1)}

CHOICES = (
    Case("sd.take", lambda x, at: sd.take(x, at, mode="wrap"),
         {"x": real(4, 3), "at": Given(("n",), "whole", -4, 8, checked=False)},
         lambda t, x, at: x[at % 4], "wrapped"),
    Case("sd.scatter", lambda x, at, y: sd.scatter(x, at, y, 1), WRITTEN,
         lambda t, x, at, y: x.scatter(1, at, y)),
    Case("sd.scatter", lambda x, at, y: sd.scatter(x, at, y, 1, op="add"),
         WRITTEN | {"at": Given(("n", 3), "whole", 0, 4, checked=False), "y": real("n", 3)},
         lambda t, x, at, y: x.scatter_add(1, at, y), "added"),
    Case("sd.scatter", lambda x, at, y: sd.scatter(x, at, y, 1, op="max"), WRITTEN,
         lambda t, x, at, y: x.scatter_reduce(1, at, y, "amax"), "largest"),
    Case("sd.scatter", lambda x, at, y: sd.scatter(x, at, y, 1, op="mean"), WRITTEN,
         lambda t, x, at, y: x.scatter_reduce(1, at, y, "mean"), "the mean"),
    Case("sd.scatter", lambda x, at, y: sd.scatter(x, at, y, 1, op="mean", include_self=False), WRITTEN,
         lambda t, x, at, y: x.scatter_reduce(1, at, y, "mean", include_self=False), "the mean alone"),
    Case("sd.scatter", lambda x, at, y: sd.scatter(x, at, y, 1, op="min", include_self=False), WRITTEN,
         lambda t, x, at, y: x.scatter_reduce(1, at, y, "amin", include_self=False), "the smallest alone"),
    Case("sd.scatter", lambda x, at, y: sd.scatter(x, at, y, 1, op="multiply", mode="wrap"),
         WRITTEN | {"at": Given(("n", 3), "whole", -4, 8, checked=False), "y": real("n", 3)},
         lambda t, x, at, y: x.scatter_reduce(1, at % 4, y, "prod"), "multiplied, wrapped"),

    Case("sd.take", sd.take, {"x": real(4, 3), "positions": positions("n", 2, below=4)},
         lambda t, x, positions: x[positions]),
    Case("sd.take", lambda x, at: sd.take(x, at, 1), {"x": real("n", 4, 2), "at": positions(3, below=4)},
         lambda t, x, at: x[:, at], "inner axis"),
    Case("sd.take", lambda x: sd.take(x, 2, 1), {"x": real("n", 4)}, lambda t, x: x[:, 2], "a number"),
    Case("Tensor.__getitem__", lambda x, at: sd.define("y", sd.indices("i j"), _row(x, at)),
         {"x": real(4, 3), "at": positions("n", below=4)}, lambda t, x, at: x[at] ** 2, "by an element"),
    Case("Tensor.__getitem__", lambda x, at, to: x[at, ::-1, to],
         {"x": real(4, "n", 3), "at": positions(2, 1, below=4), "to": positions(3, below=3)},
         lambda t, x, at, to: x.flip(1)[at, :, to], "at positions", sizes=(3, 1)),
    Case("sd.take_along_axis", sd.take_along_axis,
         {"x": real("n", 4), "positions": positions("n", 2, below=4)},
         lambda t, x, positions: x.gather(1, positions)),
    Case("sd.one_hot", lambda at, x: sd.one_hot(at, 4) * x,
         {"at": Given(("n",), "whole", 0, 4, checked=False), "x": real("n", 4)},
         lambda t, at, x: t.nn.functional.one_hot(at, 4) * x),
)  # fmt: skip


def _row(x: sd.Tensor, at: sd.Tensor) -> Any:
    i, j = sd.indices("i j")
    return x[at[i], j] ** 2


CASES = (*VIEWS, *JOINS, *COPIES, *ORDER, *CHOICES)
