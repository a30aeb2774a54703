"""Learning rates that fall when what is scored after an epoch got no better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.errors import ArgumentError, ExpressionError

n = sd.Dim("n")
RNG = np.random.default_rng(0)
DATA = {"x": RNG.normal(size=(64, 3)), "t": RNG.integers(0, 2, 64)}
OTHERS = {"x": RNG.normal(size=(32, 3)), "t": RNG.integers(0, 2, 32)}  # what cannot be learned


def network() -> sd.Model:
    x, t = sd.tensor("x", (n, 3)), sd.tensor("t", (n,), dtype="int64")
    logits = nn.dense(nn.dense(x, 8, activation=sd.tanh, name="a"), 2, name="b")
    loss = nn.cross_entropy(logits, t)
    share = sd.mean(sd.exp(-(logits[:, 0] ** 2)))
    return sd.Model(loss, output=logits, metrics={"share": share}, target="python")


class Rates:
    """The learning rate before each epoch, and what was watched after it."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def after_batch(self, batch: sd.train.Batch, model: Any) -> None:
        if batch.number == 2:  # the first step of an epoch has compared
            self.rates.append(float(next(iter(model.learning_rate.values()))))


def fallen(values: list[float], rate: float, patience: int) -> list[float]:
    """The learning rates of epochs after these values, by the definition."""
    best, worse, found = np.inf, 0, [rate]
    for value in values[:-1]:
        worse = 0 if value < best else worse + 1
        best = min(best, value)
        if worse >= patience:
            rate, worse = rate / 2, 0
        found.append(rate)
    return found


@pytest.mark.parametrize("watch", ["validation_loss", "accuracy", "validation_share", "share"])
def test_the_rate_falls_by_what_is_watched(watch: str) -> None:
    plateau = nn.ReduceOnPlateau(nn.SGD(0.5), 0.5, patience=2, threshold=0.0, watch=watch)
    groups = nn.Grouped({"a": plateau, "rest": plateau})
    model, rates = network(), Rates()
    options: dict[str, Any] = {"batch_size": 16, "epochs": 12, "validation": OTHERS, "restore_best": False}
    history = model.fit(DATA, optimizer=groups, callbacks=[rates], **options)
    values = [
        epoch.row[watch] if watch != "accuracy" else 1 - epoch.row["accuracy"] for epoch in history.epochs
    ]
    assert rates.rates == pytest.approx(fallen(values, 0.5, 2))
    assert rates.rates[-1] < 0.5


def test_what_is_watched_is_saved(tmp_path: Path) -> None:
    plateau = nn.ReduceOnPlateau(nn.SGD(0.5), 0.5, patience=1, watch="validation_loss")
    options: dict[str, Any] = {"batch_size": 16, "validation": OTHERS, "restore_best": False}
    whole = network()
    whole.fit(DATA, optimizer=plateau, epochs=6, **options)
    half = network()
    half.fit(DATA, optimizer=plateau, epochs=3, **options)
    half.save(tmp_path / "half.safetensors")
    again = sd.load(tmp_path / "half.safetensors", target="python")
    again.fit(DATA, resume=True, epochs=3, **options)
    for name, array in whole.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], array)
    assert again.learning_rate == whole.learning_rate < 0.5


def test_what_nobody_follows_is_refused() -> None:
    watching = nn.Clipped(nn.ReduceOnPlateau(nn.SGD(0.5), watch="validation_loss"), norm=1.0)
    with pytest.raises(ArgumentError, match="watches 'validation_loss'") as caught:
        network().fit(DATA, optimizer=watching)
    assert "'loss', 'share'" in str(caught.value.cure) and "pass validation data" in str(caught.value.cure)
    with pytest.raises(ExpressionError, match="watch=3"):
        nn.ReduceOnPlateau(nn.SGD(0.5), watch=3)  # type: ignore[arg-type]


def test_a_loop_of_ones_own_tells_it() -> None:
    model = network()
    watching = nn.ReduceOnPlateau(nn.SGD(0.5), 0.5, patience=1, watch="validation_loss")
    trainer = model.trainer(optimizer=watching)
    for value in (1.0, 2.0):
        trainer.states["plateau.watched.validation_loss"][...] = value
        for _ in range(3):  # compared once
            trainer.step(DATA)
    assert trainer.learning_rate == 0.25
