"""A classifier.

Enters: samples and labels of any kind. Leaves: their classes' probabilities.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from symdl.errors import ArgumentError, require_extra
from symdl.interop.sklearn.labelled import Labelled
from symdl.interop.sklearn.networks import Loss, Network
from symdl.interop.sklearn.samples import positive

multiclass = require_extra("sklearn.utils.multiclass", "train")


class Classifier(Labelled):
    """A network that chooses among classes: logits, softmax, and by default cross entropy.

    Args:
        network: sizes of hidden layers, or a function ``(X, outputs)`` from the tensor of inputs, shape
            ``(n, features)``, and the number of classes to logits of shape ``(n, outputs)``.
        activation: of hidden layers: ``"relu"``, ``"tanh"``, ``"sigmoid"``, ``"gelu"``, ``"identity"``, ...
        loss: a function ``(logits, labels)`` to a rank-0 tensor; None: `symdl.nn.cross_entropy`, of several
            labels at once `symdl.nn.binary_cross_entropy`.
        class_weight: ``"balanced"`` or a weight for each class: its samples count so much more.
        alpha: strength of the penalty ``alpha/(2*n)*sum(W**2)`` of weights, not biases, for batches of `n`.
        optimizer: such as ``sd.nn.SGD(0.1)``; None: `symdl.nn.Adam` with `learning_rate`.
        learning_rate: of Adam, where no optimizer is given.
        batch_size: samples a step; ``"auto"``: 200, or all if they are fewer.
        max_iter: the most passes over the data.
        shuffle: whether each pass has an order of its own.
        tol, n_iter_no_change: training ends when its loss, or with `early_stopping` the score of the samples
            held out, got no better by `tol` for so many passes.
        early_stopping, validation_fraction: whether samples are held out, and which share; the weights of the
            pass that was best on them are kept.
        random_state: decides first values, orders, and which samples are held out.
        warm_start: whether `fit` goes on from the weights of the fit before.
        n_jobs: cores of one fit: None is 1, -1 measures and chooses.
        dtype: ``"float32"``, ``"float64"`` or None: that of the samples.
        target: where the network is computed, as in `symdl.compile`; None: where it usually is.

    Attributes:
        classes_: the labels, sorted; of several at once the numbers of the columns of `y`.
        model_: the trained `symdl.Model`; its parameters, derivations and files are at hand.
        history_: its `symdl.train.History`. loss_curve_: the loss of each pass; loss_: the last.
        n_iter_: passes over the data. n_features_in_, feature_names_in_: as everywhere in scikit-learn.

    Raises:
        ArgumentError: a setting is out of range.
    """

    def __init__(
        self,
        network: Network = (100,),
        *,
        activation: str = "relu",
        loss: Loss = None,
        class_weight: Any = None,
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
        super().__init__(
            network,
            activation=activation,
            loss=loss,
            alpha=alpha,
            optimizer=optimizer,
            learning_rate=learning_rate,
            batch_size=batch_size,
            max_iter=max_iter,
            shuffle=shuffle,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            random_state=random_state,
            warm_start=warm_start,
            n_jobs=n_jobs,
            dtype=dtype,
            target=target,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on samples of shape ``(n, features)`` with a label each, and perhaps a weight each.

        Of several labels at once `y` holds 1 for each that a sample has, else 0, shape ``(n, labels)``.
        """
        X, y = self._checked(X, y, reset=True)
        data, weights = positive(self, {"X": X, "y": y}, sample_weight)
        if self._several:
            self.classes_ = np.arange(y.shape[1])
        else:
            self.classes_, data["y"] = np.unique(data["y"], return_inverse=True)
        self._train(
            self._planned(self._kind, X, len(self.classes_)), data, self._weighted(data["y"], weights)
        )
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Pass once over more samples; the first call names all classes, in `classes`."""
        first = not hasattr(self, "model_")
        X, y = self._checked(X, y, reset=first)
        if self._several:
            self.classes_ = np.arange(y.shape[1])
        else:
            if multiclass._check_partial_fit_first_call(self, classes):
                self.classes_ = multiclass.unique_labels(classes)
            unknown = np.setdiff1d(y, self.classes_)
            if len(unknown):
                raise ArgumentError(f"{unknown[0]!r} is no class", cure="name all in the first partial_fit")
            y = np.searchsorted(self.classes_, y)
        data, weights = positive(self, {"X": X, "y": y}, sample_weight)
        self._train_on(
            self._planned(self._kind, X, len(self.classes_)), data, self._weighted(data["y"], weights)
        )
        return self
