"""Likelihoods, divergences, factor models: the formulas of statistics, with symmetric covariances."""

from __future__ import annotations

import symdl as sd

from .case import Case
from .matrices import square
from .symbols import (
    A,
    Lambda,
    S,
    Sigma,
    a,
    d,
    data,
    k,
    lam,
    m,
    mu,
    n,
    s,
    target,
    w,
    wide,
    x,
)

quad, tr, inv, logdet, inner, eye, total = sd.quadratic, sd.trace, sd.inv, sd.logdet, sd.inner, sd.eye, sd.sum

deviation = data - mu
gaussian = -n / 2 * logdet(Sigma) - total(deviation * (deviation @ inv(Sigma))) / 2
one = -logdet(Sigma) / 2 - quad(x - mu, inv(Sigma)) / 2
precise = n / 2 * logdet(Lambda) - total(deviation * (deviation @ Lambda)) / 2
m0, m1 = sd.tensor("mu0", (d,)), sd.tensor("mu1", (d,))
S0, S1 = (sd.tensor(name, (d, d), positive_definite=True) for name in ("S0", "S1"))
kl = (tr(inv(S1) @ S0) + quad(m1 - m0, inv(S1)) - d + logdet(S1) - logdet(S0)) / 2
SB, SW = (sd.tensor(name, (d, d), symmetric=True) for name in ("S_B", "S_W"))
C = sd.elementwise(lambda one, other: one + other, wide @ wide.T, s * eye(d), name="C")
factor = logdet(C) + tr(inv(C) @ S)
K = sd.tensor("K", (n, n), positive_definite=True)
noisy = K + s * eye(n)
process = (quad(target, inv(noisy)) + logdet(noisy)) / 2
sigma = sd.tensor("sigma", ())
theta = sd.tensor("theta", (k,))
counts = sd.tensor("y", (n,))
p, q = sd.tensor("p", (d,)), sd.tensor("q", (d,))
H = sd.tensor("H", (m, d))
obs = sd.tensor("z", (m,))
Rm = sd.tensor("R", (m, m), positive_definite=True)
F = sd.tensor("F", (d, k))
Z = sd.tensor("Z", (n, k))

GAUSSIANS = (
    Case("log density, mean", lambda: (one, mu), "Σ⁻¹ (x - μ)"),
    Case("log density, point", lambda: (one, x), "Σ⁻¹ (μ - x)"),
    Case("log density, covariance", lambda: (one, Sigma), "1/2·(Σ⁻¹ (x - μ) (x - μ)ᵀ Σ⁻¹ - Σ⁻¹)"),
    Case("samples, mean", lambda: (gaussian, mu), "Σ⁻¹ (Xᵀ 𝟏 - n·μ)"),
    Case(
        "samples, covariance",
        lambda: (gaussian, Sigma),
        "1/2·(Σ⁻¹ (X - 𝟏 μᵀ)ᵀ (X - 𝟏 μᵀ) Σ⁻¹ - n·Σ⁻¹)",
    ),
    Case(
        "samples, precision",
        lambda: (precise, Lambda),
        "n/2·Λ⁻¹ - 1/2·(X - 𝟏 μᵀ)ᵀ (X - 𝟏 μᵀ)",
        prints="1/2·(n·Λ⁻¹ - (X - 𝟏 μᵀ)ᵀ (X - 𝟏 μᵀ))",
    ),
    Case("samples, mean by the precision", lambda: (precise, mu), "Λ (Xᵀ 𝟏 - n·μ)"),
    Case("divergence, first mean", lambda: (kl, m0), "S₁⁻¹ (μ₀ - μ₁)"),
    Case("divergence, second mean", lambda: (kl, m1), "S₁⁻¹ (μ₁ - μ₀)"),
    Case("divergence, first covariance", lambda: (kl, S0), "1/2·(S₁⁻¹ - S₀⁻¹)"),
    Case(
        "divergence, second covariance",
        lambda: (kl, S1),
        "1/2·(S₁⁻¹ - S₁⁻¹ (S₀ + (μ₁ - μ₀) (μ₁ - μ₀)ᵀ) S₁⁻¹)",
    ),
    Case("Mahalanobis distance", lambda: (quad(x - mu, inv(Sigma)), x), "2·Σ⁻¹ (x - μ)"),
    Case(
        "discriminant",
        lambda: (quad(w, SB) / quad(w, SW), w),
        "2·(S_B - wᵀ S_B w/(wᵀ S_W w)·S_W) w/(wᵀ S_W w)",
    ),
    Case("principal variance", lambda: (quad(w, S) - lam * (inner(w, w) - 1), w), "2·S w - 2·λ·w"),
    Case(
        "factor model, loadings",
        lambda: (factor, wide),
        "2·(C⁻¹ - C⁻¹ S C⁻¹) W",
    ),
    Case(
        "factor model, noise",
        lambda: (factor, s),
        "tr(C⁻¹ - C⁻¹ S C⁻¹)",
    ),
    Case("process, kernel matrix", lambda: (process, K), "1/2·((K + s·I)⁻¹ - (K + s·I)⁻¹ y yᵀ (K + s·I)⁻¹)"),
    Case("process, targets", lambda: (process, target), "(K + s·I)⁻¹ y"),
    Case("innovation", lambda: (quad(obs - H @ x, inv(Rm)) / 2, x), "Hᵀ R⁻¹ (H x - z)"),
    Case(
        "posterior mode",
        lambda: (quad(obs - H @ x, inv(Rm)) / 2 + quad(x - mu, inv(S)) / 2, x),
        "Hᵀ R⁻¹ (H x - z) + S⁻¹ (x - μ)",
        prints="S⁻¹ (x - μ) + Hᵀ R⁻¹ (H x - z)",
    ),
    Case("whitening", lambda: (square(A @ S @ A.T - eye(d)) / 4, A), "(A S Aᵀ - I) A S"),
    Case("scatter of centred samples", lambda: (square(data - Z @ F.T) / 2, F), "(F Zᵀ - Xᵀ) Z"),
    Case("normal, mean", lambda: (-total((target - s) ** 2) / 2, s), "𝟏ᵀ (y - s)", prints="(yᵀ - s) 𝟏"),
    Case(
        "normal, deviation",
        lambda: (-n * sd.log(sigma) - total(target**2) / (2 * sigma**2), sigma),
        "‖y‖²/σ³ - n/σ",
        prints="(‖y‖²/σ² - n)/σ",
    ),
)

