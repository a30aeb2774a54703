"""MNIST: 784 pixels, 100 and 200 rectifiers, 10 digits; Adam, batches of 64, 5 epochs.

The data are looked for in the folder SYMDL_DATA, then in a cache, then downloaded.

    python examples/mnist.py [--epochs 5] [--seed 0] [--samples 60000]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np

import symdl as sd


def network() -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss and the logits."""
    n = sd.Dim("n")
    X = sd.tensor("X", (n, 784))
    t = sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 100, activation=sd.relu, name="first")
    h = sd.nn.dense(h, 200, activation=sd.relu, name="second")
    logits = sd.nn.dense(h, 10, name="third")
    return sd.nn.cross_entropy(logits, t), logits


def train(
    data: Mapping[str, np.ndarray], test: Mapping[str, np.ndarray], *, epochs: int, seed: int
) -> sd.train.History:
    """Train with Adam on batches of 64; the history holds the test loss and accuracy."""
    loss, logits = network()
    model = sd.Model(loss, output=logits, seed=seed)
    return model.fit(data, optimizer=sd.nn.Adam(1e-3), batch_size=64, epochs=epochs, seed=seed, test=test)


def main(arguments: list[str] | None = None) -> sd.train.History:
    """Train on MNIST and print what happened."""
    parser = argparse.ArgumentParser(description="Train a network on MNIST.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=60000, help="training samples to use")
    options = parser.parse_args(arguments)

    data = sd.train.datasets.mnist()
    part = {name: array[: options.samples] for name, array in data.train.items()}
    history = train(part, data.test, epochs=options.epochs, seed=options.seed)
    print(history)
    return history


if __name__ == "__main__":
    main()
