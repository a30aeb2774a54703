"""Weight norm and spectral norm against PyTorch; bags, alpha dropout and projected states."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

import symdl as sd
from symdl import nn

from .agreement import agrees, torch

N = sd.Dim("n")
RNG = np.random.default_rng(11)


@pytest.mark.torch
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_weight_norm(axis: int) -> None:
    v = sd.tensor("v", (3, 4, 2))
    w = nn.weight_norm(v, axis=axis, name="w")
    values = {"v": RNG.normal(size=v.shape), "w.gain": RNG.normal(size=v.shape[axis])}
    dim = axis % 3

    def outside(v: Any, w_gain: Any) -> Any:
        return torch()._weight_norm(v, w_gain.reshape([-1 if d == dim else 1 for d in range(3)]), dim)

    agrees(w, outside, [v, *sd.parameters(w)], values)


@pytest.mark.torch
def test_spectral_norm_takes_the_same_steps_as_pytorch() -> None:
    lib = torch()
    lib.manual_seed(0)
    module = lib.nn.utils.spectral_norm(
        lib.nn.Linear(3, 4, bias=False).double()
    )  # in Miyato's order: v, then u
    data, nothing = module.weight_orig.detach().numpy().copy(), lib.zeros(1, 3).double()
    w = sd.parameter("w", (4, 3))
    y = nn.spectral_norm(w, name="s")
    updates = sd.training_updates(y)
    run = sd.compile([y, *(new for _, new in updates), sd.grad((y**3).sum(), w)], target="python")
    states = {"s.u": module.weight_u.numpy().copy(), "s.v": module.weight_v.numpy().copy()}
    for _ in range(3):
        module(nothing)
        (slope,) = lib.autograd.grad((module.weight**3).sum(), module.weight_orig)
        found, u, v, ours = run(w=data, **{"s.u": states["s.u"]})
        states = {"s.u": u, "s.v": v}
        np.testing.assert_allclose(found, module.weight.detach().numpy(), rtol=1e-9)
        np.testing.assert_allclose(ours, slope.numpy(), rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(u, module.weight_u.numpy(), rtol=1e-9)
    (still,) = sd.inference(y)
    found = sd.compile(still, target="python")(w=data, **states)
    module.eval()(nothing)
    np.testing.assert_allclose(found, module.weight.detach().numpy(), rtol=1e-9)


def test_many_steps_find_the_largest_singular_value() -> None:
    data = np.eye(4, 3) * [3.0, 1, 0.5]
    w = sd.tensor("w", (4, 3))
    found = sd.compile(nn.spectral_norm(w, iterations=25, name="s"), target="python")(
        w=data, **{"s.u": np.ones(4)}
    )
    np.testing.assert_allclose(np.linalg.norm(found, 2), 1, rtol=1e-9)


@pytest.mark.torch
@pytest.mark.parametrize("op", ["sum", "mean", "max"])
@pytest.mark.parametrize("masked", [False, True])
def test_bags_of_rows(op: Literal["sum", "mean", "max"], masked: bool) -> None:
    ids = np.array([[1, 2, 1, 4], [0, 0, 0, 0], [3, 0, 2, 2]])  # in the second nothing counts
    t = sd.tensor("ids", (N, 4), dtype="int64")
    y = nn.embedding_bag(t, 5, 3, op=op, mask=sd.not_equal(t, 0) if masked else None, name="e")
    bag = torch().nn.functional.embedding_bag
    agrees(
        y,
        lambda ids, e_E: bag(ids, e_E, mode=op, padding_idx=0 if masked else None),
        sd.parameters(y),
        {"ids": ids, "e.E": RNG.normal(size=(5, 3))},
    )


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = sd.tensor("x", (200, 300))
    y = nn.alpha_dropout(x, 0.3, name="d")
    data = RNG.normal(size=x.shape)
    found = sd.compile(y, target="python")(x=data, **{"d.step": 3})
    assert found.mean() == pytest.approx(0, abs=0.02)
    assert found.var() == pytest.approx(1, abs=0.03)
    m = -1.7580993408473766
    a = 1 / np.sqrt(0.7 * (1 + 0.3 * m * m))
    b = -a * 0.3 * m
    gone = np.isclose(found, a * m + b)
    assert gone.mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(found[~gone], a * data[~gone] + b, rtol=1e-9)
    (still,) = sd.inference(y)
    assert still is x


@pytest.mark.torch
@pytest.mark.parametrize("reverse", [False, True])
def test_a_long_memory_with_a_projected_output(reverse: bool) -> None:
    lib = torch()
    x = sd.tensor("x", (N, sd.Dim("t"), 3))
    h, c = nn.lstm(x, 4, project=2, reverse=reverse, name="r")
    assert (h.shape[-1], c.shape[-1]) == (2, 4)
    values: dict[str, Any] = {str(p.name): RNG.normal(size=p.shape) for p in sd.parameters(h)}
    module = lib.nn.LSTM(3, 4, proj_size=2, batch_first=True, dtype=lib.float64)

    def outside(x: Any, r_W: Any, r_U: Any, r_b: Any, r_P: Any) -> Any:
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0")
        given = dict(zip(names, (r_W.T, r_U.T, r_b, lib.zeros_like(r_b), r_P.T), strict=True))
        x = x.flip(1) if reverse else x
        out = lib.func.functional_call(module, given, (x,))[0]
        return out.flip(1) if reverse else out

    agrees(h, outside, [x, *sd.parameters(h)], {"x": RNG.normal(size=(2, 5, 3)), **values})


@pytest.mark.torch
def test_several_labels_of_a_row() -> None:
    scores = sd.tensor("scores", (N, 4))
    target = sd.tensor("target", (N, 4), dtype="int64")
    flags = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]])
    listed = torch().tensor([[0, 2, -1, 3], [-1, 0, 1, 2], [0, 1, 2, 3], [3, -1, 0, 0]])
    agrees(
        nn.multi_label_margin(scores, target),
        lambda scores, target: torch().nn.functional.multilabel_margin_loss(scores, listed),
        [scores],
        {"scores": RNG.normal(size=(4, 4)), "target": flags},
    )
