"""More of the usual collections: chains of traces and inverses, likelihoods, losses, kernels."""

from __future__ import annotations

import symdl as sd

from .case import Case
from .symbols import (
    A,
    B,
    C,
    M,
    Q,
    R,
    S,
    Sigma,
    X,
    a,
    b,
    c,
    classes,
    d,
    data,
    lam,
    mu,
    n,
    s,
    t,
    tall,
    target,
    u,
    v,
    w,
    wide,
    x,
    y,
)  # fmt: skip

quad, tr, inv, logdet, det, inner, eye = sd.quadratic, sd.trace, sd.inv, sd.logdet, sd.det, sd.inner, sd.eye
total, exp, log, mean = sd.sum, sd.exp, sd.log, sd.mean


def square(z: sd.Tensor) -> sd.Tensor:
    """The squared norm."""
    return sd.sum(z * z)


z = data @ w
logits = data @ wide

MATRICES = (
    Case(
        "a' X' X b, tall",
        lambda: (inner(a, tall.T @ (tall @ b)), tall),
        "X (a bᵀ + b aᵀ)",
        prints="X (b aᵀ + a bᵀ)",
    ),
    Case("x' A y, left", lambda: (inner(x, A @ y), x), "A y"),
    Case("two forms", lambda: (quad(x, S) + quad(x, R), x), "2·(S + R) x"),
    Case("form minus linear", lambda: (quad(x, S) - 2 * inner(b, x), x), "2·(S x - b)"),
    Case("form and linear and number", lambda: (quad(x, S) / 2 + inner(b, x) + 1, x), "S x + b"),
    Case("form of a difference", lambda: (quad(x - y, S), x), "2·S (x - y)"),
    Case("form of a difference, other", lambda: (quad(x - y, S), y), "2·S (y - x)"),
    Case("form of a sum", lambda: (quad(x + y, S), x), "2·S (x + y)"),
    Case("form of an image", lambda: (quad(A @ x, S), x), "2·Aᵀ S A x"),
    Case("form of an image, by the matrix", lambda: (quad(A @ x, S), A), "2·S A x xᵀ"),
    Case("form of an affine image", lambda: (quad(A @ x - b, S), A), "2·S (A x - b) xᵀ"),
    Case("form of an affine image, by b", lambda: (quad(A @ x - b, S), b), "2·S (b - A x)"),
    Case("square of a form", lambda: (quad(x, S) ** 2, x), "4·(xᵀ S x)·S x"),
    Case("root of a form", lambda: (sd.sqrt(quad(x, S)), x), "S x/√(xᵀ S x)"),
    Case("log of a form", lambda: (log(quad(x, S)), x), "2·S x/(xᵀ S x)"),
    Case(
        "exponential of a form",
        lambda: (exp(-quad(x, S) / 2), x),
        "-e^(-xᵀ S x/2)·S x",
    ),
    Case("inverse of a form", lambda: (1 / quad(x, S), x), "-2·S x/(xᵀ S x)²"),
    Case("square of an inner product", lambda: (inner(a, x) ** 2, x), "2·aᵀ x·a", prints="2·(aᵀ x)·a"),
    Case("cube of an inner product", lambda: (inner(a, x) ** 3, x), "3·(aᵀ x)²·a"),
    Case("log of an inner product", lambda: (log(inner(a, x)), x), "a/(aᵀ x)", positive="a x"),
    Case(
        "quotient of inner products",
        lambda: (inner(a, x) / inner(b, x), x),
        "a/(bᵀ x) - aᵀ x/(bᵀ x)²·b",
        positive="b x",
    ),
    Case("exponential of an inner product", lambda: (exp(inner(a, x)), x), "e^(aᵀ x)·a"),
    Case("distance to an image", lambda: (sd.norm(A @ x - b), x), "Aᵀ (A x - b)/‖A x - b‖"),
    Case("cube of a norm", lambda: (sd.norm(x) ** 3, x), "3·‖x‖·x"),
    Case("tr X X X'", lambda: (tr(X @ X.T @ A), X), "(A + Aᵀ) X"),
    Case("tr A' X X' A", lambda: (square(A.T @ X), X), "2·A Aᵀ X"),
    Case("tr of a squared difference", lambda: (square(X - A @ B), X), "2·(X - A B)"),
    Case("tr X S", lambda: (tr(X @ S), X), "S"),
    Case("tr S X X' R", lambda: (tr(S @ X @ X.T), X), "2·S X"),
    Case("tr of an inverse square", lambda: (tr(inv(S) @ inv(S)), S), "-2·S⁻³", prints="-2·S⁻³"),
    Case("a' X^-1 a", lambda: (inner(a, inv(X) @ a), X), "-X⁻ᵀ a aᵀ X⁻ᵀ"),
    Case("tr A X^-1", lambda: (tr(A @ inv(X)), X), "-X⁻ᵀ Aᵀ X⁻ᵀ"),
    Case("tr X^-1 A X", lambda: (tr(inv(S) @ A @ S @ B), A), "S⁻¹ Bᵀ S"),
    Case("det A X", lambda: (det(A @ X), X), "det(A X)·X⁻ᵀ", prints="det(A X)·X⁻ᵀ"),
    Case("log det 2 X", lambda: (logdet(2 * X), X), "X⁻ᵀ"),
    Case("log det X X", lambda: (logdet(X @ X), X), "2·X⁻ᵀ"),
    Case("log det S + R", lambda: (logdet(S + R), S), "(S + R)⁻¹"),
    Case("log det X + A", lambda: (logdet(X + A), X), "(X + A)⁻ᵀ"),
    Case("log det A S A'", lambda: (logdet(A @ Sigma @ A.T), Sigma), "Σ⁻¹"),
    Case("log det less a form", lambda: (logdet(Sigma) + quad(x, inv(Sigma)), Sigma), "Σ⁻¹ - Σ⁻¹ x xᵀ Σ⁻¹"),
    Case("log det less a trace", lambda: (tr(Sigma @ S) - logdet(Sigma), Sigma), "S - Σ⁻¹"),
    Case("log det times a number", lambda: (s * logdet(Sigma), s), "log(det(Σ))"),
    Case(
        "Stein loss",
        lambda: (tr(Sigma @ inv(S)) - logdet(Sigma @ inv(S)), Sigma),
        "S⁻¹ - Σ⁻¹",
    ),
    Case("squared Frobenius of a product", lambda: (square(A @ X @ B), X), "2·Aᵀ A X B Bᵀ"),
    Case("squared Frobenius of a Gram matrix", lambda: (square(tall.T @ tall), tall), "4·X Xᵀ X"),
    Case("symmetric factorisation", lambda: (square(S - X @ X.T) / 4, X), "(X Xᵀ - S) X"),
    Case("deviation from orthogonality", lambda: (square(X.T @ X - eye(d)), X), "4·X (Xᵀ X - I)"),
    Case("asymmetric part", lambda: (square(X - X.T), X), "4·(X - Xᵀ)"),
    Case("symmetric part", lambda: (square(X + X.T), X), "4·(X + Xᵀ)"),
    Case(
        "Sylvester residual",
        lambda: (square(A @ X + X @ B - C) / 2, X),
        "Aᵀ (A X + X B - C) + (A X + X B - C) Bᵀ",
        prints="(A X + X B - C) Bᵀ + Aᵀ (A X + X B - C)",
    ),
    Case(
        "Lyapunov residual",
        lambda: (square(A @ X - X @ A) / 2, X),
        "Aᵀ (A X - X A) - (A X - X A) Aᵀ",
        prints="(X A - A X) Aᵀ + Aᵀ (A X - X A)",
    ),
    Case("Hadamard form", lambda: (inner(a, (X * B) @ c), X), "a cᵀ ⊙ B", prints="diag(a) B diag(c)"),
    Case("weights of entries", lambda: (total(M * X * X), X), "2·M ⊙ X", prints="2·X ⊙ M"),
    Case("masked residual", lambda: (total(M * (X - A) ** 2) / 2, X), "M ⊙ (X - A)"),
    Case("sum of all entries", lambda: (total(X), X), "𝟏 𝟏ᵀ"),
    Case("sum of an image", lambda: (total(A @ x), x), "Aᵀ 𝟏"),
    Case("sum of an image, by its matrix", lambda: (total(A @ x), A), "𝟏 xᵀ"),
    Case("diagonal scaling", lambda: (inner(a, sd.diag(x) @ b), x), "a ⊙ b"),
    Case("form of a diagonal", lambda: (square(A * x), x), "2·x ⊙ (A ⊙ A)ᵀ 𝟏", prints="2·x ⊙ ((A∘²)ᵀ 𝟏)"),
    Case("projection residual", lambda: (square(x - Q @ y), y), "2·(y - Qᵀ x)"),
    Case("trace of a diagonal", lambda: (tr(sd.diag(x) @ A), x), "diagonal(A)", prints="diag(A)"),
)

