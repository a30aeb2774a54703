"""The derivations of an introductory course, on one page: ``out/slides.html`` and ``out/slides.tex``.

The chain rule along a computation graph, a line fitted to data, a sigmoid, a matrix product with its
components, layers that collapse, the update rules, and a network of three layers.

    python examples/04_slides.py [--out FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import sympy as sp

import symdl as sd
from symdl.explain.documents.derivation import Derivation


def functions() -> list[Derivation]:
    """Return scalar derivations: the chain rule, the squared error, the sigmoid."""
    x, y, z = sp.symbols("x y z")
    f = sp.sin(x**2 * y) + sp.exp(z)
    theta_1, theta_2, x_i, y_i, z_i = sp.symbols("theta_1 theta_2 x_i y_i z_i")
    delta, yhat = sp.symbols("Delta_i yhat_i")
    line = {z_i: y_i - theta_1 * x_i - theta_2}
    curve = {delta: z_i - y_i, z_i: 1 / (1 + sp.exp(-yhat)), yhat: theta_1 * x_i + theta_2}
    colours = {"theta_1": sd.Style(colour="#B3541E"), "theta_2": sd.Style(colour="#0B6E4F")}
    return [
        sd.derive(f, y),
        sd.derive(1 / (1 + sp.exp(-x)), x, name="sigma"),
        sd.derive(z_i**2, theta_1, where=line, name="L_i", styles=colours),
        sd.derive(delta**2, theta_1, where=curve, name="L_i", styles=colours),
        sd.derive(delta**2, theta_2, where=curve, name="L_i", styles=colours),
    ]


def vectors() -> list[Derivation]:
    """Return what holds for vectors: gradient, Jacobian, components, composition, updates."""
    m, n, k = sd.Dim("m"), sd.Dim("n"), sd.Dim("k")
    i, j = sd.indices("i j")
    W, x, b = sd.tensor("W", (m, n)), sd.tensor("x", (n,)), sd.tensor("b", (m,))
    U, c = sd.tensor("U", (k, m)), sd.tensor("c", (k,))
    y = sd.define("y", (i,), sd.Sum(W[i, j] * x[j], j) + b[i])
    z = sd.define("z", (i,), sd.Sum(U[i, j] * y[j], j) + c[i])
    theta = [sd.parameter("theta_1", ()), sd.parameter("theta_2", ())]
    return [
        sd.generic_gradient("f", x),
        sd.components(y),
        sd.components(y, sizes={"m": 2, "n": 3}),
        sd.generic_jacobian(y, x, sizes={"m": 2, "n": 3}),
        sd.compose(z, x),
        sd.update_rules(sd.nn.SGD(0.1), theta, loss="L_i"),
    ]


def network() -> list[Derivation]:
    """Return the gradient of the first weights of a network of three layers."""
    n = sd.Dim("n")
    h = sd.nn.dense(sd.tensor("X", (n, 784)), 100, activation=sd.relu, name="first")
    h = sd.nn.dense(h, 200, activation=sd.relu, name="second")
    logits = sd.nn.dense(h, 10, name="third")
    return [sd.derive(sd.nn.cross_entropy(logits, sd.tensor("t", (n,), dtype="int64")), "first.W")]


def main(arguments: Sequence[str] | None = None) -> list[Path]:
    """Write both documents and return their paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out"))
    folder = parser.parse_args(arguments).out
    pages = sd.Collection("From a function to a network", (*functions(), *vectors(), *network()))
    paths = [pages.save(folder / "slides.tex"), pages.save(folder / "slides.html")]
    print(f"{len(pages.derivations)} derivations in {paths[0]} and {paths[1]}")
    return paths


if __name__ == "__main__":
    main()
