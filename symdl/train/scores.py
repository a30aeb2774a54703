"""Scores by name: those of scikit-learn, of a model's output for all samples at once.

Enters: a model with one output, data, names. Leaves: a number for each name.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError, require_extra
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.train.labels import label_of

if TYPE_CHECKING:
    from symdl.train.state import ModelState

Array = NDArray[Any]


def scores(
    model: ModelState,
    data: Mapping[str, Any],
    names: Sequence[str],
    predict: Callable[..., Any],
    sample_weight: Any = None,
) -> dict[str, float]:
    """Return scikit-learn's scores of what a model predicts of data.

    An error by its name, such as ``"mean_absolute_error"``, is the number itself, where scikit-learn knows
    only its negative, ``"neg_mean_absolute_error"``, which is known as well.

    Raises:
        ArgumentError: a score is unknown, not defined for these data, or it is not clear of what it is.
        MissingExtraError: scikit-learn is not installed.
    """
    if isinstance(names, str):
        raise ArgumentError(f"metrics={names!r} is no list", cure=f"pass metrics=[{names!r}]")
    if not names:
        return {}
    known = set(require_extra("sklearn.metrics", "train").get_scorer_names())
    target, labels = _target(model)
    truth = model.checked(data, scoring=True).by_name[str(target.name)]
    output, truth = np.asarray(predict(**data)), np.asarray(truth)
    ways = [_fitted(output, labels=labels)]
    if not labels and output.shape == truth.shape and np.isin(truth, (0, 1)).all() and _logits(output):
        ways.append(_fitted(output, labels=True))
    return {name: _score(name, known, ways, truth, sample_weight) for name in names}


def _logits(output: Array) -> bool:
    """Say whether numbers are logits of class 1 and no probabilities."""
    return bool((output < 0).any() or (output > 1).any())


def _target(model: ModelState) -> tuple[Tensor, bool]:
    """Return the input that holds what should be predicted, and whether these are labels."""
    outputs = tuple(model.outputs.values())
    label, logits = label_of(outputs, model.ranges)
    if label is not None and logits is not None and len(outputs) == 1:
        return label, True
    read = {t for t in collect(outputs).inputs if t.role == "input"} if outputs else set()
    late = [t for t in model.scored if t not in read]
    if len(outputs) != 1 or len(late) != 1:
        raise ArgumentError(
            "metrics: it is not clear what is predicted of what",
            shapes={str(t.name): t.shape for t in (*outputs, *late)},
            cure="give the model one output, and a loss that reads one input more: the labels or the targets",
        )
    return late[0], late[0].dtype == "int64"


def _fitted(output: Array, *, labels: bool) -> Any:
    """Return what scikit-learn takes for a fitted estimator, which predicts what is known already."""
    from scipy.special import softmax

    base = require_extra("sklearn.base", "train")

    # The bases are in a module that is there with the extra only; a type checker does not know them.
    class Known(base.BaseEstimator):  # type: ignore[name-defined]
        """Predicts the values of `output`."""

        def fit(self, X: Any, y: Any = None) -> Known:
            return self

        def predict(self, X: Any) -> Array:
            return output

    class KnownClasses(base.ClassifierMixin, Known):  # type: ignore[name-defined]
        """Predicts classes from their logits, or from the logit of class 1."""

        classes_ = np.arange(output.shape[1] if output.ndim == 2 and output.shape[1] > 1 else 2)

        def decision_function(self, X: Any) -> Array:
            flat = output.reshape(len(output), -1)
            if flat.shape[1] == 1:
                return flat[:, 0]
            return flat[:, 1] - flat[:, 0] if flat.shape[1] == 2 else flat

        def predict_proba(self, X: Any) -> Array:
            flat = output.reshape(len(output), -1).astype(np.float64)
            flat = np.concatenate([np.zeros_like(flat), flat], axis=1) if flat.shape[1] == 1 else flat
            shares: Array = softmax(flat, axis=1)
            return shares

        def predict(self, X: Any) -> Array:
            best: Array = self.predict_proba(X).argmax(axis=1)
            return best

    class KnownNumbers(base.RegressorMixin, Known):  # type: ignore[name-defined]
        """Predicts numbers."""

    return KnownClasses() if labels else KnownNumbers()


def _score(name: str, known: set[str], ways: Sequence[Any], truth: Array, sample_weight: Any) -> float:
    """Return a score of numbers or classes; of 0 and 1, which may be either, the first that is defined."""
    sign = -1.0 if name not in known and f"neg_{name}" in known else 1.0
    own = f"neg_{name}" if sign < 0 else name
    if own not in known:
        close = difflib.get_close_matches(name, [n.removeprefix("neg_") for n in known], n=3)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "names are scikit-learn's"
        raise ArgumentError(f"there is no score {name!r}", cure=hint)
    scorer = require_extra("sklearn.metrics", "train").get_scorer(own)
    weights = {} if sample_weight is None else {"sample_weight": np.asarray(sample_weight)}
    samples = np.zeros((len(truth), 1))  # nothing reads them
    for fitted in ways:
        try:
            return sign * float(scorer(fitted, samples, truth, **weights))
        except (AttributeError, TypeError, ValueError) as error:
            last = error
    several = [n for n in (f"{name}_macro", f"{name}_ovr") if n in known]
    cure = f"use {several[0]!r} for several classes" if several else "choose a score that fits the data"
    raise ArgumentError(
        f"{name!r} is not defined here: {last}", cure=f"{cure}; of one class, let the output be its logit"
    ) from last
