"""A network with its parameters' values.

Enters: a loss, as a tensor, and the output to predict, or several of each by name. Leaves: `Model`, which
trains, predicts, scores, and keeps its parameters in files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Never

import numpy as np

from symdl.errors import ArgumentError
from symdl.run.runtime import Target
from symdl.train.callbacks import Callback
from symdl.train.choice import Optimizers, Trainable
from symdl.train.feeds.training import Augment
from symdl.train.history import History
from symdl.train.reported import ReportedModel
from symdl.train.sample_weights import ClassWeight, fit_weighted
from symdl.train.saving import read_model
from symdl.train.settings import Settings
from symdl.train.tables import summary, summary_html


class Model(ReportedModel):
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
        storage: narrow types of data, as in `symdl.compile`: with ``{"image": "uint8"}`` a data set of bytes
            stays as it is, and so do its batches. Parameters have `dtype`.

    Attributes:
        parameters: the array of each parameter by name; change values in place. (A device's come when asked.)
        running: the array of each state that layers keep, such as the running means of batch norm.
        history: the `History` of the last `fit`; if that was interrupted or diverged, of its whole epochs.
        losses, outputs, metrics: the tensors by name; one loss or output alone is called ``""``.

    Raises:
        TrainingError: a loss has axes, or the inputs do not share a first axis over samples.

    Example:
        >>> X, y = sd.tensor("X", (sd.Dim("n"), 3)), sd.tensor("y", (sd.Dim("n"),))
        >>> guess = sd.nn.dense(X, 1, name="line")[:, 0]
        >>> model = sd.Model(sd.nn.mean_squared_error(guess, y), output=guess)
        >>> print(model.parameters["line.W"].shape)
        (3, 1)
    """

    def fit(
        self,
        data: Any,
        *unnamed: Never,
        optimizer: Optimizers | None = None,
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
        sample_weight: Any = None,
        class_weight: ClassWeight = None,
        communicator: Any = None,
        augment: Augment | None = None,
    ) -> History:
        """Train by mini-batches; on one machine equal seeds and data give equal results on any cores.

        Args:
            data, test: an array for each input by name, samples first; `test` is scored at the end. `data`
                may be a stream of batches, too: see docs/interop.md.
            optimizer: such as ``sd.nn.Adam(1e-3)``; of several losses one for each by name; None if resumed.
            batch_size, epochs: samples a step (the last batch may be smaller); the most passes over the data.
            validation: validation data, or the share of `data` to be held out, in [0, 1).
            shuffle, seed: whether each epoch has an order of its own; decides it and the held-out samples.
            patience: stop after so many epochs in which what is watched after them got no better; None never.
            watch: ``"accuracy"``, or a loss or metric by name; by default the (validation) loss (a sum).
            restore_best: at the end, put back the weights of the epoch in which what is watched was best.
            callbacks: functions ``(epoch, model) -> bool | None``; True stops; see `symdl.train.Callback`.
            resume: go on with the previous fit: its state of a like optimizer, its orders by one seed.
            progress, threads: show a bar, None if standard error is a terminal; cores to use, None chooses.
            trainable: what learns: names, paths such as ``"out"``, a function of names; or each for its loss.
            augment: a function ``(batch, rng) -> batch`` on dictionaries of arrays, called before each step.
            sample_weight: how much each sample counts in the loss: 2 as two samples, 0 not at all; means are
                weighted. Validation and test data have theirs under ``"sample_weight"``, or 1.
            class_weight: a weight for each class as well, 1 where none is given, or ``"balanced"``.
            communicator: mpi4py's, whose processes share each batch; the first one calls the callbacks.

        Raises:
            ArgumentError: data or options do not fit, found before anything is computed.
            TrainingError: training diverged; the weights are then the last good ones.
        """
        if unnamed:
            whole = ", ".join(f"{str(t.name)!r}: ..." for t in self.inputs)
            what = f"fit takes all data as one dictionary, and {len(unnamed)} more came without a name"
            raise ArgumentError(what, cure=f"write fit({{{whole}}}, optimizer=...)")
        settings = Settings(
            *(optimizer, batch_size, epochs, validation, shuffle, seed, patience, watch, restore_best),
            *(progress, tuple(callbacks), test, resume, threads, trainable, communicator, augment),
        )
        self.history = fit_weighted(self, data, settings, sample_weight, class_weight)
        return self.history

    def summary(self) -> str:
        """Return a table of the parameters, and of running states if there are any: names, shapes, counts.

        The total counts parameters only.
        """
        return summary(self.parameters, self.running)

    def __repr__(self) -> str:
        count = sum(int(np.prod(t.shape)) for t in self.tensors)
        names = ", ".join(str(t.name) for t in self.inputs)
        goal = ", ".join(name or t.name or "loss" for name, t in self.losses.items())
        return f"Model({names} -> {goal}, {count:,} parameters, {self.dtype})"

    def _repr_html_(self) -> str:
        return summary_html(repr(self), self.parameters, self.running)


def load(path: str | os.PathLike[str], *, target: str | Target = "cpu") -> Model:
    """Return the model in a file of `Model.save`: ``model = sd.load("model.safetensors")``.

    The network comes from the file; the code that defined it is not needed. Values are those that were saved,
    and ``model.fit(data, resume=True)`` goes on with training where it was.

    Args:
        path: the file.
        target: where the model computes from now on, as in `symdl.compile`.

    Raises:
        DataError: no such file, a damaged one, one of a later format, or one that holds weights only.
        MissingExtraError: safetensors is not installed.
    """
    return Model.restored(read_model(path), target=target, where=os.fspath(path))
