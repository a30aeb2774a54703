"""Gradients gathered over several batches before a step is taken.

Enters: an optimizer and a number of batches. Leaves: an optimizer that moves after the last of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.express.operators import elementwise
from symdl.express.ordering import order
from symdl.express.tensors import Tensor
from symdl.nn.protocol import Optimizer, check_optimizer, updates_of
from symdl.nn.steps import Setting, Update, check_steps, counted, restarted, scalar, state


@dataclass(frozen=True, slots=True)
class Accumulated:
    """An optimizer that takes a step by the mean gradient of several batches: ``Accumulated(Adam(1e-3), 4)``.

    Every batch adds its gradient: ``s = s + g``. After the last of `batches` the optimizer moves by
    ``s/batches`` and ``s = 0``; until then parameters and the optimizer's states stay as they are. Batches
    count alike, and counting goes on from one epoch to the next. With batches of equal length, a step is that
    of one batch of all their samples, for losses that are means over samples.

    Attributes:
        optimizer: takes the step.
        batches: how many make one.

    Raises:
        ExpressionError: what is to step is no optimizer, or `batches` is no positive integer.
    """

    optimizer: Optimizer
    batches: Setting

    def __post_init__(self) -> None:
        check_optimizer(self.optimizer)
        check_steps("batches", self.batches)

    def updates(
        self,
        parameters: Sequence[Tensor],
        gradients: Mapping[Tensor, Tensor],
        loss: Tensor | None = None,
    ) -> tuple[Update, ...]:
        """Return the optimizer's updates, which hold after the last batch, and those of sums and count."""
        count, size = state("gathered"), scalar(self.batches)
        totals: dict[Tensor, Update] = {}  # by a mean: the state, and its sum with this batch's

        def gathered(owner: str, new: Tensor) -> Tensor:
            kept = state(f"{owner}.sum", new)
            total = elementwise(lambda s, g: s + g, kept, new, rule="sum over batches")
            mean = elementwise(lambda s: s / size, total, rule="mean over batches")
            totals[mean] = (kept, total)
            return mean

        means = {p: gathered(str(p.name), gradients[p]) for p in parameters}
        mean_loss = None if loss is None else gathered("loss", loss)
        pairs = updates_of(self.optimizer, parameters, means, mean_loss)
        read = order([new for _, new in pairs], lambda t: None if t in totals else t.equation).inputs

        def due(old: Tensor, new: Tensor, rule: str) -> Update:
            def formula(o: sp.Expr, n: sp.Expr, c: sp.Expr) -> sp.Expr:
                return sp.Piecewise((n, c >= size - 1), (o, True))

            return old, elementwise(formula, old, new, count, rule=rule)

        sums = [totals[mean] for mean in totals if mean is not mean_loss or mean in read]
        return (
            *(due(old, new, "after the last batch") for old, new in pairs),
            *((kept, restarted(total, count, self.batches, "start again")) for kept, total in sums),
            counted(count, self.batches),
        )
