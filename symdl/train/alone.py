"""A training step as files that stand alone.

Enters: a model and its training step. Leaves: `ExportedStep`, the method that writes files with forward pass,
backward pass and update in one function, whose state (parameters, states of layers and optimizers) its caller
holds.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdl.emit.alone import Answer
from symdl.run.exported import Asked, export
from symdl.train.finish import sizes_of
from symdl.train.learner import Learner
from symdl.train.values import on_host

if TYPE_CHECKING:
    from symdl.train.state import ModelState


class ExportedStep:
    """A training step that can be written as files."""

    _model: ModelState
    _learner: Learner

    @abstractmethod
    def _follow(self) -> None:
        """Take over what has changed in the model."""

    def export(
        self, path: str | os.PathLike[str], *, example: Mapping[str, Any] | None = None
    ) -> tuple[Path, ...]:
        """Write the training step as files that need no symdl: forward, backward and update in one function.

        Its state, that is parameters, states of layers and of the optimizer, its step number and learning
        rate, belongs to the caller, and a second function, ``start``, sets it as it is in this trainer now.
        In a Python file it is a dictionary of arrays by name, which ``step(state, X, t)`` changes in place;
        in C it is an array for each, and nothing allocates memory.

        Args:
            path: of the file, which ends with ``.py`` or ``.c``; its name becomes that of the function.
            example: a batch, with which a Python file tests itself; some numbers by default.

        Returns:
            The paths of the files; see `symdl.run.exported.Exported.export`.

        Raises:
            ArgumentError: the example does not fit.
            CompileError: there are no files with such an ending.
            DataError: a file cannot be written.
            EmitError: something has no code without symdl, such as SciPy's special functions.
        """
        self._follow()
        return _write(self._model, self._learner, path, example)


def _write(
    state: ModelState, learner: Learner, path: str | os.PathLike[str], example: Mapping[str, Any] | None
) -> tuple[Path, ...]:
    """Write the files of a training step."""
    step, kernel = learner.made.step, learner.made.kernel
    names = ("loss", *state.values_by_name)
    changed = [str(old.name) for old, _ in step.derived.updates]

    def call(arrays: Mapping[str, Any]) -> tuple[list[float], Mapping[str, Any]]:
        data = state.checked(arrays, "example")
        keep = state.target.runtime.keep
        weights = {name: keep(array) for name, array in on_host(learner.weights).items()}
        given = {name: data.by_name[name] for name in learner.reads}
        bound = kernel.bind(weights, given, data.count, threads=1)
        bound.run(np.arange(data.count, dtype=np.int64))
        sizes = sizes_of(step.program.inputs, data.by_name)
        after = on_host({name: weights[name] for name in changed})
        return step.figures(sizes, bound.totals, data.count), after

    answer = Answer("named", names)
    asked = Asked(answer, names, call, start=on_host(learner.weights), example=example)
    return export(path, step.derived, kernel.built, asked)
