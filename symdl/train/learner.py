"""A training step together with the values that it changes.

Enters: a model, optimizers, what is to learn, whether to go on. Leaves: `Learner`, which `fit` and `Trainer`
run: the compiled step, the arrays of parameters and states that it changes in place, and `Resumable`, what
the next training goes on from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symdl.errors import ArgumentError
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor
from symdl.nn.protocol import Optimizer
from symdl.train import weights as files
from symdl.train.choice import Optimizers, Trainable, chosen_optimizers, learning
from symdl.train.prepared import Prepared, prepared
from symdl.train.resumable import Resumable

if TYPE_CHECKING:
    from symdl.train.state import ModelState


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """A training step and its values.

    Attributes:
        losses: what is made small, as it was written.
        made: the compiled step.
        weights: arrays of parameters and states by name; those of the parameters are the model's own.
        resumable: where training is; its states are arrays of `weights`.
    """

    losses: tuple[Tensor, ...]
    made: Prepared
    weights: files.Weights
    resumable: Resumable

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the inputs that a step reads."""
        return tuple(str(t.name) for t in self.made.step.program.inputs if t.role == "input")

    def programs(self) -> Iterator[Program]:
        """Yield the losses as they were written, then the step."""
        yield collect(self.losses)
        yield self.made.step.program


def optimizers_of(state: ModelState, given: Optimizers | None, *, resume: bool) -> Mapping[str, Optimizer]:
    """Return the optimizer of each loss; if training goes on and none is given, those it had."""
    if given is not None:
        return chosen_optimizers(given, state.losses)
    if not resume:
        raise ArgumentError("no optimizer is given", cure="pass one, such as optimizer=sd.nn.Adam(1e-3)")
    return (state.resumable or Resumable({}, {})).again()


def learner_of(
    state: ModelState,
    optimizers: Mapping[str, Optimizer],
    trainable: Trainable | Mapping[str, Trainable],
    *,
    resume: bool,
    seed: int,
) -> Learner:
    """Return the training step of a model with its values, fresh or as the previous training left them.

    Raises:
        TrainingError: training is to go on with another kind of optimizer.
        ArgumentError: `trainable` or an optimizer names what is not there.
    """
    made = prepared(state, optimizers, learning(state.losses, optimizers, trainable))
    known = state.values()
    trained = {str(t.name): known[str(t.name)] for t in made.step.program.parameters}
    names = {str(t.name) for t in made.states}
    states = [t for t in made.states if str(t.name) not in state.running]
    changed = {str(t.name) for t, _ in made.step.program.updates}
    own = _state_values(state, states, optimizers, resume=resume, seed=seed)
    weights = trained | own | {name: known[name] for name in state.running if name in names}
    moving = {name: array for name, array in own.items() if name in changed}
    fixed = {name: array for name, array in own.items() if name in names - changed}
    rng = _generator(state.resumable if resume else None, seed)
    return Learner(
        tuple(state.losses.values()), made, weights, Resumable(dict(optimizers), moving, seed, rng, fixed)
    )


def _generator(before: Resumable | None, seed: int) -> np.random.Generator:
    """Return what draws the orders of samples: what did so in the previous fit, if it is gone on with."""
    if before is not None and before.seed == seed:
        return before.rng
    return np.random.default_rng([seed, 1])


def _state_values(
    state: ModelState,
    states: Sequence[Tensor],
    optimizers: Mapping[str, Optimizer],
    *,
    resume: bool,
    seed: int,
) -> files.Weights:
    """Return the optimizers' states, fresh, or going on from where the previous fit left them.

    States that no step changes, such as the learning rate, are always the optimizer's own.
    """
    first, keep = files.initial(states, seed=seed, dtype=state.dtype), state.target.runtime.keep
    fresh = {name: keep(array) for name, array in first.items()}
    if not resume:
        return fresh
    before = state.resumable or Resumable({}, {})
    before.check(optimizers)
    return fresh | before.states
