"""Groups of heads, dropout of weights and caches of keys and values."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.errors import ExpressionError, ShapeError

from .agreement import agrees, torch

N = sd.Dim("n")
RNG = np.random.default_rng(5)
X = sd.tensor("x", (N, 5, 8))


def weights(y: Any) -> dict[str, Any]:
    return {str(p.name): RNG.normal(size=p.shape) for p in sd.parameters(y)}


@pytest.mark.torch
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kv", [1, 2])
def test_groups_of_heads_against_pytorch(kv: int, causal: bool) -> None:
    values = {"q": RNG.normal(size=(3, 4, 5, 2)), "b": RNG.normal(size=(4, 5, 5))}
    values |= {name: RNG.normal(size=(3, kv, 5, 2)) for name in "kv"}
    q, k, v, b = (sd.tensor(name, values[name].shape) for name in "qkvb")
    lib = torch()

    def outside(q: Any, k: Any, v: Any, b: Any) -> Any:
        bias = b + lib.full((5, 5), -lib.inf, dtype=b.dtype).triu(1) if causal else b
        return lib.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, enable_gqa=True)

    agrees(nn.attention(q, k, v, bias=b, causal=causal), outside, [q, k, v, b], values)


@pytest.mark.torch
def test_an_additive_mask_with_infinities() -> None:
    values = {name: RNG.normal(size=(2, 3, 2)) for name in "qkv"}
    values["b"] = np.array([[0, -np.inf, 1], [-np.inf, 0.5, 0], [0, 0, -np.inf]])
    q, k, v, b = (sd.tensor(name, values[name].shape) for name in "qkvb")
    attend = torch().nn.functional.scaled_dot_product_attention
    agrees(nn.attention(q, k, v, bias=b), lambda q, k, v, b: attend(q, k, v, attn_mask=b), [q, k, v], values)


@pytest.mark.parametrize("kv", [1, 4])
def test_generating_step_by_step_equals_reading_the_whole(kv: int) -> None:
    whole = nn.multi_head_attention(X, heads=4, kv_heads=kv, causal=True, name="m")
    given = weights(whole)
    x = RNG.normal(size=(2, 5, 8))
    expected = sd.compile(whole, target="python")(**{"x": x, **given})
    prompt, new, past = sd.tensor("x", (N, 2, 8)), sd.tensor("x", (N, 1, 8)), sd.Dim("past")
    cache = (sd.tensor("keys", (N, kv, past, 2)), sd.tensor("values", (N, kv, past, 2)))
    options: dict[str, Any] = {"heads": 4, "kv_heads": kv, "name": "m"}
    first = sd.compile(nn.cached_attention(prompt, **options), target="python")
    step = sd.compile(nn.cached_attention(new, cache, **options), target="python")
    y, keys, values = first(**{"x": x[:, :2], **given})
    found = [y]
    for t in range(2, 5):
        y, keys, values = step(**{"x": x[:, t : t + 1], "keys": keys, "values": values, **given})
        found.append(y)
    np.testing.assert_allclose(np.concatenate(found, 1), expected, rtol=1e-10, atol=1e-12)
    assert keys.shape == values.shape == (2, kv, 5, 2)


def test_dropout_of_weights() -> None:
    q, v = sd.tensor("q", (40, 30, 2)), sd.tensor("v", (40, 30, 30))
    y = nn.attention(q, q, v, rate=0.25, name="a")
    ((state, _),) = sd.training_updates(y)
    assert state.name == "a.dropout.step"
    one = np.broadcast_to(np.eye(30), v.shape)  # the result is the weights themselves
    given = {"q": RNG.normal(size=q.shape), "v": one}
    dropped = sd.compile(y, target="python")(**given, **{"a.dropout.step": 0})
    plain = sd.compile(nn.attention(q, q, v), target="python")(**given)
    gone = dropped == 0
    np.testing.assert_allclose(dropped[~gone], plain[~gone] / 0.75, rtol=1e-10)
    assert gone.mean() == pytest.approx(0.25, abs=0.02)
    (still,) = sd.inference(y)
    np.testing.assert_allclose(sd.compile(still, target="python")(**given), plain, rtol=1e-12)


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.multi_head_attention(X, heads=4, kv_heads=3, name="m"),
        lambda: nn.multi_head_attention(X, heads=4, kv_heads=0, name="m"),
        lambda: nn.cached_attention(X, (X, X), heads=4, name="m"),
        lambda: nn.attention(*(sd.tensor(f"h{n}", (N, n, 5, 2)) for n in (4, 3, 3))),
    ],
    ids=itertools.count(),
)
def test_heads_that_do_not_fit(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()


@pytest.mark.parametrize("options", [{"rate": 0.1}, {"start": 1}], ids=str)
def test_options_that_need_others(options: dict[str, Any]) -> None:
    with pytest.raises(ExpressionError):
        nn.attention(X, X, X, **options)
