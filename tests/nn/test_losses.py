"""Losses against PyTorch: values and gradients, hard points, masks, weights, bad arguments."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

from symdl import nn
from symdl.differentiate.adjoint import differentiate
from symdl.errors import ExpressionError, ShapeError
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.run.compile import compile
from symdl.run.reference.interpreter import evaluate

from .agreement import agrees, torch

pytestmark = pytest.mark.torch
N = Dim("n")
RNG = np.random.default_rng(20)
A, Y = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
MASK = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 0]])


def f() -> Any:
    return torch().nn.functional


def log_cosh(a: Any, y: Any) -> Any:
    return (a - y).cosh().log().mean()


REGRESSION: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "mae": (nn.mean_absolute_error, lambda a, y: f().l1_loss(a, y)),
    "huber": (lambda a, y: nn.huber(a, y, delta=0.6), lambda a, y: f().huber_loss(a, y, delta=0.6)),
    "log_cosh": (nn.log_cosh, log_cosh),
    "hinge": (nn.hinge, lambda a, y: (1 - a * y).clamp(min=0).mean()),
}


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("shape", [(4, 3), (1, 1)])
def test_regression(name: str, shape: tuple[int, int]) -> None:
    ours, theirs = REGRESSION[name]
    a, y = tensor("a", (N, shape[1])), tensor("y", (N, shape[1]))
    values = {"a": A[: shape[0], : shape[1]], "y": Y[: shape[0], : shape[1]]}
    agrees(ours(a, y), theirs, [a, y], values)


@pytest.mark.parametrize("name", [*REGRESSION, "mse", "bce"])
def test_masks(name: str) -> None:
    ours: Any = {"mse": nn.mean_squared_error, "bce": nn.binary_cross_entropy}.get(name) or getattr(
        nn, {"mae": "mean_absolute_error"}.get(name, name)
    )
    a, y, m = tensor("a", (4, 3)), tensor("y", (4, 3)), tensor("m", (4, 3), dtype="int64")
    whole, part = tensor("a", (N,)), tensor("y", (N,))
    kept = MASK == 1
    masked = differentiate(ours(a, y, mask=m), [a])
    found = evaluate(masked.program, {"a": np.where(kept, A, np.nan), "y": Y, "m": MASK})
    plain = differentiate(ours(whole, part), [whole])
    expected = evaluate(plain.program, {"a": A[kept], "y": Y[kept]})
    np.testing.assert_allclose(found[masked.output], expected[plain.output], rtol=1e-12)
    slopes = np.zeros((4, 3))
    slopes[kept] = expected[plain.gradient(whole)]
    np.testing.assert_allclose(found[masked.gradient(a)], slopes, rtol=1e-10, atol=1e-14)


def test_gaussian_nll() -> None:
    m, y, v = (tensor(name, (4, 3)) for name in "myv")
    variance = RNG.uniform(0.2, 2, size=(4, 3))
    agrees(
        nn.gaussian_nll(m, y, v),
        lambda m, y, v: f().gaussian_nll_loss(m, y, v),
        [m, y, v],
        {"m": A, "y": Y, "v": variance},
    )


LABELS = np.array([2, 0, 1, 2])
WEIGHTS = np.array([0.5, 2.0, 1.25])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", ["no", "numbers", "tensor"])
def test_cross_entropy_with_labels(smoothing: float, weighted: str) -> None:
    z, t, w = tensor("z", (N, 3)), tensor("t", (N,), dtype="int64"), tensor("w", (3,))
    weights: Any = {"no": None, "numbers": list(WEIGHTS), "tensor": w}[weighted]
    given = None if weights is None else torch().tensor(WEIGHTS)
    values = {"z": A, "t": LABELS} | ({"w": WEIGHTS} if weighted == "tensor" else {})
    agrees(
        nn.cross_entropy(z, t, label_smoothing=smoothing, class_weights=weights),
        lambda z, t, w=None: f().cross_entropy(z, t, weight=given, label_smoothing=smoothing),
        [z],
        values,
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_with_probabilities(smoothing: float, weighted: bool) -> None:
    z, y = tensor("z", (N, 3)), tensor("y", (N, 3))
    share = RNG.random((4, 3))
    share /= share.sum(1, keepdims=True)
    weights = list(WEIGHTS) if weighted else None
    given = torch().tensor(WEIGHTS) if weighted else None
    agrees(
        nn.cross_entropy(z, y, label_smoothing=smoothing, class_weights=weights),
        lambda z, y: f().cross_entropy(z, y, weight=given, label_smoothing=smoothing),
        [z],
        {"z": A, "y": share},
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_masked_rows_do_not_count(weighted: bool) -> None:
    z, t, m = tensor("z", (4, 3)), tensor("t", (4,), dtype="int64"), tensor("m", (4,), dtype="int64")
    weights = list(WEIGHTS) if weighted else None
    given = torch().tensor(WEIGHTS) if weighted else None
    keep = [0, 2]
    values = {"z": A, "t": LABELS, "m": np.array([1, 0, 1, 0])}
    agrees(
        nn.cross_entropy(z, t, class_weights=weights, mask=m),
        lambda z, t, m: f().cross_entropy(z[keep], t[keep], weight=given),
        [z],
        values,
    )
    agrees(
        nn.nll(z, t, class_weights=weights, mask=m),
        lambda z, t, m: f().nll_loss(z[keep], t[keep], weight=given),
        [z],
        values,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignored", [None, -100, 2])
@pytest.mark.parametrize("weighted", ["no", "numbers", "tensor"])
def test_what_becomes_of_the_rows(reduction: Any, ignored: int | None, weighted: str) -> None:
    z, t, w = tensor("z", (N, 3)), tensor("t", (N,), dtype="int64"), tensor("w", (3,))
    weights: Any = {"no": None, "numbers": list(WEIGHTS), "tensor": w}[weighted]
    given = None if weights is None else torch().tensor(WEIGHTS)
    labels = LABELS if ignored is None else np.where([False, True, False, False], ignored, LABELS)
    values = {"z": A, "t": labels} | ({"w": WEIGHTS} if weighted == "tensor" else {})
    options = {"class_weights": weights, "ignore_label": ignored, "reduction": reduction}
    theirs = {"weight": given, "ignore_index": -100 if ignored is None else ignored, "reduction": reduction}
    agrees(
        nn.cross_entropy(z, t, label_smoothing=0.2, **options),
        lambda z, t, w=None: f().cross_entropy(z, t, label_smoothing=0.2, **theirs),
        [z],
        values,
    )
    agrees(nn.nll(z, t, **options), lambda z, t, w=None: f().nll_loss(z, t, **theirs), [z], values)


@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.nll, nn.focal])
def test_class_weights_are_data(loss: Any) -> None:
    z, t = tensor("z", (N, 5)), tensor("t", (N,), dtype="int64")
    derivative = differentiate(loss(z, t, class_weights=[2, 3, 4, 5, 7]), [z])
    assert not [e for e in derivative.program.equations if e.body.has(sp.Integer(7))]
    (weights,) = (t for t in derivative.program.inputs if t.value is not None)
    np.testing.assert_array_equal(weights.value, [2, 3, 4, 5, 7])


def test_ignored_labels_in_a_kernel() -> None:
    z, t = tensor("z", (N, 3)), tensor("t", (N,), dtype="int64")
    run = compile(nn.cross_entropy(z, t, ignore_label=-1), wrt=[z])
    loss, slopes = run(z=A, t=np.array([0, -1, 2, 1]))
    expected, kept = compile(nn.cross_entropy(z, t), wrt=[z])(z=A[[0, 2, 3]], t=np.array([0, 2, 1]))
    np.testing.assert_allclose(loss, expected)
    np.testing.assert_allclose(slopes["z"][[0, 2, 3]], kept["z"])
    np.testing.assert_array_equal(slopes["z"][1], 0)


@pytest.mark.parametrize("reduction", ["sum", "none"])
@pytest.mark.parametrize("masked", [False, True])
def test_losses_of_elements_stay_apart_or_are_summed(reduction: Any, masked: bool) -> None:
    a, y, m = tensor("a", (4, 3)), tensor("y", (4, 3)), tensor("m", (4, 3), dtype="int64")
    values = {"a": A, "y": Y} | ({"m": MASK} if masked else {})
    mask = m if masked else None

    def outside(loss: Callable[..., Any]) -> Callable[..., Any]:
        def each(a: Any, y: Any, m: Any = None) -> Any:
            terms = loss(a, y, reduction="none") * (1 if m is None else m)
            return terms.sum() if reduction == "sum" else terms

        return each

    pairs: list[tuple[Any, Any]] = [
        (nn.mean_squared_error, f().mse_loss),
        (nn.mean_absolute_error, f().l1_loss),
        (nn.huber, f().huber_loss),
        (nn.binary_cross_entropy, f().binary_cross_entropy_with_logits),
    ]
    for ours, theirs in pairs:
        agrees(ours(a, y, mask=mask, reduction=reduction), outside(theirs), [a], values)


def test_nll_of_log_softmax_is_cross_entropy() -> None:
    z, t = tensor("z", (N, 2, 3)), tensor("t", (N, 2), dtype="int64")
    labels = RNG.integers(0, 3, size=(4, 2))
    logits = RNG.normal(size=(4, 2, 3))
    agrees(
        nn.nll(nn.log_softmax(z), t),
        lambda z, t: f().cross_entropy(z.flatten(0, 1), t.flatten()),
        [z],
        {"z": logits, "t": labels},
    )


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 2.5])
def test_focal(gamma: float) -> None:
    z, t = tensor("z", (N, 3)), tensor("t", (N,), dtype="int64")

    def outside(z: Any, t: Any) -> Any:
        log_p = f().log_softmax(z, dim=1)[torch().arange(4), t]
        return (-((1 - log_p.exp()) ** gamma) * log_p * torch().tensor(WEIGHTS)[t]).mean()

    agrees(nn.focal(z, t, gamma=gamma, class_weights=list(WEIGHTS)), outside, [z], {"z": A, "t": LABELS})


def test_kl_divergence() -> None:
    z, p = tensor("z", (N, 3)), tensor("p", (N, 3))
    share = np.array([[0.2, 0.5, 0.3], [0, 1, 0], [0.5, 0, 0.5], [0.1, 0.1, 0.8]])
    agrees(
        nn.kl_divergence(z, p),
        lambda z, p: f().kl_div(f().log_softmax(z, dim=1), p, reduction="batchmean"),
        [z],
        {"z": A, "p": share},
    )


def test_triplet() -> None:
    a, p, n = (tensor(name, (N, 3)) for name in "apn")
    agrees(
        nn.triplet(a, p, n, margin=0.5),
        lambda a, p, n: f().triplet_margin_loss(a, p, n, margin=0.5),
        [a, p, n],
        {"a": A, "p": Y, "n": RNG.normal(size=(4, 3))},
    )


def test_info_nce() -> None:
    q, k = tensor("q", (N, 3)), tensor("k", (N, 3))

    def outside(q: Any, k: Any) -> Any:
        q, k = (x / (x.pow(2).sum(1, keepdim=True) + 1e-12).sqrt() for x in (q, k))
        return f().cross_entropy(q @ k.T / 0.2, torch().arange(len(q)))

    loss = nn.info_nce(nn.normalized(q), nn.normalized(k), temperature=0.2)
    agrees(loss, outside, [q, k], {"q": A, "k": Y})


EXTREME = np.array([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 0.0], [0.0, 0.0, 1000.0], [-1e3, -1e3, -1e3]])


@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("loss", ["cross_entropy", "smooth", "focal", "kl"])
def test_large_logits_stay_finite(loss: str, label: int) -> None:
    z, t, p = tensor("z", (4, 3)), tensor("t", (4,), dtype="int64"), tensor("p", (4, 3))
    built = {
        "cross_entropy": lambda: nn.cross_entropy(z, t),
        "smooth": lambda: nn.cross_entropy(z, t, label_smoothing=0.1),
        "focal": lambda: nn.focal(z, t),
        "kl": lambda: nn.kl_divergence(z, p),
    }[loss]()
    derivative = differentiate(built, [z])
    values = {"z": EXTREME, "t": np.full(4, label), "p": np.eye(3)[np.full(4, label)]}
    program = derivative.program
    found = evaluate(program, {str(x.name): values[str(x.name)] for x in program.inputs if x.value is None})
    assert np.isfinite(found[built])
    assert np.isfinite(found[derivative.gradient(z)]).all()


Z, T = tensor("z", (N, 3)), tensor("t", (N,), dtype="int64")


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: nn.huber(Z, tensor("y", (N,))), ShapeError),
        (lambda: nn.huber(Z, Z, delta=-1), ExpressionError),
        (lambda: nn.gaussian_nll(Z, Z, Z, epsilon=0), ExpressionError),
        (lambda: nn.nll(Z, Z), ShapeError),
        (lambda: nn.nll(Z, T, class_weights=[1, 2]), ShapeError),
        (lambda: nn.focal(Z, T, gamma=0.5), ExpressionError),
        (lambda: nn.focal(Z, tensor("y", (N,))), ShapeError),
        (lambda: nn.cross_entropy(Z, T, label_smoothing=1.5), ExpressionError),
        (lambda: nn.cross_entropy(Z, T, mask=tensor("m", (N, 3), dtype="int64")), ShapeError),
        (lambda: nn.kl_divergence(tensor("a"), tensor("b")), ShapeError),
        (lambda: nn.triplet(Z, Z, tensor("b", (N, 2))), ShapeError),
        (lambda: nn.info_nce(tensor("a", (3,)), tensor("b", (3,))), ShapeError),
        (lambda: nn.hinge(Z, T), ShapeError),
        (lambda: nn.cross_entropy(Z, T, reduction="average"), ExpressionError),  # type: ignore[arg-type]
        (lambda: nn.binary_cross_entropy(Z, Z, positive_weight=-1), ExpressionError),
        (lambda: nn.triplet(Z, Z, Z, reduction="average"), ExpressionError),  # type: ignore[arg-type]
    ],
    ids=itertools.count(),
)
def test_bad_arguments_are_refused(build: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        build()
