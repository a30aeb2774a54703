"""Training as one compiled call.

Enters: a loss, its parameters and update equations. Leaves: `TrainingKernel`; bound to weights and data it is
a `BoundEpoch`, whose `run` gathers batches, differentiates and updates, with no Python between two steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.differentiate.turns import Turn, Updates, training_step
from symdl.errors import ArgumentError
from symdl.express.program import Fact, Program
from symdl.express.tensors import Tensor
from symdl.run.arguments import (
    Arguments,
    Expected,
    constants,
    expected,
)
from symdl.run.autotune import chosen
from symdl.run.bound import BoundEpoch, Steps, step_of
from symdl.run.build import Built, batch_of
from symdl.run.memory import address
from symdl.run.resident import Resident
from symdl.run.runtime import Target
from symdl.run.storage import Storage, chosen_storage
from symdl.schedule.cost import CallCost
from symdl.targets import find

Array = NDArray[Any]


def compile_training(
    loss: Tensor,
    wrt: Sequence[Tensor],
    updates: Updates,
    *,
    metrics: Sequence[Tensor] = (),
    dtype: str = "float32",
    target: str | Target = "cpu",
    facts: Sequence[Fact] = (),
    threads: int | None = None,
    storage: Storage | None = None,
) -> TrainingKernel:
    """Compile training steps.

    Args:
        loss: a rank-0 tensor, the mean over a batch.
        wrt: the parameters to differentiate with respect to.
        updates: pairs of a parameter or state and its new value, or a function that makes them from the
            parameters and a mapping from parameter to gradient.
        metrics: further rank-0 tensors to average.
        dtype: of all real arrays.
        target: ``"cpu"``, ``"python"`` or a `symdl.run.runtime.Target`.
        facts: declared knowledge for clean-up.
        threads: how many cores to use; None measures and chooses. ``SYMDL_THREADS`` comes first. Results do
            not depend on it.
        storage: narrow types of data, as in `symdl.compile`: a data set keeps them, and so do batches.

    Raises:
        CompileError: `storage` is of no input, or of one that is updated.
        ExpressionError: two updates of one tensor, or of one that is no parameter or state.
    """
    program = training_step([Turn(loss, tuple(wrt), updates)], metrics=metrics, facts=facts)
    return TrainingKernel(program, dtype=dtype, target=target, threads=threads, storage=storage)


class TrainingKernel:
    """A compiled training step.

    Args:
        program: such as `symdl.differentiate.turns.training_step` makes.
        dtype, target, threads, storage: as in `compile_training`.
        weights: for each output the power of its number of samples by which a batch multiplies it before it
            adds it to the totals; 1 by default, for means; `LARGEST` for the largest of the batches' values.

    Attributes:
        program: forward pass, gradients and updates.
        states: the tensors of role ``state`` that it reads or updates.
        updated: the parameters and states that it changes.
    """

    def __init__(
        self,
        program: Program,
        *,
        dtype: str,
        target: str | Target,
        threads: int | None = None,
        weights: Sequence[int] | None = None,
        storage: Storage | None = None,
    ) -> None:
        chosen(threads)  # found here if it cannot be
        self.program, self._threads = program, threads
        self._weights = tuple(weights or [1] * len(program.outputs))
        self.updated = frozenset(old for old, _ in program.updates)
        self.states = tuple(t for t in program.inputs if t.role == "state")
        options: dict[str, Any] = {"dtype": dtype, "target": find(target), "schedule": "fused"}
        narrow = chosen_storage(storage, program)
        self._built = Built(program, **options, training=True, batch=batch_of(program), storage=narrow)
        self._inputs = expected(self._built.inputs, dtype)
        self._constants = constants(program, self._inputs)
        self._steps: Steps = {}

    @property
    def source(self) -> str:
        """The generated module and the listing of its calls."""
        return self._built.source

    @property
    def built(self) -> Built:
        """What was generated for the program: plan, calls, code."""
        return self._built

    @property
    def structures(self) -> tuple[str, ...]:
        """The loop structure of each call, or ``gemm``."""
        return self._built.lowered.structures

    @property
    def kernels(self) -> int:
        """The number of distinct loop kernels."""
        return len(self._built.lowered.kernels)

    def costs(self, sizes: Mapping[str, int]) -> tuple[CallCost, ...]:
        """Return what a step costs, call by call, for these values of the symbolic sizes.

        All inputs of role ``input`` with the batch in front are gathered, as from a data set. No memory is
        reserved and no device asked for.

        Raises:
            ArgumentError: the inputs have no batch axis in common.
            KeyError: a size has no value.
        """
        batch, lowered = batch_of(self.program), self._built.lowered
        if not batch:
            raise ArgumentError("the inputs have no batch axis in common")
        dims = lowered.sizes(dict(sizes))
        known = zip(self._inputs, self._built.inputs, lowered.program.inputs, strict=True)
        gathered = [
            (want, lowered.plan.places[t])
            for want, info, t in known
            if info.role == "input" and want.dims and want.dims[0] == batch
        ]
        return self._built.costs(dims, step_of(self._built, gathered, self._weights, dims, batch))

    def bind(
        self,
        weights: Mapping[str, Any],
        data: Mapping[str, Any],
        batch_size: int,
        *,
        threads: int | None = None,
    ) -> BoundEpoch:
        """Bind weights, which training changes in place, and a data set.

        Args:
            weights: parameters and states by name: writable, C-contiguous, of the kernel's dtype; or
                arrays that the target keeps (`symdl.run.runtime.Runtime.keep`).
            data: the other inputs by name, all samples; those with a batch axis are gathered from it.
            batch_size: samples a step.
            threads: how many cores to use; None for what the kernel was made with.

        Raises:
            ArgumentError: names, shapes, dtypes, numbers of samples or labels that do not fit.
        """
        inputs = {e.name: e for e in self._inputs}
        given = {n: data[n] for n in data if n in inputs} | {n: weights[n] for n in weights if n in inputs}
        unknown = [n for n in data if n not in inputs]
        if unknown or given.keys() != inputs.keys() - self._constants.keys():
            wanted = Arguments(self._inputs, self._constants)
            raise wanted.wrong_names({**given, **dict.fromkeys(unknown)})
        given |= self._constants
        _check_weights({n: weights[n] for n in weights if n in inputs}, inputs)
        if batch_size < 1:
            raise ArgumentError(f"batch_size = {batch_size} is no positive integer")
        options = (batch_size, self._weights, chosen(self._threads if threads is None else threads))
        return BoundEpoch(self._built, self._inputs, given, set(data), self._steps, *options)


def _check_weights(weights: Mapping[str, Any], inputs: Mapping[str, Expected]) -> None:
    for name, array in weights.items():
        want = inputs[name]
        if not isinstance(array, np.ndarray | Resident) or array.dtype != want.dtype:
            raise ArgumentError(f"{name} must be an array of dtype {want.dtype}")
        if array.shape != want.fixed:
            shapes = {name: array.shape, "expected": want.text}
            raise ArgumentError(f"{name} has the wrong shape", shapes=shapes)
        if isinstance(array, Resident):
            continue
        if not (array.flags.c_contiguous and array.flags.writeable and array.flags.aligned):
            raise ArgumentError(
                f"{name} cannot be updated in place", cure="pass a writable C-contiguous array"
            )
    plain = {n: a for n, a in weights.items() if isinstance(a, np.ndarray) and a.nbytes}
    spans = sorted((address(a), a.nbytes, n) for n, a in plain.items())
    for (start, size, one), (after, _, other) in itertools.pairwise(spans):
        if start + size > after:
            raise ArgumentError(f"{one} and {other} share memory", cure="pass separate arrays")
