"""Labels and logits of classifiers.

Enters: labels of any kind, or several for each sample as zeros and ones; logits. Leaves: labels as a network
learns them; probabilities, and labels again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from symdl.errors import ArgumentError, require_extra
from symdl.interop.sklearn.samples import CHECKED, Array, validation
from symdl.interop.sklearn.training import Trained, base
from symdl.train.feeds.tables import dense

multiclass = require_extra("sklearn.utils.multiclass", "train")
class_weights = require_extra("sklearn.utils.class_weight", "train")


# The bases are in a module that is there with the extra only; a type checker does not know them.
class Labelled(base.ClassifierMixin, Trained):  # type: ignore[name-defined]
    """An estimator that learns labels: one of several classes a sample, or several labels at once."""

    class_weight: Any
    classes_: Array
    _several: bool

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Array]:
        """Return samples and labels, checked; of several labels at once an array of zeros and ones."""
        X, y = validation.validate_data(self, X, y, **CHECKED, multi_output=True, reset=reset)
        multiclass.check_classification_targets(y)
        several = multiclass.type_of_target(y) == "multilabel-indicator"
        if not several and y.ndim > 1 and y.shape[1] > 1:
            raise ArgumentError(
                "each sample has several labels of more than two classes",
                shapes={"y": y.shape},
                cure="use sklearn.multioutput.MultiOutputClassifier(Classifier()), or zeros and ones",
            )
        if not reset and several != self._several:
            raise ArgumentError(
                "labels are of another kind than in the first partial_fit",
                cure="keep to one label a sample, or to zeros and ones",
            )
        self._several = several
        return X, dense(y).astype(np.int64) if several else validation.column_or_1d(y, warn=True)

    @property
    def _kind(self) -> str:
        return "multilabel" if self._several else "classifier"

    def _weighted(self, y: Array, weights: Array | None) -> Array | None:
        """Return weights of samples and of their classes, if there are any."""
        if self.class_weight is None:
            return weights
        labels = y if self._several else self.classes_[y]
        each: Array = class_weights.compute_sample_weight(self.class_weight, labels)
        return each if weights is None else each * weights

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, or of each of several labels, shape ``(n, classes)``."""
        logits = self._predicted(X)
        shares: Array = special.expit(logits) if self._several else special.softmax(logits, axis=1)
        return shares

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of each probability."""
        logits = self._predicted(X)
        shares: Array = special.log_expit(logits) if self._several else special.log_softmax(logits, axis=1)
        return shares

    def decision_function(self, X: Any) -> Array:
        """Return the logits; of two classes their difference, shape ``(n,)``."""
        logits = self._predicted(X)
        alone = logits.shape[1] == 2 and not self._several
        return logits[:, 1] - logits[:, 0] if alone else logits

    def predict(self, X: Any) -> Array:
        """Return the likeliest label of each sample; of several at once 1 for each that is likely, or 0."""
        logits = self._predicted(X)
        if self._several:
            return (logits > 0).astype(np.int64)
        found: Array = self.classes_[logits.argmax(axis=1)]
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
