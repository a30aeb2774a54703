"""Every optimizer inside one compiled training step, on the targets that run here."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from tests.nn.stepping import KINDS

GROUPS: dict[str, nn.Optimizer] = {
    **{kind.__name__: kind(0.05) for kind in KINDS},
    "dampened": nn.Momentum(0.05, dampening=0.5),
    "centered": nn.RMSProp(0.05, centered=True, momentum=0.5),
    "amsgrad": nn.AdamW(0.05, amsgrad=True),
    "gathered": nn.Accumulated(nn.Adafactor(0.05), 2),
    "averaged": nn.Averaged(nn.RAdam(0.05, beta2=0.9), 0.9),
    "lowered": nn.ReduceOnPlateau(nn.LAMB(0.05), every=2, patience=1, threshold=0.5),
}


def trained(target: str) -> dict[str, np.ndarray]:
    """Train a matrix by each for nine steps; return all values."""
    n = sd.Dim("n")
    X, Y = sd.tensor("X", (n, 4)), sd.tensor("Y", (n, 3))
    start = np.random.default_rng(1).normal(size=(4, 3))
    losses = [nn.mean_squared_error(X @ sd.parameter(f"{name}.W", (4, 3), init=start), Y) for name in GROUPS]
    model = sd.Model(sum(losses[1:], losses[0]), dtype="float64", target=target)
    rng = np.random.default_rng(2)
    trainer = model.trainer(optimizer=nn.Grouped(GROUPS))
    for _ in range(9):
        trainer.step({"X": rng.normal(size=(6, 4)), "Y": rng.normal(size=(6, 3))})
    return {**model.parameters, **trainer.states}


def test_the_targets_agree() -> None:
    expected, found = trained("python"), trained("cpu")
    assert found.keys() == expected.keys()
    for name, array in found.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)
    moved = {name: array.tobytes() for name, array in found.items() if name.endswith(".W")}
    assert len(set(moved.values())) == len(GROUPS)  # no two of them are the same
    assert found["lowered.learning_rate"] < 0.05
    assert found["Adafactor.W.R"].shape == (4,) and found["Adafactor.W.C"].shape == (3,)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_number_learns_too(kind: type) -> None:
    """A parameter without axes, and a loss that rises to 0."""
    w = sd.parameter("w", init=0.3)
    model = sd.Model(-((w - 0.5) ** 2) * sd.tensor("x", (sd.Dim("n"),)).mean(), target="python")
    trainer = model.trainer(optimizer=kind(0.01, maximize=True))
    steps = [trainer.step({"x": np.ones(3)})["loss"] for _ in range(8)]
    assert steps == sorted(steps) and steps[-1] > steps[0]
