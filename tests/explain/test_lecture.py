"""Derivations of models from lectures: the lines that matter, as a textbook writes them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.explain.notation import tree as t
from symdl.express.program import collect

from .test_lines import agree, world_of

n = sd.Dim("n")
X = sd.tensor("X", (n, 3))
y = sd.tensor("y", (n,))
Y = sd.tensor("Y", (n, 2))
labels = sd.tensor("t", (n,), dtype="int64")
image = sd.tensor("x", (n, 1, 8, 8))
sequence = sd.tensor("s", (n, 4, 3))


def squares(output: sd.Tensor) -> sd.Tensor:
    return (output * output).sum() / 2


def ridge() -> sd.Tensor:
    w = sd.parameter("w", (3,))
    return ((X @ w - y) ** 2).mean() + sd.tensor("lambda", ()) * (w**2).sum()


def regression() -> sd.Tensor:
    return ((X @ sd.parameter("w", (3,)) + sd.parameter("b", ()) - y) ** 2).mean()


def one_output() -> sd.Tensor:
    return sd.nn.mean_squared_error(sd.nn.dense(X, 1, name="out"), sd.tensor("r", (n, 1)))


def hinge() -> sd.Tensor:
    w = sd.parameter("w", (3,))
    return sd.nn.hinge(X @ w, y) + sd.nn.l2_penalty([w], 0.5)


def two_layers(activation: Any) -> sd.Tensor:
    hidden = sd.nn.dense(X, 4, activation=activation, name="h")
    return sd.nn.mean_squared_error(sd.nn.dense(hidden, 2, name="out"), Y)


def tied() -> sd.Tensor:
    W = sd.parameter("W", (3, 2))
    return ((sd.sigmoid(X @ W, name="H") @ W.T - X) ** 2).sum() / n


def skip_gram() -> sd.Tensor:
    E, U = sd.parameter("E", (5, 2)), sd.parameter("U", (5, 2))
    i, k, q = sd.indices("i k q")
    others = sd.tensor("m", (n, 3), dtype="int64")
    s = sd.define("s", (i,), sd.Sum(E[labels[i], k] * U[labels[i], k], k))
    r = sd.define("r", (i, q), sd.Sum(E[labels[i], k] * U[others[i, q], k], k))
    return sd.softplus(-s).mean() + sd.softplus(r).sum() / n


def logistic() -> sd.Tensor:
    p = sd.sigmoid(X @ sd.parameter("w", (3,)), name="p")
    return -(y * sd.log(p) + (1 - y) * sd.log(1 - p)).mean()


def softmax_by_hand() -> sd.Tensor:
    P = sd.softmax(X @ sd.parameter("W", (3, 2)), name="P")
    return -(Y * sd.log(P)).sum() / n


def gates() -> sd.Tensor:
    return squares(sd.softmax(sd.nn.dense(X, 2, name="g"), name="p") * Y)


def adversaries() -> sd.Tensor:
    D = sd.nn.dense(X, 1, activation=sd.sigmoid, name="D")
    fake = sd.replace(D, {X: sd.nn.dense(sd.tensor("z", (n, 2)), 3, name="G")})
    return -(sd.log(D) + sd.log(1 - fake)).mean()


def triplets() -> sd.Tensor:
    return sd.nn.triplet(X, sd.tensor("p", (n, 3)), sd.tensor("q", (n, 3)))


def physics() -> sd.Tensor:
    place, time = sd.tensor("x", (n, 1)), sd.tensor("t", (n, 1))
    hidden = sd.nn.dense(sd.concatenate([place, time], axis=1), 3, activation=sd.tanh, name="a")
    u = sd.nn.dense(hidden, 1, name="u")
    by_place, by_time = sd.grad(u.sum(), place), sd.grad(u.sum(), time)
    return ((by_time + u * by_place - sd.grad(by_place.sum(), place)) ** 2).mean()


def hessian_product() -> sd.Tensor:
    w = sd.parameter("w", (3,))
    return (sd.grad(sd.nn.binary_cross_entropy(X @ w, y), w) * sd.tensor("v", (3,))).sum()


MODELS: dict[str, tuple[Callable[[], sd.Tensor], Any, list[str]]] = {
    "a bias": (regression, "b", ["b̄ = 2/n·𝟏ᵀ (z + b - y)", "b̄ = 2/n·𝟏ᵀ (X w + b - y)"]),
    "ridge": (
        ridge,
        "w",
        ["λ·‖w‖²", "w̄ = 2/n·Xᵀ (X w - y) + 2·λ·w", "+ 2·λ·w[i]"],
    ),
    "one output": (one_output, "out.W", ["out.Z̄[i,j] = 2/n·(out.Z[i,j] - r[i,j])", "L = 1/n·‖out.Z - r‖²"]),
    "softmax regression": (
        lambda: sd.nn.cross_entropy(sd.nn.dense(X, 2, name="out"), labels),
        "out.W",
        ["P = softmax(out.Z)", "out.Z̄ = 1/n·(P - Y)", "out.W̄ = 1/n·Xᵀ (softmax(out.Z) - Y)"],
    ),
    "support vectors": (
        hinge,
        "w",
        [
            "Gradient of J with respect to w",
            "L = 1/n·𝟏ᵀ max(1 - y ⊙ z, 0)",
            "J = 1/2·‖w‖² + L",
            "z̄ = -1/n·y ⊙ [y ⊙ z < 1]",
        ],
    ),
    "relu": (lambda: two_layers(sd.relu), "h.W", ["h.W̄ = 1/n·Xᵀ (((out.Z - Y) out.Wᵀ) ⊙ [h.Z > 0])"]),
    "leaky relu": (
        lambda: two_layers(sd.leaky_relu),
        "h.W",
        ["h.A = {h.Z if h.Z ≥ 0; 1/10·h.Z otherwise}", "h.Z̄ = h.Ā ⊙ {1 if h.Z ≥ 0; 1/10 otherwise}"],
    ),
    "gelu": (
        lambda: two_layers(sd.nn.gelu),
        "h.W",
        [
            "h.A[i,j] = h.Z[i,j]·Φ(h.Z[i,j])",
            "h.Z̄ = h.Ā ⊙ (h.Z ⊙ φ(h.Z) + Φ(h.Z))",
            "distribution function Φ(z)",
        ],
    ),
    "dropout": (
        lambda: squares(sd.nn.dropout(sd.nn.dense(X, 2, name="h"), rate=0.2)),
        "h.W",
        ["h.Z.dropout.A[i,j] = 5/4·h.Z[i,j]·[h.Z.dropout.u[i,j] ≥ 1/5]"],
    ),
    "tanh": (lambda: two_layers(sd.tanh), "h.b", ["h.b̄ = h.Z̄ᵀ 𝟏"]),
    "tied weights": (tied, "W", ["L = 1/n·‖A - X‖²", "W̄ = Āᵀ H + Xᵀ Z̄"]),
    "batch norm": (
        lambda: (sd.nn.batch_norm(X, name="bn") ** 3).sum(),
        "bn.gain",
        [
            "bn.v = 1/n·(bn.d∘²)ᵀ 𝟏",
            "bn.r = (bn.v + ε)^∘(-1/2)",
            "bn.γ̄ = (b̅n̅ ⊙ bn.x̂)ᵀ 𝟏",
            "bn.γ: 3 (bn.gain)",
        ],
    ),
    "convolution": (
        lambda: squares(sd.nn.conv2d(image, 2, kernel_size=3, name="c")),
        "c.W",
        ["L = 1/2·∑ᵢⱼₖₗ c.Z[i,j,k,l]²", "c.W̄[o,c,r,s] = ∑_{i,h,w} x[i,c,h + r,w + s]·c.Z[i,o,h,w]"],
    ),
    "logistic regression": (
        logistic,
        "w",
        [
            "p[i] = σ(z[i])",
            "L = -1/n·∑ᵢ (y[i]·log(p[i]) + (1 - y[i])·log(1 - p[i]))",
            "p̄[i] = -1/n·(y[i]/p[i] - (1 - y[i])/(1 - p[i]))",
            "∂p[i]/∂z[i] = p[i]·(1 - p[i]) (derivative of σ)",
            "z̄[i] = p̄[i]·p[i]·(1 - p[i]) (chain rule through σ)",
            "= 1/n·(p[i] - y[i]) (terms cancel after putting in p̄)",
            "L = -1/n·∑ᵢ (-y[i]·log(1 + e^(-z[i])) - (1 - y[i])·log(1 + e^z[i]))",
        ],
    ),
    "softmax by hand": (
        softmax_by_hand,
        "W",
        [
            "P[i,j] = e^Z[i,j]/(∑ₚ e^Z[i,p])",
            "L = -1/n·∑ᵢⱼ Y[i,j]·log(P[i,j])",
            "P̄[i,j] = -Y[i,j]/(n·P[i,j])",
            "∂P[i,p]/∂Z[i,j] = {P[i,j]·(1 - P[i,j]) if p = j; -P[i,p]·P[i,j] otherwise}",
            "Z̄[i,j] = ∑ₚ P̄[i,p]·P[i,p]·(δ[p,j] - P[i,j])",
            "= P[i,j]·(P̄[i,j] - ∑ₚ P̄[i,p]·P[i,p]) (δ picks p = j)",
            "= 1/n·P[i,j]·∑ₚ Y[i,p] - Y[i,j]/n (terms cancel after putting in P̄)",
            "P[i,j] = e^(Z[i,j] - ℓ[i])",
            "P = softmax(Z)",
        ],
    ),
    "adversaries": (
        adversaries,
        "G.W",
        [
            "L = -1/n·∑ᵢⱼ (log(D.A[i,j]) + log(1 - D.A₂[i,j]))",
            "D.Ā₂[i,j] = 1/(n·(1 - D.A₂[i,j]))",
            "= D.A₂[i,j]/n",
            "G.W̄ = 1/n·zᵀ σ(D.Z₂) D.Wᵀ",
        ],
    ),
    "triplets": (
        triplets,
        X,
        ["ū[i] = 1/(2·n·√(u[i]))·[√(v[i]) - √(u[i]) < 1]", "2·diag(ū) (X + ε - p)"],
    ),
    "attention": (
        lambda: squares(sd.nn.multi_head_attention(sd.tensor("u", (n, 3, 4)), heads=2, name="a")),
        "a.q.W",
        ["∂P[i,j,k,p]/∂S[i,j,k,l]", "(chain rule through softmax)"],
    ),
    "contrast": (
        lambda: sd.nn.info_nce(sd.nn.dense(X, 2, name="q"), Y, temperature=0.5),
        "q.W",
        ["P[i,j] = e^(2·A[i,j] - ℓ[i])", "Ā[i,j] = 2/n·P[i,j]", "P = softmax(2·A)"],
    ),
    "gates": (
        gates,
        "g.W",
        ["g.Z̄[i,j] = ∑ₗ p̄[i,l]·p[i,l]·(δ[l,j] - p[i,j])", "= p[i,j]·(p̄[i,j] - ∑ₗ p̄[i,l]·p[i,l])"],
    ),
    "physics": (
        physics,
        "u.W",
        [
            "Ā[i,k] = ∑ⱼ a.Z̄[i,j]·a.W[k,j] (derivative)",
            "L = 1/n·∑ᵢⱼ (u_x[i,j]·u.Z[i,j] + u_t[i,j] - u_xx[i,j])²",
        ],
    ),
    "Hessian": (
        hessian_product,
        "w",
        ["w̄ = Xᵀ z̄", "L = w̄ᵀ v", "z̄̄ = X v", "w̄₂ = 1/n·Xᵀ ((X v) ⊙ σ(X w) ⊙ (1 - σ(X w)))"],
    ),
    "strides": (
        lambda: squares(sd.nn.conv2d(image, 2, kernel_size=3, stride=2, padding=1, name="c")),
        image,
        [
            "x̄[i,c,p,q] = ∑_{o,r,s: 2 ∣ p + 1 - r ∧ 2 ∣ q + 1 - s ∧ "
            "0 ≤ (p + 1 - r)/2 < 4 ∧ 0 ≤ (q + 1 - s)/2 < 4} "
            "c.Z[i,o,(p + 1 - r)/2,(q + 1 - s)/2]·c.W[o,c,r,s]"
        ],
    ),
    "skip-gram": (
        skip_gram,
        "E",
        ["Ē[p,k] = ∑_{i,q: p = t[i]} r̄[i,q]·U[m[i,q],k] + ∑_{i: p = t[i]} s̄[i]·U[t[i],k]"],
    ),
    "recurrent": (
        lambda: squares(sd.nn.last_state(sd.nn.rnn(sequence, 2, name="r"))),
        "r.U",
        [
            "Before the first step there is 0: r.h[i,-1,k] = 0.",
            "Z[i,t,k] = ∑ₗ r.h[i,t - 1,l]·r.U[l,k]",
            "r.h̄[i,t,k] = {r.h[i,3,k] if t = 3; ∑ₚ Z̄[i,t + 1,p]·r.U[k,p] otherwise}",
            "r.Ū[l,k] = ∑ᵢₜ r.h[i,t - 1,l]·Z̄[i,t,k]",
        ],
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_lines(name: str) -> None:
    build, wrt, expected = MODELS[name]
    loss = build()
    derivation = sd.derive(loss, wrt)
    shown = unicodedata.normalize("NFD", " ".join(derivation.text(width=400).split()))
    for line in expected:
        assert unicodedata.normalize("NFD", line) in shown
    rng = np.random.default_rng(1)
    values: dict[str, Any] = {}
    for one in collect([loss]).inputs:
        shape = tuple(4 if size == n else int(size) for size in one.shape)
        whole = one.dtype == "int64"
        values[str(one.name)] = rng.integers(0, 2, shape) if whole else rng.normal(size=shape)
    assert agree(derivation, world_of(derivation, loss, values)) > 2
    assert derivation.latex()


def named_places(item: t.Item, where: tuple[int, ...]) -> dict[Any, int]:
    return {i.expr: k for i, k in zip(item.indices, where, strict=True) if isinstance(i, t.Symbol)}


def share(z: Any) -> Any:
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def curve(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(
    ("loss", "by", "function"), [(softmax_by_hand, "W", share), (logistic, "w", curve), (gates, "g.W", share)]
)
def test_derivatives_of_activations_are_what_central_differences_say(
    loss: Any, by: str, function: Any
) -> None:
    """Lines such as ``dP_ip/dZ_ij`` hold the letters of both sides; here their values are measured."""
    rng = np.random.default_rng(2)
    built = loss()
    shapes = {str(x.name): [4 if s == n else int(s) for s in x.shape] for x in collect([built]).inputs}
    told = sd.derive(built, by)
    world = world_of(told, built, {name: rng.normal(size=shape) for name, shape in shapes.items()})
    slopes = [s for s in told.steps if isinstance(s.left, t.Partial)]
    assert slopes
    for step in slopes:
        assert isinstance(step.left, t.Partial)
        above, below = step.left.top, step.left.bottom
        assert isinstance(above, t.Item) and isinstance(below, t.Item)
        z = np.asarray(world.arrays[below.tensor])
        for place in np.ndindex(*z.shape):
            move = np.zeros_like(z)
            move[place] = 1e-6
            measured = (function(z + move) - function(z - move)) / 2e-6
            at = named_places(below, place)
            for other in np.ndindex(*z.shape):
                there = {
                    i.expr: k for i, k in zip(above.indices, other, strict=True) if isinstance(i, t.Symbol)
                }
                if all(at.get(i, k) == k for i, k in there.items()):
                    value = world.value(step.right, {**at, **there})
                    np.testing.assert_allclose(value, measured[other], atol=1e-8)


def test_every_reason_says_what_it_is_of() -> None:
    """A probability that the user named is what its derivative's line is about."""
    (i,) = sd.indices("i")
    z = X @ sd.parameter("w", (3,))
    p = sd.define("p", (i,), sd.sigmoid(z)[i])
    page = str(sd.derive(-(y * sd.log(p) + (1 - y) * sd.log(1 - p)).mean(), "w"))
    assert "(derivative of p)" in page and "(chain rule through p)" in page
