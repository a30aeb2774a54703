"""Losses and penalties."""

from __future__ import annotations

import itertools
from typing import Any

import symdl as sd
from symdl import nn

from .case import Case, Given, flags, positions, positive, real

X = real("n", 3)
FULL = (3, 1)  # the mean over no rows is no number
WEIGHTS = (0.5, 2.0, 1.25)
INSIDE = real("n", 3, low=0.1, high=0.9)
LABELS = positions("n", below=3)
SIGNS = {"prediction": X, "target": X}


def _weights(t: Any) -> Any:
    return t.tensor(WEIGHTS, dtype=t.float64)


def _focal(t: Any, logits: Any, target: Any) -> Any:
    log_p = logits.log_softmax(1).gather(1, target[:, None])[:, 0]
    return (-((1 - log_p.exp()) ** 2) * log_p * _weights(t)[target]).mean()


def _masked(t: Any, square: Any, m: Any) -> Any:
    return (square * m).sum() / m.sum()


def _ctc(t: Any, logits: Any, labels: Any) -> Any:
    """Add up every alignment, one by one."""
    steps = logits.log_softmax(2)
    losses = []
    for step, label in zip(steps, labels.tolist(), strict=True):
        paths = itertools.product(range(logits.shape[2]), repeat=logits.shape[1])
        fitting = [p for p in paths if [c for c, _ in itertools.groupby(p) if c] == label]
        losses.append(-t.stack([step[range(len(p)), p].sum() for p in fitting]).logsumexp(0))
    return t.stack(losses).mean()


def _binary_focal(t: Any, logits: Any, target: Any) -> Any:
    p = logits.sigmoid()
    loss = t.nn.functional.binary_cross_entropy_with_logits(logits, target.double(), reduction="none")
    side = p * target + (1 - p) * (1 - target)
    return ((0.25 * target + 0.75 * (1 - target)) * (1 - side) ** 2 * loss).mean()


def _dice(p: Any, y: Any, axes: Any) -> Any:
    return 1 - (2 * (p * y).sum(axes) + 1) / (p.sum(axes) + y.sum(axes) + 1)


REGRESSION = (
    Case("nn.mean_squared_error", nn.mean_squared_error, SIGNS,
         lambda t, prediction, target: t.nn.functional.mse_loss(prediction, target), sizes=FULL),
    Case("nn.mean_squared_error", lambda a, y, m: nn.mean_squared_error(a, y, mask=m),
         {"a": X, "y": X, "m": flags("n", 3)}, lambda t, a, y, m: _masked(t, (a - y) ** 2, m),
         "masked", (3, 2)),
    Case("nn.mean_absolute_error", nn.mean_absolute_error, SIGNS,
         lambda t, prediction, target: (prediction - target).abs().mean(), sizes=FULL),
    Case("nn.huber", lambda a, y: nn.huber(a, y, delta=0.6), {"a": X, "y": X},
         lambda t, a, y: t.nn.functional.huber_loss(a, y, delta=0.6), sizes=FULL),
    Case("nn.log_cosh", nn.log_cosh, SIGNS,
         lambda t, prediction, target: (prediction - target).cosh().log().mean(), sizes=FULL),
    Case("nn.gaussian_nll", nn.gaussian_nll, {"mean": X, "target": X, "variance": positive("n", 3)},
         lambda t, mean, target, variance: (variance.log() + (target - mean) ** 2 / variance).mean() / 2,
         sizes=FULL),
    Case("nn.pinball", lambda a, y: nn.pinball(a, y, quantile=0.3), {"a": X, "y": X},
         lambda t, a, y: t.maximum(0.3 * (y - a), -0.7 * (y - a)).mean(), sizes=FULL),
    Case("nn.poisson_nll", nn.poisson_nll, {"log_rate": X, "target": X},
         lambda t, log_rate, target: t.nn.functional.poisson_nll_loss(log_rate, target), sizes=FULL),
    Case("nn.hinge", nn.hinge, {"scores": X, "target": X},
         lambda t, scores, target: (1 - scores * target).relu().mean(), sizes=FULL),
)  # fmt: skip

