"""Autoencoders of handwritten digits: a linear one finds the principal components, a bent one beats them.

A linear autoencoder that squeezes 64 pixels through 4 numbers must learn the plane of the 4 principal
components; printed are the derivation of its encoder's gradient and the principal angles between the two
planes. A network with tanh layers and as many numbers in the middle reconstructs unseen digits better.

    python examples/05_autoencoder.py [--steps 800] [--epochs 150] [--seed 0]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from scipy.linalg import subspace_angles

import symdl as sd

CODE = 4


def linear(pixels: int) -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss, the squared error of a sample, and the reconstruction ``X W1 W2``."""
    n = sd.Dim("n")
    X = sd.tensor("X", (n, pixels))
    code = sd.nn.dense(X, CODE, name="encoder", bias=False)
    again = sd.nn.dense(code, pixels, name="decoder", bias=False)
    return ((again - X) ** 2).sum(axis=1).mean(), again


def bent(pixels: int) -> tuple[sd.Tensor, sd.Tensor]:
    """Return the same for an autoencoder with two tanh layers on either side."""
    n = sd.Dim("n")
    X = sd.tensor("X", (n, pixels))
    h = sd.nn.dense(X, 64, activation=sd.tanh, name="encoder.0")
    code = sd.nn.dense(h, CODE, name="encoder.1")
    h = sd.nn.dense(code, 64, activation=sd.tanh, name="decoder.0")
    again = sd.nn.dense(h, pixels, name="decoder.1")
    return ((again - X) ** 2).sum(axis=1).mean(), again


def principal_components(X: np.ndarray) -> np.ndarray:
    """Return the first `CODE` principal directions as columns."""
    return np.linalg.svd(X, full_matrices=False)[2][:CODE].T


def angles(X: np.ndarray, *, steps: int, seed: int) -> np.ndarray:
    """Train the linear autoencoder on all of `X` at once; return its angles to the principal plane."""
    loss, again = linear(X.shape[1])
    print(sd.derive(loss, "encoder.W"), end="\n\n")
    model = sd.Model(loss, output=again, seed=seed, dtype="float64")
    model.fit({"X": X}, optimizer=sd.nn.Nesterov(0.05, 0.95), batch_size=len(X), epochs=steps)
    return subspace_angles(model.parameters["decoder.W"].T, principal_components(X))


def errors(train: np.ndarray, test: np.ndarray, *, epochs: int, seed: int) -> tuple[float, float]:
    """Return the squared error of a test digit: of the principal components, and of the bent autoencoder."""
    V = principal_components(train)
    plane = float(((test - test @ V @ V.T) ** 2).sum(axis=1).mean())
    loss, again = bent(train.shape[1])
    model = sd.Model(loss, output=again, seed=seed)
    rate = sd.nn.CosineDecay(5e-3, steps=epochs * -(-len(train) // 64))
    model.fit({"X": train}, optimizer=sd.nn.Adam(rate), batch_size=64, epochs=epochs, seed=seed)
    return plane, model.evaluate({"X": test})["loss"]


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Train both and print how they compare with the principal components."""
    parser = argparse.ArgumentParser(description="Autoencoders of handwritten digits.")
    parser.add_argument("--steps", type=int, default=800, help="of the linear one")
    parser.add_argument("--epochs", type=int, default=150, help="of the bent one")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    data = sd.train.datasets.digits(seed=options.seed)
    mean = data.X_train.astype(np.float64).mean(axis=0)
    train, test = data.X_train - mean, data.X_test - mean
    found = angles(train, steps=options.steps, seed=options.seed)
    print("principal angles between learned and principal plane:", *(f"{a:.1e}" for a in found))
    plane, curved = errors(train, test, epochs=options.epochs, seed=options.seed)
    print(f"squared error of a test digit: {plane:.3f} with {CODE} principal components")
    print(f"                               {curved:.3f} with {CODE} numbers of the bent autoencoder")
    return {"angles": found, "plane": plane, "curved": curved}


if __name__ == "__main__":
    main()
