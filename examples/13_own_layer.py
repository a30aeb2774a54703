"""Your own activation, layer and loss: a formula each, and nothing else to write.

The layer multiplies every pair of its inputs, ``Z[n,u] = sum_{a,b} X[n,a] Q[u,a,b] X[n,b] + c[u]``; the
activation is Gaussian; the loss is the logarithm of the hyperbolic cosine, quadratic for small errors and
linear for large ones. Their derivatives are derived, checked in three ways (central differences, automatic
differentiation, the compiled kernel) and train a model: the progress of diabetes in a year from ten
measurements, in units of its standard deviation, beside the median guess.

    python examples/13_own_layer.py [--epochs 60] [--seed 0]
"""

from __future__ import annotations

import argparse

import numpy as np
import sympy as sp
from sklearn.datasets import load_diabetes

import symdl as sd


def bump(x: sd.Tensor, *, name: str | None = None) -> sd.Tensor:
    """An activation: ``exp(-x**2)``."""
    return sd.elementwise(lambda z: sp.exp(-(z**2)), x, name=name)


def quadratic(x: sd.Tensor, units: int, *, name: str) -> sd.Tensor:
    """A layer: a quadratic form of the inputs for each unit."""
    n, u, a, b = sd.indices("n u a b")
    Q = sd.parameter(f"{name}.Q", (units, x.shape[1], x.shape[1]), init=sd.nn.uniform(-0.1, 0.1))
    c = sd.parameter(f"{name}.c", (units,))
    return sd.define(f"{name}.Z", (n, u), sd.Sum(x[n, a] * Q[u, a, b] * x[n, b], a, b) + c[u])


def log_cosh(found: sd.Tensor, wanted: sd.Tensor) -> sd.Tensor:
    """A loss: the mean of ``log(cosh(error))``."""
    return sd.elementwise(lambda p, y: sp.log(sp.cosh(p - y)), found, wanted).mean()


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, check, train."""
    parser = argparse.ArgumentParser(description="Train with an activation, a layer and a loss of your own.")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    n = sd.Dim("n")
    X, y = sd.tensor("X", (n, 10)), sd.tensor("y", (n,))
    h = sd.nn.dense(X, 12, activation=bump, name="hidden")
    guess = quadratic(h, 1, name="pairs")[:, 0]
    loss = log_cosh(guess, y)

    print(sd.derive(loss, "pairs.Q"), end="\n\n")
    rng = np.random.default_rng(options.seed)
    report = sd.check_gradients(loss, at={"X": rng.normal(size=(5, 10)), "y": rng.normal(size=5)})
    print(report, end="\n\n")

    inputs, target = load_diabetes(return_X_y=True, scaled=True)
    order = rng.permutation(len(target))
    inputs, target = inputs[order] / inputs.std(), (target[order] - target.mean()) / target.std()
    data = {"X": inputs[100:], "y": target[100:]}
    test = {"X": inputs[:100], "y": target[:100]}
    model = sd.Model(loss, output=guess, metrics={"mse": sd.nn.mean_squared_error(guess, y)})
    print(model.summary(), end="\n\n")
    rate = sd.nn.CosineDecay(5e-3, steps=options.epochs * -(-len(data["y"]) // 32))
    optimizer = sd.nn.AdamW(rate, weight_decay=0.1)
    model.fit(data, optimizer=optimizer, batch_size=32, epochs=options.epochs, seed=options.seed)
    found = model.evaluate(test)
    median = float(np.log(np.cosh(test["y"] - np.median(data["y"]))).mean())
    print(f"loss on 100 patients not trained on: {found['loss']:.3f}, of the median guess: {median:.3f}")
    return {**found, "median": median, "ok": report.ok}


if __name__ == "__main__":
    main()
