"""A training step as one program: losses in turn, each with the updates that it causes.

Enters: for every turn a loss, the parameters it teaches and the update equations. Leaves: one `Program`. A
later turn reads what the earlier ones have changed: its equations are derived for the parameters as they are,
and then hold for their new values. What has not changed in between is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.differentiate.prepare import prepare
from symdl.errors import ExpressionError, ShapeError
from symdl.express.equations import Equation
from symdl.express.operators import elementwise
from symdl.express.ordering import order
from symdl.express.program import Fact, Program, collect, sized
from symdl.express.replacing import renew
from symdl.express.tensors import Tensor

Pairs = Iterable[tuple[Tensor, Tensor]]
Updates = Pairs | Callable[[Sequence[Tensor], Mapping[Tensor, Tensor]], Pairs]


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One loss of a training step.

    Attributes:
        loss: a rank-0 tensor, the mean over a batch.
        wrt: the parameters that it teaches.
        updates: pairs of a parameter or state and its new value, or a function that makes them from the
            parameters and a mapping from parameter to gradient.
        others: such pairs of what moves with the loss and not by its gradients: running statistics.
        name: put in front of the names of the states that only `updates` know; two turns need two names.
    """

    loss: Tensor
    wrt: tuple[Tensor, ...]
    updates: Updates
    others: tuple[tuple[Tensor, Tensor], ...] = ()
    name: str = ""


def training_step(
    turns: Sequence[Turn], *, metrics: Sequence[Tensor] = (), facts: Sequence[Fact] = ()
) -> Program:
    """Return a training step as a program.

    Its outputs are the loss (of several turns the sum, then each), then the metrics. A turn's loss is that
    before its own update and after those of earlier turns; metrics are as before the step.

    Raises:
        ExpressionError: one turn updates a tensor twice, one that is no parameter or state, or changes its
            shape.
    """
    step = _Step(tuple(facts))
    losses = [step.add(turn) for turn in turns]
    for equation in prepare(collect(metrics))[0].equations if metrics else ():
        step.known.setdefault(equation.lhs, equation)
    outputs = losses
    if len(losses) > 1:
        outputs = [
            elementwise(lambda *each: sp.Add(*each), *losses, name="loss", rule="sum of losses"),
            *losses,
        ]
    return step.program((*outputs, *metrics))


class _Step:
    """The equations so far, and the newest value of everything that has changed."""

    def __init__(self, facts: tuple[Fact, ...]) -> None:
        self.facts = facts
        self.known: dict[Tensor, Equation] = {}
        self.latest: dict[Tensor, Tensor] = {}

    def add(self, turn: Turn) -> Tensor:
        """Add a turn; return its loss."""
        derivative = differentiate(turn.loss, turn.wrt, facts=self.facts)
        gradients = {tensor: derivative.gradient(tensor) for tensor in turn.wrt}
        given = turn.updates
        moves = tuple(given(turn.wrt, gradients) if callable(given) else given)
        pairs = (*moves, *turn.others)
        _check_pairs(pairs)
        mine = derivative.program.definitions

        def definition(tensor: Tensor) -> Equation | None:
            return mine.get(tensor, tensor.equation)

        found = order((turn.loss, *(value for _, value in pairs)), definition)
        own: dict[Tensor, Tensor] = {}
        if turn.name:
            read = {*order([value for _, value in moves], definition).inputs, *(old for old, _ in moves)}
            own = {t: _named(t, turn.name) for t in sorted(read, key=lambda t: t.serial) if t.role == "state"}
            own = {t: named for t, named in own.items() if t not in derivative.program.inputs}
        new = self.latest | own
        for group in Program(found.inputs, found.equations, (), recurrences=found.recurrences).groups:
            members = {e.lhs for e in group}
            moved = any(t in new for e in group for t in e.reads() if t not in members)
            if moved or any(self.known.get(e.lhs, e) is not e for e in group):
                group = renew(group, new)
            self.known |= {e.lhs: e for e in group}
        self.latest |= {own.get(old, old): new.get(value, value) for old, value in pairs}
        return new.get(turn.loss, turn.loss)

    def program(self, outputs: Sequence[Tensor]) -> Program:
        """Return everything as one program."""
        pairs = tuple(self.latest.items())
        wanted = (*outputs, *(value for _, value in pairs))
        found = order(wanted, lambda t: self.known.get(t, t.equation))
        extra = {old for old, _ in pairs} | sized(found.equations, found.inputs, collect(outputs).inputs)
        inputs = tuple(sorted({*found.inputs, *extra}, key=lambda t: t.serial))
        _check_inputs(pairs, inputs)
        return Program(inputs, found.equations, tuple(outputs), self.facts, pairs, found.recurrences)


def _named(state: Tensor, owner: str) -> Tensor:
    return Tensor(f"{owner}.{state.name}", state.shape, dtype=state.dtype, role="state", init=state.init)


def _check_pairs(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    seen: set[Tensor] = set()
    for old, new in pairs:
        if old in seen:
            raise ExpressionError(f"{old} is updated twice", cure="give each parameter one new value a turn")
        if old.shape != new.shape:
            shapes = {str(old.name): old.shape, "its new value": new.shape}
            raise ShapeError("an update changes the shape", shapes=shapes)
        seen.add(old)


def _check_inputs(pairs: Sequence[tuple[Tensor, Tensor]], inputs: Sequence[Tensor]) -> None:
    names: set[str | None] = set()
    for old, _ in pairs:
        if old.equation is not None or old not in inputs:
            cure = "update parameters and states that the loss or another update reads"
            raise ExpressionError(f"{old} is no parameter or state, so it cannot be updated", cure=cure)
    for tensor in (t for t in inputs if t.value is None):
        if tensor.name is None or tensor.name in names:
            raise ExpressionError(f"two tensors are called {tensor.name!r}", cure="give each its own name")
        names.add(tensor.name)