CLASSES = (
    Case("nn.cross_entropy", nn.cross_entropy, {"logits": X, "target": LABELS},
         lambda t, logits, target: t.nn.functional.cross_entropy(logits, target), sizes=FULL),
    Case("nn.cross_entropy",
         lambda z, y: nn.cross_entropy(z, y, label_smoothing=0.1, class_weights=WEIGHTS),
         {"z": X, "y": LABELS},
         lambda t, z, y: t.nn.functional.cross_entropy(z, y, _weights(t), label_smoothing=0.1),
         "smoothed and weighted", FULL),
    Case("nn.cross_entropy", nn.cross_entropy, {"logits": X, "target": positive("n", 3)},
         lambda t, logits, target: -(target * logits.log_softmax(1)).sum(1).mean(), "probabilities", FULL),
    Case("nn.cross_entropy", lambda z, y, m: nn.cross_entropy(z, y, mask=m),
         {"z": real("n", 2, 3), "y": positions("n", 2, below=3), "m": flags("n", 2)},
         lambda t, z, y, m: _masked(t, -z.log_softmax(2).gather(2, y[..., None])[..., 0], m),
         "masked", (3, 2)),
    Case("nn.cross_entropy",
         lambda z, y: nn.cross_entropy(z, y, ignore_label=1, reduction="none"), {"z": X, "y": LABELS},
         lambda t, z, y: t.nn.functional.cross_entropy(z, y, ignore_index=1, reduction="none"), "each"),
    Case("nn.accuracy", nn.accuracy,
         {"logits": X, "target": Given(("n",), "whole", 0, 3, checked=False)},
         lambda t, logits, target: (logits.argmax(1) == target).double().mean(), sizes=FULL, order=0),
    Case("nn.accuracy", lambda z, y: nn.accuracy(z, y, ignore_label=1),
         {"z": X, "y": Given(("n",), "whole", 0, 3, checked=False)},
         lambda t, z, y: (z.argmax(1) == y)[y != 1].double().mean(), "ignored", sizes=FULL, order=0),
    Case("nn.ctc", nn.ctc, {"logits": real("n", 4, 3), "labels": Given(("n", 2), "whole", 1, 3)}, _ctc,
         sizes=FULL),
    Case("nn.binary_cross_entropy",
         lambda z, y: nn.binary_cross_entropy(z, y, positive_weight=3, reduction="sum"), {"z": X, "y": X},
         lambda t, z, y: t.nn.functional.binary_cross_entropy_with_logits(
             z, y, pos_weight=t.tensor(3.0), reduction="sum"), "weighted"),
    Case("nn.binary_cross_entropy",
         lambda p, y: nn.binary_cross_entropy(p, y, from_logits=False), {"p": INSIDE, "y": INSIDE},
         lambda t, p, y: t.nn.functional.binary_cross_entropy(p, y), "of probabilities", FULL),
    Case("nn.binary_cross_entropy", nn.binary_cross_entropy, {"logits": X, "target": X},
         lambda t, logits, target: (t.nn.functional.softplus(logits) - target * logits).mean(), sizes=FULL),
    Case("nn.nll", lambda z, y: nn.nll(z, y, class_weights=WEIGHTS), {"z": X, "y": LABELS},
         lambda t, z, y: t.nn.functional.nll_loss(z, y, _weights(t)), sizes=FULL),
    Case("nn.focal", lambda logits, target: nn.focal(logits, target, class_weights=WEIGHTS),
         {"logits": X, "target": LABELS}, _focal, sizes=FULL),
    Case("nn.kl_divergence", nn.kl_divergence, {"logits": X, "target": positive("n", 3)},
         lambda t, logits, target: (target * (target.log() - logits.log_softmax(1))).sum(1).mean(),
         sizes=FULL),
    Case("nn.binary_focal", nn.binary_focal, {"logits": X, "target": flags("n", 3)}, _binary_focal,
         sizes=FULL),
    Case("nn.dice", nn.dice, {"logits": real("n", 2, 3), "target": flags("n", 2, 3)},
         lambda t, logits, target: _dice(logits.sigmoid(), target, (1, 2)).mean(), sizes=FULL),
)  # fmt: skip


def _triplet(t: Any, anchor: Any, positive: Any, negative: Any) -> Any:
    return t.nn.functional.triplet_margin_loss(anchor, positive, negative)


