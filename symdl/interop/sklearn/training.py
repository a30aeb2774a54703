"""What all estimators share: settings, and how they are trained.

Enters: an estimator with its settings, checked data. Leaves: the estimator with a trained `symdl.Model`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from symdl import nn
from symdl.errors import ArgumentError, require_extra
from symdl.interop.sklearn.networks import PENALTY, Loss, Network, Plan, layers_of, template
from symdl.interop.sklearn.samples import CHECKED, Array, dense_blocks, validation
from symdl.train.history import Epoch
from symdl.train.model import Model

base = require_extra("sklearn.base", "train")
selection = require_extra("sklearn.model_selection", "train")
utils = require_extra("sklearn.utils", "train")


# The bases are in a module that is there with the extra only; a type checker does not know them.
class Trained(base.BaseEstimator):  # type: ignore[name-defined]
    """An estimator whose `model_` is trained, with the settings that all have and each explains."""

    def __init__(
        self,
        network: Network = (100,),
        *,
        activation: str = "relu",
        loss: Loss = None,
        alpha: float = 1e-4,
        optimizer: Any = None,
        learning_rate: float = 1e-3,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        random_state: Any = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        dtype: str | None = None,
        target: Any = None,
    ) -> None:
        self.network = network
        self.activation = activation
        self.loss = loss
        self.alpha = alpha
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.dtype = dtype
        self.target = target

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _blocks(self, X: Any) -> Iterator[Array]:
        """Yield samples to be predicted, checked, in blocks that are dense."""
        validation.check_is_fitted(self)
        return dense_blocks(validation.validate_data(self, X, reset=False, **CHECKED))

    def _predicted(self, X: Any) -> Array:
        """Return the output for samples."""
        return np.concatenate([self.model_.predict(X=block) for block in self._blocks(X)])

    def _planned(self, kind: str, X: Any, outputs: int, **more: Any) -> Plan:
        """Return what the settings and the data say of the network."""
        return Plan(
            kind=kind,
            features=X.shape[1],
            outputs=outputs,
            network=layers_of(self.network),
            activation=self.activation,
            dtype=self.dtype or X.dtype.name,
            loss=self.loss,
            target=self.target,
            **more,
        )

    def _train(self, plan: Plan, data: dict[str, Any], weights: Array | None) -> None:
        """Train anew; with ``warm_start=True`` on from the weights of the fit before."""
        _check(self)
        rng = utils.check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        others, strata = None, data.get("y") if plan.kind == "classifier" else None
        if self.early_stopping:
            data, others, weights = _apart(self, data, weights, rng, strata)
        before = getattr(self, "model_", None) if self.warm_start else None
        model = template(plan).model.fresh(seed=seed)
        if before is not None:
            _take_over(model, before)
        by_score = self.early_stopping and model.accuracy is not None
        stop = _Stalled(self.tol, self.n_iter_no_change, by_score)
        options: dict[str, Any] = {"epochs": self.max_iter, "callbacks": [stop], "seed": seed}
        if others is not None:
            options |= {"validation": others, "watch": "accuracy" if by_score else None}
        self._learn(model, data, weights, options)
        self.model_, self._plan, self._seed = model, plan, seed
        self._note(model)
        self.n_iter_, self.loss_curve_ = len(stop.losses), stop.losses
        self.best_validation_score_: Any = stop.best_score

    def _train_on(self, plan: Plan, data: dict[str, Any], weights: Array | None) -> None:
        """Pass once over more data."""
        first = not hasattr(self, "model_")
        if first:
            _check(self)
            self._seed = int(utils.check_random_state(self.random_state).randint(2**31 - 1))
            self.model_, self._plan = template(plan).model.fresh(seed=self._seed), plan
            self.n_iter_, self.loss_curve_ = 0, []
        stop = _Stalled(0.0, 2, False)
        resume = self.model_.resumable is not None
        self._learn(self.model_, data, weights, {"callbacks": [stop], "seed": self._seed, "resume": resume})
        self._note(self.model_)
        self.n_iter_, self.loss_curve_ = self.n_iter_ + 1, [*self.loss_curve_, *stop.losses]

    def _learn(
        self, model: Model, data: dict[str, Any], weights: Array | None, options: dict[str, Any]
    ) -> None:
        if PENALTY in model.parameters:
            model.parameters[PENALTY][...] = self.alpha
        batch: Any = min(200, data["X"].shape[0]) if self.batch_size == "auto" else self.batch_size
        model.fit(
            data,
            optimizer=self.optimizer or nn.Adam(self.learning_rate),
            batch_size=batch,
            shuffle=self.shuffle,
            progress=False,
            threads=1 if self.n_jobs is None else None if self.n_jobs < 0 else self.n_jobs,
            trainable=_learns,
            sample_weight=weights,
            **options,
        )

    def _note(self, model: Model) -> None:
        assert model.history is not None
        self.history_ = model.history
        self.loss_ = model.history.epochs[-1].loss


def _learns(name: str) -> bool:
    return name != PENALTY


def _check(estimator: Any) -> None:
    """Refuse settings out of range that nobody behind would find."""
    if not 0 <= estimator.alpha < math.inf:
        raise ArgumentError(f"alpha={estimator.alpha!r}", cure="the strength of the penalty is 0 or more")
    if estimator.n_iter_no_change < 1:
        raise ArgumentError(f"n_iter_no_change={estimator.n_iter_no_change!r}", cure="use 1 or more")


def _apart(
    estimator: Any, data: dict[str, Any], weights: Array | None, rng: Any, strata: Array | None
) -> tuple[dict[str, Any], dict[str, Any], Array | None]:
    """Return data to learn from, data held out, and the weights of the first."""
    positions = np.arange(data["X"].shape[0])
    options = {"test_size": estimator.validation_fraction, "random_state": rng, "stratify": strata}
    learned, held = selection.train_test_split(positions, **options)
    others = {name: array[held] for name, array in data.items()}
    mine = {name: array[learned] for name, array in data.items()}
    if weights is None:
        return mine, others, None
    return mine, {**others, "sample_weight": weights[held]}, weights[learned]


def _take_over(model: Model, before: Model) -> None:
    """Begin with the parameters of another model of the same network.

    Raises:
        ArgumentError: its network is another one.
    """
    shapes = [{name: a.shape for name, a in each.parameters.items()} for each in (model, before)]
    if shapes[0] != shapes[1]:
        raise ArgumentError(
            "warm_start=True, but the network is another one than in the fit before",
            shapes={"now": shapes[0], "before": shapes[1]},
            cure="pass warm_start=False, or clone the estimator",
        )
    for name, array in before.parameters.items():
        model.parameters[name][...] = array
    for name, array in before.running.items():
        model.running[name][...] = array


class _Stalled:
    """Stops when neither loss nor score got better for a while."""

    def __init__(self, tol: float, epochs: int, by_score: bool) -> None:
        self.tol, self.patience, self.by_score = tol, epochs, by_score
        self.losses: list[float] = []
        self.best, self.since = math.inf, 0
        self.best_score: float | None = None

    def __call__(self, epoch: Epoch, model: Model) -> bool:
        self.losses.append(epoch.loss)
        accuracy = epoch.accuracy if self.by_score else None
        value = epoch.monitored if accuracy is None else 1 - accuracy
        if epoch.validation_loss is not None:
            score = -value if accuracy is None else accuracy
            self.best_score = score if self.best_score is None else max(score, self.best_score)
        self.since = 0 if value < self.best - self.tol else self.since + 1
        self.best = min(self.best, value)
        return self.since >= self.patience
