"""A network that solves the heat equation: its loss holds the network's own second derivative.

``u_t = a u_xx`` on a rod of length 1, cold at both ends, with ``u(x, 0) = sin(pi x) + sin(2 pi x)/2``. The
derivatives ``u_t`` and ``u_xx`` are derived from the network by `sd.grad`, and the gradient of their mismatch
is derived again. Printed are a derivation and the error against the exact solution, a sum of two decaying
waves.

    python examples/10_physics.py [--epochs 1500] [--seed 0]
    python examples/10_physics.py --optimizer l-bfgs --epochs 500
"""

from __future__ import annotations

import argparse

import numpy as np
import sympy as sp

import symdl as sd

RATE = 0.1


def solution(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the exact temperature."""
    first = np.exp(-RATE * np.pi**2 * t) * np.sin(np.pi * x)
    return first + np.exp(-RATE * 4 * np.pi**2 * t) * np.sin(2 * np.pi * x) / 2


def network() -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss and the temperature, zero at the ends and right at the start by construction."""
    n = sd.Dim("n")
    x, t = sd.tensor("x", (n, 1)), sd.tensor("t", (n, 1))
    h = sd.nn.dense(sd.concatenate([x, t], axis=1), 24, activation=sd.tanh, name="first")
    h = sd.nn.dense(h, 24, activation=sd.tanh, name="second")
    start = sd.sin(x * sp.pi) + sd.sin(x * (2 * sp.pi)) / 2
    u = start + t * x * (1 - x) * sd.nn.dense(h, 1, name="third")
    u_t, u_x = sd.grad(u.sum(), [t, x])
    u_xx = sd.grad(u_x.sum(), x)
    return ((u_t - RATE * u_xx) ** 2).mean(), u


def train(*, epochs: int, seed: int, optimizer: str = "adam") -> float:
    """Train on random places and times; return the largest error on a grid."""
    loss, u = network()
    rng = np.random.default_rng(seed)
    data = {"x": rng.uniform(size=(1000, 1)), "t": rng.uniform(size=(1000, 1))}
    model = sd.Model(loss, output=u, seed=seed, dtype="float64")
    if optimizer == "l-bfgs":  # all places at once; an epoch is an iteration
        print(model.fit(data, optimizer=sd.nn.LBFGS(), epochs=epochs).stopped)
    else:
        steps = sd.nn.CosineDecay(0.01, steps=epochs * 5)
        model.fit(data, optimizer=sd.nn.Adam(steps), batch_size=200, epochs=epochs, seed=seed)
    x, t = (a.reshape(-1, 1) for a in np.meshgrid(np.linspace(0, 1, 41), np.linspace(0, 1, 41)))
    return float(np.abs(model.predict(x=x, t=t) - solution(x, t)).max())


def main(arguments: list[str] | None = None) -> float:
    """Derive, train, compare with the exact solution."""
    parser = argparse.ArgumentParser(description="Solve the heat equation with a network.")
    parser.add_argument("--epochs", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--optimizer", choices=["adam", "l-bfgs"], default="adam")
    options = parser.parse_args(arguments)

    print(sd.derive(network()[0], "third.W"), end="\n\n")
    error = train(epochs=options.epochs, seed=options.seed, optimizer=options.optimizer)
    print(f"largest error on a grid of 41 x 41 places and times: {error:.1e}")
    return error


if __name__ == "__main__":
    main()