SIMILARITY = (
    Case("nn.triplet", nn.triplet, {"anchor": X, "positive": X, "negative": X}, _triplet, sizes=FULL),
    Case("nn.triplet", lambda a, p, n: nn.triplet(a, p, n, margin=0.5, reduction="none"),
         {"a": X, "p": X, "n": X},
         lambda t, a, p, n: t.nn.functional.triplet_margin_loss(a, p, n, 0.5, reduction="none"), "by rows"),
    Case("nn.info_nce", lambda q, k, m: nn.info_nce(q, k, mask=m, reduction="sum"),
         {"q": X, "k": X, "m": flags("n")},
         lambda t, q, k, m: (m * ((10 * q @ k.T).logsumexp(1) - 10 * (q * k).sum(1))).sum(), "of some"),
    Case("nn.info_nce", lambda q, k, s: nn.info_nce(q, k, temperature=sd.exp(s), symmetric=True),
         {"q": X, "k": X, "s": real()},
         lambda t, q, k, s: sum(t.nn.functional.cross_entropy(z, t.arange(len(q)))
                                for z in (q @ k.T / s.exp(), k @ q.T / s.exp())) / 2,
         "both ways, learned", FULL),
    Case("nn.info_nce", lambda q, k: nn.info_nce(q, k, temperature=0.5), {"q": X, "k": X},
         lambda t, q, k: t.nn.functional.cross_entropy(q @ k.T / 0.5, t.arange(len(q))), sizes=FULL),
    Case("nn.normalized", nn.normalized, {"x": X}, lambda t, x: x / x.norm(dim=1, keepdim=True)),
    Case("nn.l1_penalty", lambda x, y: nn.l1_penalty([x, y], 0.1), {"x": X, "y": real(2)},
         lambda t, x, y: 0.1 * (x.abs().sum() + y.abs().sum())),
    Case("nn.l2_penalty", lambda x, y: nn.l2_penalty([x, sd.sin(y)], 0.1), {"x": X, "y": real(2)},
         lambda t, x, y: 0.1 * ((x**2).sum() + (y.sin() ** 2).sum())),
)  # fmt: skip

SIGNED = {"y": flags("n")}


def _signs(y: Any) -> Any:
    return 2 * y - 1


def _signed(y: Any) -> sd.Tensor:
    return sd.where(sd.equal(y, 1), 1, -1)  # of a list, too


def _apart(t: Any, scores: Any, target: Any) -> Any:
    gap = (1 - scores[:, :, None] + scores[:, None]).relu()  # of a label and another class
    label = target == 1
    return (gap * label[:, :, None] * ~label[:, None]).sum((1, 2)).mean() / 3


MARGINS = (
    Case("nn.soft_margin", nn.soft_margin, {"scores": X, "target": X},
         lambda t, scores, target: t.nn.functional.softplus(-scores * target).mean(), sizes=FULL),
    Case("nn.margin_ranking", lambda a, b, y: nn.margin_ranking(a, b, _signed(y), margin=0.3),
         {"a": real("n"), "b": real("n"), **SIGNED},
         lambda t, a, b, y: t.nn.functional.margin_ranking_loss(a, b, _signs(y), 0.3), sizes=FULL),
    Case("nn.multi_margin", nn.multi_margin, {"scores": X, "target": LABELS},
         lambda t, scores, target: ((1 - scores.gather(1, target[:, None]) + scores).relu().sum(1) - 1).mean()
         / 3,
         sizes=FULL),
    Case("nn.multi_label_margin", nn.multi_label_margin, {"scores": X, "target": flags("n", 3)}, _apart,
         sizes=FULL),
    Case("nn.hinge_embedding", lambda d, y: nn.hinge_embedding(d, _signed(y), margin=0.7),
         {"d": real("n"), **SIGNED},
         lambda t, d, y: t.nn.functional.hinge_embedding_loss(d, _signs(y), 0.7), sizes=FULL),
    Case("nn.cosine_embedding", lambda a, b, y: nn.cosine_embedding(a, b, _signed(y), margin=0.1),
         {"a": X, "b": X, **SIGNED},
         lambda t, a, b, y: t.nn.functional.cosine_embedding_loss(a, b, _signs(y), 0.1), sizes=FULL),
)  # fmt: skip

CASES: tuple[Case, ...] = (*REGRESSION, *CLASSES, *SIMILARITY, *MARGINS)
