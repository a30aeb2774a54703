"""Problems of lectures and of public questions: what the pages under golden test derive."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

import symdl as sd
from symdl.express import distances
from symdl.express.diagonals import trace
from symdl.express.linalg import det, inv, logdet, quadratic

n, d, k = sd.Dim("n"), sd.Dim("d"), sd.Dim("k")
T = sd.Dim("T")
X, W = sd.tensor("X", (n, d)), sd.tensor("W", (d, k))
x, mu, w, y = sd.tensor("x", (d,)), sd.tensor("mu", (d,)), sd.tensor("w", (d,)), sd.tensor("y", (n,))
A, B, S = sd.tensor("A", (d, d)), sd.tensor("B", (d, d)), sd.tensor("Sigma", (d, d))
b = sd.tensor("b", (n,))
CLASSES = sd.tensor("W", (d, 2))
Z = sd.tensor("Z", (n, d))
C = sd.tensor("C", (n, d))
V = sd.tensor("V", (n, n))
s = sd.tensor("s", ())
CURRENT, TIMES = sd.tensor("i", (d,)), sd.tensor("w", (T,))

SEQUENCE = sd.tensor("u", (n, T, 3))

SIGNAL = sd.tensor("x", (n, 1, 7))
IMAGES = sd.tensor("x", (n, 1, 6, 6))


def burgers() -> sd.Tensor:
    place, time = sd.tensor("x", (n, 1)), sd.tensor("t", (n, 1))
    hidden = sd.nn.dense(sd.concatenate([place, time], axis=1), 3, activation=sd.tanh, name="a")
    u_ = sd.nn.dense(hidden, 1, name="u")
    by_place, by_time = sd.grad(u_.sum(), place), sd.grad(u_.sum(), time)
    return ((by_time + u_ * by_place - sd.grad(by_place.sum(), place)) ** 2).mean()


def by_hand() -> sd.Tensor:
    p = sd.sigmoid(X @ w, name="p")
    return -(y * sd.log(p) + (1 - y) * sd.log(1 - p)).mean()


def atoms() -> tuple[sd.Tensor, sd.Tensor]:
    """Energy of pairs by their squared distances, each pair once."""
    places = sd.tensor("x", (n, 3))
    i, j, p = sd.indices("i j p")
    r = sd.define("r", (i, j), sd.Sum((places[i, p] - places[j, p]) ** 2, p))
    pair = sp.Piecewise((4 * (1 / r[i, j] ** 6 - 1 / r[i, j] ** 3), i < j), (0, True))
    return sd.define("E", (), sd.Sum(pair, i, j)), places


def mixture() -> tuple[sd.Tensor, sd.Tensor]:
    """Minus the log likelihood of a mixture of Gaussians."""
    means, share = sd.tensor("mu", (k, d)), sd.tensor("pi", (k,))
    distances = ((X[:, None, :] - means[None, :, :]) ** 2).sum(axis=2)
    return -sd.logsumexp(sd.log(share)[None, :] - distances / 2, axis=1).sum(), means


def hazards() -> sd.Tensor:
    """Minus the log partial likelihood; who is at risk when is a matrix."""
    eta = X @ w
    return -(eta - sd.log(sd.tensor("R", (n, n)) @ sd.exp(eta))).sum()


Problem = Callable[[], tuple[sd.Tensor, sd.Tensor | str]]

PROBLEMS: dict[str, Problem] = {
    "a size called T": lambda: (quadratic(TIMES - 1, sd.tensor("S", (T, T))) * T, TIMES),
    "least squares": lambda: (((X @ w - y) ** 2).sum() / 2, w),
    "ridge": lambda: (((X @ w - y) ** 2).mean() + sd.tensor("lambda", ()) * (w**2).sum(), w),
    "weighted least squares": lambda: (quadratic(X @ w - b, V), w),
    "quadratic form": lambda: (quadratic(x, A), x),
    "Rayleigh quotient": lambda: (quadratic(w, A) / distances.norm(w) ** 2, w),
    "bilinear form": lambda: (sd.inner(x, A @ w), A),
    "log determinant": lambda: (logdet(A), A),
    "log determinant of a Gram matrix": lambda: (logdet(X.T @ X), X),
    "squared determinant": lambda: (det(A) ** 2, A),
    "determinant of a product": lambda: (det(A @ B), B),
    "trace of an inverse": lambda: (trace(inv(A) @ B), A),
    "trace of a square": lambda: (trace(A @ A @ B), A),
    "trace of a cube": lambda: (trace(A @ A @ A), A),
    "linear form of an inverse": lambda: (sd.inner(x, inv(A) @ w), A),
    "Gaussian in its mean": lambda: (-quadratic(x - mu, inv(S)) / 2 - logdet(S) / 2, mu),
    "Gaussian in its covariance": lambda: (-quadratic(x - mu, inv(S)) / 2 - logdet(S) / 2, S),
    "Gaussian samples": lambda: (-trace((X - mu) @ inv(S) @ (X - mu).T) / 2 - n * logdet(S) / 2, mu),
    "product of all": lambda: (s * sd.prod(X, axis=1).sum(), X),
    "norm": lambda: (distances.norm(A @ x), x),
    "cosine": lambda: (sd.inner(x, w) / (distances.norm(x) * distances.norm(w)), x),
    "Kalman": lambda: (trace((A - B @ S) @ (A - B @ S).T), B),
    "Kalman gain": lambda: (
        trace((sd.eye(d) - B @ A) @ sd.tensor("P", (d, d)) @ (sd.eye(d) - B @ A).T + B @ S @ B.T),
        B,
    ),
    "noise of probabilistic PCA": lambda: (
        logdet(W @ W.T + s * sd.eye(d)) + trace(inv(W @ W.T + s * sd.eye(d)) @ A),
        s,
    ),
    "linear autoencoder": lambda: (((X @ W @ W.T - X) ** 2).sum(), W),
    "logistic regression": lambda: (sd.nn.binary_cross_entropy(X @ w, y), w),
    "softmax regression": lambda: (
        sd.nn.cross_entropy(X @ CLASSES, sd.tensor("t", (n,), dtype="int64")),
        CLASSES,
    ),
    "softmax by hand": lambda: (
        -(sd.tensor("Y", (n, k)) * sd.log(sd.softmax(X @ W, name="P"))).sum() / n,
        W,
    ),
    "Poisson regression": lambda: ((sd.exp(X @ w) - y * (X @ w)).sum(), w),
    "support vectors": lambda: (sd.nn.hinge(X @ w, y), w),
    "lasso": lambda: (((X @ w - y) ** 2).sum() / 2 + s * abs(w).sum(), w),
    "two layers": lambda: (
        sd.nn.mean_squared_error(
            sd.nn.dense(sd.nn.dense(sd.tensor("x", (n, 3)), 4, activation=sd.tanh, name="h"), 2, name="out"),
            sd.tensor("Y", (n, 2)),
        ),
        "h.W",
    ),
    "variance": lambda: (((x - x.mean()) ** 2).mean(), x),
    "batch normalisation": lambda: (
        (sd.nn.batch_norm(sd.tensor("Z", (n, 3)), name="bn") * sd.tensor("G", (n, 3))).sum(),
        "Z",
    ),
    "attention": lambda: (
        (sd.softmax(X @ X.T / 2, name="P") @ X * C).sum(),
        X,
    ),
    "currents": lambda: (quadratic(CURRENT, A) + sd.inner(CURRENT, sd.tensor("j", (d,))), CURRENT),
    "kernel of p and q": lambda: (sd.inner(sd.tensor("p", (d,)), inv(A) @ sd.tensor("q", (d,))), A),
    "recurrent": lambda: (
        (sd.nn.rnn(sd.tensor("u", (n, 4, 3)), 2, name="r") ** 2).sum() / 2,
        "r.U",
    ),
    "logistic regression by hand": lambda: (by_hand(), w),
    "softmax of one sample": lambda: (-(x * sd.log(sd.softmax(mu, name="p"))).sum(), mu),
    "entropy": lambda: (-(P_ := sd.softmax(mu, name="p")) @ sd.log(P_), mu),
    "Burgers equation": lambda: (burgers(), "u.W"),
    "convolution": lambda: ((sd.nn.conv2d(IMAGES, 2, kernel_size=3, name="c") ** 2).sum() / 2, "c.W"),
    "convolution in its input": lambda: (
        (sd.nn.conv2d(IMAGES, 2, kernel_size=3, name="c") ** 2).sum() / 2,
        IMAGES,
    ),
    "max pooling": lambda: (
        (sd.nn.max_pool2d(sd.nn.conv2d(IMAGES, 1, kernel_size=3, name="c"), 2) ** 2).sum() / 2,
        "c.W",
    ),
    "overlapping pooling": lambda: (
        (sd.nn.max_pool1d(SIGNAL, 3, stride=2, padding=1) ** 2).sum() / 2,
        SIGNAL,
    ),
    "average pooling": lambda: ((sd.nn.avg_pool1d(SIGNAL, 3) ** 2).sum() / 2, SIGNAL),
    "triplets": lambda: (sd.nn.triplet(X, sd.tensor("U", (n, d)), sd.tensor("V", (n, d))), X),
    "LSTM": lambda: (
        (sd.nn.last_state(sd.nn.lstm(SEQUENCE, 2, name="r")[0]) ** 2).sum() / 2,
        "r.W",
    ),
    "GRU": lambda: ((sd.nn.gru(SEQUENCE, 2, name="r") ** 2).sum() / 2, "r.U"),
    "last state": lambda: ((sd.nn.last_state(sd.nn.rnn(SEQUENCE, 2, name="r")) ** 2).sum() / 2, "r.U"),
    "probabilistic PCA": lambda: (logdet(A @ A.T + B) + trace(inv(A @ A.T + B) @ S), A),
    "Lennard-Jones": atoms,
    "mixture of Gaussians": mixture,
    "linear discriminant": lambda: (quadratic(w, A) / quadratic(w, B), w),
    "low rank inverse": lambda: (quadratic(x, inv(A + W @ W.T)), W),
    "proportional hazards": lambda: (hazards(), w),
    "equicorrelation": lambda: (logdet(sd.tensor("P", (d, d)) * (x[:, None] * x[None, :])), x),
}

u, v, c, rho = sp.symbols("x y z rho", real=True)

SCALARS: dict[str, tuple[sp.Expr, sp.Symbol]] = {
    "clamp": (sp.Min(1, sp.Max(0, u)), u),
    "root of a maximum": (sp.sqrt(sp.Max(0, u**2 - c**2)), u),
    "largest of three": (sp.Max(u, u**2, 2 - u), u),
    "step": (u**2 * sp.Piecewise((1, u > 0), (0, True)), u),
    "radial polynomial": (sp.Piecewise((sp.sqrt(6) * (2 * rho**2 - 1), sp.Abs(rho) <= 1), (0, True)), rho),
    "angle": (sp.atan2(v, sp.Abs(u)), u),
    "power of itself": (u**u, u),
    "error function": (sp.erf(u / sp.sqrt(2)) / u, u),
    "logarithm of gamma": (sp.loggamma(u) + sp.gamma(u) + sp.digamma(u), u),
    "normal density": (sp.exp(-((u - v) ** 2) / (2 * c**2)) / (sp.sqrt(2 * sp.pi) * c), c),
    "logistic loss of a margin": (sp.log(1 + sp.exp(-v * (c * u + rho))), c),
    "quotient of polynomials": ((u**2 + 1) / (u - 3), u),
    "hyperbolic tangent": ((sp.exp(u) - sp.exp(-u)) / (sp.exp(u) + sp.exp(-u)), u),
    "polynomial": (3 * u**4 - 5 * u**3 + 2 * u - 7, u),
    "squared residual": ((v - c * u - rho) ** 2, c),
    "removed singularity": (sp.Piecewise((1, sp.Eq(u, 0)), ((sp.exp(u) - 1) / u, True)), u),
}
