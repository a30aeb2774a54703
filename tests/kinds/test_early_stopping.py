"""Figures of an epoch, the weights that are kept, and fits that go on: neighbours of a data set's scores.

An epoch's loss was the mean of its batches' losses, so that a masked mean depended on how masks fell into
batches, and one batch without any sample that counts made it NaN, its gradients too. Without validation data
early stopping compared losses from before an epoch's updates and kept the weights from after them. A fit that
went on with the previous one drew the same orders again. Two parameters' entries in a file could be taken for
one. Right values come from NumPy, from `evaluate`, and from runs that differ only in how they are divided.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd

n = sd.Dim("n")
x, y, w = sd.tensor("x", (n, 3)), sd.tensor("y", (n,)), sd.tensor("w", (n,))
k, t = (sd.tensor(name, (n,), dtype="int64") for name in "kt")
p = sd.nn.dense(x, 1, name="o")[:, 0]
z = sd.nn.dense(x, 4, name="q")
r = p - y
Data = dict[str, np.ndarray[Any, Any]]

MASKED: dict[str, sd.Tensor] = {
    "mask": sd.nn.mean_squared_error(p, y, mask=sd.equal(k, 1)),
    "condition": sd.nn.mean_squared_error(p, y, mask=w > 0),
    "ignored": sd.nn.cross_entropy(z, t, ignore_label=-1),
    "weighted classes": sd.nn.cross_entropy(z, t, ignore_label=-1, class_weights=[1, 2, 3, 4]),
    "likelihood": sd.nn.nll(sd.log_softmax(z), t, ignore_label=-1, class_weights=[1, 2, 3, 4]),
    "logistic": sd.nn.binary_cross_entropy(p, y, mask=sd.equal(k, 1)),
    "mean": (r**2).mean(where=sd.equal(k, 1)),
    "by hand": sd.where(sd.equal(k, 1), r**2, 0).sum() / sd.equal(k, 1).sum(),
    "weighted": (w * r**2).sum() / w.sum(),
    "root": sd.sqrt(sd.nn.mean_squared_error(p, y, mask=w > 0)),
}
OTHERS: dict[str, sd.Tensor] = {
    "sum": (r**2).sum(),
    "root of mean": sd.sqrt((r**2).mean()),
    "penalty": (r**2).mean() + sd.nn.l2_penalty(sd.parameters(p), 0.1),
    "ratio": (r**2).mean() / sd.absolute(r).mean(),
    "largest": sd.absolute(r).max(),
    "span": r.max(where=x[:, 0] > 0.5) - r.min(),
}


def samples(model: sd.Model, counts: np.ndarray[Any, Any], seed: int = 0) -> Data:
    """Samples for a model, of which those count that `counts` says."""
    rng, count = np.random.default_rng(seed), len(counts)
    every = {
        "x": rng.normal(size=(count, 3)),
        "y": rng.normal(size=count),
        "k": counts.astype(int),
        "w": rng.random(count) * counts,
        "t": np.where(counts, rng.integers(0, 4, count), -1),
    }
    return {str(tensor.name): every[str(tensor.name)] for tensor in model.inputs}


def still(loss: sd.Tensor, **options: Any) -> sd.Model:
    return sd.Model(loss, dtype="float64", **options)


@pytest.mark.parametrize("name", MASKED)
def test_an_epoch_with_batches_in_which_nothing_counts(name: str) -> None:
    model = still(MASKED[name], metrics={"same": MASKED[name]})
    given = samples(model, np.arange(40) >= 20)
    before = {key: array.copy() for key, array in model.parameters.items()}
    expected = model.evaluate(given)["loss"]
    for size in (7, 40):
        epoch = model.fit(given, optimizer=sd.nn.SGD(0.0), batch_size=size, shuffle=False).epochs[0]
        assert epoch.loss == pytest.approx(expected, rel=1e-9)
        assert epoch.values["same"] == pytest.approx(expected, rel=1e-9)
    nothing = {key: array[:10] for key, array in given.items()}
    assert np.isnan(model.evaluate(nothing)["loss"])
    model.fit(given, optimizer=sd.nn.SGD(0.1), batch_size=10, shuffle=False)
    one = {key: array.copy() for key, array in model.parameters.items()}
    for key, array in model.parameters.items():
        assert not np.array_equal(array, before[key])
        array[...] = before[key]
    counted = {key: array[20:] for key, array in given.items()}
    model.fit(counted, optimizer=sd.nn.SGD(0.1), batch_size=10, shuffle=False)
    assert all(np.array_equal(one[key], array) for key, array in model.parameters.items())


def test_nothing_that_counts_is_no_matter_of_the_learning_rate() -> None:
    model = still(MASKED["ignored"])
    given = samples(model, np.zeros(20, bool))
    with pytest.raises(sd.SymdlError, match="epoch 1: the loss is nan(.|\n)*mean over nothing") as caught:
        model.fit(given, optimizer=sd.nn.SGD(0.1))
    assert "rate" not in str(caught.value)


@pytest.mark.parametrize("name", OTHERS)
def test_the_loss_of_an_epoch_is_that_of_the_data(name: str) -> None:
    model = still(OTHERS[name])
    given = samples(model, np.ones(50, bool))
    expected = model.evaluate(given)["loss"]
    epoch = model.fit(given, optimizer=sd.nn.SGD(0.0), batch_size=8).epochs[0]
    assert epoch.loss == pytest.approx(expected, rel=1e-9)


def test_a_bar_joins_sums_and_maxima(capsys: pytest.CaptureFixture[str]) -> None:
    model = still(OTHERS["span"], metrics={"sum": OTHERS["sum"]})
    data = samples(model, np.ones(50, bool))
    shown, silent = (
        model.fit(data, optimizer=sd.nn.SGD(0.0), batch_size=8, progress=bar).epochs[0]
        for bar in (True, False)
    )
    assert shown.loss == pytest.approx(silent.loss, rel=1e-12) == model.evaluate(data)["loss"]
    assert shown.values == pytest.approx(silent.values, rel=1e-12)


FIXED = still(MASKED["condition"], metrics={"mean": w.mean(), "share": (w > 0).mean()})


@settings(max_examples=15)
@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any), st.integers(1, 45))
def test_how_masks_fall_into_batches_does_not_matter(counts: list[bool], size: int) -> None:
    data = samples(FIXED, np.array(counts))
    epoch = FIXED.fit(data, optimizer=sd.nn.SGD(0.0), batch_size=size).epochs[0]
    found = FIXED.evaluate(data)
    assert epoch.loss == pytest.approx(found["loss"], rel=1e-9)
    assert epoch.values["mean"] == pytest.approx(found["mean"], rel=1e-9)
    assert epoch.values["share"] == pytest.approx(np.mean(counts), rel=1e-9)


def wild(**options: Any) -> tuple[sd.Model, list[float], sd.train.History]:
    """Train at so high a rate that the loss jumps up and down."""
    model = sd.Model((r**2).mean(), metrics={"largest": sd.absolute(r).max()})
    data, losses = samples(model, np.ones(60, bool)), list[float]()

    def note(epoch: Any, current: sd.Model) -> None:
        losses.append(current.evaluate(data)[options.get("watch", "loss")])

    settings_ = {"optimizer": sd.nn.Adam(2.0), "batch_size": 30, "epochs": 30, "patience": 8, **options}
    return model, losses, model.fit(data, callbacks=[note], **settings_)


@pytest.mark.parametrize("watch", [None, "largest"])
def test_without_validation_data_the_weights_that_are_kept_are_the_best(watch: str | None) -> None:
    model, losses, history = wild(**({} if watch is None else {"watch": watch}))
    kept = model.evaluate(samples(model, np.ones(60, bool)))
    assert history.restored and kept[watch or "loss"] == min(losses) < losses[-1]
    assert [epoch.monitored for epoch in history.epochs] == losses
    assert history.best_epoch == 1 + int(np.argmin(losses))
    assert [epoch.loss_after for epoch in history.epochs][history.best_epoch - 1] == kept["loss"]
    assert "loss after" in str(history)


def test_without_patience_nothing_is_scored() -> None:
    _, _, history = wild(patience=None)
    assert not history.restored and all(epoch.loss_after is None for epoch in history.epochs)


def shuffled_fits(model: sd.Model, parts: list[int], **options: Any) -> list[float]:
    """Train in parts that go on; return the losses of all epochs."""
    data, losses = samples(model, np.ones(37, bool)), list[float]()
    for number, epochs in enumerate(parts):
        settings_ = {"optimizer": sd.nn.Adam(0.05), "batch_size": 8, "epochs": epochs, "resume": number > 0}
        history = model.fit(data, **{**settings_, **options})
        losses += [epoch.loss for epoch in history.epochs]
    return losses


def dropping() -> Any:
    hidden = sd.nn.dropout(sd.nn.dense(x, 8, activation=sd.tanh, name="h"), 0.5, name="drop")
    return ((sd.nn.dense(hidden, 1, name="o")[:, 0] - y) ** 2).mean()


@pytest.mark.parametrize("loss", [lambda: (r**2).mean(), dropping])
def test_fits_that_go_on_are_one_fit(loss: Callable[[], Any]) -> None:
    whole, two, single = (sd.Model(loss()) for _ in range(3))
    expected = shuffled_fits(whole, [6])
    assert shuffled_fits(two, [2, 4]) == expected == shuffled_fits(single, [1] * 6)
    for model in (two, single):
        assert all(np.array_equal(a, model.parameters[key]) for key, a in whole.parameters.items())


def test_another_seed_draws_other_orders() -> None:
    losses = []
    for seed in (0, 0, 1):
        model = sd.Model((r**2).mean())
        shuffled_fits(model, [2])
        losses.append(shuffled_fits(model, [1], seed=seed, resume=True))
    assert losses[0] == losses[1] != losses[2]


def test_parameters_whose_names_end_as_entries_of_a_file_do(tmp_path: Path) -> None:
    names = ["a", "a.npy", "a.npy.npy", "b.npy", "npy", ".npy", "c/d", "c.npy/d"]
    given = {name: sd.parameter(name, ()) for name in names}
    model, other = (sd.Model(sum(value * x[:, 0].mean() for value in given.values())) for _ in range(2))  # type: ignore[arg-type]
    for number, name in enumerate(names):
        model.parameters[name][...] = number + 1
    model.save(tmp_path / "model.npz")
    other.load(tmp_path / "model.npz")
    assert {name: float(array) for name, array in other.parameters.items()} == dict(
        zip(names, range(1, len(names) + 1), strict=True)
    )