VARIATIONS = (
    Case("entropy", lambda: (-total(p * sd.log(p)), p), "-(log(p) + 1)", positive="p", prints="-1 - log(p)"),
    Case(
        "divergence, first",
        lambda: (total(p * sd.log(p / q)), p),
        "log(p/q) + 1",
        positive="p q",
        prints="1 + log(p/q)",
    ),
    Case("divergence, second", lambda: (total(p * sd.log(p / q)), q), "-p/q", positive="p q"),
    Case("cross-entropy, second", lambda: (-total(p * sd.log(q)), q), "-p/q", positive="p q"),
    Case("log-likelihood of counts", lambda: (total(p * sd.log(q) - q), q), "p/q - 1", positive="p q"),
    Case(
        "Poisson regression",
        lambda: (total(sd.exp(data @ w) - counts * (data @ w)), w),
        "Xᵀ (e^(X w) - y)",
        prints="Xᵀ (exp(X w) - y)",
    ),
    Case(
        "logistic regression",
        lambda: (
            -total(target * sd.log(sd.sigmoid(data @ w)) + (1 - target) * sd.log(1 - sd.sigmoid(data @ w))),
            w,
        ),
        "Xᵀ (σ(X w) - y)",
    ),
    Case(
        "logistic regression, mean",
        lambda: (
            -sd.mean(target * sd.log(sd.sigmoid(data @ w)) + (1 - target) * sd.log(1 - sd.sigmoid(data @ w))),
            w,
        ),
        "1/n·Xᵀ (σ(X w) - y)",
    ),
    Case(
        "logistic regression, softplus",
        lambda: (total(sd.nn.softplus(data @ w) - target * (data @ w)), w),
        "Xᵀ (σ(X w) - y)",
    ),
    Case(
        "logistic regression, signs",
        lambda: (total(sd.nn.softplus(-target * (data @ w))), w),
        "-Xᵀ (y ⊙ σ(-y ⊙ (X w)))",
        prints="Xᵀ (y ⊙ (σ(y ⊙ (X w)) - 1))",
    ),
    Case(
        "exponential family",
        lambda: (sd.logsumexp(data.T @ target) - inner(a, data.T @ target), target),
        "X (softmax(Xᵀ y) - a)",
    ),
    Case("log partition", lambda: (sd.logsumexp(x), x), "softmax(x)"),
    Case("free energy", lambda: (sd.logsumexp(A @ x), x), "Aᵀ softmax(A x)"),
    Case(
        "entropy of a softmax",
        lambda: (_entropy(x), x),
        "softmax(x) ⊙ (softmax(x)ᵀ x - x)",
        prints="(xᵀ softmax(x) - x) ⊙ softmax(x)",
    ),
    Case(
        "Cox, one risk set",
        lambda: (sd.logsumexp(data @ w) - inner(target, data @ w), w),
        "Xᵀ (softmax(X w) - y)",
    ),
    Case(
        "exponential, rate",
        lambda: (n * sd.log(lam) - lam * total(target), lam),
        "n/λ - 𝟏ᵀ y",
        positive="lambda",
    ),
    Case("Cauchy", lambda: (total(sd.log(1 + x**2)), x), "2·x/(x∘² + 1)"),
    Case("Huber-like", lambda: (total(sd.sqrt(1 + x**2)), x), "x/√(x∘² + 1)"),
    Case("log of a product", lambda: (total(sd.log(x)), x), "1/x", positive="x"),
    Case("log of absolute values", lambda: (total(sd.log(sd.absolute(x))), x), "1/x"),
    Case("softsign", lambda: (total(x / (1 + sd.absolute(x))), x), "1/(|x| + 1)∘²", prints="1/(1 + |x|)∘²"),
    Case("x |x|", lambda: (total(x * sd.absolute(x)), x), "2·|x|"),
    Case("lasso", lambda: (total(sd.absolute(w)), w), "sgn(w)"),
    Case("elastic net", lambda: (lam * total(sd.absolute(w)) + s * inner(w, w) / 2, w), "λ·sgn(w) + s·w"),
)


def _entropy(z: sd.Tensor) -> sd.Tensor:
    p = sd.softmax(z)
    return -sd.sum(p * sd.log(p))
