"""Layers and losses of networks."""

from __future__ import annotations

import symdl as sd

from .case import Case
from .matrices import square
from .symbols import A, B, a, b, d, data, k, m, n, target, u, v, w, wide, x, y

total, inner = sd.sum, sd.inner
W, V = wide, sd.tensor("V", (k, d))
bias = sd.tensor("b", (k,))
logits = data @ W
hot = sd.tensor("t", (n,), dtype="int64")
keep = sd.tensor("Y", (n, k))
W1 = sd.tensor("W", (m, d))
h = sd.tensor("b", (m,))
o = sd.tensor("a", (m,))
E = sd.tensor("E", (n, d))
Uf, Vf, Rf = sd.tensor("U", (n, k)), sd.tensor("V", (d, k)), sd.tensor("R", (n, d))
Qa, Ka, Va, Ga = (
    sd.tensor("Q", (n, k)),
    sd.tensor("K", (m, k)),
    sd.tensor("V", (m, d)),
    sd.tensor("G", (n, d)),
)
scores = Qa @ Ka.T


def _by_hand(keepdims: bool) -> sd.Tensor:
    """Softmax regression as it is first written: exponentials over their sums."""
    exps = sd.exp(logits)
    shares = exps / sd.sum(exps, axis=1, keepdims=True) if keepdims else exps / sd.sum(exps, axis=1)[:, None]
    return -sd.sum(keep * sd.log(shares)) / n


def _shifted() -> sd.Tensor:
    lower = logits - sd.logsumexp(logits, axis=1, keepdims=True)
    return -sd.sum(keep * lower) / n


ONE_HOT = {"facts": (sd.sums_to_one(keep),)}

