"""A network with its parameters' values.

Enters: a loss, as a tensor, and the output to predict, or several of each by name. Leaves: `Model`, which
trains, predicts, scores, and keeps its parameters in files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from symdl.errors import ArgumentError, TrainingError
from symdl.express.build import parameters
from symdl.express.modes import inference, training_updates
from symdl.express.program import Fact, collect, dropped
from symdl.express.tensors import Tensor
from symdl.run.runtime import Target
from symdl.targets import find as find_target
from symdl.train import parts
from symdl.train import weights as files
from symdl.train.arrays import Arrays, batch_size_of, checked, label_ranges
from symdl.train.choice import Optimizers, Trainable
from symdl.train.fit import Resumable, Settings, fit
from symdl.train.forward import Forward, score
from symdl.train.history import History
from symdl.train.labels import accuracy_of
from symdl.train.loop import Score
from symdl.train.parts import Named
from symdl.train.tables import summary

if TYPE_CHECKING:
    from symdl.train.callbacks import Callback


class Model:
    """A loss, the parameters it depends on, and their values.

    Args:
        loss: the rank-0 tensor to be made small; its inputs share a first axis over samples. Several losses
            by name take turns in every batch, in this order: each has its own optimizer and parameters, and
            reads what those before it have changed. (Terms that one optimizer makes small together are one
            loss: ``a + 0.1*b``; name the terms as `metrics` to see them.)
        output: what `predict` returns, such as logits of shape ``(n, classes)``, or several by name; it must
            be a part of the mathematics that leads to the loss, or depend on the same parameters.
        metrics: further rank-0 tensors by name, to be followed in training and evaluation.
        seed: decides the parameters' first values.
        dtype: ``"float32"`` or ``"float64"``.
        target: where kernels run, as in `symdl.compile`.
        facts: declared knowledge, as in `symdl.compile`.

    Attributes:
        parameters: the array of each parameter by name; change values in place.
        running: the array of each state that layers keep, such as the running means of batch norm.
        history: the `History` of the last completed `fit`, or None.
        losses, outputs, metrics: the tensors by name; one loss or output alone is called ``""``.

    Raises:
        TrainingError: a loss has axes, or the inputs do not share a first axis over samples.
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
    ) -> None:
        if dtype not in ("float32", "float64"):
            raise ArgumentError(f"dtype={dtype!r}", cure="use 'float32' or 'float64'")
        self.losses, self.outputs = parts.losses(loss), parts.outputs(output)
        self.metrics = parts.numbers(metrics or {}, "metric")
        if self.metrics.keys() & self.losses.keys():
            raise ArgumentError("a metric and a loss share a name", cure="give each its own name")
        self.loss = parts.total(self.losses)
        self.dtype, self.target, self.facts = dtype, find_target(target), tuple(facts)
        program = collect([self.loss, *self.metrics.values(), *self.outputs.values()])
        self.inputs = tuple(t for t in program.inputs if t.role == "input")
        self.dropped = dropped(program)  # may be among the data, but nothing reads them
        self.samples = batch_size_of(self.inputs)
        self.tensors = parameters(*program.outputs)
        self.ranges = label_ranges(program.equations)
        self.accuracy = accuracy_of(tuple(self.losses.values()), tuple(self.outputs.values()), self.ranges)
        self.parameters = files.initial(self.tensors, seed=seed, dtype=dtype)
        known = collect(inference(*program.outputs)).inputs
        self.scored = tuple(dict.fromkeys((*self.inputs, *self._inputs_of_score())))
        moving = (old for old, _ in training_updates(*program.outputs))
        running = [*(t for t in known if t.role == "state"), *moving]
        self.running = files.initial(tuple(dict.fromkeys(running)), seed=seed, dtype=dtype)
        self.history: History | None = None
        self.resumable: Resumable | None = None
        self._forwards: dict[str, Forward] = {}

    def fit(
        self,
        data: Mapping[str, Any],
        *,
        optimizer: Optimizers,
        batch_size: int = 32,
        epochs: int = 1,
        validation: float | Mapping[str, Any] = 0.0,
        shuffle: bool = True,
        seed: int = 0,
        patience: int | None = None,
        watch: str | None = None,
        restore_best: bool = True,
        progress: bool | None = None,
        callbacks: Sequence[Callback] = (),
        test: Mapping[str, Any] | None = None,
        resume: bool = False,
        threads: int | None = None,
        trainable: Trainable | Mapping[str, Trainable] = None,
    ) -> History:
        """Train by mini-batches; on one machine equal seeds and data give equal results on any cores.

        Args:
            data, test: an array for each input by name, samples first; `test` is scored at the end.
            optimizer: such as ``sd.nn.Adam(1e-3)``; of several losses one for each by name.
            batch_size, epochs: samples a step (the last batch may be smaller); the most passes over the data.
            validation: validation data, or the share of `data` to be held out, in [0, 1).
            shuffle, seed: whether each epoch has an order of its own; decides it and the held-out samples.
            patience: stop after so many epochs in which what is watched after them got no better; None never.
            watch: ``"accuracy"``, or a loss or metric by name; by default the (validation) loss (a sum).
            restore_best: at the end, put back the weights of the epoch in which what is watched was best.
            progress: show a bar; None: if standard error is a terminal.
            callbacks: functions ``(epoch, model) -> bool | None``; True stops training.
            resume: go on with the previous fit: its state of a like optimizer, its orders by one seed.
            threads: how many cores to use; None measures and chooses.
            trainable: what learns: names, paths such as ``"out"``, a function of names; or each for its loss.

        Raises:
            ArgumentError: data or options do not fit, found before anything is computed.
            TrainingError: training diverged; the weights are then the last good ones.
        """
        settings = Settings(
            optimizer=optimizer,
            batch_size=batch_size,
            epochs=epochs,
            validation=validation,
            shuffle=shuffle,
            seed=seed,
            patience=patience,
            watch=watch,
            restore_best=restore_best,
            progress=progress,
            callbacks=tuple(callbacks),
            test=test,
            resume=resume,
            threads=threads,
            trainable=trainable,
        )
        self.history = fit(self, data, settings)
        return self.history

    def predict(self, /, **inputs: Any) -> Any:
        """Return the output for all samples; inputs that only the loss reads may be left out.

        Samples pass in batches where they can; an output that mixes samples, such as a mean, is one over all.

        Returns:
            An array; of a model with named outputs a dictionary of arrays.

        Raises:
            TrainingError: the model has no output.
            ArgumentError: inputs do not fit.
        """
        if not self.outputs:
            raise TrainingError(
                "this model has no output to predict", cure="build it with Model(loss, output=...)"
            )
        program = collect(inference(*self.outputs.values()))
        needed = tuple(t for t in program.inputs if t.role == "input")
        if not needed:
            raise TrainingError(f"the output {program.outputs[0]} depends on no input")
        others = [*self.dropped, *(str(t.name) for t in self.inputs if t not in needed)]
        ranges = label_ranges(program.equations)
        data = checked(
            needed,
            inputs,
            dtype=self.dtype,
            ranges=ranges,
            results=program.outputs,
            ignore=others,
            what="inputs",
        )
        arrays = self._forward("output")(data, self.values())
        found = {name: self._typed(array) for name, array in zip(self.outputs, arrays, strict=True)}
        return found[""] if found.keys() == {""} else found

    def evaluate(self, data: Mapping[str, Any]) -> dict[str, float]:
        """Return ``{"loss": ...}``, ``"accuracy"`` where labels and logits define one, and what has a name.

        Of several losses, ``"loss"`` is the sum, and each follows under its name, as the metrics do. What
        is random in training stands still: the network is taken in its inference form.

        Raises:
            ArgumentError: data do not fit.
        """
        found = self.score(self.checked(data, scoring=True))
        accuracy = {} if found.accuracy is None else {"accuracy": found.accuracy}
        return {"loss": found.loss, **accuracy, **found.values}

    def summary(self) -> str:
        """Return a table of the parameters, and of running states if there are any: names, shapes, counts.

        The total counts parameters only.
        """
        return summary(self.parameters, self.running)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write parameters and running states into a ``.npz`` file, whole or not at all.

        Raises:
            DataError: the file cannot be written.
        """
        files.save(self.values(), path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take parameters and running states from a file written by `save`.

        Raises:
            DataError: no such file, or its names or shapes are not this model's.
        """
        files.put_back(self.values(), files.load(path, self.values()))

    def weights(self) -> files.Weights:
        """Return the parameters' arrays as kernels take them, after a check of names and shapes."""
        self.parameters.update(files.checked_weights(self.tensors, self.parameters, self.dtype))
        return self.parameters

    def values(self) -> files.Weights:
        """Return the arrays of parameters and running states."""
        return self.weights() | self.running

    def checked(self, data: Mapping[str, Any], what: str = "data", *, scoring: bool = False) -> Arrays:
        """Return data for all inputs, checked; for scoring those that only the inference form reads too."""
        needed = self.scored if scoring else self.inputs
        others = [*self.dropped, *(str(t.name) for t in self.scored if t not in needed)]
        results = (self.loss, *self.metrics.values())
        return checked(
            needed,
            data,
            dtype=self.dtype,
            ranges=self.ranges,
            results=results,
            ignore=others,
            what=what,
        )

    def score(self, data: Arrays) -> Score:
        """Return loss, accuracy and named values for checked data."""
        names, shared = tuple(self.values_by_name), self.accuracy is not None
        return score(self._forward("loss"), data, self.values(), names, accuracy=shared)

    @property
    def values_by_name(self) -> dict[str, Tensor]:
        """Several losses, and the metrics."""
        return {**(self.losses if len(self.losses) > 1 else {}), **self.metrics}

    def _scored(self) -> tuple[Tensor, ...]:
        accuracy = () if self.accuracy is None else (self.accuracy,)
        return inference(self.loss, *self.values_by_name.values(), *accuracy)

    def _inputs_of_score(self) -> tuple[Tensor, ...]:
        return tuple(t for t in collect(self._scored()).inputs if t.role == "input")

    def _forward(self, what: str) -> Forward:
        if what not in self._forwards:
            shown = inference(*self.outputs.values()) if what == "output" else self._scored()
            options: dict[str, Any] = {"dtype": self.dtype, "target": self.target, "facts": self.facts}
            self._forwards[what] = Forward(shown, self.samples, **options)
        return self._forwards[what]

    def _typed(self, array: Any) -> Any:
        """Return a real array of the model's dtype; a number that was put together is float64."""
        return array.astype(self.dtype, copy=False)[()] if array.dtype.kind == "f" else array

    def __repr__(self) -> str:
        count = sum(int(np.prod(t.shape)) for t in self.tensors)
        names = ", ".join(str(t.name) for t in self.inputs)
        goal = ", ".join(name or t.name or "loss" for name, t in self.losses.items())
        return f"Model({names} -> {goal}, {count:,} parameters, {self.dtype})"
