"""Weights of samples and classes: a weight of 2 counts as two samples do."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl import nn

n = sd.Dim("n")
X, t, y = sd.tensor("X", (n, 3)), sd.tensor("t", (n,), dtype="int64"), sd.tensor("y", (n, 2, 4))
HIDDEN = nn.dense(X, 5, activation=sd.tanh, name="hidden")
LOGITS = nn.dense(HIDDEN, 3, name="logits")
P = nn.dense(HIDDEN, 8, name="p").reshape((n, 2, 4))

LOSSES = {
    "cross entropy": nn.cross_entropy(LOGITS, t),
    "class weights": nn.cross_entropy(LOGITS, t, class_weights=[1.0, 2.0, 0.5]),
    "ignored label": nn.cross_entropy(LOGITS, t, ignore_label=1),
    "mean of squares": nn.mean_squared_error(P, y),
    "sum of squares": nn.mean_squared_error(P, y, reduction="sum"),
    "masked": nn.mean_squared_error(P, y, mask=y > 0),
    "several places a sample": nn.huber(P.reshape((n * 8,)), y.reshape((n * 8,))),
    "penalty over the number of samples": nn.cross_entropy(LOGITS, t)
    + 0.1 * (sd.parameters(LOGITS)[0] ** 2).sum() / n,
    "logarithm of a mean": sd.log(nn.mean_squared_error(P, y)),
}
REFUSED = {
    "terms that hold the number of samples": ((P - y) ** 2 / n).sum(),
    "a logsumexp over samples": sd.logsumexp(P.reshape((n * 8,))),
    "a max over samples": P.max(),
    "no sum or mean": (sd.parameters(LOGITS)[0] ** 2).sum(),
    "meet other than in sums": (P[0] ** 2).sum(),
}


def data(count: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    labels = np.resize([0, 2, 1], count)
    return {"X": rng.normal(size=(count, 3)), "t": labels, "y": rng.normal(size=(count, 2, 4))}


def repeated(given: dict[str, Any], times: Any) -> dict[str, Any]:
    return {name: np.repeat(array, times, axis=0) for name, array in given.items()}


def read_by(model: sd.Model, given: dict[str, Any]) -> dict[str, Any]:
    return {str(t.name): given[str(t.name)] for t in model.inputs}


MODELS = {name: sd.Model(loss, dtype="float64") for name, loss in LOSSES.items()}


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=5, deadline=None)
@given(times=st.lists(st.integers(0, 3), min_size=4, max_size=9).filter(any), seed=st.integers(0, 99))
def test_a_weight_is_a_number_of_copies(name: str, times: list[int], seed: int) -> None:
    base = MODELS[name]
    times[0] = max(times[0], 1)  # a sample of class 0 with y > 0 counts
    few = read_by(base, data(len(times), seed))
    many = repeated(few, times)
    assert base.evaluate(few, sample_weight=times)["loss"] == pytest.approx(
        base.evaluate(many)["loss"], rel=1e-12
    )
    one, two = base.fresh(seed=seed), base.fresh(seed=seed)
    options: dict[str, Any] = {"optimizer": nn.SGD(0.05), "batch_size": 99, "epochs": 3, "shuffle": False}
    weighted = one.fit(few, sample_weight=times, **options)
    plain = two.fit(many, **options)
    assert [e.loss for e in weighted.epochs] == pytest.approx([e.loss for e in plain.epochs], rel=1e-10)
    for key, array in one.parameters.items():
        np.testing.assert_allclose(array, two.parameters[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("what", REFUSED)
def test_losses_that_cannot_be_weighted(what: str) -> None:
    model = sd.Model(REFUSED[what], output=LOGITS)
    with pytest.raises(sd.SymdlError, match=what) as caught:
        model.fit(read_by(model, data(5)), optimizer=nn.SGD(0.1), sample_weight=np.ones(5))
    assert caught.value.cure is not None


def test_weights_in_an_epoch_are_exact_over_batches() -> None:
    """The epoch's loss is that of all samples, however their weights fall into batches."""
    model = sd.Model(LOSSES["cross entropy"], dtype="float64")
    few, weights = read_by(model, data(30)), np.random.default_rng(1).exponential(size=30)
    history = model.fit(few, optimizer=nn.SGD(1e-300), batch_size=7, sample_weight=weights)
    assert history.epochs[0].loss == pytest.approx(
        model.evaluate(few, sample_weight=weights)["loss"], rel=1e-12
    )


def test_class_weights() -> None:
    model = sd.Model(LOSSES["cross entropy"], output=LOGITS, dtype="float64")
    few = read_by(model, data(12))
    few["t"] = np.array([0] * 8 + [1] * 3 + [2])
    by_hand = np.where(few["t"] == 2, 3.0, 1.0) * 2
    options: dict[str, Any] = {"optimizer": nn.SGD(0.1), "epochs": 2, "batch_size": 5}
    one, two, three = (model.fresh() for _ in range(3))
    one.fit(few, class_weight={2: 3.0}, sample_weight=np.full(12, 2.0), **options)
    two.fit(few, sample_weight=by_hand, **options)
    three.fit(few, class_weight="balanced", **options)
    assert all(np.array_equal(one.parameters[k], two.parameters[k]) for k in one.parameters)
    four = model.fresh()
    four.fit(few, sample_weight=(12 / 3 / np.array([8, 3, 1]))[few["t"]], **options)
    assert all(np.array_equal(three.parameters[k], four.parameters[k]) for k in one.parameters)
    with pytest.raises(sd.SymdlError, match="no class"):
        model.fit(few, class_weight={3: 1.0}, **options)
    with pytest.raises(sd.SymdlError, match="not clear which input holds the classes"):
        sd.Model(LOSSES["cross entropy"]).fit(few, class_weight="balanced", **options)


