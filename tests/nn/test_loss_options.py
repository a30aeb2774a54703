"""Options of losses against PyTorch: values and gradients; margins, segmentation, learned temperatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ExpressionError, ShapeError
from symdl.run.reference.interpreter import evaluate

from .agreement import agrees, torch

RNG = np.random.default_rng(31)
REAL = {name: RNG.normal(size=(4, 3)) for name in "abc"}
INSIDE = {name: RNG.uniform(0.05, 0.95, size=(4, 3)) for name in "pq"}
ZEROS_AND_ONES = np.array([[1.0, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
LABELS = np.array([2, 0, 1, 2])
WEIGHTS = np.array([0.5, 2.0, 1.25])
VALUES: dict[str, np.ndarray] = {
    **REAL, **INSIDE, "t": LABELS, "y": ZEROS_AND_ONES, "w": WEIGHTS, "s": np.array(0.3),
    "z": np.array([1.0, -1, -1, 1]), "d": RNG.uniform(0.1, 2, size=4), "e": RNG.normal(size=4),
}  # fmt: skip


def f() -> Any:
    return torch().nn.functional


def tensors(values: dict[str, np.ndarray]) -> dict[str, sd.Tensor]:
    kinds: dict[str, Any] = {"i": "int64", "f": "real"}
    return {name: sd.tensor(name, v.shape, dtype=kinds[v.dtype.kind]) for name, v in values.items()}


def positives(count: int) -> Any:
    return torch().tensor(WEIGHTS)[:count]


def symmetric(a: Any, b: Any, s: Any) -> Any:
    classes = torch().arange(len(a))
    scores = a @ b.T / s.exp()
    return (f().cross_entropy(scores, classes) + f().cross_entropy(scores.T, classes)) / 2


def dice(p: Any, y: Any) -> Any:
    return 1 - (2 * (p * y).sum(0) + 0.5) / (p.sum(0) + y.sum(0) + 0.5)


LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "bce weighted by class": (
        lambda a, y: nn.binary_cross_entropy(a, y, positive_weight=WEIGHTS.tolist()),
        lambda a, y: f().binary_cross_entropy_with_logits(a, y, pos_weight=positives(3))),
    "bce of learned weights": (
        lambda a, y, w: nn.binary_cross_entropy(a, y, positive_weight=w, reduction="none"),
        lambda a, y, w: y * w * f().softplus(-a) + (1 - y) * f().softplus(a)),
    "bce of probabilities": (
        lambda p, y: nn.binary_cross_entropy(p, y, from_logits=False),
        lambda p, y: f().binary_cross_entropy(p, y)),
    "bce of probabilities, weighted": (
        lambda p, q: nn.binary_cross_entropy(p, q, from_logits=False, positive_weight=2.5),
        lambda p, q: -(2.5 * q * p.log() + (1 - q) * (1 - p).log()).mean()),
    "kl of log-probabilities": (
        lambda a, p: nn.kl_divergence(a, p, from_logits=False),
        lambda a, p: f().kl_div(a, p, reduction="batchmean")),
    "kl to log-probabilities": (
        lambda a, b: nn.kl_divergence(a, b, from_logits=False, log_target=True, reduction="sum"),
        lambda a, b: f().kl_div(a, b, reduction="sum", log_target=True)),
    "kl of logits to log-probabilities": (
        lambda a, b: nn.kl_divergence(a, b, log_target=True),
        lambda a, b: f().kl_div(a.log_softmax(1), b, reduction="batchmean", log_target=True)),
    "triplet of order 3": (
        lambda a, b, c: nn.triplet(a, b, c, order=3, epsilon=0.01, margin=0.5),
        lambda a, b, c: f().triplet_margin_loss(a, b, c, 0.5, 3.0, 0.01)),
    "triplet swapped": (
        lambda a, b, c: nn.triplet(a, b, c, swap=True, reduction="none"),
        lambda a, b, c: f().triplet_margin_loss(a, b, c, swap=True, reduction="none")),
    "info_nce with a learned temperature": (
        lambda a, b, s: nn.info_nce(a, b, temperature=sd.exp(s), symmetric=True), symmetric),
    "normalized along the first axis": (
        lambda a: nn.normalized(a, 0, order=3), lambda a: f().normalize(a, 3.0, dim=0)),
    "normalized by sums": (lambda a: nn.normalized(a, order=1), lambda a: f().normalize(a, 1.0, dim=1)),
    "soft margin": (
        lambda a, y: nn.soft_margin(a, 2 * y - 1), lambda a, y: f().soft_margin_loss(a, 2 * y.detach() - 1)),
    "margin ranking": (
        lambda d, e, z: nn.margin_ranking(d, e, z, margin=0.3, reduction="sum"),
        lambda d, e, z: f().margin_ranking_loss(d, e, z, 0.3, reduction="sum")),
    "multi margin": (lambda a, t: nn.multi_margin(a, t), lambda a, t: f().multi_margin_loss(a, t)),
    "multi margin, squared and weighted": (
        lambda a, t: nn.multi_margin(a, t, power=2, margin=0.5, class_weights=WEIGHTS.tolist()),
        lambda a, t: f().multi_margin_loss(a, t, 2, 0.5, positives(3))),
    "hinge embedding": (
        lambda d, z: nn.hinge_embedding(d, z, reduction="none"),
        lambda d, z: f().hinge_embedding_loss(d, z.detach(), reduction="none")),
    "cosine embedding": (
        lambda a, b, z: nn.cosine_embedding(a, b, z, margin=-0.5),
        lambda a, b, z: f().cosine_embedding_loss(a, b, z, -0.5)),
    "dice of classes": (
        lambda p, y: nn.dice(p, y, axis=0, smooth=0.5, from_logits=False, reduction="none"), dice),
    "focal without balance": (
        lambda a, y: nn.binary_focal(a, y, balance=None, gamma=0),
        lambda a, y: f().binary_cross_entropy_with_logits(a, y)),
    "poisson": (
        lambda a, p: nn.poisson_nll(a, p, reduction="sum"),
        lambda a, p: f().poisson_nll_loss(a, p, reduction="sum")),
}  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("name", LOSSES)
def test_options(name: str) -> None:
    ours, theirs = LOSSES[name]
    names = ours.__code__.co_varnames[: ours.__code__.co_argcount]
    values = {n: VALUES[n] for n in names}
    given = tensors(values)
    fixed = {"t", "y", "z"}
    agrees(ours(**given), theirs, [x for n, x in given.items() if n not in fixed], values)


def test_the_least_pinball_loss_is_at_the_quantile() -> None:
    samples, at = np.sort(RNG.normal(size=21)), sd.tensor("at", ())
    loss = nn.pinball(sd.broadcast_to(at, (21,)), sd.constant(samples), quantile=0.3)
    derivative = differentiate(loss, [at])

    def slope(place: float) -> Any:
        return evaluate(derivative.program, {"at": place})[derivative.gradient(at)]

    least = float(np.quantile(samples, 0.3, method="inverted_cdf"))
    assert slope(least - 1e-6) < 0 < slope(least + 1e-6)


def test_logits_of_any_size_stay_finite() -> None:
    for loss in (nn.binary_focal, nn.dice, nn.soft_margin):
        z = sd.tensor("z", (2, 2))
        derivative = differentiate(loss(z, sd.constant([[1.0, 1], [0, 1]])), [z])
        found = evaluate(derivative.program, {"z": np.array([[1000.0, -1000], [1000, -1000]])})
        assert np.isfinite(found[derivative.output])
        assert np.isfinite(found[derivative.gradient(z)]).all()


def test_a_probability_of_0_costs_nothing_where_it_is_the_target() -> None:
    p = sd.tensor("p", (2,))
    derivative = differentiate(nn.binary_cross_entropy(p, sd.constant([0.0, 1.0]), from_logits=False), [p])
    found = evaluate(derivative.program, {"p": np.array([0.0, 1.0])})
    assert found[derivative.output] == 0
    np.testing.assert_allclose(found[derivative.gradient(p)], [0.5, -0.5])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda x: nn.binary_cross_entropy(x, x, positive_weight=sd.full((2, 4, 3), 1.0)),
            ShapeError,
            "do not fit",
        ),
        (lambda x: nn.binary_cross_entropy(x, x, positive_weight=[1.0, -2, 1]), ExpressionError, "negative"),
        (lambda x: nn.binary_focal(x, x, gamma=0.5), ExpressionError, "gamma"),
        (lambda x: nn.multi_margin(x, sd.constant([0, 1, 2, 0]), power=0), ExpressionError, "power"),
        (lambda x: nn.pinball(x, x, quantile=2), ExpressionError, "quantile"),
        (lambda x: nn.normalized(x, order=0), ExpressionError, "order"),
        (lambda x: nn.cosine_embedding(x, x, x), ShapeError, "different shapes"),
        (lambda x: nn.triplet(x, x, x, order=0), ExpressionError, "order 0"),
    ],
)
def test_bad_arguments_are_refused(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(sd.tensor("x", (4, 3)))
