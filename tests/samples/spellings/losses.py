"""Losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import symdl as sd

from ..sample import Absent, Spelling


def averaged(terms: Any, reduction: str = "mean") -> Any:
    return terms if reduction == "none" else sd.mean(terms) if reduction == "mean" else sd.sum(terms)


def classes(x: Any) -> Any:
    """Logits with the classes in the last axis; PyTorch has them in the second one."""
    return sd.moveaxis(x, 1, -1) if x.rank > 2 else x


def cross_entropy(
    x: Any,
    target: Any,
    *,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: Any = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    of = {"label_smoothing": label_smoothing, "class_weights": weight, "reduction": reduction, "name": None}
    if target.shape == x.shape:
        x, target = classes(x), classes(target)
        terms = -target * sd.log_softmax(x)
        if label_smoothing:
            terms = -(target * (1 - label_smoothing) + label_smoothing / x.shape[-1]) * sd.log_softmax(x)
        terms = terms * weight if weight is not None else terms
        return averaged(sd.sum(terms, -1), reduction)
    if x.rank == 1:
        found = sd.nn.cross_entropy(x.reshape(1, -1), target.reshape(1), ignore_label=ignore_index, **of)
        return found.reshape(()) if reduction == "none" else found
    return sd.nn.cross_entropy(classes(x), target, ignore_label=ignore_index, **of)


def nll(x: Any, target: Any, *, weight: Any = None, ignore_index: int = -100, reduction: Any = "mean") -> Any:
    of = {"class_weights": weight, "reduction": reduction, "ignore_label": ignore_index, "name": None}
    if x.rank == 1:
        found = sd.nn.nll(x.reshape(1, -1), target.reshape(1), **of)
        return found.reshape(()) if reduction == "none" else found
    return sd.nn.nll(classes(x), target, **of)


def bce_with_logits(
    x: Any, target: Any, *, weight: Any = None, pos_weight: Any = None, reduction: Any = "mean"
) -> Any:
    w = 1.0 if pos_weight is None else pos_weight
    terms = sd.nn.binary_cross_entropy(x, target, positive_weight=w, reduction="none", name=None)
    return averaged(terms if weight is None else terms * weight, reduction)


def bce(x: Any, target: Any, *, weight: Any = None, reduction: Any = "mean") -> Any:
    terms = sd.nn.binary_cross_entropy(x, target, from_logits=False, reduction="none", name=None)
    return averaged(terms if weight is None else terms * weight, reduction)


def mse(x: Any, y: Any, *, reduction: Any = "mean", **_: Any) -> Any:
    return averaged((x - y) ** 2, reduction)


def l1(x: Any, y: Any, *, reduction: Any = "mean", **_: Any) -> Any:
    return averaged(sd.absolute(x - y), reduction)


def huber(x: Any, y: Any, *, delta: float = 1.0, reduction: Any = "mean", **_: Any) -> Any:
    x, y = broadcast(x, y)
    return sd.nn.huber(x, y, delta=delta, reduction=reduction, name=None)


def smooth_l1(x: Any, y: Any, *, beta: float = 1.0, reduction: Any = "mean", **_: Any) -> Any:
    x, y = broadcast(x, y)
    return (
        l1(x, y, reduction=reduction)
        if beta == 0
        else sd.nn.huber(x, y, delta=beta, reduction=reduction, name=None) / beta
    )


def broadcast(x: Any, y: Any) -> Any:
    import numpy as np

    shape = np.broadcast_shapes(x.shape, y.shape)
    return sd.broadcast_to(x, shape), sd.broadcast_to(y, shape)


def kl(x: Any, target: Any, *, reduction: Any = "mean", log_target: bool = False, **_: Any) -> Any:
    terms = sd.exp(target) * (target - x) if log_target else sd.xlogy(target, target) - target * x
    return sd.sum(terms) / terms.shape[0] if reduction == "batchmean" else averaged(terms, reduction)


def gaussian_nll(
    x: Any, target: Any, var: Any, *, full: bool = False, eps: float = 1e-6, reduction: Any = "mean"
) -> Any:
    if not isinstance(var, sd.Tensor):
        var = sd.full(x.shape, float(var))
    if var.rank < x.rank:
        var = sd.expand_dims(var, -1)
    shape = broadcast(x, target)[0].shape
    x, target, var = (sd.broadcast_to(t, shape) for t in (x, target, var))
    terms = sd.nn.gaussian_nll(x, target, var, epsilon=eps, reduction="none", name=None)
    import math

    return averaged(terms + math.log(2 * math.pi) / 2 if full else terms, reduction)


def poisson_nll(
    x: Any,
    target: Any,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Any = "mean",
    **_: Any,
) -> Any:
    import math

    terms = sd.exp(x) - target * x if log_input else x - target * sd.log(x + eps)
    if full:
        stirling = target * sd.log(target) - target + sd.log(2 * math.pi * target) / 2
        terms = terms + sd.where(target > 1, stirling, 0)
    return averaged(terms, reduction)


def margin_ranking(x: Any, y: Any, target: Any, *, margin: float = 0.0, reduction: Any = "mean") -> Any:
    shape = broadcast(x, y)[0].shape
    x, y, target = (sd.broadcast_to(t, shape) for t in (x, y, target))
    return sd.nn.margin_ranking(x, y, target, margin=margin, reduction=reduction, name=None)


def hinge_embedding(x: Any, target: Any, *, margin: float = 1.0, reduction: Any = "mean", **_: Any) -> Any:
    x, target = broadcast(x, target)
    return sd.nn.hinge_embedding(x, target, margin=margin, reduction=reduction, name=None)


def cosine_embedding(x: Any, y: Any, target: Any, *, margin: float = 0.0, reduction: Any = "mean") -> Any:
    if x.rank == 1:
        x, y, target = x.reshape(1, -1), y.reshape(1, -1), target.reshape(1)
        found = sd.nn.cosine_embedding(x, y, target, margin=margin, reduction=reduction, name=None)
        return found.reshape(()) if reduction == "none" else found
    return sd.nn.cosine_embedding(x, y, target, margin=margin, reduction=reduction, name=None)


def soft_margin(x: Any, target: Any, *, reduction: Any = "mean", **_: Any) -> Any:
    x, target = broadcast(x, target)
    return sd.nn.soft_margin(x, target, reduction=reduction, name=None)


def multi_margin(
    x: Any, target: Any, p: int = 1, margin: float = 1.0, *, weight: Any = None, reduction: Any = "mean"
) -> Any:
    lone = x.rank < 2
    x, target = (x.reshape(1, -1), target.reshape(1)) if lone else (x, target)
    found = sd.nn.multi_margin(
        x, target, margin=margin, power=p, class_weights=weight, reduction=reduction, name=None
    )
    return found.reshape(()) if lone and reduction == "none" else found


def multi_label_margin(x: Any, target: Any, *, reduction: Any = "mean") -> Any:
    lone = x.rank < 2
    x, target = (x.reshape(1, -1), target.reshape(1, -1)) if lone else (x, target)
    n = x.shape[-1]
    listed = sd.equal(sd.cumsum(sd.where(target < 0, 1, 0), -1), 0)
    of = sd.equal(sd.expand_dims(target, -1), sd.arange(n).reshape(1, 1, -1))
    times = sd.sum(sd.where(sd.not_equal(sd.expand_dims(sd.where(listed, 1, 0), -1), 0) & of, 1, 0), 1)
    gaps = sd.maximum(1 - sd.expand_dims(x, -1) + sd.expand_dims(x, -2), 0)
    others = sd.expand_dims(sd.where(sd.equal(times, 0), 1, 0), -2)
    found = averaged(sd.sum(sd.expand_dims(times, -1) * gaps * others, (-2, -1)) / n, reduction)
    return found.reshape(()) if lone and reduction == "none" else found


def multi_label_soft_margin(x: Any, target: Any, *, weight: Any = None, reduction: Any = "mean") -> Any:
    terms = sd.nn.binary_cross_entropy(x, target, reduction="none", name=None)
    terms = terms if weight is None else terms * weight
    return averaged(sd.mean(terms, -1), reduction)


def triplet(
    a: Any,
    p: Any,
    n: Any,
    *,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Any = "mean",
    eps: float = 1e-6,
    **k: Any,
) -> Any:
    if k.get("distance_function") is not None:
        raise Absent("a function of PyTorch")
    order = k.get("p", 2)
    return sd.nn.triplet(
        a, p, n, margin=margin, order=order, swap=swap, epsilon=eps, reduction=reduction, name=None
    )


def ctc(
    x: Any,
    labels: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: Any = "mean",
    zero_infinity: bool = False,
) -> Any:
    if labels.rank < 2:
        raise Absent("labels of all samples in one vector")

    def held(given: Any) -> Any:
        return given if isinstance(given, sd.Tensor) else sd.constant(list(given))

    terms = sd.nn.ctc(
        x,
        labels,
        input_lengths=held(input_lengths),
        label_lengths=held(target_lengths),
        blank=blank,
        zero_infinity=zero_infinity,
        reduction="none",
        time_first=True,
        name=None,
    )
    if reduction == "mean":
        return sd.mean(terms / sd.maximum(held(target_lengths), 1))
    return averaged(terms, reduction)


NAMES: dict[str, Callable[..., Any]] = {
    "cross_entropy": cross_entropy,
    "nll_loss": nll,
    "binary_cross_entropy_with_logits": bce_with_logits,
    "binary_cross_entropy": bce,
    "mse_loss": mse,
    "l1_loss": l1,
    "huber_loss": huber,
    "smooth_l1_loss": smooth_l1,
    "kl_div": kl,
    "gaussian_nll_loss": gaussian_nll,
    "poisson_nll_loss": poisson_nll,
    "margin_ranking_loss": margin_ranking,
    "hinge_embedding_loss": hinge_embedding,
    "cosine_embedding_loss": cosine_embedding,
    "soft_margin_loss": soft_margin,
    "multi_margin_loss": multi_margin,
    "multilabel_margin_loss": multi_label_margin,
    "multilabel_soft_margin_loss": multi_label_soft_margin,
    "triplet_margin_loss": triplet,
    "triplet_margin_with_distance_loss": triplet,
    "ctc_loss": ctc,
}

SPELLINGS = {f"nn.functional.{name}": Spelling(f) for name, f in NAMES.items()}
