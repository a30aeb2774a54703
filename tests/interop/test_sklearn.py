"""Estimators in scikit-learn's pipelines and searches."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

import symdl as sd
from symdl.differentiate.adjoint import differentiate
from symdl.interop.sklearn import Autoencoder, Classifier, Regressor
from symdl.lower.pipeline import lower

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
SMALL: dict[str, Any] = {"network": (8,), "max_iter": 30, "random_state": 0}


def own(units: int) -> Callable[[sd.Tensor, int], sd.Tensor]:
    """Return a function that builds a network: another object each time."""

    def network(inputs: sd.Tensor, outputs: int) -> sd.Tensor:
        hidden = sd.nn.dense(inputs, units, activation=sd.tanh, name="hidden")
        normed = sd.nn.batch_norm(hidden, name="norm")
        return sd.nn.dense(normed, outputs, name="output")

    return network


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is derived and lowered."""
    found: list[str] = []

    def noted(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            found.append(what)
            return function(*args, **options)

        return call

    monkeypatch.setattr("symdl.differentiate.turns.differentiate", noted("derived", differentiate))
    monkeypatch.setattr("symdl.run.build.lower", noted("lowered", lower))
    return found


@pytest.mark.parametrize("network", [(9,), own], ids=["layers", "a function"])
def test_a_search_derives_its_network_once(network: Any, work: list[str]) -> None:
    estimator = Classifier(network=network(9) if callable(network) else network, max_iter=4, random_state=0)
    grid = {"learning_rate": [1e-3, 1e-2], "alpha": [0.0, 1e-2], "batch_size": [20, 50]}
    search = GridSearchCV(estimator, grid, cv=3).fit(X, y)
    assert work.count("derived") == 1 and work.count("lowered") <= 2  # the training step, and the outputs
    assert search.best_score_ > 0.3
    work.clear()
    again = own(9) if callable(network) else network
    clone(estimator).set_params(network=again, random_state=5).fit(X[::2], y[::2])
    assert work == []  # an equal network of another function is found by its equations


def test_another_function_is_another_network() -> None:
    one, two = (Classifier(network=own(units), max_iter=1).fit(X, y) for units in (3, 4))
    assert one.model_.parameters["hidden.W"].shape != two.model_.parameters["hidden.W"].shape


def test_alpha_shrinks_weights_and_not_biases() -> None:
    free, bound = (
        Classifier(**SMALL | {"max_iter": 100}, learning_rate=0.01, alpha=alpha).fit(X, y)
        for alpha in (0.0, 50.0)
    )
    norms = [np.linalg.norm(each.model_.parameters["hidden1.W"]) for each in (free, bound)]
    assert norms[1] < norms[0] / 3
    assert bound.model_.parameters["alpha"] == 50.0  # which did not learn


def test_random_state_decides() -> None:
    one, two, three = (Classifier(**SMALL | {"random_state": s}).fit(X, y) for s in (0, 0, 1))
    assert np.array_equal(one.predict_proba(X), two.predict_proba(X))
    assert not np.array_equal(one.predict_proba(X), three.predict_proba(X))


@pytest.mark.parametrize("backend", ["loky", "threading", "dask"])
def test_jobs_side_by_side_change_nothing(backend: str) -> None:
    estimator = make_pipeline(StandardScaler(), Classifier(**SMALL))
    alone = cross_val_score(estimator, X, y, cv=4)
    with ExitStack() as stack:
        if backend == "dask":
            dask = pytest.importorskip("dask.distributed")
            stack.enter_context(dask.Client(n_workers=2, threads_per_worker=1, dashboard_address=None))
        stack.enter_context(joblib.parallel_backend(backend, n_jobs=2))
        assert np.array_equal(alone, cross_val_score(estimator, X, y, cv=4))


def test_labels_of_any_kind_and_two_classes() -> None:
    names = np.array(["barbera", "barolo", "grignolino"])[y]
    three = Classifier(**SMALL).fit(X, names)
    assert set(three.predict(X)) <= set(names) and three.decision_function(X).shape == (len(X), 3)
    np.testing.assert_allclose(three.predict_log_proba(X), np.log(three.predict_proba(X)), atol=1e-12)
    two = Classifier(**SMALL).fit(X, y > 0)
    assert two.decision_function(X).shape == (len(X),)
    assert np.array_equal(two.decision_function(X) > 0, two.predict(X))


def test_class_weights_are_weights_of_their_samples() -> None:
    balanced = Classifier(**SMALL, class_weight="balanced").fit(X, y)
    by_hand = Classifier(**SMALL).fit(X, y, sample_weight=compute_sample_weight("balanced", y))
    assert np.array_equal(balanced.predict_proba(X), by_hand.predict_proba(X))


def test_partial_fit_goes_on() -> None:
    """Passes over all data one by one are a fit, to the bit."""
    options = SMALL | {"max_iter": 4, "tol": 0.0, "n_iter_no_change": 9}
    whole, part = Classifier(**options).fit(X, y), Classifier(**options)
    for _ in range(4):
        part.partial_fit(X, y, classes=[0, 1, 2])
    assert part.n_iter_ == 4 and len(part.loss_curve_) == 4
    assert np.array_equal(whole.predict_proba(X), part.predict_proba(X))
    with pytest.raises(sd.SymdlError, match="no class"):
        part.partial_fit(X, y + 1)


def test_partial_fit_goes_on_after_a_fit_and_from_a_file(tmp_path: Any) -> None:
    one = Regressor(**SMALL).fit(X, y)
    joblib.dump(one, tmp_path / "regressor.joblib")
    two = joblib.load(tmp_path / "regressor.joblib")
    assert np.array_equal(one.predict(X), two.predict(X))
    one.partial_fit(X, y), two.partial_fit(X, y)
    assert np.array_equal(one.predict(X), two.predict(X))
    three = pickle.loads(pickle.dumps(copy.deepcopy(two)))  # noqa: S301 (written a moment ago)
    assert np.array_equal(two.predict(X), three.predict(X))


def test_early_stopping_keeps_the_best() -> None:
    stopped = Classifier(random_state=0, max_iter=500, early_stopping=True, learning_rate=0.01).fit(X, y)
    assert stopped.n_iter_ < 100 and stopped.best_validation_score_ > 0.8
    assert stopped.history_.restored
    weighted = Regressor(random_state=0, early_stopping=True).fit(X, y, sample_weight=np.arange(len(y)))
    assert weighted.best_validation_score_ < 0


def test_warm_start() -> None:
    warm = Classifier(**SMALL, warm_start=True)
    losses = [warm.fit(X, y).loss_ for _ in range(3)]
    assert losses[2] < losses[1] < losses[0]
    with pytest.raises(sd.SymdlError, match="another one"):
        warm.set_params(network=(5,)).fit(X, y)


def test_regression_of_one_and_several_numbers() -> None:
    A, b = load_diabetes(return_X_y=True)
    A, b = StandardScaler().fit_transform(A), (b - b.mean()) / b.std()
    one = Regressor(network=(20,), learning_rate=0.01, random_state=0, alpha=1.0).fit(A, b)
    assert one.predict(A).shape == b.shape and one.score(A, b) > 0.5
    two = Regressor(**SMALL, loss=sd.nn.huber).fit(A, np.stack([b, -b], axis=1))
    assert two.predict(A).shape == (len(A), 2)


def test_autoencoder() -> None:
    coder = Autoencoder(2, network=(20,), learning_rate=0.01, max_iter=400, random_state=0).fit(X)
    codes = coder.transform(X)
    again = coder.inverse_transform(codes)
    np.testing.assert_allclose(again, coder.model_.predict(X=X)["again"], rtol=1e-12, atol=1e-12)
    assert coder.score(X) > -0.5  # of variance 1
    assert list(coder.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    own_coder = Autoencoder(
        2,
        network=lambda x, k: sd.nn.dense(x, k, name="down"),
        decoder=lambda z, k: sd.nn.dense(z, k, name="up"),
        max_iter=3,
    )
    assert own_coder.fit(X).inverse_transform(codes).shape == X.shape


def test_float32_stays_float32() -> None:
    one = Classifier(**SMALL).fit(X.astype("float32"), y)
    assert one.model_.dtype == "float32" and one.predict_proba(X[:3]).dtype == np.float32
    assert Classifier(**SMALL, dtype="float32").fit(X, y).model_.dtype == "float32"


def test_another_target() -> None:
    options = SMALL | {"max_iter": 2}
    one, two = Classifier(**options).fit(X, y), Classifier(**options, target="python").fit(X[:], y)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), rtol=1e-9)