STATISTICS = (
    Case("Poisson with offset", lambda: (total(exp(z + target) - target * z), w), "Xᵀ (exp(X w + y) - y)"),
    Case("Poisson, mean", lambda: (mean(exp(z) - target * z), w), "1/n·Xᵀ (exp(X w) - y)"),
    Case("log-cosh", lambda: (total(log(sd.cosh(z - target))), w), "Xᵀ tanh(X w - y)"),
    Case("probit-like", lambda: (total(sd.tanh(z) * target), w), "Xᵀ (y ⊙ (1 - tanh(X w)∘²))"),
    Case(
        "absolute residuals",
        lambda: (total(abs(z - target)), w),
        "Xᵀ sgn(X w - y)",
        prints="-Xᵀ sgn(y - X w)",
    ),
    Case("fourth powers", lambda: (total((z - target) ** 4) / 4, w), "Xᵀ (X w - y)∘³"),
    Case(
        "pseudo-Huber",
        lambda: (total(sd.sqrt(1 + (z - target) ** 2)), w),
        "Xᵀ ((X w - y)/√(1 + (X w - y)∘²))",
        prints="Xᵀ ((X w - y)/√((X w - y)∘² + 1))",
    ),
    Case(
        "Cauchy residuals",
        lambda: (total(log(1 + (z - target) ** 2)), w),
        "2·Xᵀ ((X w - y)/(1 + (X w - y)∘²))",
        prints="2·Xᵀ ((X w - y)/((X w - y)∘² + 1))",
    ),
    Case("exponential loss", lambda: (total(exp(-target * z)), w), "-Xᵀ (y ⊙ exp(-y ⊙ (X w)))"),
    Case("margin, linear", lambda: (-total(target * z), w), "-Xᵀ y"),
    Case(
        "softmax margin",
        lambda: (total(sd.softplus(-target * z)), w),
        "Xᵀ (y ⊙ (σ(y ⊙ (X w)) - 1))",
        prints="Xᵀ (y ⊙ (σ(y ⊙ (X w)) - 1))",
    ),
    Case("weighted logistic", lambda: (total(sd.softplus(z) - target * z), w), "Xᵀ (σ(X w) - y)"),
    Case(
        "ridge logistic",
        lambda: (total(sd.softplus(z) - target * z) + lam / 2 * square(w), w),
        "Xᵀ (σ(X w) - y) + λ·w",
    ),
    Case(
        "Gaussian, precision form",
        lambda: (quad(x - mu, inv(Sigma)) / 2 + quad(mu, S) / 2, mu),
        "Σ⁻¹ (μ - x) + S μ",
        prints="S μ + Σ⁻¹ (μ - x)",
    ),
    Case("evidence of a point", lambda: (log(quad(x, Sigma)), Sigma), "x xᵀ/(xᵀ Σ x)"),
    Case(
        "Student kernel", lambda: (log(1 + quad(x, S)), x), "2·S x/(1 + xᵀ S x)", prints="2·S x/(xᵀ S x + 1)"
    ),
    Case("variance portfolio", lambda: (quad(w, Sigma) / 2 - lam * inner(mu, w), w), "Σ w - λ·μ"),
    Case(
        "Sharpe ratio squared",
        lambda: (inner(mu, w) ** 2 / quad(w, Sigma), w),
        "2·(μᵀ w/(wᵀ Σ w)·μ - (μᵀ w)²/(wᵀ Σ w)²·Σ w)",
        prints="2·μᵀ w/(wᵀ Σ w)·(μ - μᵀ w/(wᵀ Σ w)·Σ w)",
    ),
    Case(
        "entropy of shares",
        lambda: (-total(x * log(x)), x),
        "-(log(x) + 1)",
        prints="-1 - log(x)",
        positive="x",
    ),
    Case(
        "relative entropy",
        lambda: (total(x * log(x / y)), x),
        "log(x/y) + 1",
        prints="1 + log(x/y)",
        positive="x y",
    ),
    Case("Itakura-Saito", lambda: (total(x / y - log(x / y)), x), "1/y - 1/x", positive="x y"),
    Case(
        "generalised relative entropy", lambda: (total(x * log(x / y) - x + y), x), "log(x/y)", positive="x y"
    ),
    Case("log sum of exponentials", lambda: (sd.logsumexp(x), x), "softmax(x)"),
    Case("log sum of an image", lambda: (sd.logsumexp(A @ x), x), "Aᵀ softmax(A x)"),
    Case("log sum at a temperature", lambda: (s * sd.logsumexp(x / s), x), "softmax(x/s)", positive="s"),
    Case("log sum of an affine image", lambda: (sd.logsumexp(A @ x + b), x), "Aᵀ softmax(A x + b)"),
    Case("multinomial", lambda: (sd.logsumexp(A @ x) - inner(b, A @ x), x), "Aᵀ (softmax(A x) - b)"),
    Case(
        "geometric mean",
        lambda: (exp(mean(log(x))), x),
        "e^(𝟏ᵀ log(x)/d)/d·1/x",
        positive="x",
    ),
    Case(
        "harmonic sum",
        lambda: (1 / total(1 / x), x),
        "1/(𝟏ᵀ (1/x))²·1/(x ⊙ x)",
        prints="1/x∘²/(𝟏ᵀ (1/x))²",
        positive="x",
    ),
    Case("root mean square", lambda: (sd.sqrt(mean(x * x)), x), "x/(d·√(‖x‖²/d))", prints="x/(√(‖x‖²/d)·d)"),
    Case("sum of squares of a sum", lambda: (total(x) ** 2, x), "2·𝟏ᵀ x·𝟏", prints="2·(𝟏ᵀ x)·𝟏"),
)

