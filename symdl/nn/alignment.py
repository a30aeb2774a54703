"""Losses over alignments that nobody gives: connectionist temporal classification.

Enters: logits of all steps, and labels without places. Leaves: the negative logarithm of the labels'
probability, which sums over all ways to spread them over the steps. The sum runs forward in time (Graves et
al., 2006); the backward variables of the textbook are its derived gradient.
"""

from __future__ import annotations

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Index
from symdl.express.doors import takes_tensors
from symdl.express.equations import Divisible, InRange, Origin
from symdl.express.operators import axis_indices
from symdl.express.recurrent import recurrence
from symdl.express.surface import LogSumExp, define
from symdl.express.tensors import Tensor
from symdl.nn.averages import Averaging, averaged
from symdl.nn.sequences import counting, held

NEVER = sp.Float(-1e30)
"""The logarithm of 0: finite, so that it can be subtracted from itself."""


@takes_tensors
def ctc(
    logits: Tensor,
    labels: Tensor,
    *,
    input_lengths: Tensor | None = None,
    label_lengths: Tensor | None = None,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: Averaging = "mean",
    time_first: bool = False,
    name: str | None = "L",
) -> Tensor:
    """Connectionist temporal classification: the mean of ``-log p(labels)`` over the samples.

    Every step emits a class or the blank; repeats are joined and blanks dropped. Blanks are put around and
    between the labels, which gives 2 places a label and one more. With ``y[t, s]`` the log-probability to
    emit what place `s` asks for,

        ``alpha[t, s] = y[t, s] + logsumexp(alpha[t-1, s], alpha[t-1, s-1], alpha[t-1, s-2])``

    where the last term counts only at a label that differs from the one before it.

    Args:
        logits: shape ``(batch, time, classes)``; ``(time, batch, classes)`` if `time_first`.
        labels: int64 of shape ``(batch, labels)``; entries past a sample's length may be any class.
        input_lengths: how many steps of each sample count, int64 ``(batch,)``; all by default.
        label_lengths: how many labels each sample has, 0 included, int64 ``(batch,)``; all by default.
        blank: the class that emits nothing.
        zero_infinity: labels that do not fit into the steps cost 0 in place of infinity. Their gradient is 0
            either way.
        reduction: of the samples' losses: ``"mean"``, ``"sum"``, or ``"none"`` for shape ``(batch,)``. As
            in all losses the mean is over samples, each as it is. PyTorch divides each by its number of
            labels first: ``(sd.nn.ctc(..., reduction="none")/sd.maximum(label_lengths, 1)).mean()``.
        time_first: whether time is the first axis.
        name: the loss's name.

    Raises:
        ShapeError: shapes that do not fit each other.
        ExpressionError: labels or lengths that are no integers, a blank that is no class.
    """
    _check(logits, labels, label_lengths, blank, time_first)
    ends = _forward(logits, labels, input_lengths, blank, time_first)
    (i,) = axis_indices(1)
    total = ends.at(i, labels.shape[1] if label_lengths is None else label_lengths.at(i))
    never = sp.Integer(0) if zero_infinity else sp.oo
    body = sp.Piecewise((never, total < NEVER / 2), (-total, True))
    losses = define(None, (i,), body, shape=labels.shape[:1], origin=Origin("ctc"))
    return averaged(losses, reduction=reduction, name=name)


def _forward(logits: Tensor, labels: Tensor, lengths: Tensor | None, blank: int, time_first: bool) -> Tensor:
    """The log-probability of the first 0, 1, … labels, over all ways to spread them over the steps."""
    i, t, s, r, c = map(Index, "itsrc")
    (steps, batch) = logits.shape[:2] if time_first else logits.shape[1::-1]
    count = labels.shape[1]
    places = 2 * count + 1
    shape = (batch, steps, places)

    def logit(which: sp.Expr) -> sp.Expr:
        return logits.at(t, i, which) if time_first else logits.at(i, t, which)

    total = define(None, (i, t), LogSumExp(logit(c), (c, logits.shape[2])), shape=(batch, steps))
    silent = define(None, (i, t), logit(sp.Integer(blank)) - total.at(i, t), shape=(batch, steps))
    spoken = define(None, (i, t, s), logit(labels.at(i, s)) - total.at(i, t), shape=(batch, steps, count))
    odd, even, back = Divisible(s - 1, 2), Divisible(s, 2), InRange(s - r, places)
    on_label = define(None, (i, t, s), spoken.at(i, t, sp.floor((s - 1) / 2)), shape=shape, guards=(odd,))
    on_blank = define(None, (i, t, s), silent.at(i, t), shape=shape, guards=(even,))
    emitted = on_label + on_blank

    fresh = sp.Ne(labels.at(i, sp.floor((s - 1) / 2)), labels.at(i, sp.floor((s - 1) / 2) - 1))
    later = InRange(s - 3, places - 3)
    open_ = define(
        None, (i, s), sp.Piecewise((1, fresh), (0, True)), shape=(batch, places), guards=(odd, later)
    )
    cost = sp.Piecewise((0, r < 2), (0, open_.at(i, s) > 0), (NEVER, True))
    jump = define(None, (i, s, r), cost, shape=(batch, places, 3))
    counts = counting(shape, lengths, None, time_first=False)

    def step(alpha: Tensor) -> Tensor:
        sources = LogSumExp(alpha.at(i, t, s - r) + jump.at(i, s, r), (r, 3))
        ways = define(None, (i, t, s), sources, shape=shape, guards=(back,))
        new = emitted + ways
        return new if counts is None else held(new, alpha, counts, time_first=False)

    start = define(None, (s,), sp.Piecewise((0, sp.Eq(s, 0)), (NEVER, True)), shape=(places,))
    (alpha,) = recurrence([None], [shape], step, initial=[start], axis=1)
    ends = LogSumExp(alpha.at(i, steps - 1, 2 * s - r), (r, 2))
    inside = InRange(2 * s - r, places)
    return define(None, (i, s), ends, shape=(batch, count + 1), guards=(inside,))


def _check(
    logits: Tensor,
    labels: Tensor,
    lengths: Tensor | None,
    blank: int,
    time_first: bool,
) -> None:
    shapes = {"logits": logits.shape, "labels": labels.shape}
    batch = logits.shape[1 if time_first else 0] if logits.rank == 3 else None
    if batch is None or labels.rank != 2 or labels.shape[0] != batch:
        raise ShapeError(
            "ctc: the labels do not fit the logits",
            shapes=shapes,
            cure="pass logits (batch, time, classes) and labels (batch, labels)",
        )
    if lengths is not None and lengths.shape != (batch,):
        raise ShapeError("ctc: one label length for each sample", shapes={**shapes, "lengths": lengths.shape})
    for tensor in (labels, lengths):
        if tensor is not None and tensor.dtype != "int64":
            raise ExpressionError(f"ctc: {tensor} holds no integers", cure="declare it with dtype='int64'")
    classes = logits.shape[2]
    if blank < 0 or (isinstance(classes, int) and blank >= classes):
        raise ExpressionError(f"ctc: the blank {blank} is none of {classes} classes")
