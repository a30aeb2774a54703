"""Optimizers around others: gradients gathered, weights averaged, rates lowered, settings for groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symdl import nn
from symdl.errors import ExpressionError
from tests.nn.stepping import SLOPES, START, run


def anything(value: object) -> Any:
    """Return what no annotation allows."""
    return value


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name in START:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("inner", [nn.Momentum(0.1), nn.AdamW(0.1), nn.Clipped(nn.Adam(0.1), norm=0.5)])
def test_batches_gathered_are_one_batch(inner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps of three batches, by hand; the tenth batch waits."""
    found = run(nn.Accumulated(inner, 3))
    groups = [SLOPES[at : at + 3] for at in (0, 3, 6)]
    means = [{name: sum(s[name] for s in group) / 3 for name in START} for group in groups]
    monkeypatch.setattr("tests.nn.stepping.SLOPES", means)
    assert_same(found, run(inner, steps=3))
    np.testing.assert_allclose(found["w.sum"], SLOPES[-1]["w"])
    assert found["gathered"] == 1


def test_averages_are_means_of_all_weights() -> None:
    decay = 0.7
    found = run(nn.Averaged(nn.Adam(0.1), decay))
    each = [run(nn.Adam(0.1), steps=steps) for steps in range(1, 11)]
    shares = decay ** np.arange(9, -1, -1)
    for name in START:
        mean = sum(share * values[name] for share, values in zip(shares, each, strict=True)) / shares.sum()
        np.testing.assert_allclose(found[f"{name}.average"], mean, rtol=1e-12)
    assert_same(found, each[-1])


LOSSES = {
    "falling": [10.0, 9, 8, 7, 6, 5, 4, 3, 2, 1],
    "level": [3.0] * 10,
    "a little": [3.0, 2.9999] * 5,
    "up and down": [5.0, 6, 4, 4, 4, 4, 3, 3, 3, 3],
}


@pytest.mark.torch
@pytest.mark.parametrize("patience", [1, 2, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_rates_fall_as_in_pytorch(name: str, patience: int) -> None:
    torch = pytest.importorskip("torch")
    outside = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.5)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        outside, factor=0.5, patience=patience - 1, threshold=1e-4, min_lr=0.1, eps=0.0
    )
    optimizer = nn.ReduceOnPlateau(
        nn.SGD(0.5), factor=0.5, patience=patience, every=1, threshold=1e-4, minimum=0.1
    )
    outside.step()
    for steps, loss in enumerate(LOSSES[name], 1):
        schedule.step(loss)
        found = run(optimizer, steps=steps, losses=LOSSES[name])
        assert found["learning_rate"] == pytest.approx(outside.param_groups[0]["lr"])


def test_a_level_loss_below_zero_is_level() -> None:
    found = run(
        nn.ReduceOnPlateau(nn.SGD(0.8), factor=0.5, patience=3, every=1), losses=[-2.0] * 5 + [-3.0] * 5
    )
    assert found["learning_rate"] == pytest.approx(0.2)


def test_means_of_several_steps_are_compared() -> None:
    losses = [1.0, 3, 0, 4, 3, 1, 2, 1, 1, 1]  # means of two: 2, 2, 2, 1.5, 1
    each = [
        run(nn.ReduceOnPlateau(nn.SGD(0.8), factor=0.5, patience=1, every=2), n, losses) for n in range(1, 11)
    ]
    rates = [float(values["learning_rate"]) for values in each]
    assert rates == pytest.approx([0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 0.2])
    start = START["w"]
    for rate, slopes in zip([0.8, *rates], SLOPES, strict=False):
        start = start - rate * slopes["w"]
    np.testing.assert_allclose(each[-1]["w"], start)


def test_a_rate_that_waits_for_batches_sees_their_mean_loss() -> None:
    inner = nn.ReduceOnPlateau(nn.SGD(0.8), factor=0.5, patience=1, every=1)
    found = run(nn.Accumulated(inner, 2), losses=[1.0, 3, 0, 4, 3, 1, 2, 1, 1, 1])
    assert found["learning_rate"] == pytest.approx(0.2)
    assert (
        "plateau.sum" in found
        and "loss.sum" in found
        and "loss.sum" not in run(nn.Accumulated(nn.SGD(0.8), 2))
    )


def test_groups_move_by_their_own_optimizers() -> None:
    found = run(nn.Grouped({"w": nn.Adam(0.1), "b": nn.Adam(0.3), "rest": nn.Momentum(0.1)}))
    each: dict[str, nn.Optimizer] = {"w": nn.Adam(0.1), "b": nn.Adam(0.3), "k": nn.Momentum(0.1)}
    for name, optimizer in each.items():
        np.testing.assert_allclose(found[name], run(optimizer)[name], rtol=1e-12)
    assert {"w.step", "b.step", "w.learning_rate", "rest.learning_rate", "k.velocity"} <= found.keys()
    decayed, plain = nn.AdamW(0.1, weight_decay=0.2), nn.AdamW(0.1, weight_decay=0.0)
    groups = {"matrices": decayed, "others": plain}
    chosen = run(nn.Grouped(groups, by=lambda p: "matrices" if p.rank > 1 else "others"))
    assert_same(chosen, run(nn.AdamW(0.1, weight_decay={"w": 0.2, "k": 0.2})))


@pytest.mark.torch
def test_groups_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    leaves = {name: torch.tensor(start, requires_grad=True) for name, start in START.items()}
    outside = torch.optim.AdamW(
        [
            {"params": [leaves["w"]], "lr": 0.1, "weight_decay": 0.5},
            {"params": [leaves["b"], leaves["k"]], "lr": 0.02, "weight_decay": 0.0},
        ]
    )
    for slopes in SLOPES:
        for name, leaf in leaves.items():
            leaf.grad = torch.tensor(slopes[name])
        outside.step()
    found = run(nn.Grouped({"w": nn.AdamW(0.1, weight_decay=0.5), "rest": nn.AdamW(0.02, weight_decay=0.0)}))
    assert_same(found, {name: leaf.detach().numpy() for name, leaf in leaves.items()})


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: nn.Accumulated(anything(nn.Adam), 2), "<class .* is no optimizer"),
        (lambda: nn.Accumulated(nn.Adam(), 0), "batches"),
        (lambda: nn.Averaged(nn.Adam(), 1.0), "decay"),
        (lambda: nn.ReduceOnPlateau(nn.Adam(), factor=2.0), "factor"),
        (lambda: run(nn.ReduceOnPlateau(nn.Adam(nn.CosineDecay(0.1, 10)))), "no learning rate in Adam"),
        (lambda: nn.ReduceOnPlateau(nn.SGD()).updates([], {}), "not told the loss"),
        (lambda: nn.Grouped({}), "groups"),
        (lambda: nn.Grouped({"w": anything(1)}), "no optimizer"),
        (lambda: run(nn.Grouped({"w": nn.SGD()})), "b belongs to none of the groups 'w'"),
        (lambda: run(nn.Grouped({"w": nn.SGD()}, by=lambda p: anything(p.rank))), "the group of w is 2"),
    ],
)
def test_settings_that_cannot_be(make: Any, text: str) -> None:
    with pytest.raises(ExpressionError, match=text):
        make()
