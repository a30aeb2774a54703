"""Numbers to follow that nothing is derived from.

Enters: predictions and targets. Leaves: a rank-0 tensor, a mean over the samples.
"""

from __future__ import annotations

from symdl.express.conditions import equal, where
from symdl.express.doors import takes_tensors
from symdl.express.options import Mask
from symdl.express.statistics import reduction
from symdl.express.tensors import Tensor
from symdl.nn.averages import checked_labels, without


@takes_tensors
def accuracy(logits: Tensor, target: Tensor, *, ignore_label: int | None = None, mask: Mask = None) -> Tensor:
    """The share of samples whose largest logit is that of their class; NaN where none counts.

    Args:
        logits: shape ``(..., classes)``.
        target: int64, shape ``(...)``.
        ignore_label: samples with this label do not count.
        mask: which samples count: a condition, or an int64 tensor of zeros and ones, of shape ``(...)``.

    Raises:
        ShapeError: the target or the mask does not fit.

    Example:
        >>> z, t = sd.tensor("z", (sd.Dim("n"), 3)), sd.tensor("t", (sd.Dim("n"),), dtype="int64")
        >>> sd.compile(sd.nn.accuracy(z, t), target="python")(z=[[1, 0, 0], [0, 0, 1]], t=[0, 1])
        np.float64(0.5)
    """
    checked_labels(logits, target, "accuracy")
    right = where(equal(logits.argmax(axis=-1), target), 1, 0)
    return reduction("mean", right, where=without(ignore_label, target, mask))
