"""Training steps that a model keeps, so that its second fit derives, lowers and compiles nothing.

Enters: a model and what a user chose. Leaves: `Prepared`, a compiled training step, made or found again. A
step depends on the equations of losses, metrics and updates, on what learns, on the target and the type of
numbers; not on data, their number, or what is a state: with another learning rate it is the same step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from symdl.differentiate.turns import Turn, Updates, training_step
from symdl.errors import ArgumentError
from symdl.express.dims import Dim
from symdl.express.modes import training_updates
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.nn.protocol import Optimizer
from symdl.run.derived import Derived, derived, facts_told, setting
from symdl.run.runtime import Target
from symdl.run.storage import read_by
from symdl.run.training import TrainingKernel
from symdl.run.watching import asked_for
from symdl.train.alike import Answer, asked, settings_of
from symdl.train.nothing import learnable
from symdl.train.ranks.shared import SharedKernel
from symdl.train.running import Running, running

if TYPE_CHECKING:
    from symdl.train.copied import CopiedModel
    from symdl.train.state import ModelState

MOST = 4
"""Steps that a model keeps: enough for those that take turns with frozen parts or two optimizers."""


class Kernels:
    """A training step, compiled for one process or for several that share it."""

    def __init__(
        self, step: Running, samples: Dim, *, dtype: str, target: Target, storage: Mapping[str, str]
    ) -> None:
        self._step, self._samples = step, samples
        self._options: dict[str, Any] = {"weights": step.weights, "dtype": dtype, "target": target}
        self._storage = storage

    @cached_property
    def alone(self) -> TrainingKernel:
        """All in one call."""
        program = self._step.program
        return TrainingKernel(program, **self._options, storage=read_by(program, self._storage))

    @cached_property
    def shared(self) -> SharedKernel:
        """In phases, between which processes meet.

        Raises:
            ArgumentError: data have narrow types.
        """
        if self._storage:
            cure = "leave storage out of the model, or train in one process"
            raise ArgumentError("several processes share data in the model's dtype only", cure=cure)
        return SharedKernel(self._step.program, samples=self._samples, **self._options)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A compiled training step.

    Attributes:
        key: what it was made for, but for the optimizers.
        settings: of each optimizer, as `settings_of` describes them.
        answers: what each loss's optimizer answered.
        step: what batches add up, and what becomes of it.
        kernels: what computes it, compiled when it is asked for.
        states: the states that it reads or updates, with their first values, in the program's order.
    """

    key: tuple[object, ...]
    settings: tuple[object, ...]
    answers: Mapping[str, Answer]
    step: Running
    kernels: Kernels
    states: tuple[Tensor, ...]

    @property
    def kernel(self) -> TrainingKernel:
        """What computes the step in one process."""
        return self.kernels.alone

    def with_optimizers(
        self, optimizers: Mapping[str, Optimizer], settings: tuple[object, ...]
    ) -> Prepared | None:
        """Return the step with other optimizers of the same equations; None if they have others."""
        if settings == self.settings:
            return self
        answers: dict[str, Answer] = {}
        for name, answer in self.answers.items():
            found = answer.again(optimizers[name])
            if found is None:
                return None
            answers[name] = found
        return replace(self, settings=settings, answers=answers, states=_states(self.step.program, answers))


@dataclass(slots=True, eq=False)
class Steps:
    """What a model and its copies share: what was derived and compiled for them.

    Attributes:
        steps: the latest training steps.
        weighted: a model whose losses read a weight for each sample, without values; see `sample_weights.py`.
    """

    steps: tuple[Prepared, ...] = ()
    weighted: CopiedModel | None = None


