"""Where a fit left off.

Enters: what a training run ends with. Leaves: `Resumable`, from which the next fit, or another process, goes
on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.errors import TrainingError
from symdl.nn.described import is_known, kind_of
from symdl.nn.protocol import Optimizer
from symdl.train.values import on_host
from symdl.train.weights import Weights


@dataclass(frozen=True, slots=True, eq=False)
class Resumable:
    """Where a fit left off.

    Attributes:
        optimizers: one for each loss; an `Elsewhere` for a user's own that came from a file.
        states: their states by name.
        seed: of the orders of samples.
        rng: what draws the orders.
        fixed: the states that no step changes, such as learning rates.
    """

    optimizers: dict[str, Any]
    states: Weights
    seed: int = 0
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    fixed: Weights = field(default_factory=dict)

    def kept(self, keep: Callable[[NDArray[Any]], Any]) -> Resumable:
        """Return the same with arrays of its own, where `keep` puts those of the host."""
        each = ({n: keep(a) for n, a in on_host(part).items()} for part in (self.states, self.fixed))
        states, fixed = each
        return replace(self, optimizers=dict(self.optimizers), states=states, fixed=fixed)

    def check(self, optimizers: Mapping[str, Optimizer]) -> None:
        """Refuse to go on with optimizers of another kind.

        Raises:
            TrainingError: naming both kinds.
        """
        for name, optimizer in optimizers.items():
            before = self.optimizers.get(name)
            if before is None or kind_of(before) != kind_of(optimizer):
                last = f"used {kind_of(before)}" if before is not None else "does not exist"
                raise TrainingError(
                    f"resume=True goes on with {kind_of(optimizer)}, but the previous fit {last}",
                    cure="fit with the same kind of optimizer first, or leave resume out",
                )

    def again(self) -> dict[str, Optimizer]:
        """Return the optimizers, to go on with.

        Raises:
            TrainingError: there are none, or a file holds no more than the name of one or of a part of one.
        """
        unknown = [kind_of(each) for each in self.optimizers.values() if not is_known(each)]
        if unknown or not self.optimizers:
            what = f"{unknown[0]} holds what no file does" if unknown else "there was no fit before"
            raise TrainingError(f"no optimizer is given, and {what}", cure="pass optimizer=...")
        return dict(self.optimizers)
