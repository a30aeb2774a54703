"""`sd.nn.LBFGS`: all samples at once, with everything else that `fit` does."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import symdl as sd
from symdl.errors import ArgumentError, ExpressionError, TrainingError

n = sd.Dim("n")
RNG = np.random.default_rng(0)
DATA = {"X": RNG.normal(size=(40, 3)), "y": RNG.normal(size=40)}


def network(**options: Any) -> sd.Model:
    X, y = sd.tensor("X", (n, 3)), sd.tensor("y", (n,))
    hidden = sd.nn.dense(X, 5, activation=sd.tanh, name="first")
    out = sd.nn.dense(hidden, 1, name="last")[:, 0]
    error = out - y
    metrics = {"size": abs(error).mean()}
    return sd.Model((error**2).mean(), output=out, metrics=metrics, dtype="float64", **options)


def test_each_iteration_is_scipys() -> None:
    model = network()
    f = sd.flat(model.loss, at={**DATA, **model.parameters})
    losses: list[float] = []
    scipy.optimize.minimize(
        f.value_and_jac,
        f.x0,
        jac=True,
        method="L-BFGS-B",
        callback=lambda x: losses.append(f.fun(x)),
        options={"maxcor": 7, "maxiter": 12, "gtol": 1e-8, "ftol": 1e-12, "maxls": 50},
    )
    history = model.fit(DATA, optimizer=sd.nn.LBFGS(memory=7), epochs=12)
    np.testing.assert_allclose([e.loss for e in history.epochs], losses, rtol=1e-6)
    assert history.stopped == "all epochs are done"
    found = model.evaluate(DATA)
    assert found["loss"] == pytest.approx(history.epochs[-1].loss)
    assert found["size"] == pytest.approx(history.epochs[-1].values["size"])


def test_why_it_ends() -> None:
    X, y, w = sd.tensor("X", (n, 3)), sd.tensor("y", (n,)), sd.parameter("w", (3,))
    model = sd.Model(((X @ w - y) ** 2).mean(), dtype="float64")
    history = model.fit(DATA, optimizer=sd.nn.LBFGS(), epochs=100)
    assert history.stopped == "converged: no derivative is larger than 1e-08"
    assert len(history.epochs) < 30
    np.testing.assert_allclose(model.parameters["w"], np.linalg.lstsq(DATA["X"], DATA["y"])[0], rtol=1e-6)
    again = model.fit(DATA, resume=True, epochs=5)
    assert again.stopped.startswith("converged") and len(again.epochs) == 1
    early = network().fit(DATA, optimizer=sd.nn.LBFGS(loss_tolerance=0.5), epochs=100)
    assert early.stopped == "converged: the loss got lower by no more than 0.5 of itself"


def test_validation_patience_callbacks_and_frozen_parameters() -> None:
    model = network()
    frozen = model.parameters["first.W"].copy()
    history = model.fit(
        DATA, optimizer=sd.nn.LBFGS(), epochs=200, validation=0.25, patience=3, trainable=["last"]
    )
    np.testing.assert_array_equal(model.parameters["first.W"], frozen)
    assert history.restored and history.best.validation_loss is not None
    heard: list[int] = []

    def callback(epoch: Any, model: Any) -> bool:
        heard.append(epoch.number)
        return len(heard) == 4

    stopped = network().fit(DATA, optimizer=sd.nn.LBFGS(), epochs=50, callbacks=[callback])
    assert heard == [1, 2, 3, 4] and stopped.stopped == "a callback asked for it after epoch 4"


def test_nothing_is_left_running() -> None:
    before = set(threading.enumerate())  # those of others may end meanwhile
    network().fit(DATA, optimizer=sd.nn.LBFGS(), epochs=3)
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(5)
    assert not [thread.name for thread in started if thread.is_alive()]


def test_running_means_follow() -> None:
    X, y = sd.tensor("X", (n, 3)), sd.tensor("y", (n,))
    out = sd.nn.dense(sd.nn.batch_norm(X, name="norm"), 1, name="last")[:, 0]
    model = sd.Model(((out - y) ** 2).mean(), dtype="float64")
    before = {name: array.copy() for name, array in model.running.items()}
    model.fit(DATA, optimizer=sd.nn.LBFGS(), epochs=3)
    assert any(np.abs(model.running[name] - array).max() > 1e-3 for name, array in before.items())


def test_refusals() -> None:
    X, y = sd.tensor("X", (n, 3)), sd.tensor("y", (n,))
    out = sd.nn.dense(sd.nn.dropout(X, 0.5, name="drop"), 1, name="last")[:, 0]
    with pytest.raises(ArgumentError, match="is random"):
        sd.Model(((out - y) ** 2).mean()).fit(DATA, optimizer=sd.nn.LBFGS())
    with pytest.raises(ExpressionError, match="memory=0"):
        sd.nn.LBFGS(memory=0)
    with pytest.raises(ExpressionError, match="no equation of one step"):
        network().trainer(optimizer=sd.nn.LBFGS())
    model = network()
    model.fit(DATA, optimizer=sd.nn.Adam(1e-3))
    with pytest.raises(TrainingError, match="goes on with LBFGS"):
        model.fit(DATA, optimizer=sd.nn.LBFGS(), resume=True)


def test_saved_and_gone_on_with(tmp_path: Any) -> None:
    model = network()
    model.fit(DATA, optimizer=sd.nn.LBFGS(memory=4), epochs=2)
    model.save(tmp_path / "m.safetensors")
    loaded = sd.load(tmp_path / "m.safetensors")
    history = loaded.fit(DATA, resume=True, epochs=2)
    assert history.epochs[-1].loss < model.evaluate(DATA)["loss"]