def flat(inputs: sd.Tensor, outputs: int) -> sd.Tensor:
    return sd.nn.dense(inputs, outputs + 1, name="wrong")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"alpha": -1.0}, "alpha"),
        ({"network": (0,)}, "network"),
        ({"network": 50}, "network"),
        ({"network": "50"}, "network"),
        ({"activation": "rellu"}, "activation"),
        ({"n_iter_no_change": 0}, "n_iter_no_change"),
        ({"batch_size": 0}, "batch_size"),
        ({"network": flat}, "something else than its outputs"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(sd.SymdlError, match=message) as caught:
        Classifier(**settings).fit(X, y)
    assert caught.value.cure or message == "batch_size"


def test_weights_of_nothing() -> None:
    with pytest.raises(ValueError, match="weight"):
        Classifier().fit(X, y, sample_weight=np.zeros(len(y)))
    with pytest.raises(ValueError, match="weight"):
        Classifier().fit(X, y, sample_weight=np.where(y > 0, 1, -1))


@pytest.mark.parametrize("weights", [None, np.arange(len(X)) % 3], ids=["", "weighted"])
def test_sparse_samples_become_dense_batch_by_batch(weights: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    rows: list[int] = []
    toarray = sparse.csr_matrix.toarray

    def noted(matrix: Any, *args: Any, **options: Any) -> Any:
        rows.append(matrix.shape[0])
        return toarray(matrix, *args, **options)

    thin = np.where(np.abs(X) > 0.5, X, 0.0)
    settings = SMALL | {"batch_size": 20, "max_iter": 3}
    dense = Classifier(**settings).fit(thin, y, sample_weight=weights)
    monkeypatch.setattr(sparse.csr_matrix, "toarray", noted)
    monkeypatch.setattr("symdl.interop.sklearn.samples.NUMBERS_AT_ONCE", 30 * X.shape[1])
    found = Classifier(**settings).fit(sparse.csr_matrix(thin), y, sample_weight=weights)
    assert max(rows) == 20
    for name, array in dense.model_.parameters.items():
        np.testing.assert_array_equal(found.model_.parameters[name], array)
    rows.clear()
    np.testing.assert_allclose(found.predict_proba(sparse.coo_matrix(thin)), dense.predict_proba(thin))
    assert max(rows) == 30


def test_several_labels_at_once() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(200, 4))
    labels = (samples @ rng.normal(size=(4, 3)) > 0.5).astype(int)
    settings = SMALL | {"learning_rate": 0.03, "max_iter": 60}
    found = Classifier(**settings, class_weight="balanced", early_stopping=True).fit(samples, labels)
    shares = found.predict_proba(samples)
    assert shares.shape == (200, 3) and found.score(samples, labels) > 0.8
    np.testing.assert_array_equal(found.predict(samples), shares > 0.5)
    step = Classifier(**settings).partial_fit(samples, labels).partial_fit(samples, labels)
    assert step.n_iter_ == 2 and list(step.classes_) == [0, 1, 2]
    with pytest.raises(sd.SymdlError, match="of another kind"):
        step.partial_fit(samples, labels[:, 0])
    with pytest.raises(sd.SymdlError, match="MultiOutputClassifier"):
        Classifier().fit(samples, labels + labels[:, :1])