def prepared(
    state: ModelState, optimizers: Mapping[str, Optimizer], learning: Mapping[str, Sequence[Tensor]]
) -> Prepared:
    """Return the training step of a model, which keeps it.

    Args:
        state: the model.
        optimizers: one for each loss.
        learning: for each loss what it teaches.
    """
    taught = tuple((name, tuple(tensors)) for name, tensors in learning.items())
    losses, metrics = tuple(state.losses.items()), tuple(state.metrics.items())
    key = (losses, metrics, taught, state.facts, state.dtype, state.target, asked_for())
    settings = tuple(map(settings_of, optimizers.values()))
    known = state.prepared
    for old in known.steps:
        found = old.with_optimizers(optimizers, settings) if old.key == key else None
        if found is not None:
            break
    else:
        old, found = None, _made(state, optimizers, learning, (key, settings))
    known.steps = (found, *(each for each in known.steps if each is not old))[:MOST]
    return found


def _made(
    state: ModelState,
    optimizers: Mapping[str, Optimizer],
    learning: Mapping[str, Sequence[Tensor]],
    known: tuple[tuple[object, ...], tuple[object, ...]],
) -> Prepared:
    program, answers = _derived(state, optimizers, learning)
    step = running(program, state.samples)
    kernels = Kernels(step, state.samples, dtype=state.dtype, target=state.target, storage=state.storage)
    return Prepared(*known, answers, step, kernels, _states(step.program, answers))


def _derived(
    state: ModelState, optimizers: Mapping[str, Optimizer], learning: Mapping[str, Sequence[Tensor]]
) -> tuple[Program, dict[str, Answer]]:
    """Return the training step, and what each loss's optimizer answered, made or found on disk."""
    facts, tensors = facts_told(state.facts)
    settings = [setting(optimizer) for optimizer in optimizers.values()]
    taught = {name: len(learning[name]) for name in state.losses}
    told = ["training step", str(state.samples), list(taught.items()), len(state.metrics), facts, settings]
    asked = [*state.losses.values(), *state.metrics.values(), *chain(*learning.values()), *tensors]
    found = derived(None if None in settings else told, asked, lambda: _derive(state, optimizers, learning))
    answers, groups = {}, iter(found.groups)
    for name, (loss, *gradients), pairs in zip(state.losses, groups, groups, strict=True):
        wrt = tuple(learning[name])
        updates = tuple(zip(pairs[::2], pairs[1::2], strict=True))
        answers[name] = Answer(wrt, dict(zip(wrt, gradients, strict=True)), loss, updates)
    return found.program, answers


def _derive(
    state: ModelState, optimizers: Mapping[str, Optimizer], learning: Mapping[str, Sequence[Tensor]]
) -> Derived:
    """Derive the training step; return with it, for each loss, it with its gradients, and the updates."""
    answers: dict[str, Answer] = {}

    def asking(name: str, loss: Tensor) -> Updates:
        def updates(parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> Any:
            answers[name] = asked(optimizers[name], parameters, gradients, loss)
            return answers[name].pairs

        return updates

    turns = []
    for name, loss in state.losses.items():
        own = learnable(loss, state.samples)
        turns.append(Turn(own, tuple(learning[name]), asking(name, own), training_updates(own), name))
    program = training_step(turns, metrics=tuple(state.metrics.values()), facts=state.facts)
    groups: list[tuple[Tensor, ...]] = []
    for answer in answers.values():
        groups.append((answer.loss, *(answer.gradients[p] for p in answer.parameters)))
        groups.append(tuple(chain(*answer.pairs)))
    return Derived(program, tuple(groups))


def _states(program: Program, answers: Mapping[str, Answer]) -> tuple[Tensor, ...]:
    """Return the states of a step, those of the optimizers with the first values that these gave last."""
    known: dict[str, Tensor] = {}
    for loss, answer in answers.items():
        known |= {f"{loss}.{name}" if loss else name: t for name, t in answer.states.items()}
    found = []
    for own in (t for t in program.inputs if t.role == "state"):
        like = known.get(str(own.name), own)
        found.append(Tensor(own.name, own.shape, dtype=own.dtype, role="state", init=like.init))
    return tuple(found)
