"""Models with training steps of their users' own.

Enters: a model that can be saved. Leaves: `TrainedModel`: the training step for loops of one's own, and the
learning rate while training is under way, and what it predicts as files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from symdl.differentiate.prepare import prepare
from symdl.errors import TrainingError
from symdl.express.program import collect
from symdl.nn.averaged import AVERAGE, COUNT
from symdl.run.autotune import chosen
from symdl.run.compiled import Compiled
from symdl.run.packing import alone
from symdl.train.choice import Optimizers, Trainable
from symdl.train.learner import optimizers_of
from symdl.train.rates import rates_of, set_rates
from symdl.train.saved import SavedModel
from symdl.train.trainer import Trainer
from symdl.train.values import on_host
from symdl.train.weights import Weights


class TrainedModel(SavedModel):
    """A model that can be trained; see `symdl.train.model.Model`."""

    def export(
        self, path: str | os.PathLike[str], *, example: Mapping[str, Any] | None = None
    ) -> tuple[Path, ...]:
        """Write what `predict` computes as files that need no symdl; the weights are part of them.

        A training step is written by `symdl.train.Trainer.export`, for which `trainer` is called.

        Args:
            path: of the file, which ends with ``.py`` or ``.c``; its name becomes that of the function,
                which returns the output, or several in their order.
            example: an array for each input, with which a Python file tests itself; some numbers by default.

        Returns:
            The paths of the files; see `symdl.run.exported.Exported.export`.

        Raises:
            TrainingError: the model has no output.
            ArgumentError: the example does not fit.
            CompileError: there are no files with such an ending.
            DataError: a file cannot be written.
            EmitError: something has no code without symdl, such as SciPy's special functions.
        """
        shown = self._shown()
        pack = alone if len(shown) == 1 else None
        program, _ = prepare(collect(shown, facts=self.facts))
        made: Compiled[Any] = Compiled(program, dtype=self.dtype, target=self.target, pack=pack)
        needed = {str(t.name) for t in program.inputs}
        values = {name: array for name, array in on_host(self.values()).items() if name in needed}
        return made.export(path, values=values, example=example)

    def to_onnx(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        values: Mapping[str, Any] | None = None,
        dtype: str | None = None,
    ) -> Any:
        """Write what `predict` computes in the ONNX format: ``model.to_onnx("model.onnx")``.

        Inputs, outputs and weights keep their names, axes of variable size theirs.

        Args:
            path: the file; None only returns the model of that format.
            values: arrays in place of some of the parameters and running states, by name.
            dtype: of real numbers, ``"float32"`` or ``"float64"``; by default this model's.

        Returns:
            The ``ModelProto``.

        Raises:
            TrainingError: the model has no output.
            ExpressionError: functions or matrix decompositions that have no counterpart; all are named.
            MissingExtraError: the package ``onnx`` is not installed.
            DataError: the file cannot be written.
        """
        from symdl.onnx.writing.model import to_onnx

        shown = dict(zip(self.outputs, self._shown(), strict=True))
        names = {name or str(self.outputs[name].name or "output"): t for name, t in shown.items()}
        return to_onnx(
            names, path, values={**on_host(self.values()), **(values or {})}, dtype=dtype or self.dtype
        )

    def trainer(
        self,
        *,
        optimizer: Optimizers | None = None,
        trainable: Trainable | Mapping[str, Trainable] = None,
        resume: bool = False,
        threads: int | None = None,
    ) -> Trainer:
        """Return the compiled training step, for a loop of your own.

        Args:
            optimizer: such as ``sd.nn.Adam(1e-3)``; of several losses one for each by name; None if resumed.
            trainable: what learns, as in `fit`.
            resume: go on with the states of the previous trainer or fit.
            threads: how many cores to use; None measures and chooses.

        Returns:
            A `Trainer`: ``trainer.step(batch)`` trains on a dictionary of arrays.

        Raises:
            ArgumentError: options do not fit.
            TrainingError: the loss depends on no parameter, or there is nothing to go on from.
        """
        chosen(threads)
        optimizers = optimizers_of(self, optimizer, resume=resume)
        seed = self.resumable.seed if resume and self.resumable is not None else 0
        return Trainer(self, optimizers, trainable, resume=resume, seed=seed, threads=threads)

    def averaged(self) -> Self:
        """Return a model with the averages that `symdl.nn.Averaged` keeps in place of the parameters.

        It shares no arrays with this one, which may be trained further. Parameters without an average, frozen
        ones above all, and the running states of layers are as they are here.

        Raises:
            TrainingError: no step has made an average.

        Example:
            >>> history = model.fit(data, optimizer=sd.nn.Averaged(sd.nn.Adam(1e-3), decay=0.999))
            >>> scores = model.averaged().evaluate(test)
        """
        losses = () if self.resumable is None else self.resumable.optimizers
        states = {} if self.resumable is None else on_host(self.resumable.states)
        values = on_host(self.parameters)
        found: Weights = {}
        for loss in losses:
            names = {name: f"{loss}.{name}.{AVERAGE}" if loss else f"{name}.{AVERAGE}" for name in values}
            found |= {name: states[average] for name, average in names.items() if average in states}
        if not found or not any(states[s] for s in states if s.rpartition(".")[2] == COUNT):
            raise TrainingError(
                "no step has made averages of the weights",
                cure="train with optimizer=sd.nn.Averaged(sd.nn.Adam(1e-3)) first",
            )
        other = self.alike()
        other._place({**values, **found}, on_host(self.running))
        other.history = other.resumable = None
        return other

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the training under way or, if none is, of the last; a callback may set it.

        ``model.learning_rate = 1e-4`` holds from the next step on, and in ``fit(..., resume=True)`` without
        an optimizer. Of several losses, or groups of parameters (`symdl.nn.Grouped`), it is a dictionary by
        name. A schedule's can be read only.

        Raises:
            TrainingError: nothing was trained, an optimizer has none, or it is set and is a schedule.
            ArgumentError: it is set to what is no number, or less than 0.
        """
        return rates_of(self.resumable)

    @learning_rate.setter
    def learning_rate(self, value: float | Mapping[str, float]) -> None:
        set_rates(self.resumable, value)
