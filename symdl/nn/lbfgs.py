"""L-BFGS: training on all samples at once, by a model of the curvature.

Enters: settings. Leaves: `LBFGS`, which `symdl.Model.fit` hands on to SciPy's L-BFGS-B. It is no equation:
how far a step goes is found by trying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symdl.errors import ExpressionError
from symdl.express.dims import is_number, is_whole
from symdl.express.tensors import Tensor
from symdl.nn.steps import Update


@dataclass(frozen=True, slots=True)
class LBFGS:
    """Limited-memory BFGS (Liu and Nocedal, 1989) on all samples at once, for physics-informed networks.

    An epoch is an iteration: some evaluations of loss and gradient on all data. Use a model of
    ``dtype="float64"``; `batch_size` and `shuffle` of `fit` have no meaning, and memory starts anew with
    every fit.

    Args:
        memory: how many pairs of steps and changes of the gradient make up the curvature.
        gradient_tolerance: stop when no derivative is larger.
        loss_tolerance: stop when the loss gets lower by no more than this share of itself (or of 1).
        line_search: the most evaluations in one iteration.

    Raises:
        ExpressionError: a setting that is out of range.
    """

    memory: int = 10
    gradient_tolerance: float = 1e-8
    loss_tolerance: float = 1e-12
    line_search: int = 50

    def __post_init__(self) -> None:
        for name in ("memory", "line_search"):
            if not (is_whole(getattr(self, name)) and getattr(self, name) >= 1):
                raise ExpressionError(f"{name}={getattr(self, name)!r} is no positive integer")
        for name in ("gradient_tolerance", "loss_tolerance"):
            if not (is_number(getattr(self, name)) and getattr(self, name) >= 0):
                raise ExpressionError(f"{name}={getattr(self, name)!r} is no nonnegative number")

    def updates(self, parameters: Sequence[Tensor], gradients: Mapping[Tensor, Tensor]) -> tuple[Update, ...]:
        """Refuse: a step of L-BFGS is a search, no equation.

        Raises:
            ExpressionError: always.
        """
        raise ExpressionError(
            "L-BFGS is no equation of one step", cure="pass it to model.fit, or use sd.nn.Adam() here"
        )
