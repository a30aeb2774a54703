"""Scores by name equal scikit-learn's own, over any number of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

import symdl as sd
from symdl import nn

n = sd.Dim("n")
X = sd.tensor("X", (n, 3))
rng = np.random.default_rng(0)
COUNT = 5000  # more than pass at once
DATA = {"X": rng.normal(size=(COUNT, 3))}
WEIGHTS = rng.exponential(size=COUNT)


def classifier(classes: int) -> tuple[sd.Model, dict[str, Any]]:
    t = sd.tensor("t", (n,), dtype="int64")
    logits = nn.dense(X, classes, name="logits")
    labels = (DATA["X"][:, 0] > 0.3).astype(int) + (DATA["X"][:, 1] > 1) * (classes > 2)
    return sd.Model(nn.cross_entropy(logits, t), output=logits, dtype="float64"), DATA | {"t": labels}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_of_two_classes(weights: Any) -> None:
    model, data = classifier(2)
    found = model.evaluate(
        data, metrics=["f1", "roc_auc", "average_precision", "log_loss"], sample_weight=weights
    )
    logits = model.predict(X=data["X"])
    margin, truth = logits[:, 1] - logits[:, 0], data["t"]
    options = {"sample_weight": weights}
    assert found["f1"] == pytest.approx(sk.f1_score(truth, margin > 0, **options))
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(truth, margin, **options))
    assert found["average_precision"] == pytest.approx(sk.average_precision_score(truth, margin, **options))
    assert found["log_loss"] == pytest.approx(found["loss"])  # the model's own, in its own words


def test_of_one_logit() -> None:
    t = sd.tensor("t", (n,))
    logit = nn.dense(X, 1, name="logit")[:, 0]
    model = sd.Model(nn.binary_cross_entropy(logit, t), output=logit, dtype="float64")
    truth = (DATA["X"][:, 0] > 0).astype(float)
    data = DATA | {"t": truth}
    found = model.evaluate(data, metrics=["mean_absolute_error", "f1", "roc_auc", "log_loss"])
    output = model.predict(X=DATA["X"])
    assert found["f1"] == pytest.approx(sk.f1_score(truth, output > 0))
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(truth, output))
    assert found["log_loss"] == pytest.approx(found["loss"])
    shares = sd.Model(nn.binary_cross_entropy(logit, t), output=sd.sigmoid(logit))
    with pytest.raises(sd.SymdlError, match="logit"):
        shares.evaluate(data, metrics=["f1"])
    assert found["mean_absolute_error"] == pytest.approx(np.abs(model.predict(X=DATA["X"]) - truth).mean())


def test_of_three_classes() -> None:
    model, data = classifier(3)
    found = model.evaluate(data, metrics=["f1_macro", "roc_auc_ovr", "balanced_accuracy", "accuracy"])
    logits = model.predict(X=data["X"])
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert found["f1_macro"] == pytest.approx(sk.f1_score(data["t"], logits.argmax(1), average="macro"))
    assert found["roc_auc_ovr"] == pytest.approx(sk.roc_auc_score(data["t"], shares, multi_class="ovr"))
    with pytest.raises(sd.SymdlError, match="f1_macro"):
        model.evaluate(data, metrics=["f1"])


def test_of_numbers() -> None:
    y = sd.tensor("y", (n, 2))
    p = nn.dense(X, 2, name="p")
    model = sd.Model(nn.mean_squared_error(p, y), output=p, dtype="float64")
    data = DATA | {"y": rng.normal(size=(COUNT, 2))}
    found = model.evaluate(data, metrics=["r2", "mean_squared_error", "neg_mean_absolute_error"])
    assert found["mean_squared_error"] == pytest.approx(found["loss"])
    assert found["r2"] == pytest.approx(sk.r2_score(data["y"], model.predict(X=data["X"])))
    assert found["neg_mean_absolute_error"] < 0
    with pytest.raises(sd.SymdlError, match="mean_squared_error"):
        model.evaluate(data, metrics=["mean_squared_eror"])
    with pytest.raises(sd.SymdlError, match="no list"):
        model.evaluate(data, metrics="r2")


def test_without_one_output() -> None:
    y = sd.tensor("y", (n, 2))
    p = nn.dense(X, 2, name="p")
    model = sd.Model(nn.mean_squared_error(p, y), output={"a": p, "b": p})
    with pytest.raises(sd.SymdlError, match="not clear what is predicted"):
        model.evaluate(DATA | {"y": np.zeros((COUNT, 2))}, metrics=["r2"])
