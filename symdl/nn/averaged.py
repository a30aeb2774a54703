"""Weights averaged over the steps of training.

Enters: an optimizer and how slowly averages forget. Leaves: an optimizer that keeps averages beside the
parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symdl.express.operators import elementwise
from symdl.express.tensors import Tensor
from symdl.nn.protocol import Optimizer, check_optimizer, updates_of
from symdl.nn.steps import Setting, Update, check_setting, scalar, state

AVERAGE, COUNT = "average", "averaged"
"""What the names of states end with: averages of parameters, and their number of steps."""


@dataclass(frozen=True, slots=True)
class Averaged:
    """An optimizer that keeps an exponential moving average of the weights: ``Averaged(Adam(1e-3), 0.999)``.

    In step ``t``, counted from 1, ``a = a + (1 - decay)/(1 - decay**t)*(p - a)``: the mean of all values that
    the parameter has had after a step, of which each has `decay` times the weight of the next (Kingma and Ba,
    2015, section 7.2, with the correction of the bias). Training does not read it. `symdl.Model.averaged` is
    the model with averages in place of parameters; the state of ``"first.W"`` is ``"first.W.average"``.

    Attributes:
        optimizer: takes the step.
        decay: how slowly averages forget.

    Raises:
        ExpressionError: what is to step is no optimizer, or `decay` is not at least 0 and below 1.
    """

    optimizer: Optimizer
    decay: Setting = 0.999

    def __post_init__(self) -> None:
        check_optimizer(self.optimizer)
        check_setting("decay", self.decay, below=1)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Mapping[Tensor, Tensor],
        loss: Tensor | None = None,
    ) -> tuple[Update, ...]:
        """Return the optimizer's updates, and those of the averages."""
        d, step = scalar(self.decay), state(COUNT)
        count = elementwise(lambda s: s + 1, step, rule="count")
        share = elementwise(lambda t: (1 - d) / (1 - d**t), count, rule="share")
        pairs = updates_of(self.optimizer, parameters, gradients, loss)
        news = dict(pairs)
        averages: list[Update] = []
        for p in parameters:
            average = state(f"{p.name}.{AVERAGE}", p)
            moved = elementwise(
                lambda a, w, s: a + s * (w - a), average, news[p], share, rule="moving average"
            )
            averages.append((average, moved))
        return (*pairs, (step, count), *averages)
