"""What there is to be trained: losses, data that they read, values.

Enters: a loss as a tensor, and the output to predict, or several of each by name. Leaves: `ModelState`, on
which `fit` works and `Model` is built.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Self

import numpy as np

from symdl.errors import ArgumentError
from symdl.express.build import parameters
from symdl.express.labels import label_ranges
from symdl.express.modes import inference, training_updates
from symdl.express.program import Fact, Program, collect, dropped
from symdl.express.tensors import Tensor
from symdl.run.runtime import Target
from symdl.run.storage import Storage, chosen_storage
from symdl.targets import find as find_target
from symdl.train import parts
from symdl.train import weights as files
from symdl.train.arrays import Arrays, batch_size_of, checked
from symdl.train.forward import Forward, score
from symdl.train.history import History
from symdl.train.labels import accuracy_of
from symdl.train.loop import Score
from symdl.train.parts import Named
from symdl.train.prepared import Steps
from symdl.train.resumable import Resumable
from symdl.train.values import kept, on_host, placed


class ModelState:
    """Losses, outputs and metrics by name, the values of what they depend on, and how data are scored.

    Attributes: see `symdl.train.model.Model`.
    """

    def __init__(
        self,
        loss: Named,
        *,
        output: Named | None = None,
        metrics: Mapping[str, Tensor] | None = None,
        seed: int = 0,
        dtype: str = "float32",
        target: str | Target = "cpu",
        facts: Sequence[Fact] = (),
        storage: Storage | None = None,
    ) -> None:
        followed = parts.numbers(metrics or {}, "metric")
        self._describe(parts.losses(loss), parts.outputs(output), followed, facts)
        self._compute(dtype, target, storage)
        self._place(*self._first_values(seed))

    def _describe(
        self,
        losses: dict[str, Tensor],
        outputs: dict[str, Tensor],
        metrics: dict[str, Tensor],
        facts: Sequence[Fact],
    ) -> None:
        """Note what is computed, and of what."""
        self.losses, self.outputs, self.metrics, self.facts = losses, outputs, metrics, tuple(facts)
        parts.check_names(loss=losses, output=outputs, metric=metrics)
        if metrics.keys() & losses.keys():
            raise ArgumentError("a metric and a loss share a name", cure="give each its own name")
        self.loss = parts.total(losses)
        program = collect([self.loss, *metrics.values(), *outputs.values()])
        self.inputs = tuple(t for t in program.inputs if t.role == "input")
        self.dropped = dropped(program)  # may be among the data, but nothing reads them
        self.samples = batch_size_of(self.inputs)
        self.tensors = parameters(*program.outputs)
        self.ranges = label_ranges(program.equations)
        self.accuracy = accuracy_of(tuple(losses.values()), tuple(outputs.values()), self.ranges)
        known = collect(inference(*program.outputs)).inputs
        scored = (t for t in collect(self._scored()).inputs if t.role == "input")
        self.scored = tuple(dict.fromkeys((*self.inputs, *scored)))
        moving = (old for old, _ in training_updates(*program.outputs))
        self._moving = tuple(dict.fromkeys([*(t for t in known if t.role == "state"), *moving]))
        self.history: History | None = None
        self.resumable: Resumable | None = None
        self.prepared = Steps()
        self._forwards: dict[str, Forward] = {}

    def _compute(self, dtype: str, target: str | Target, storage: Storage | None) -> None:
        """Note in which numbers and where it is computed."""
        if dtype not in ("float32", "float64"):
            raise ArgumentError(f"dtype={dtype!r}", cure="use 'float32' or 'float64'")
        self.dtype, self.target = dtype, find_target(target)
        self.storage = chosen_storage(storage, Program(self.scored, (), ()), self.dropped)

    def _first_values(self, seed: int) -> tuple[files.Weights, files.Weights]:
        """Return first values of parameters and of running states."""
        learned, moving = (
            files.initial(each, seed=seed, dtype=self.dtype) for each in (self.tensors, self._moving)
        )
        return learned, moving

    def _place(self, weights: files.Weights, running: files.Weights) -> None:
        """Keep the values of parameters and running states where the target computes."""
        self.parameters = placed(weights, self.target.runtime)
        self.running = placed(running, self.target.runtime)

    def weights(self) -> files.Weights:
        """Return the parameters' arrays as kernels take them, after a check of names and shapes."""
        return self._checked(self.parameters, self.tensors)

    def values(self) -> files.Weights:
        """Return the arrays of parameters and running states."""
        return self.weights() | kept(self.running)

    def _checked(self, values: MutableMapping[str, Any], tensors: Sequence[Tensor]) -> files.Weights:
        """Return arrays as kernels take them, after a check; those of the host go to the target's memory."""
        found, runtime = kept(values), self.target.runtime
        for name, array in files.checked_weights(tensors, found, self.dtype).items():
            found[name] = runtime.keep(array) if isinstance(array, np.ndarray) else array
        return found

    def to(self, target: str | Target) -> Self:
        """Compute on another target from now on, with the same weights: training goes on where it was.

        Arrays that were taken out of `parameters` and `running` before are no longer the model's.

        Args:
            target: such as ``"cuda"`` or ``"cpu"``, as in `symdl.compile`.

        Returns:
            The model.

        Raises:
            CompileError: there is no such target.
        """
        found = find_target(target)
        if found is not self.target:
            values, running = on_host(self.weights()), on_host(self.running)
            self.target, self._forwards = found, {}
            self.parameters, self.running = placed(values, found.runtime), placed(running, found.runtime)
            if self.resumable is not None:
                self.resumable = self.resumable.kept(found.runtime.keep)
        return self

    def checked(self, data: Mapping[str, Any], what: str = "data", *, scoring: bool = False) -> Arrays:
        """Return data for all inputs, checked; for scoring those that only the inference form reads too."""
        needed = self.scored if scoring else self.inputs
        others = [*self.dropped, *(str(t.name) for t in self.scored if t not in needed)]
        results = (self.loss, *self.metrics.values())
        return checked(
            needed,
            data,
            dtype=self.dtype,
            storage=self.storage,
            ranges=self.ranges,
            results=results,
            ignore=others,
            what=what,
            accept=self.target.runtime.accept,
        )

    def score(self, data: Arrays) -> Score:
        """Return loss, accuracy and named values for checked data."""
        names, shared = tuple(self.values_by_name), self.accuracy is not None
        return score(self.forward("loss"), data, self.values(), names, accuracy=shared)

    @property
    def values_by_name(self) -> dict[str, Tensor]:
        """Several losses, and the metrics."""
        return {**(self.losses if len(self.losses) > 1 else {}), **self.metrics}

    def _scored(self) -> tuple[Tensor, ...]:
        accuracy = () if self.accuracy is None else (self.accuracy,)
        return inference(self.loss, *self.values_by_name.values(), *accuracy)

    def forward(self, what: str) -> Forward:
        """Return what computes the ``"output"`` or the ``"loss"`` with all that is scored."""
        if what not in ("output", "loss"):
            raise ArgumentError(f"a model computes no {what!r}", cure="ask for 'output' or 'loss'")
        if what not in self._forwards:
            shown = inference(*self.outputs.values()) if what == "output" else self._scored()
            options: dict[str, Any] = {"dtype": self.dtype, "target": self.target, "facts": self.facts}
            self._forwards[what] = Forward(shown, self.samples, storage=self.storage, **options)
        return self._forwards[what]
