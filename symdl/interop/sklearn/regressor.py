"""A regressor.

Enters: samples, and a number or several for each. Leaves: predicted numbers.
"""

from __future__ import annotations

from typing import Any, Self

from symdl.interop.sklearn.samples import CHECKED, Array, positive, validation
from symdl.interop.sklearn.training import Trained, base


# The bases are in a module that is there with the extra only; a type checker does not know them.
class Regressor(base.RegressorMixin, base.MultiOutputMixin, Trained):  # type: ignore[name-defined]
    """A network that predicts numbers, by default in the sense of least squares.

    Args:
        network: sizes of hidden layers, or a function ``(X, outputs)`` from the tensor of inputs, shape
            ``(n, features)``, and the number of targets to predictions of shape ``(n, outputs)``.
        activation: of hidden layers: ``"relu"``, ``"tanh"``, ``"sigmoid"``, ``"gelu"``, ``"identity"``, ...
        loss: a function ``(prediction, y)`` of tensors of shape ``(n, outputs)`` to a rank-0 tensor, such as
            `symdl.nn.huber`; None: `symdl.nn.mean_squared_error`.
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
        model_: the trained `symdl.Model`; its parameters, derivations and files are at hand.
        history_: its `symdl.train.History`. loss_curve_: the loss of each pass; loss_: the last.
        n_iter_: passes over the data. n_features_in_, feature_names_in_: as everywhere in scikit-learn.

    Raises:
        ArgumentError: a setting is out of range.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on samples of shape ``(n, features)``, targets of shape ``(n,)`` or ``(n, outputs)``."""
        data, weights = self._data(X, y, sample_weight, reset=True)
        self._train(self._planned("regressor", data["X"], data["y"].shape[1]), data, weights)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Pass once over more samples."""
        data, weights = self._data(X, y, sample_weight, reset=not hasattr(self, "model_"))
        self._train_on(self._planned("regressor", data["X"], data["y"].shape[1]), data, weights)
        return self

    def _data(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool
    ) -> tuple[dict[str, Any], Array | None]:
        X, y = validation.validate_data(self, X, y, **CHECKED, multi_output=True, y_numeric=True, reset=reset)
        if reset:
            self._flat = y.ndim == 1
        return positive(self, {"X": X, "y": y.reshape(len(y), -1)}, sample_weight)

    def predict(self, X: Any) -> Array:
        """Return predictions, of the shape that the targets had."""
        found = self._predicted(X)
        return found[:, 0] if self._flat else found
