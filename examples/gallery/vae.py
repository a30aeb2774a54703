"""A linear variational autoencoder, whose best bound is the likelihood of probabilistic PCA.

Lucas et al., "Don't blame the ELBO!" (2019); Tipping and Bishop, "Probabilistic PCA" (1999). Flowers x in
four dimensions get codes z in two: the encoder says z ~ N(V x, diag(exp(v))), the decoder x ~ N(W z, exp(c)
I). With mu[i,j] = sum_k V[j,k] x[i,k] the expectations over z can be taken by hand, and the evidence lower
bound is

    KL[i]    = sum_j (exp(v[j]) + mu[i,j]^2 - v[j] - 1)/2
    fit[i]   = sum_k (x[i,k] - sum_j W[k,j] mu[i,j])^2 + sum_jk exp(v[j]) W[k,j]^2
    bound[i] = -KL[i] - fit[i]/(2 exp(c)) - d/2 log(2 pi exp(c))

Its maximum is the largest likelihood of x ~ N(0, W W' + s I), known from the eigenvalues l of the
covariance: -(sum of log l over the codes + (d - q) log s + d log(2 pi) + d)/2, where s is the mean of the
other eigenvalues.

    python examples/gallery/vae.py [--epochs 500] [--seed 0] [--target cpu]
"""

from __future__ import annotations

import argparse

import numpy as np
import sympy as sp
from sklearn.datasets import load_iris

import symdl as sd

D, Q = 4, 2


def bound() -> sd.Tensor:
    """Return the negative evidence lower bound, the mean over samples."""
    n = sd.Dim("n")
    x = sd.tensor("x", (n, D))
    small = sd.nn.uniform(-0.3, 0.3)
    V, W = sd.parameter("V", (Q, D), init=small), sd.parameter("W", (D, Q), init=small)
    v, c = sd.parameter("v", (Q,), init=sd.nn.zeros()), sd.parameter("c", (), init=sd.nn.zeros())
    i, j, k = sd.indices("i j k")
    mu = sd.define("mu", (i, j), sd.Sum(V[j, k] * x[i, k], k))
    KL = sd.define("KL", (i,), sd.Sum((sp.exp(v[j]) + mu[i, j] ** 2 - v[j] - 1) / 2, j))
    drawn = sd.define("drawn", (i, k), sd.Sum(W[k, j] * mu[i, j], j))
    error = sd.define("error", (i,), sd.Sum((x[i, k] - drawn[i, k]) ** 2, k))
    spread = sd.define("spread", (), sd.Sum(sp.exp(v[j]) * W[k, j] ** 2, j, k))
    width = sd.log(2 * sp.pi * sd.exp(c)) * D / 2
    return sd.mean(KL + (error + spread) / (2 * sd.exp(c))) + width


def largest_likelihood(x: np.ndarray) -> float:
    """Return the mean log-likelihood of probabilistic PCA at its maximum."""
    values = np.sort(np.linalg.eigvalsh(np.cov(x.T, bias=True)))[::-1]
    noise = values[Q:].mean()
    return float(-(np.log(values[:Q]).sum() + (D - Q) * np.log(noise) + D * np.log(2 * np.pi) + D) / 2)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train, compare with the closed form."""
    parser = argparse.ArgumentParser(description="A linear variational autoencoder of iris flowers.")
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args(arguments)

    loss = bound()
    print(sd.derive(loss, "W", depth="result"), end="\n\n")
    x = load_iris().data
    x = x - x.mean(axis=0)
    model = sd.Model(loss, seed=options.seed, dtype="float64", target=options.target)
    model.fit({"x": x}, optimizer=sd.nn.LBFGS(), epochs=options.epochs)
    found, known = -model.evaluate({"x": x})["loss"], largest_likelihood(x)
    print(f"evidence lower bound: {found:.6f}; largest likelihood of probabilistic PCA: {known:.6f}")
    return {"found": found, "known": known}


if __name__ == "__main__":
    main()
