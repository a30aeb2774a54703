"""Models that predict, and are scored.

Enters: a model with values, data. Leaves: outputs for all samples, losses, metrics, scores by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Never

import numpy as np

from symdl.errors import ArgumentError, TrainingError
from symdl.express.labels import label_ranges
from symdl.express.modes import inference
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.run import misfits
from symdl.train.arrays import checked
from symdl.train.copied import CopiedModel
from symdl.train.sample_weights import NAME, checked_weights, with_weights
from symdl.train.scores import scores


class PredictingModel(CopiedModel):
    """A model that predicts and is scored; see `symdl.train.model.Model`."""

    def _shown(self) -> tuple[Tensor, ...]:
        """Return the outputs as they are computed after training."""
        if not self.outputs:
            raise TrainingError(
                "this model has no output to predict", cure="build it with Model(loss, output=...)"
            )
        return inference(*self.outputs.values())

    def predict(self, /, *unnamed: Never, **inputs: Any) -> Any:
        """Return the output for all samples; inputs that only the loss reads may be left out.

        Samples pass in batches where they can; an output that mixes samples, such as a mean, is one over all.

        Returns:
            An array, on the device if an input is; of a model with named outputs a dictionary of arrays.

        Raises:
            TrainingError: the model has no output.
            ArgumentError: inputs do not fit.
        """
        program = collect(self._shown())
        needed = tuple(t for t in program.inputs if t.role == "input")
        if not needed:
            raise TrainingError(f"the output {program.outputs[0]} depends on no input")
        if unnamed:
            raise misfits.unnamed("predict", unnamed, [str(t.name) for t in needed])
        others = [*self.dropped, *(str(t.name) for t in self.inputs if t not in needed)]
        ranges = label_ranges(program.equations)
        data = checked(
            needed,
            inputs,
            dtype=self.dtype,
            storage=self.storage,
            ranges=ranges,
            results=program.outputs,
            ignore=others,
            what="inputs",
            accept=self.target.runtime.accept,
        )
        arrays = self.forward("output")(data, self.values())
        found = {name: _typed(array, self.dtype) for name, array in zip(self.outputs, arrays, strict=True)}
        if any(not isinstance(array, np.ndarray) for array in data.by_name.values()):
            found = {name: self.target.runtime.there(array) for name, array in found.items()}
        return found[""] if found.keys() == {""} else found

    def evaluate(
        self,
        data: Mapping[str, Any],
        *unnamed: Never,
        metrics: Sequence[str] = (),
        sample_weight: Any = None,
    ) -> dict[str, float]:
        """Return ``{"loss": ...}``, ``"accuracy"`` where labels and logits define one, and what has a name.

        Of several losses, ``"loss"`` is the sum, and each follows under its name, as the metrics do. What
        is random in training stands still: the network is taken in its inference form.

        Args:
            data: an array for each input by name, samples first.
            metrics: names of scikit-learn's scores, such as ``"f1_macro"``, ``"roc_auc"``, ``"r2"`` or
                ``"mean_absolute_error"``, computed from the output for all samples at once; of a model with
                one output and one input that only the loss reads: labels (int64), targets, or 0 and 1.
            sample_weight: how much each sample counts in the losses and in the scores of `metrics`.

        Raises:
            ArgumentError: data do not fit, or a score is unknown or not defined for them.
            MissingExtraError: scikit-learn is not installed, and `metrics` are asked for.
        """
        if unnamed:
            whole = ", ".join(f"{str(t.name)!r}: ..." for t in self.scored)
            what = f"evaluate takes all data as one dictionary, and {len(unnamed)} more came without a name"
            raise ArgumentError(what, cure=f"write evaluate({{{whole}}})")
        arrays = self.checked(data, scoring=True)
        if sample_weight is None:
            found = self.score(arrays)
        else:
            twin, weights = with_weights(self), checked_weights(sample_weight, arrays.count)
            found = twin.score(twin.checked({**data, NAME: weights}, scoring=True))
        accuracy = {} if found.accuracy is None else {"accuracy": found.accuracy}
        known = {"loss": found.loss, **accuracy, **found.values}
        return known | scores(self, data, metrics, self.predict, sample_weight)


def _typed(array: Any, dtype: str) -> Any:
    """Return a real array as `dtype`; a number that was put together is float64."""
    real = array.dtype.kind == "f" and isinstance(array, np.ndarray)
    return array.astype(dtype, copy=False)[()] if real else array
