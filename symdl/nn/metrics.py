"""Numbers to follow that nothing is derived from.

Enters: predictions and targets. Leaves: a rank-0 tensor, a mean over the samples.
"""

from __future__ import annotations

from symdl.express.conditions import equal, where
from symdl.express.tensors import Tensor
from symdl.nn.averages import checked_labels


def accuracy(logits: Tensor, target: Tensor) -> Tensor:
    """The share of samples whose largest logit is that of their class.

    Args:
        logits: shape ``(..., classes)``.
        target: int64, shape ``(...)``.

    Raises:
        ShapeError: the target does not fit.
    """
    checked_labels(logits, target, "accuracy")
    right = where(equal(logits.argmax(axis=-1), target), 1, 0)
    found: Tensor = right.mean()
    return found
