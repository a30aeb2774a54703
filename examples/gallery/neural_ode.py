"""A neural differential equation: the law of a spiral, learned from where it leads.

Chen et al., "Neural ordinary differential equations" (2018), whose demonstration is the spiral dy/dt = A'
y^3 with A = ((-0.1, 2), (-2, -0.1)). Pieces of the path are known at a few times, computed by SciPy to ten
digits. The field f(y)[b,j] = sum_k y[b,k]^3 A[k,j] is followed by steps of Runge and Kutta's method, a
recurrence that is differentiated as it stands:

    k1 = f(y),  k2 = f(y + h k1/2),  k3 = f(y + h k2/2),  k4 = f(y + h k3)
    y[t+1] = y[t] + h (k1 + 2 k2 + 2 k3 + k4)/6
    loss   = mean over steps and pieces of (y[t] - seen[t])^2

    python examples/gallery/neural_ode.py [--epochs 100] [--seed 0] [--target cpu]
"""

from __future__ import annotations

import argparse

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

import symdl as sd

A_TRUE = np.array([[-0.1, 2.0], [-2.0, -0.1]])
STEPS, H = 10, sp.Rational(1, 40)


def field(y: sd.Tensor, A: sd.Tensor) -> sd.Tensor:
    """Return dy/dt at all steps and pieces, shape ``(STEPS, n, 2)``."""
    t, b, j, k = sd.indices("t b j k")
    return sd.define(None, (t, b, j), sd.Sum(y[t, b, k] ** 3 * A[k, j], k))


def path() -> sd.Tensor:
    """Return the loss of the paths that begin at ``start``."""
    n = sd.Dim("n")
    start, seen = sd.tensor("start", (n, 2)), sd.tensor("seen", (n, STEPS, 2))
    A = sd.parameter("A", (2, 2), init=sd.nn.uniform(-0.1, 0.1))

    def step(y: sd.Tensor) -> sd.Tensor:
        k1 = field(y, A)
        k2 = field(y + k1 * H / 2, A)
        k3 = field(y + k2 * H / 2, A)
        k4 = field(y + k3 * H, A)
        return y + (k1 + 2 * k2 + 2 * k3 + k4) * H / 6

    (y,) = sd.recurrence(["y"], [(STEPS, n, 2)], step, initial=[start])
    return ((y - sd.swapaxes(seen, 0, 1)) ** 2).mean()


def spiral(pieces: int) -> dict[str, np.ndarray]:
    """Return starts along the true path from (2, 0), and where it leads from each."""
    times = np.arange(pieces + STEPS) * float(H)
    law = solve_ivp(
        lambda _, y: y**3 @ A_TRUE, (0, times[-1]), [2.0, 0.0], t_eval=times, rtol=1e-11, atol=1e-12
    )
    windows = np.lib.stride_tricks.sliding_window_view(law.y.T, STEPS + 1, axis=0).transpose(0, 2, 1)
    return {"start": windows[:, 0].copy(), "seen": windows[:, 1:].copy()}


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train, compare with the true law."""
    parser = argparse.ArgumentParser(description="The law of a spiral.")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--pieces", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args(arguments)

    loss = path()
    print(sd.derive(loss, "A", depth="result"), end="\n\n")
    model = sd.Model(loss, seed=options.seed, dtype="float64", target=options.target)
    model.fit(
        spiral(options.pieces),
        optimizer=sd.nn.LBFGS(gradient_tolerance=1e-13, loss_tolerance=1e-18),
        epochs=options.epochs,
    )
    off = float(np.abs(model.parameters["A"] - A_TRUE).max())
    print(
        f"learned A:\n{np.round(model.parameters['A'], 5)}\nthe largest difference to the true one: {off:.1e}"
    )
    return {"off": off}


if __name__ == "__main__":
    main()
