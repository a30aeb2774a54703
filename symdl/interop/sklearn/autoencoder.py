"""An autoencoder.

Enters: samples. Leaves: few numbers for each, from which it can be made again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from symdl.express.tensors import Tensor
from symdl.interop.sklearn.networks import Loss, Network, template
from symdl.interop.sklearn.samples import CHECKED, Array, positive, validation
from symdl.interop.sklearn.training import Trained, base


# The bases are in a module that is there with the extra only; a type checker does not know them.
class Autoencoder(base.ClassNamePrefixFeaturesOutMixin, base.TransformerMixin, Trained):  # type: ignore[name-defined]
    """A network that learns to make samples again from a few components of its own choice.

    Args:
        n_components: how many numbers stand for a sample.
        network: sizes of the encoder's hidden layers, or a function ``(X, components)`` from the tensor of
            inputs, shape ``(n, features)``, to their components.
        decoder: a function ``(Z, features)`` from components, shape ``(n, n_components)``, to samples; None:
            the hidden layers in reverse, or none of them if `network` is a function.
        activation: of hidden layers: ``"relu"``, ``"tanh"``, ``"sigmoid"``, ``"gelu"``, ``"identity"``, ...
        loss: a function ``(again, X)`` to a rank-0 tensor; None: `symdl.nn.mean_squared_error`.
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

    def __init__(
        self,
        n_components: int = 2,
        *,
        network: Network = (100,),
        decoder: Callable[[Tensor, int], Tensor] | None = None,
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
        self.n_components = n_components
        self.decoder = decoder

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on samples of shape ``(n, features)``; `y` is not used."""
        X = validation.validate_data(self, X, **CHECKED)
        data, weights = positive(self, {"X": X}, sample_weight)
        self._train(self._planned("autoencoder", X, self.n_components, decoder=self.decoder), data, weights)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Pass once over more samples."""
        X = validation.validate_data(self, X, **CHECKED, reset=not hasattr(self, "model_"))
        data, weights = positive(self, {"X": X}, sample_weight)
        self._train_on(
            self._planned("autoencoder", X, self.n_components, decoder=self.decoder), data, weights
        )
        return self

    @property
    def _n_features_out(self) -> int:
        return int(self._plan.outputs)

    def transform(self, X: Any) -> Array:
        """Return the components of each sample, shape ``(n, n_components)``."""
        return np.concatenate([self.model_.predict(X=block)["code"] for block in self._blocks(X)])

    def inverse_transform(self, Z: Any) -> Array:
        """Return the samples that components stand for, shape ``(n, features)``."""
        validation.check_is_fitted(self)
        Z = validation.check_array(Z, dtype=CHECKED["dtype"])
        decode = template(self._plan).decode
        read = {str(t.name) for t in decode.program.inputs}
        found: Array = decode(Z=Z, **{k: a for k, a in self.model_.parameters.items() if k in read})
        return found

    def score(self, X: Any, y: Any = None) -> float:
        """Return minus the mean squared difference of samples and what is made of their components."""
        total, count = 0.0, 0
        for block in self._blocks(X):
            again = self.model_.predict(X=block)["again"]
            total += float(((again.astype(np.float64) - block) ** 2).sum())
            count += block.size
        return -total / count

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