LAYERS = (
    Case("sum of a sigmoid", lambda: (total(sd.sigmoid(x)), x), "σ(x) ⊙ (1 - σ(x))"),
    Case("sum of a tanh", lambda: (total(sd.tanh(x)), x), "1 - tanh(x)∘²"),
    Case("sum of exponentials", lambda: (total(sd.exp(x)), x), "exp(x)"),
    Case("sum of a softplus", lambda: (total(sd.nn.softplus(x)), x), "σ(x)"),
    Case("sum of a relu", lambda: (total(sd.relu(x)), x), "[x > 0]"),
    Case(
        "sum of a SiLU",
        lambda: (total(x * sd.sigmoid(x)), x),
        "σ(x) + x ⊙ σ(x) ⊙ (1 - σ(x))",
        prints="σ(x) ⊙ (1 + x ⊙ σ(-x))",
    ),
    Case("sum of sines", lambda: (total(sd.sin(x)), x), "cos(x)"),
    Case("sum of cubes", lambda: (total(x**3), x), "3·x∘²"),
    Case("sum of squares, float", lambda: (0.5 * total(x**2), x), "x"),
    Case("product with a vector", lambda: (total(y * x), x), "y"),
    Case(
        "weighted sigmoid layer",
        lambda: (inner(o, sd.sigmoid(W1 @ x + h)), W1),
        "(a ⊙ σ(W x + b) ⊙ (1 - σ(W x + b))) xᵀ",
    ),
    Case("weighted tanh layer", lambda: (inner(o, sd.tanh(W1 @ x + h)), x), "Wᵀ (a ⊙ (1 - tanh(W x + b)∘²))"),
    Case(
        "squared sigmoid layer",
        lambda: (square(sd.sigmoid(W1 @ x) - o) / 2, x),
        "Wᵀ ((σ(W x) - a) ⊙ σ(W x) ⊙ (1 - σ(W x)))",
        prints="Wᵀ (σ(W x) ⊙ (1 - σ(W x)) ⊙ (σ(W x) - a))",
    ),
    Case("relu layer", lambda: (inner(o, sd.relu(W1 @ x)), x), "Wᵀ (a ⊙ [W x > 0])"),
    Case("exponential layer", lambda: (total(sd.exp(W1 @ x)), x), "Wᵀ exp(W x)"),
    Case(
        "softmax regression",
        lambda: (sd.nn.cross_entropy(logits, keep), W),
        "1/n·Xᵀ (softmax(X W) - Y)",
        options=ONE_HOT,
        shares="Y",
    ),
    Case(
        "softmax regression by hand",
        lambda: (_by_hand(False), W),
        "1/n·Xᵀ (softmax(X W) - Y)",
        options=ONE_HOT,
        shares="Y",
    ),
    Case(
        "softmax regression, keepdims",
        lambda: (_by_hand(True), W),
        "1/n·Xᵀ (softmax(X W) - Y)",
        options=ONE_HOT,
        shares="Y",
    ),
    Case(
        "softmax regression, logsumexp",
        lambda: (_shifted(), W),
        "1/n·Xᵀ (softmax(X W) - Y)",
        options=ONE_HOT,
        shares="Y",
    ),
    Case(
        "softmax regression, labels",
        lambda: (sd.nn.cross_entropy(logits, hot), W),
        "1/n·Xᵀ (softmax(X W) - Y)",
    ),
    Case(
        "softmax regression, bias",
        lambda: (sd.nn.cross_entropy(logits + bias, keep), bias),
        "1/n·(softmax(X W + 𝟏 bᵀ) - Y)ᵀ 𝟏",
        options=ONE_HOT,
        shares="Y",
    ),
    Case("linear layer, weights", lambda: (square(logits + bias - keep) / 2, W), "Xᵀ (X W + 𝟏 bᵀ - Y)"),
    Case(
        "linear layer, bias",
        lambda: (square(logits + bias - keep) / 2, bias),
        "(X W + 𝟏 bᵀ - Y)ᵀ 𝟏",
        prints="(X W - Y)ᵀ 𝟏 + n·b",
    ),
    Case("linear layer, input", lambda: (square(logits - keep) / 2, data), "(X W - Y) Wᵀ"),
    Case("two linear layers", lambda: (square(data @ W @ V - data) / 2, W), "Xᵀ (X W V - X) Vᵀ"),
    Case(
        "linear autoencoder",
        lambda: (square(data @ W @ W.T - data) / 2, W),
        "(Xᵀ (X W Wᵀ - X) + (W Wᵀ Xᵀ - Xᵀ) X) W",
        prints="((X W Wᵀ - X)ᵀ X + Xᵀ (X W Wᵀ - X)) W",
    ),
    Case(
        "hidden layer",
        lambda: (square(sd.relu(data @ W) @ V - E) / 2, W),
        "Xᵀ (((max(X W, 0) V - E) Vᵀ) ⊙ [X W > 0])",
    ),
    Case("matrix factorisation", lambda: (square(Rf - Uf @ Vf.T) / 2, Uf), "(U Vᵀ - R) V"),
    Case("attention, values", lambda: (total(Ga * (sd.softmax(scores) @ Va)), Va), "softmax(Q Kᵀ)ᵀ G"),
    Case("bilinear scores", lambda: (total(Ga * (scores @ Va)), Qa), "G Vᵀ K"),
    Case("hinge", lambda: (total(sd.relu(1 - target * (data @ w))), w), "-Xᵀ (y ⊙ [y ⊙ (X w) < 1])"),
    Case(
        "squared hinge",
        lambda: (total(sd.relu(1 - target * (data @ w)) ** 2), w),
        "-2·Xᵀ (y ⊙ max(1 - y ⊙ (X w), 0))",
    ),
    Case(
        "skip-gram, positive",
        lambda: (-sd.log(sd.sigmoid(inner(u, v))), v),
        "(σ(uᵀ v) - 1)·u",
        prints="-σ(-uᵀ v)·u",
    ),
    Case("negative sampling", lambda: (-sd.log(sd.sigmoid(-inner(u, v))), v), "σ(uᵀ v)·u"),
    Case("contrastive distance", lambda: (square(A @ x - A @ y), A), "2·A (x - y) (x - y)ᵀ"),
    Case(
        "residual block",
        lambda: (square(x + sd.tanh(A @ x)) / 2, x),
        "x + tanh(A x) + Aᵀ ((x + tanh(A x)) ⊙ (1 - tanh(A x)∘²))",
        prints="tanh(A x) + Aᵀ ((1 - tanh(A x)∘²) ⊙ (tanh(A x) + x)) + x",
    ),
    Case("gate", lambda: (total(sd.sigmoid(a) * b), a), "b ⊙ σ(a) ⊙ (1 - σ(a))"),
    Case(
        "softmax, weighted",
        lambda: (inner(a, sd.softmax(x)), x),
        "softmax(x) ⊙ (a - aᵀ softmax(x))",
        prints="(a - aᵀ softmax(x)) ⊙ softmax(x)",
    ),
    Case("mean of squares", lambda: (sd.mean(x**2), x), "2/d·x"),
    Case(
        "variance",
        lambda: (sd.mean((x - sd.mean(x)) ** 2), x),
        "2/d·(x - 1/d·𝟏ᵀ x)",
        prints="2/d·(x - 1/d·xᵀ 𝟏)",
    ),
    Case(
        "layer, both sides",
        lambda: (inner(sd.tanh(A @ x), B @ x), x),
        "Bᵀ tanh(A x) + Aᵀ ((B x) ⊙ (1 - tanh(A x)∘²))",
    ),
)
