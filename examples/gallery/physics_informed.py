"""A physics-informed network for Bratu's equation, whose solution is known.

Raissi, Perdikaris and Karniadakis, "Physics-informed neural networks" (2019). For 0 < x < 1

    u'' + exp(u) = 0,   u(0) = u(1) = 0.

The network is u = x (1 - x) N(x), which is right at both ends; u'' is derived from it by `sd.grad`, twice,
and the gradient of its mismatch once more:

    r[i] = u''(x[i]) + exp(u(x[i])),   loss = mean_i r[i]^2

The solution is u = 2 log(cosh(c/4)/cosh(c (x - 1/2)/2)), where c = sqrt(2) cosh(c/4); its largest value is
u(1/2) = 0.1405392.

    python examples/gallery/physics_informed.py [--epochs 300] [--seed 0] [--target cpu]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.optimize import brentq

import symdl as sd


def network(units: int) -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss and the solution, shape ``(n, 1)``."""
    n = sd.Dim("n")
    x = sd.tensor("x", (n, 1))
    h = sd.nn.dense(x, units, activation=sd.tanh, name="first")
    h = sd.nn.dense(h, units, activation=sd.tanh, name="second")
    u = x * (1 - x) * sd.nn.dense(h, 1, name="third")
    u_x = sd.grad(u.sum(), x)
    u_xx = sd.grad(u_x.sum(), x)
    i, k = sd.indices("i k")
    r = sd.define("r", (i,), sd.Sum(u_xx[i, k] + sd.exp(u)[i, k], k))
    return (r**2).mean(), u


def solution(x: np.ndarray) -> np.ndarray:
    """Return the exact solution of the lower branch."""
    c = brentq(lambda c: c - np.sqrt(2) * np.cosh(c / 4), 1.0, 2.0, xtol=1e-14)
    exact: np.ndarray = 2 * np.log(np.cosh(c / 4) / np.cosh(c * (x - 0.5) / 2))
    return exact


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train, compare with the exact solution."""
    parser = argparse.ArgumentParser(description="Bratu's equation, solved by a network.")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--units", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args(arguments)

    loss, u = network(options.units)
    print(sd.derive(loss, "third.W", depth="result"), end="\n\n")
    model = sd.Model(loss, output=u, seed=options.seed, dtype="float64", target=options.target)
    model.fit(
        {"x": np.linspace(0, 1, 65)[:, None]},
        optimizer=sd.nn.LBFGS(gradient_tolerance=1e-10, loss_tolerance=1e-15),
        epochs=options.epochs,
    )
    x = np.linspace(0, 1, 201)[:, None]
    found = model.predict(x=x)
    off, top = float(np.abs(found - solution(x)).max()), float(found[100, 0])
    print(f"u(1/2) = {top:.7f}, exactly {float(solution(x)[100, 0]):.7f}; the largest error is {off:.1e}")
    return {"off": off, "top": top}


if __name__ == "__main__":
    main()
