"""Models that are saved, loaded, copied and pickled.

Enters: a model, or a file of one. Leaves: the file, or a model with its values and where its training is.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from symdl.errors import CompileError, DataError
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.run.runtime import Target
from symdl.run.storage import chosen_storage
from symdl.train import weights as files
from symdl.train.predicting import PredictingModel
from symdl.train.saving import Taken, load_module, opened, save_model, save_weights, state_of_module, take
from symdl.train.saving.snapshot import Snapshot, parts_of, snapshot, told, training_of, weights_among
from symdl.train.values import on_host


class SavedModel(PredictingModel):
    """A model that can be saved and loaded; see `symdl.train.model.Model`."""

    @classmethod
    def restored(cls, found: Snapshot, *, target: str | Target, where: str = "the saved model") -> Self:
        """Return the model that a snapshot describes; `where` is what it is from, for errors.

        Raises:
            DataError: the data are damaged, or of a later format.
        """
        model = cls.__new__(cls)
        with told(where):
            parts = parts_of(found)
            model._describe(parts["losses"], parts["outputs"], parts["metrics"], parts["facts"])
            try:
                storage = chosen_storage(parts["storage"], Program(model.scored, (), ()), model.dropped)
            except CompileError as error:  # of the data, not of what computes
                raise DataError(error.message, cure=error.cure) from error
        model._compute(parts["dtype"], target, storage)
        with told(where):
            empty = np.empty((), parts["dtype"])  # in no shape does it take more memory
            shapes = {str(t.name): np.broadcast_to(empty, tuple(map(int, t.shape))) for t in model._known()}
            values, _ = take(shapes, weights_among(found.arrays), where="the saved model")
            learned = {str(t.name) for t in model.tensors}
            own = {n: a for n, a in values.items() if n in learned}
            model._place(own, {n: a for n, a in values.items() if n not in learned})
            model._go_on(found)
        return model

    def _known(self) -> tuple[Tensor, ...]:
        return (*self.tensors, *self._moving)

    def _go_on(self, found: Snapshot) -> None:
        """Take over where training was, and its history."""
        resumable, self.history = training_of(found)
        self.resumable = None if resumable is None else resumable.kept(self.target.runtime.keep)

    def __deepcopy__(self, memo: object) -> Self:
        """Return a model of the same network with its own values; compiled code is shared."""
        other = self.alike()
        other._place(on_host(self.weights()), on_host(self.running))
        if self.resumable is not None:
            rng = np.random.default_rng()
            rng.bit_generator.state = self.resumable.rng.bit_generator.state
            other.resumable = replace(self.resumable.kept(self.target.runtime.keep), rng=rng)
        return other

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Tell `pickle` what the model is made of: its snapshot."""
        return _unpickled, (type(self), snapshot(self), self.target)

    def save(self, path: str | os.PathLike[str], *, allow_nan: bool = False) -> None:
        """Write the network, its values, and where its training is, into one file, whole or not at all.

        The file is in the format of safetensors: each of its readers finds the arrays of parameters and
        running states under their names. Equations, optimizer, random state and history are JSON in its
        header. `symdl.load` makes the model of it again, in a process that does not have the code of the
        network; ``fit(..., resume=True)`` then goes on as if nothing had happened, to the same numbers.

        Args:
            path: such as ``"model.safetensors"``. A file that is there keeps its permissions.
            allow_nan: whether to save a model that holds NaN or infinity.

        Raises:
            DataError: the file cannot be written.
            TrainingError: a value is NaN or infinite.
            ExpressionError: an equation holds a function that has no form as data.
            MissingExtraError: safetensors is not installed.
        """
        save_model(self, path, allow_nan=allow_nan)

    def save_weights(self, path: str | os.PathLike[str], *, allow_nan: bool = False) -> None:
        """Write the arrays of parameters and running states alone, for others to read.

        Args:
            path: such as ``"weights.safetensors"``.
            allow_nan: whether to save arrays that hold NaN or infinity.

        Raises:
            DataError: the file cannot be written.
            TrainingError: a value is NaN or infinite.
            MissingExtraError: safetensors is not installed.
        """
        save_weights(self, path, allow_nan=allow_nan)

    def load(
        self,
        path: str | os.PathLike[str],
        *,
        strict: bool = True,
        rename: Mapping[str, str] | None = None,
    ) -> Taken:
        """Take parameters and running states from a file, and where training was if it is this whole model's.

        Args:
            path: a file of `save` or `save_weights`, or another of the format of safetensors.
            strict: whether names and shapes must be this model's; if not, those that are its are taken.
            rename: names in the file, and this model's names for them: ``{"body.0.weight": "first.W"}``. A
                name that ends with a dot stands for all that begin with it: ``{"encoder.": ""}``.

        Returns:
            The names of what was taken, what is missing and what is not this model's.

        Raises:
            DataError: no such file, or its names or shapes are not this model's.
            ArgumentError: `rename` names what is not there.
        """
        arrays, contents = opened(path)
        wanted = self.values()
        values, taken = take(wanted, arrays, where=contents.path, strict=strict, rename=rename)
        found = None if contents.data is None else Snapshot(contents.data, dict(contents.arrays))
        if found is not None and strict and not rename:
            with told(contents.path):
                self._go_on(found)
        files.put_back({name: wanted[name] for name in values}, values)
        return taken

    def load_state_dict(
        self,
        source: Any,
        *,
        strict: bool = True,
        rename: Mapping[str, str] | None = None,
        transpose: Collection[str] = (),
    ) -> Taken:
        """Take parameters and running states from a module of PyTorch, or from a dictionary of arrays.

        Args:
            source: a ``torch.nn.Module``, whose layers are known by their kinds: a ``Linear``'s ``weight`` is
                the transposed ``W`` of `symdl.nn.dense`. Or its ``state_dict()``, where nothing says so.
            strict, rename: as in `load`: ``{"0.": "first."}``.
            transpose: names in `source` of further matrices to be transposed.

        Raises:
            DataError: names or shapes are not this model's.
            ArgumentError: `rename` or `transpose` names what is not there, or `source` is none of these.
        """
        wanted = self.values()
        values, taken = load_module(wanted, source, strict=strict, rename=rename, transpose=transpose)
        files.put_back({name: wanted[name] for name in values}, values)
        return taken

    def state_dict(
        self, module: Any, *, rename: Mapping[str, str] | None = None, transpose: Collection[str] = ()
    ) -> dict[str, Any]:
        """Return the arrays for a module of PyTorch: ``module.load_state_dict(model.state_dict(module))``.

        Arguments are as in `load_state_dict`, and so are the errors.
        """
        return state_of_module(on_host(self.values()), module, rename=rename, transpose=transpose)


def _unpickled(kind: type[SavedModel], found: Snapshot, target: str | Target) -> SavedModel:
    return kind.restored(found, target=target)
