"""A layer in index notation, and its gradient.

The mathematics of a sigmoid layer, written element by element as on a blackboard; what is printed is the
derivation of the weights' gradient, and the gradient's values beside central differences.

    python examples/03_index_notation.py
"""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdl as sd


def layer(inputs: int, units: int) -> sd.Tensor:
    """Return the mean squared error of a sigmoid layer."""
    n = sd.Dim("n")
    X = sd.tensor("X", (n, inputs))
    Y = sd.tensor("Y", (n, units))
    W = sd.parameter("W", (inputs, units))
    b = sd.parameter("b", (units,))
    i, j, k = sd.indices("i j k")
    Z = sd.define("Z", (i, j), sd.Sum(X[i, k] * W[k, j], k) + b[j])
    A = sd.define("A", (i, j), 1 / (1 + sp.exp(-Z[i, j])))
    return sd.define("L", (), sd.Sum((A[i, j] - Y[i, j]) ** 2, i, j) / n)


def values(inputs: int, units: int, samples: int) -> dict[str, np.ndarray]:
    """Return random values for inputs and parameters."""
    rng = np.random.default_rng(0)
    return {
        "X": rng.normal(size=(samples, inputs)),
        "Y": rng.uniform(size=(samples, units)),
        "W": rng.normal(size=(inputs, units)),
        "b": rng.normal(size=units),
    }


def central_difference(
    gradient: sd.Compiled, at: dict[str, np.ndarray], name: str, place: tuple[int, ...]
) -> float:
    """Return the slope of the loss in one entry, from two values beside it."""
    step = 1e-6
    sides = []
    for sign in (1, -1):
        moved = at[name].copy()
        moved[place] += sign * step
        loss, _ = gradient(**{**at, name: moved})
        sides.append(float(loss))
    return (sides[0] - sides[1]) / (2 * step)


def main() -> float:
    """Print the derivation and the comparison; return the largest difference."""
    inputs, units = 3, 2
    loss = layer(inputs, units)
    print(sd.derive(loss, "W"), end="\n\n")
    gradient = sd.compile(loss, wrt="parameters", dtype="float64")
    at = values(inputs, units, samples=5)
    value, grads = gradient(**at)
    print(f"loss {float(value):.6f}")
    worst = 0.0
    for place in np.ndindex(inputs, units):
        difference = central_difference(gradient, at, "W", place)
        worst = max(worst, abs(difference - grads["W"][place]))
        print(f"dL/dW{list(place)}  derived {grads['W'][place]:+.9f}  differences {difference:+.9f}")
    return worst


if __name__ == "__main__":
    main()
