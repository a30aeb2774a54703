"""Learning rates that fall when the loss does not.

Enters: an optimizer whose learning rate is a number. Leaves: one whose learning rate is a state that a step
may lower.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.operators import elementwise
from symdl.express.ordering import order
from symdl.express.tensors import Tensor
from symdl.nn.protocol import Optimizer, check_optimizer, updates_of
from symdl.nn.steps import (
    Setting,
    Update,
    check_setting,
    check_steps,
    counted,
    restarted,
    scalar,
    state,
)

RATE = "learning_rate"
WATCHED = "plateau.watched"
"""What the name of the state begins with that holds what is watched in place of the loss."""
NOTHING = 10**30
"""More than any loss: the best one before there was one, and what is watched while there is nothing new."""


@dataclass(frozen=True, slots=True)
class ReduceOnPlateau:
    """An optimizer whose learning rate falls when the loss stays: ``ReduceOnPlateau(Adam(1e-3), every=500)``.

    After `every` steps their mean loss is compared with the lowest such mean so far. After `patience`
    comparisons in a row without a lower one, ``learning_rate = max(factor*learning_rate, minimum)``. All of
    this is part of the compiled step. The learning rate may be read and set as it may without this, and a
    resumed fit goes on at the rate that it had come to.

    With ``watch="validation_loss"`` that is what is compared, once after every epoch, by the first step of
    the next one. `fit` tells it to the step; in a loop of your own set the state that has its name:
    ``trainer.states["plateau.watched.validation_loss"][...] = value``.

    Attributes:
        optimizer: takes the step; its learning rate is a number, not a schedule.
        factor: by which the rate falls.
        patience: comparisons without a lower loss before it does.
        every: steps a comparison, such as those of an epoch; nothing with `watch`.
        threshold: what is lower by no more than this share of the lowest mean loss is not lower.
        minimum: the lowest rate.
        watch: a column of the history, the lower the better: ``"validation_loss"``, a metric by its name,
            that of the validation data as ``"validation_error"``. Of ``"accuracy"`` it is the share that is
            not right. None: the training loss.

    Raises:
        ExpressionError: what is to step is no optimizer, or a setting is out of range.
    """

    optimizer: Optimizer
    factor: Setting = 0.1
    patience: int = 10
    every: Setting = 100
    threshold: Setting = 1e-4
    minimum: Setting = 0.0
    watch: str | None = None

    def __post_init__(self) -> None:
        check_optimizer(self.optimizer)
        check_setting("factor", self.factor, below=1)
        check_steps("patience", self.patience)
        check_steps("every", self.every)
        check_setting("threshold", self.threshold, below=1)
        check_setting("minimum", self.minimum)
        if self.watch is not None and (not isinstance(self.watch, str) or not self.watch):
            cure = "name a column of the history, such as 'validation_loss'"
            raise ExpressionError(f"watch={self.watch!r}", cure=cure)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Mapping[Tensor, Tensor],
        loss: Tensor | None = None,
    ) -> tuple[Update, ...]:
        """Return the optimizer's updates, and those of its learning rate and of what lowers it.

        Raises:
            ExpressionError: there is no learning rate that could be lowered, or the loss is not known.
        """
        if loss is None:
            raise ExpressionError(
                "ReduceOnPlateau is not told the loss",
                cure="an optimizer around it takes loss as a third argument, and hands it on",
            )
        pairs = updates_of(self.optimizer, parameters, gradients, loss)
        rates = _rates(pairs, {loss, *parameters, *gradients.values()})
        if not rates:
            raise ExpressionError(
                f"ReduceOnPlateau finds no learning rate in {type(self.optimizer).__name__} that is a number",
                cure="give it a number, such as sd.nn.Adam(1e-3): a schedule lowers the rate by itself; in an"
                ' optimizer of your own, sd.nn.state("learning_rate", value=...)',
            )
        return (*pairs, *self._watching(loss, rates))

    def _watching(self, loss: Tensor, rates: Sequence[Tensor]) -> list[Update]:
        """Return the next values of rates, and of what is known about what is watched."""
        worse, best = state("plateau.worse"), state("plateau.best", value=NOTHING)
        every, patience, share = scalar(self.every), self.patience, scalar(self.threshold)
        if self.watch is None:
            total, count = state("plateau.sum"), state("plateau.count")
            both = elementwise(lambda s, f: s + f, total, loss, rule="sum of losses")
            value = elementwise(lambda s: s / every, both, rule="mean loss")
            awaited = (count, lambda c: c < every - 1)
            kept = [(total, restarted(both, count, self.every, "sum of losses")), counted(count, self.every)]
        else:
            value = state(f"{WATCHED}.{self.watch}", value=NOTHING)
            awaited = (value, lambda v: v >= NOTHING)
            kept = [(value, elementwise(lambda v: sp.Integer(NOTHING), value, rule="nothing new"))]
        compared = (value, awaited[0], best, worse)

        def moved(old: Tensor, lower: _Case, late: _Case, other: _Case, rule: str) -> Update:
            """Return a next value: if the value is lower, if it was not for long, and otherwise."""

            def formula(o: sp.Expr, m: sp.Expr, c: sp.Expr, b: sp.Expr, w: sp.Expr) -> sp.Expr:
                return sp.Piecewise(
                    (o, awaited[1](c)),
                    (lower(o, m), m < b - share * sp.Abs(b)),
                    (late(o, m), w >= patience - 1),
                    (other(o, m), True),
                )

            return old, elementwise(formula, old, *compared, rule=rule)

        factor, minimum = scalar(self.factor), scalar(self.minimum)

        def reduced(rate: sp.Expr, value: sp.Expr) -> sp.Expr:
            return sp.Max(factor * rate, minimum) if minimum else factor * rate

        return [
            *(moved(rate, _kept, reduced, _kept, "plateau") for rate in rates),
            moved(best, lambda o, value: value, _kept, _kept, "lowest loss"),
            moved(worse, _none, _none, lambda o, value: o + 1, "not lower"),
            *kept,
        ]


_Case = Callable[[sp.Expr, sp.Expr], sp.Expr]


def _kept(old: sp.Expr, value: sp.Expr) -> sp.Expr:
    return old


def _none(old: sp.Expr, value: sp.Expr) -> sp.Expr:
    return sp.Integer(0)


def _rates(pairs: Sequence[Update], known: set[Tensor]) -> list[Tensor]:
    """Return the learning rates that updates read and do not change, each a state."""
    found = order([new for _, new in pairs], lambda t: None if t in known else t.equation).inputs
    moved = {old for old, _ in pairs}
    return [
        t
        for t in found
        if t.role == "state" and t not in moved and (t.name == RATE or str(t.name).endswith(f".{RATE}"))
    ]