def test_class_weights_of_sparse_samples_come_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    whole, part = (sd.Model(LOSSES["cross entropy"], output=LOGITS, dtype="float64") for _ in range(2))
    few = read_by(whole, data(12))
    options: dict[str, Any] = {"optimizer": nn.SGD(0.1), "epochs": 2, "batch_size": 5}
    whole.fit(few, class_weight="balanced", **options)
    rows = []
    dense = sparse.csr_matrix.toarray
    monkeypatch.setattr(sparse.csr_matrix, "toarray", lambda self: rows.append(self.shape[0]) or dense(self))  # type: ignore[func-returns-value]
    part.fit({**few, "X": sparse.csr_matrix(few["X"])}, class_weight="balanced", **options)
    assert rows and max(rows) <= 5
    assert all(np.array_equal(whole.parameters[k], part.parameters[k]) for k in whole.parameters)
    for weighed in ({"class_weight": "balanced"}, {"sample_weight": np.ones(12)}):
        for labels in (few["t"][:11], few["t"][:1]):
            with pytest.raises(sd.SymdlError, match="differ in their number of samples"):
                part.fit({"X": sparse.csr_matrix(few["X"]), "t": labels}, **weighed, **options)


def test_callbacks_resume_and_validation_see_the_model() -> None:
    model = sd.Model(LOSSES["cross entropy"], output=LOGITS, dtype="float64")
    few, weights = read_by(model, data(20)), np.random.default_rng(1).exponential(size=20)
    seen = []

    def look(epoch: Any, each: sd.Model) -> None:
        seen.append((each is model, each.evaluate(few)["loss"], epoch.validation_loss))

    options: dict[str, Any] = {"optimizer": nn.Adam(0.1), "batch_size": 6, "sample_weight": weights}
    history = model.fit(
        few, epochs=2, callbacks=[look], validation=few | {"sample_weight": weights}, **options
    )
    assert [mine for mine, *_ in seen] == [True, True] and model.history is history
    assert seen[-1][1] != seen[-1][2] and history.epochs[-1].accuracy is not None
    one, two = model.fresh(), model.fresh()
    one.fit(few, epochs=4, **options)
    two.fit(few, epochs=2, **options)
    two = copy.deepcopy(two)
    two.fit(few, epochs=2, resume=True, **options)
    assert all(np.array_equal(one.parameters[k], two.parameters[k]) for k in one.parameters)
    assert set(model.evaluate(few)) == {"loss", "accuracy"}  # no trace of weights is left


def test_running_statistics_learn_too() -> None:
    normed = nn.dense(nn.batch_norm(nn.dense(X, 4, name="a"), name="norm"), 3, name="b")
    model = sd.Model(nn.cross_entropy(normed, t), output=normed)
    before = {name: array.copy() for name, array in model.running.items()}
    model.fit(read_by(model, data(20)), optimizer=nn.SGD(0.1), sample_weight=np.arange(20))
    assert all((before[name] != array).all() for name, array in model.running.items())


def test_dropout_has_weights_too() -> None:
    noisy = nn.dense(nn.dropout(HIDDEN, 0.5), 3, name="noisy")
    model = sd.Model(nn.cross_entropy(noisy, t), dtype="float64")
    one, two = model.fresh(), model.fresh()
    few = read_by(model, data(6))
    one.fit(few, optimizer=nn.SGD(0.1), sample_weight=[1, 2, 1, 2, 0, 1], shuffle=False)
    two.fit(few, optimizer=nn.SGD(0.1), sample_weight=[3, 6, 3, 6, 0, 3], shuffle=False)
    for name, array in one.parameters.items():
        np.testing.assert_allclose(array, two.parameters[name], rtol=1e-12)
        assert not np.array_equal(array, model.parameters[name])


@pytest.mark.parametrize("weights", [[1.0], [-1.0] * 5, [np.nan] * 5, [0.0] * 5, np.ones((5, 1))])
def test_weights_that_do_not_fit(weights: Any) -> None:
    model = MODELS["cross entropy"]
    with pytest.raises(sd.SymdlError, match="sample_weight"):
        model.fit(read_by(model, data(5)), optimizer=nn.SGD(0.1), sample_weight=weights)


def test_an_input_of_that_name() -> None:
    w = sd.tensor("sample_weight", (n,))
    model = sd.Model((w * nn.cross_entropy(LOGITS, t, reduction="none")).mean())
    with pytest.raises(sd.SymdlError, match="itself"):
        model.fit(
            read_by(model, data(5) | {"sample_weight": np.ones(5)}), optimizer=nn.SGD(0.1), class_weight={}
        )
