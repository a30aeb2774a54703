"""Training on all samples at once by L-BFGS.

Enters: a model, its data, settings. Leaves: `FullBatch`, which takes the place of compiled batches in a
training run: an epoch is an iteration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symdl.differentiate.gradients import grad
from symdl.errors import ArgumentError
from symdl.express.modes import training_updates
from symdl.express.program import collect
from symdl.express.random import RandomUniform
from symdl.express.tensors import Tensor
from symdl.express.walks import any_of
from symdl.nn.lbfgs import LBFGS
from symdl.nn.protocol import Optimizer
from symdl.run.compile import compile
from symdl.run.storage import read_by
from symdl.train.choice import Trainable, learning
from symdl.train.diverging import Fault, fault_in
from symdl.train.layout import Layout
from symdl.train.minimizing import Minimization, Vector
from symdl.train.values import on_host
from symdl.train.weights import Weights, put_back

if TYPE_CHECKING:
    from symdl.train.state import ModelState


class FullBatch:
    """Loss, gradient and metrics of all samples, and the search for a lower loss.

    Attributes:
        weights: the arrays that training changes in place: parameters and running states.
        totals: the loss and the metrics after the latest `run`.
        ended: why there is no lower loss to be found, or None.
    """

    def __init__(
        self,
        state: ModelState,
        data: Mapping[str, Any],
        optimizers: Mapping[str, Optimizer],
        trainable: Trainable | Mapping[str, Trainable],
        *,
        threads: int | None,
    ) -> None:
        """See `symdl.train.fit`.

        Raises:
            ArgumentError: there are several losses, or the loss is another one at each call.
        """
        if len(state.losses) > 1:
            raise ArgumentError("L-BFGS makes one loss small", cure="add the losses up")
        (learned,) = learning(state.losses, optimizers, trainable).values()
        (settings,) = optimizers.values()
        assert isinstance(settings, LBFGS)
        metrics = tuple(state.values_by_name.values())
        updates = training_updates(state.loss, *metrics)
        outputs = [state.loss, *metrics, *(new for _, new in updates)]
        if drawn := [e.lhs for e in collect(outputs).equations if any_of(e.body, RandomUniform)]:
            raise ArgumentError(
                f"{drawn[0]} is random, and L-BFGS compares the loss at different points",
                cure="use sd.nn.Adam(), or a network without dropout and noise",
            )
        gradients = grad(state.loss, learned, facts=state.facts)
        options: dict[str, Any] = {"dtype": state.dtype, "target": state.target, "results": "host"}
        options["storage"] = read_by(collect([*outputs, *gradients]), state.storage)
        self._kernel = compile([*outputs, *gradients], facts=state.facts, threads=threads, **options)
        known = state.values()
        reads = {str(t.name) for t in self._kernel.program.inputs if t.value is None}
        self._loss_written, self._dtype = state.loss, state.dtype
        self._names = [str(t.name) for t in learned]
        self._states = [str(old.name) for old, _ in updates]
        self._metrics = len(metrics)
        self.weights = {name: known[name] for name in (*self._names, *self._states)}
        given = {**known, **data}
        self._given = {name: given[name] for name in reads if name not in self.weights}
        self._reads = [name for name in self._states if name in reads]
        self._learned = [name for name in self._names if name in reads]
        self._layout = Layout(_shapes(learned))
        self._point = self._layout.flatten(on_host({name: known[name] for name in self._names}))
        self._found: tuple[Vector, list[Any]] | None = None
        self._minimization = Minimization(self._point, settings)
        self.totals: NDArray[np.float64] = np.zeros(1 + self._metrics)

    def ended(self) -> str | None:
        """Return why there is no lower loss to be found, or None."""
        return self._minimization.ended

    def run(self, order: NDArray[np.int64], first: int = 0, last: int | None = None) -> float:
        """Go on for one iteration; return the loss after it."""
        reached = self._minimization.advance(self._loss)
        self._point = self._point if reached is None else reached
        found = self._results(self._point)
        learned = self._layout.unflatten(self._point)
        changed = dict(zip(self._states, found[1 + self._metrics :], strict=False))
        put_back(self.weights, learned | changed)
        self.totals = np.array(found[: 1 + self._metrics], "float64")
        return float(self.totals[0])

    def figures(self, totals: NDArray[np.float64], count: int) -> list[float]:
        """Return the loss and what is followed, which are those of all samples already."""
        found: list[float] = totals.tolist()
        return found

    def fault(self, weights: Weights, positions: NDArray[np.int64]) -> Fault | None:
        """Return what goes wrong in the loss at these weights; see `symdl.train.loop.Plan`.

        Where only a derivative does, the line search ends the training before any number is lost.
        """
        written = collect([self._loss_written])
        return fault_in([written], weights, self._given, dtype=self._dtype, positions=positions)

    def _loss(self, x: Vector) -> tuple[float, Vector]:
        results = self._results(x)
        gradients = results[len(results) - len(self._names) :]
        return float(results[0]), self._layout.flatten(dict(zip(self._names, gradients, strict=True)))

    def _results(self, x: Vector) -> list[Any]:
        """Compute everything at a point; the latest one is remembered."""
        if self._found is None or not np.array_equal(self._found[0], x):
            values = self._layout.unflatten(x)
            states = {name: self.weights[name] for name in self._reads}
            learned = {name: values[name] for name in self._learned}
            results = list(self._kernel(**self._given, **states, **learned))
            self._found = x.copy(), results
        return self._found[1]


def _shapes(tensors: Sequence[Tensor]) -> dict[str, tuple[int, ...]]:
    return {str(t.name): tuple(int(size) for size in t.shape) for t in tensors}