NETWORKS = (
    Case("sum of cosines", lambda: (total(sd.cos(x)), x), "-sin(x)"),
    Case("sum of reciprocals", lambda: (total(1 / x), x), "-1/x∘²"),
    Case("sum of roots", lambda: (total(sd.sqrt(x)), x), "1/(2·√x)", prints="1/(2·√(x))", positive="x"),
    Case("sum of logs", lambda: (total(log(x)), x), "1/x", positive="x"),
    Case("sum of x log x", lambda: (total(x * log(x)), x), "log(x) + 1", prints="1 + log(x)", positive="x"),
    Case("Gaussian bumps", lambda: (total(exp(-x * x)), x), "-2·x ⊙ exp(-x∘²)"),
    Case("sine layer", lambda: (inner(v, sd.sin(A @ x)), x), "Aᵀ (v ⊙ cos(A x))"),
    Case("quadratic layer", lambda: (inner(v, (A @ x) ** 2), x), "2·Aᵀ (v ⊙ A x)", prints="2·Aᵀ (v ⊙ (A x))"),
    Case("tanh layer, weights", lambda: (inner(v, sd.tanh(A @ x)), A), "(v ⊙ (1 - tanh(A x)∘²)) xᵀ"),
    Case(
        "sigmoid layer, bias",
        lambda: (inner(v, sd.sigmoid(A @ x + b)), b),
        "v ⊙ σ(A x + b) ⊙ (1 - σ(A x + b))",
    ),
    Case("softplus layer", lambda: (inner(v, sd.softplus(A @ x)), x), "Aᵀ (v ⊙ σ(A x))"),
    Case("relu layer, weights", lambda: (inner(v, sd.relu(A @ x)), A), "(v ⊙ [A x > 0]) xᵀ"),
    Case(
        "two layers, output", lambda: (square(B @ sd.tanh(A @ x) - y) / 2, B), "(B tanh(A x) - y) tanh(A x)ᵀ"
    ),
    Case("two layers, linear", lambda: (square(B @ A @ x - y) / 2, A), "Bᵀ (B A x - y) xᵀ"),
    Case(
        "residual layer",
        lambda: (square(x + A @ x - y) / 2, A),
        "(x + A x - y) xᵀ",
        prints="(A x + x - y) xᵀ",
    ),
    Case("energy of a Hopfield net", lambda: (-quad(x, S) / 2 - inner(b, x), x), "-S x - b"),
    Case(
        "free energy of hidden units",
        lambda: (-inner(b, x) - total(sd.softplus(A @ x + c)), x),
        "-b - Aᵀ σ(A x + c)",
        prints="-Aᵀ σ(A x + c) - b",
    ),
    Case("modern Hopfield energy", lambda: (square(x) / 2 - sd.logsumexp(A @ x), x), "x - Aᵀ softmax(A x)"),
    Case("soft attention of one query", lambda: (inner(v, A @ sd.softmax(x)), v), "A softmax(x)"),
    Case("bilinear attention", lambda: (inner(u, A @ v), A), "u vᵀ"),
    Case("squared loss of classes", lambda: (square(logits - classes) / 2, wide), "Xᵀ (X W - Y)"),
    Case("squared loss of classes, mean", lambda: (square(logits - classes) / n, wide), "2/n·Xᵀ (X W - Y)"),
    Case(
        "classes with decay",
        lambda: (square(logits - classes) / 2 + lam / 2 * square(wide), wide),
        "Xᵀ (X W - Y) + λ·W",
    ),
    Case(
        "independent sigmoids",
        lambda: (total(sd.softplus(logits) - classes * logits), wide),
        "Xᵀ (σ(X W) - Y)",
    ),
    Case("classes, Poisson", lambda: (total(exp(logits) - classes * logits), wide), "Xᵀ (exp(X W) - Y)"),
    Case(
        "tanh regression",
        lambda: (square(sd.tanh(z) - target) / 2, w),
        "Xᵀ ((tanh(X w) - y) ⊙ (1 - tanh(X w)∘²))",
        prints="Xᵀ ((1 - tanh(X w)∘²) ⊙ (tanh(X w) - y))",
    ),
    Case(
        "sigmoid regression",
        lambda: (square(sd.sigmoid(z) - target) / 2, w),
        "Xᵀ ((σ(X w) - y) ⊙ σ(X w) ⊙ (1 - σ(X w)))",
        prints="Xᵀ (σ(X w) ⊙ (1 - σ(X w)) ⊙ (σ(X w) - y))",
    ),
    Case("word vectors", lambda: (square(u @ A - v) / 2, A), "u (Aᵀ u - v)ᵀ", prints="u (uᵀ A - vᵀ)"),
    Case("ranking by pairs", lambda: (sd.softplus(inner(w, y - x)), w), "σ(wᵀ (y - x))·(y - x)"),
    Case("margin of pairs", lambda: (inner(w, x) - inner(w, y), w), "x - y"),
    Case(
        "smoothed total variation",
        lambda: (sd.sqrt(square(x - y) + s), x),
        "(x - y)/√(‖x - y‖² + s)",
        positive="s",
    ),
    Case(
        "soft shrinkage",
        lambda: (square(x - y) / 2 + lam * total(abs(x)), x),
        "x - y + λ·sgn(x)",
        prints="λ·sgn(x) + x - y",
    ),
    Case("log barrier", lambda: (-total(log(b - A @ x)), x), "Aᵀ (1/(b - A x))"),
    Case(
        "augmented Lagrangian",
        lambda: (inner(y, A @ x - b) + s / 2 * square(A @ x - b), x),
        "Aᵀ (y + s·(A x - b))",
        prints="Aᵀ (s·(A x - b) + y)",
    ),
    Case(
        "proximal step",
        lambda: (inner(a, x) + square(x - y) / (2 * t), x),
        "a + 1/t·(x - y)",
        prints="a + (x - y)/t",
    ),
    Case("contrastive square", lambda: (square(A @ (x - y)), A), "2·A (x - y) (x - y)ᵀ"),
    Case("metric learning", lambda: (quad(x - y, M), M), "(x - y) (x - y)ᵀ"),
    Case("autoencoder with two matrices", lambda: (square(x - B @ (A @ x)) / 2, A), "Bᵀ (B A x - x) xᵀ"),
)

MORE = (*MATRICES, *STATISTICS, *NETWORKS)
