"""MAML on linear tasks, whose best start can be computed: meta-learning finds it through its own gradient.

Finn et al., "Model-agnostic meta-learning" (2017). Each task has points X with values y = X w + noise of a w
of its own. From shared weights v one step of gradient descent is taken on the known points; the loss of new
points after it is what v is learned for:

    r[i] = sum_k X[i,k] v[k] - y[i],   u[k] = v[k] - a dL/dv[k]   with L = mean_i r[i]^2
    loss = mean over tasks and new points of (sum_k X'[i,k] u[k] - y'[i])^2

u depends on v by the matrix I - 2a X'X/m, so the best v is the answer of a linear least-squares problem.

    python examples/gallery/maml.py [--epochs 100] [--seed 0] [--target cpu]
"""

from __future__ import annotations

import argparse

import numpy as np

import symdl as sd

D, M, STEP = 5, 8, 0.1


def task_loss(X: sd.Tensor, y: sd.Tensor, new_X: sd.Tensor, new_y: sd.Tensor) -> sd.Tensor:
    """Return the loss of new points after one step on known ones, of one task."""
    v = sd.parameter("v", (D,), init=sd.nn.zeros())
    i, k = sd.indices("i k")
    r = sd.define("r", (i,), sd.Sum(X[i, k] * v[k], k) - y[i])
    (slope,) = sd.grad((r**2).mean(), [v])
    u = sd.define("u", (k,), v[k] - STEP * slope[k])
    return ((new_X @ u - new_y) ** 2).mean()


def tasks(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return known and new points of `count` tasks; some directions of w differ more than others."""
    w = np.linspace(1, 2, D) + np.linspace(0.1, 2, D) * rng.normal(size=(count, D))
    X, new_X = rng.normal(size=(2, count, M, D)) * np.linspace(0.5, 1.5, D)
    y, new_y = (
        np.einsum("tik,tk->ti", points, w) + 0.1 * rng.normal(size=(count, M)) for points in (X, new_X)
    )
    return {"X": X, "y": y, "new_X": new_X, "new_y": new_y}


def best_start(data: dict[str, np.ndarray]) -> np.ndarray:
    """Return the v of the least loss, by NumPy's least squares."""
    inner = np.eye(D) - 2 * STEP / M * np.einsum("tik,til->tkl", data["X"], data["X"])
    moved = 2 * STEP / M * np.einsum("tik,ti->tk", data["X"], data["y"])
    left = np.einsum("tik,tkl->til", data["new_X"], inner).reshape(-1, D)
    right = data["new_y"] - np.einsum("tik,tk->ti", data["new_X"], moved)
    solution: np.ndarray = np.linalg.lstsq(left, right.ravel())[0]
    return solution


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train, compare with the answer of least squares."""
    parser = argparse.ArgumentParser(description="Meta-learning of linear tasks.")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args(arguments)

    n = sd.Dim("n")
    shapes = {"X": (n, M, D), "y": (n, M), "new_X": (n, M, D), "new_y": (n, M)}
    loss = sd.vmap(task_loss)(*(sd.tensor(name, shape) for name, shape in shapes.items())).mean()
    print(sd.derive(loss, "v", depth="result"), end="\n\n")
    data = tasks(options.tasks, np.random.default_rng(options.seed))
    model = sd.Model(loss, seed=options.seed, dtype="float64", target=options.target)
    model.fit(data, optimizer=sd.nn.LBFGS(), epochs=options.epochs)
    best = best_start(data)
    off = float(np.abs(model.parameters["v"] - best).max())
    print(f"learned start: {np.round(model.parameters['v'], 4)}")
    print(f"least squares: {np.round(best, 4)}; the largest difference is {off:.1e}")
    return {"off": off}


if __name__ == "__main__":
    main()
