"""The compiled training step, for loops of one's own.

Enters: a model, optimizers, batches one at a time. Leaves: `Trainer`, whose `step` trains on a batch and
tells its loss; what it changes can be read and set between two steps. `fit` on a stream runs the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symdl.nn.protocol import Optimizer
from symdl.run.bound import BoundEpoch
from symdl.train.alone import ExportedStep
from symdl.train.arrays import Arrays
from symdl.train.choice import Trainable
from symdl.train.finish import sizes_of
from symdl.train.learner import Learner, learner_of
from symdl.train.rates import rates_of, set_rates
from symdl.train.values import kept, on_host
from symdl.train.weights import put_back

if TYPE_CHECKING:
    from symdl.train.state import ModelState

_MOST = 8
"""Batches whose sizes differ that a trainer keeps room for."""


class Trainer(ExportedStep):
    """A training step that is called batch by batch: ``trainer.step({"X": X, "t": t})``.

    It changes the model's parameters and running states in place, and the states of its optimizers. A step
    has the same result as one of `Model.fit` with the same batch, to the last bit. Between two steps
    everything may be changed: ``model.parameters[name][...] = values``,
    ``trainer.states[name][...] = values`` and ``trainer.learning_rate = 1e-4``. `Model.save` keeps
    the states of the trainer that made the last step.

    See `Model.trainer`, which makes it.
    """

    def __init__(
        self,
        model: ModelState,
        optimizers: Mapping[str, Optimizer],
        trainable: Trainable | Mapping[str, Trainable] = None,
        *,
        resume: bool = False,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        self._model, self._trainable, self._threads = model, trainable, threads
        self._learner = learner_of(model, optimizers, trainable, resume=resume, seed=seed)
        self._target = model.target
        self._rooms: dict[object, BoundEpoch] = {}
        known = {*model.parameters, *model.running}
        self._shared = [name for name in self._learner.weights if name in known]
        model.resumable = self._learner.resumable

    @property
    def states(self) -> Mapping[str, NDArray[Any]]:
        """The arrays of the optimizers' states by name; change values in place.

        A learning rate that is a number is one of them. The states of layers are in `Model.running`.
        """
        training = self._learner.resumable
        return {n: np.asarray(_seen(a)) for n, a in {**training.fixed, **training.states}.items()}

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next step, a number that may be set; of several losses or groups by name.

        A schedule is a formula of the step, so its rate can be read only.

        Raises:
            TrainingError: an optimizer has none, or it is set and is a schedule.
            ArgumentError: it is set to what is no number, or less than 0.
        """
        return rates_of(self._learner.resumable)

    @learning_rate.setter
    def learning_rate(self, value: float | Mapping[str, float]) -> None:
        set_rates(self._learner.resumable, value)

    def step(self, batch: Mapping[str, Any]) -> dict[str, float]:
        """Train on one batch.

        Args:
            batch: an array for each input by name, samples first; their number may differ from step to step.

        Returns:
            ``{"loss": ...}`` as it was before the update, and each metric, and each of several losses, by its
            name. A loss that is no finite number is returned like another; the update has been made.

        Raises:
            ArgumentError: the batch does not fit; nothing has changed then.

        Example:
            >>> trainer = model.trainer(optimizer=sd.nn.Adam(1e-3))
            >>> for batch in batches:
            ...     loss = trainer.step(batch)["loss"]
        """
        data = self._model.checked(batch, "batch")
        return self.named(data, self.run(data), data.count)

    def run(self, data: Arrays) -> NDArray[np.float64]:
        """Train on a batch of checked data; return its totals."""
        self._follow()
        given = {name: data.by_name[name] for name in self._learner.reads}
        bound = self._room(given, data.count)
        bound.run(np.arange(data.count, dtype=np.int64))
        self._model.resumable = self._learner.resumable
        return bound.totals

    def named(self, data: Arrays, totals: NDArray[np.float64], count: int) -> dict[str, float]:
        """Return the loss and what else is followed, from the totals over so many samples like `data`."""
        names = ("loss", *self._model.values_by_name)
        return dict(zip(names, self.figures(data, totals, count), strict=True))

    def figures(self, data: Arrays, totals: NDArray[np.float64], count: int) -> Sequence[float]:
        """Return the same in order."""
        made = self._learner.made
        return made.step.figures(sizes_of(made.step.program.inputs, data.by_name), totals, count)

    @property
    def learner(self) -> Learner:
        """The step and the arrays that it changes."""
        return self._learner

    def _room(self, given: Mapping[str, Any], count: int) -> BoundEpoch:
        """Return the step bound to memory that holds the batch."""
        apart = self._target.runtime.apart
        key = (count if apart else None, *(a.shape[1:] for a in given.values()))
        room = self._rooms.pop(key, None)
        if room is None or room.samples < count:
            own = given if apart else {name: array.copy() for name, array in given.items()}
            kernel, weights = self._learner.made.kernel, self._learner.weights
            room = kernel.bind(weights, own, count, threads=self._threads)
            while len(self._rooms) >= _MOST:
                self._rooms.pop(next(iter(self._rooms)))
        else:
            room.refill(given)
        self._rooms[key] = room
        return room

    def _follow(self) -> None:
        """Take over arrays that were put in the place of others, and a target that the model moved to."""
        model, weights = self._model, self._learner.weights
        if model.target is not self._target:
            self._move()
            return
        now = {**kept(model.parameters), **kept(model.running)}
        if all(now.get(name) is weights[name] for name in self._shared):
            return
        known = model.values()
        weights.update({name: known[name] for name in self._shared})
        self._rooms.clear()

    def _move(self) -> None:
        before = self._learner
        old = on_host({**before.resumable.fixed, **before.resumable.states})
        optimizers, seed = before.resumable.optimizers, before.resumable.seed
        self._learner = learner_of(self._model, optimizers, self._trainable, resume=False, seed=seed)
        training = self._learner.resumable
        put_back({**training.fixed, **training.states}, old)
        self._target = self._model.target
        self._rooms.clear()


def _seen(array: Any) -> Any:
    return array.look() if hasattr(array, "look") else array
