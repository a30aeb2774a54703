"""A layer in index notation, and its gradient.

The mathematics of a sigmoid layer, written element by element as on a blackboard. Printed are the derivation
of the weights' gradient, and how well the derived gradients agree with central differences, with a
reverse-mode tape and with the compiled kernel.

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


def main() -> bool:
    """Print the derivation and the comparison; return whether all gradients agree."""
    inputs, units = 3, 2
    loss = layer(inputs, units)
    print(sd.derive(loss, "W"), end="\n\n")
    report = sd.check_gradients(loss, at=values(inputs, units, samples=5))
    print(report)
    return report.ok


if __name__ == "__main__":
    main()
