"""Attention: a layer that learns to learn, in context, by one step of gradient descent.

Von Oswald et al., "Transformers learn in-context by gradient descent" (2023); Ahn et al. (2023). Each sample
is a task: N points x_i with values y_i = w·x_i, and a new point q. One layer of linear attention, whose keys
and queries meet in the matrix A, foretells the value at q:

    s[b,i] = sum_k sum_l q[b,k] A[k,l] x[b,i,l],    p[b] = sum_i s[b,i] y[b,i] / N

For x, w, q from standard normal distributions in d dimensions no A does better than one step of gradient
descent from w = 0 with the rate N/(N + d + 1), that is A = N/(N + d + 1) I, whose expected squared error is
d(d + 1)/(N + d + 1).

    python examples/gallery/attention.py [--epochs 20] [--seed 0] [--target cpu]
"""

from __future__ import annotations

import argparse

import numpy as np

import symdl as sd

D, N = 4, 10


def layer() -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss and what the layer foretells, shape ``(n,)``."""
    n = sd.Dim("n")
    x, y = sd.tensor("x", (n, N, D)), sd.tensor("y", (n, N))
    q, wanted = sd.tensor("q", (n, D)), sd.tensor("wanted", (n,))
    A = sd.parameter("A", (D, D), init=sd.nn.uniform(-0.1, 0.1))
    b, i, k, m = sd.indices("b i k m")
    query = sd.define("query", (b, m), sd.Sum(q[b, k] * A[k, m], k))
    score = sd.define("score", (b, i), sd.Sum(query[b, m] * x[b, i, m], m))
    p = sd.define("p", (b,), sd.Sum(score[b, i] * y[b, i], i) / N)
    return sd.nn.mean_squared_error(p, wanted), p


def tasks(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return points, values, a new point and its value for `count` tasks."""
    w, q, x = rng.normal(size=(count, D)), rng.normal(size=(count, D)), rng.normal(size=(count, N, D))
    return {"x": x, "y": np.einsum("bik,bk->bi", x, w), "q": q, "wanted": (q * w).sum(axis=1)}


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train, compare with the closed form."""
    parser = argparse.ArgumentParser(description="In-context learning by one layer of attention.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args(arguments)

    loss, p = layer()
    print(sd.derive(loss, "A", depth="result"), end="\n\n")
    model = sd.Model(loss, output=p, seed=options.seed, target=options.target)
    rng = np.random.default_rng(options.seed)
    steps = options.epochs * (-(-options.tasks // 200))
    model.fit(
        tasks(options.tasks, rng),
        optimizer=sd.nn.Adam(sd.nn.CosineDecay(0.02, steps=steps)),
        batch_size=200,
        epochs=options.epochs,
    )
    found = model.evaluate(tasks(options.tasks, rng))["loss"]
    known, rate = D * (D + 1) / (N + D + 1), N / (N + D + 1)
    off = float(np.abs(model.parameters["A"] - rate * np.eye(D)).max())
    print(f"squared error of new tasks: {found:.4f}; of one step of gradient descent: {known:.4f}")
    print(f"A is {rate:.4f} times the identity, up to {off:.4f}")
    return {"found": found, "known": known, "off": off}


if __name__ == "__main__":
    main()
