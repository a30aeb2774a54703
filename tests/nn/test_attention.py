"""Embedding and attention against PyTorch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ShapeError
from symdl.express.build import parameters, tensor
from symdl.express.dims import Dim
from symdl.run.reference.interpreter import evaluate

from .agreement import agrees, torch

pytestmark = pytest.mark.torch
N, T = Dim("n"), Dim("t")
RNG = np.random.default_rng(33)


@pytest.mark.parametrize("shape", [(4,), (2, 3), ()])
def test_embedding(shape: tuple[int, ...]) -> None:
    ids = tensor("ids", shape, dtype="int64")
    y = nn.embedding(ids, 5, 3, name="e")
    assert y.shape == (*shape, 3)
    (table,) = parameters(y)
    f = torch().nn.functional
    values = {"ids": RNG.integers(0, 5, size=shape), "e.E": RNG.normal(size=(5, 3))}
    agrees(y, lambda ids, e_E: f.embedding(ids, e_E), [table], values)


def three(*sizes: tuple[int, ...]) -> dict[str, Any]:
    return {name: RNG.normal(size=size) for name, size in zip("qkv", sizes, strict=True)}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_attention(lead: tuple[int, ...], causal: bool) -> None:
    values = three((*lead, 4, 3), (*lead, 4, 3), (*lead, 4, 5))
    q, k, v = (tensor(name, array.shape) for name, array in values.items())
    f = torch().nn.functional
    agrees(
        nn.attention(q, k, v, causal=causal, name="a"),
        lambda q, k, v: f.scaled_dot_product_attention(q, k, v, is_causal=causal),
        [q, k, v],
        values,
    )


def test_symbolic_lengths_and_other_numbers_of_keys() -> None:
    values = three((2, 1, 3), (2, 5, 3), (2, 5, 2))
    q, k, v = tensor("q", (N, 1, 3)), tensor("k", (N, T, 3)), tensor("v", (N, T, 2))
    f = torch().nn.functional
    agrees(nn.attention(q, k, v), lambda q, k, v: f.scaled_dot_product_attention(q, k, v), [q, k, v], values)


@pytest.mark.parametrize("causal", [False, True])
def test_masked_keys(causal: bool) -> None:
    values = three((2, 4, 3), (2, 4, 3), (2, 4, 3))
    q, k, v = (tensor(name, (N, 4, 3)) for name in "qkv")
    m = tensor("m", (N, 1, 4), dtype="int64")
    mask = np.array([[[1, 1, 0, 1]], [[1, 0, 0, 0]]])
    lib = torch()
    seen = lib.tensor(mask == 1) & lib.tensor(np.tri(4) == 1 if causal else np.ones((4, 4)) == 1)
    agrees(
        nn.attention(q, k, v, mask=m, causal=causal),
        lambda q, k, v, m: lib.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen),
        [q, k, v],
        {**values, "m": mask},
    )


def test_a_condition_as_mask() -> None:
    values = three((2, 3), (4, 3), (4, 3))
    q, k, v = tensor("q", (2, 3)), tensor("k", (4, 3)), tensor("v", (4, 3))
    w = tensor("w", (2, 4))
    weights = np.array([[1.0, -1, 2, 3], [-1, -2, 1, -3]])
    lib = torch()
    agrees(
        nn.attention(q, k, v, mask=w > 0),
        lambda q, k, v, w: lib.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=w > 0),
        [q, k, v],
        {**values, "w": weights},
    )


@pytest.mark.parametrize("shape", [(4, 5), (2, 1, 5), ()])
def test_biased_and_scaled_scores(shape: tuple[int, ...]) -> None:
    values = three((2, 4, 3), (2, 5, 3), (2, 5, 2)) | {"b": RNG.normal(size=shape)}
    q, k, v, b = (tensor(name, array.shape) for name, array in values.items())
    f = torch().nn.functional
    agrees(
        nn.attention(q, k, v, bias=b, scale=0.4),
        lambda q, k, v, b: f.scaled_dot_product_attention(q, k, v, attn_mask=b.expand(2, 4, 5), scale=0.4),
        [q, k, v, b],
        values,
    )


@pytest.mark.parametrize("causal", [False, True])
def test_scores_within_a_limit(causal: bool) -> None:
    values = three((2, 4, 3), (2, 4, 3), (2, 4, 2))
    q, k, v = (tensor(name, array.shape) for name, array in values.items())
    lib = torch()

    def outside(q: Any, k: Any, v: Any) -> Any:
        scores = 0.7 * lib.tanh(q @ k.mT / 3**0.5 / 0.7)
        if causal:
            scores = scores + lib.full((4, 4), -lib.inf).triu(1)
        return scores.softmax(-1) @ v

    agrees(nn.attention(q, k, v, softcap=0.7, causal=causal), outside, [q, k, v], values)


def test_a_query_that_sees_nothing_gives_zero() -> None:
    q, k, v, m = (
        tensor("q", (2, 3)),
        tensor("k", (2, 3)),
        tensor("v", (2, 3)),
        tensor("m", (2, 2), dtype="int64"),
    )
    y = nn.attention(q, k, v, mask=m, name="y")
    derivative = differentiate((y**2).sum(), [q, k, v])
    values = three((2, 3), (2, 3), (2, 3))
    found = evaluate(derivative.program, {**values, "m": np.array([[0, 0], [1, 0]])})
    np.testing.assert_array_equal(found[y], np.stack([np.zeros(3), values["v"][0]]))
    for t in (q, k, v):
        assert np.isfinite(found[derivative.gradient(t)]).all()


def test_large_scores_stay_finite() -> None:
    q, k, v = (tensor(name, (2, 3)) for name in "qkv")
    y = nn.attention(q, k, v, causal=True, name="y")
    derivative = differentiate((y**2).sum(), [q, k, v])
    values = {"q": 1e3 * np.ones((2, 3)), "k": 1e3 * np.eye(2, 3) - 500, "v": np.eye(2, 3)}
    found = evaluate(derivative.program, values)
    for t in (q, k, v):
        assert np.isfinite(found[derivative.gradient(t)]).all()


@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention_against_the_module(causal: bool) -> None:
    lib = torch()
    x = tensor("x", (N, 3, 6))
    y = nn.multi_head_attention(x, heads=2, causal=causal, name="m")
    module = lib.nn.MultiheadAttention(6, 2, batch_first=True).double()
    values: dict[str, Any] = {"x": RNG.normal(size=(2, 3, 6))}
    for part, start in (("q", 0), ("k", 6), ("v", 12)):
        values[f"m.{part}.W"] = module.in_proj_weight.detach().numpy()[start : start + 6].T.copy()
        values[f"m.{part}.b"] = RNG.normal(size=6)
    module.in_proj_bias.data = lib.tensor(np.concatenate([values[f"m.{part}.b"] for part in "qkv"]))
    values["m.out.W"] = module.out_proj.weight.detach().numpy().T.copy()
    values["m.out.b"] = RNG.normal(size=6)
    module.out_proj.bias.data = lib.tensor(values["m.out.b"])
    hidden = lib.tensor(np.tri(3) == 0) if causal else None
    agrees(y, lambda x, **_: module(x, x, x, attn_mask=hidden, need_weights=False)[0], [x], values)
    assert [p.name for p in parameters(y)] == [
        f"m.{part}.{kind}" for part in ("q", "k", "v", "out") for kind in "Wb"
    ]


def test_cross_attention_with_several_heads() -> None:
    x, c = tensor("x", (N, 2, 4)), tensor("c", (N, 5, 4))
    y = nn.multi_head_attention(x, c, heads=2, bias=False, name="m")
    values = {str(p.name): RNG.normal(size=p.shape) for p in parameters(y)}
    values |= {"x": RNG.normal(size=(3, 2, 4)), "c": RNG.normal(size=(3, 5, 4))}
    attend = torch().nn.functional.scaled_dot_product_attention

    def outside(x: Any, c: Any, **w: Any) -> Any:
        parts = [
            (a @ w[f"m_{p}_W"]).unflatten(-1, (2, 2)).transpose(1, 2)
            for a, p in ((x, "q"), (c, "k"), (c, "v"))
        ]
        return attend(*parts).transpose(1, 2).flatten(2) @ w["m_out_W"]

    agrees(y, outside, [x, c, *parameters(y)], values)


Q = tensor("q", (N, 4, 3))


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.attention(Q, tensor("k", (N, 4, 2)), Q),
        lambda: nn.attention(Q, Q, tensor("v", (N, 5, 3))),
        lambda: nn.attention(Q, tensor("k", (4, 3)), tensor("v", (4, 3))),
        lambda: nn.attention(Q, Q, Q, mask=tensor("m", (N, 3, 4), dtype="int64")),
        lambda: nn.attention(Q, Q, Q, bias=tensor("b", (N, 3, 4))),
        lambda: nn.multi_head_attention(Q, heads=2, name="m"),
        lambda: nn.multi_head_attention(tensor("x", (4, 6)), heads=2, name="m"),
    ],
    ids=itertools.count(),
)
def test_what_does_not_fit_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()


def test_a_position_of_padding_gives_zeros_and_learns_nothing() -> None:
    ids = sd.tensor("ids", (4,), dtype="int64")
    y = sd.nn.embedding(ids, 3, 2, padding=1, name="e")
    (table,) = sd.parameters(y)
    slope = sd.grad((y + 1).sum(), table)
    found = sd.compile([y, slope], target="python")(**{"ids": np.array([0, 1, 2, 1]), "e.E": np.ones((3, 2))})
    np.testing.assert_array_equal(found[0], [[1, 1], [0, 0], [1, 1], [0, 0]])
    np.testing.assert_array_equal(found[1], [[1, 1], [0, 0], [1, 1]])
