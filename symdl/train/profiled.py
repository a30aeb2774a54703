"""Models that say where the time of a training step goes.

Enters: a model that can be trained. Leaves: `ProfiledModel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from symdl.errors import ArgumentError
from symdl.nn.optimizers import SGD
from symdl.train.choice import Optimizers
from symdl.train.learner import Learner, learner_of, optimizers_of
from symdl.train.made_up import made_up
from symdl.train.trained import TrainedModel
from symdl.train.values import on_host

if TYPE_CHECKING:
    from symdl.run.profiling.result import Profile


class ProfiledModel(TrainedModel):
    """A model whose training step can be measured; see `symdl.train.model.Model`."""

    def profile(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        batch_size: int = 64,
        optimizer: Optimizers | None = None,
        seconds: float = 0.5,
    ) -> Profile:
        """Measure where the time of a training step goes: each kernel and each equation, on one core.

        The step is done many times with copies of the weights; the model does not change.

        Args:
            data: an array for each input by name, samples first; by default normal random numbers, and labels
                in their range.
            batch_size: samples a step, if there are as many.
            optimizer: as of `fit`; by default that of the last training, or else ``sd.nn.SGD(0.01)``.
            seconds: about how long to measure.

        Returns:
            A `symdl.run.profiling.result.Profile`: ``print(model.profile())`` is a table.

        Raises:
            ArgumentError: data do not fit, or they must be given: an axis has an open size.
            TrainingError: the loss depends on no parameter.

        Example:
            >>> table = model.profile(data, batch_size=128)
        """
        from symdl.run.profiling.steps import profiled_step  # training that nobody profiles does without

        if batch_size < 1:
            raise ArgumentError(f"batch_size = {batch_size} is no positive integer")
        arrays = self.checked(made_up(self, batch_size) if data is None else data)
        learner = self.next_step(optimizer)
        keep = self.target.runtime.keep
        weights = {name: keep(array) for name, array in on_host(learner.weights).items()}
        given = {name: arrays.by_name[name] for name in learner.reads}
        return profiled_step(learner.made.kernel, weights, given, batch_size, seconds=seconds)

    def next_step(self, optimizer: Optimizers | None = None) -> Learner:
        """Return the training step that comes next, with the values that it would change.

        Args:
            optimizer: as of `profile`.
        """
        before = self.resumable
        if optimizer is None and before is None:
            optimizer = {name: SGD(0.01) for name in self.losses} if "" not in self.losses else SGD(0.01)
        optimizers = optimizers_of(self, optimizer, resume=before is not None)
        return learner_of(self, optimizers, None, resume=False, seed=0)
