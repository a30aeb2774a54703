"""MNIST: 784 pixels, 100 and 200 rectifiers, 10 digits; Adam, batches of 64, 5 epochs.

The last epoch has a fifth of the learning rate (--last), which steadies the result: about 98.0 % of the test
digits are recognised, against about 97.5 % with one rate throughout (--last 1e-3).
The data are looked for in the folder SYMDL_DATA, then in a cache, then downloaded.

    python examples/mnist.py [--epochs 5] [--seed 0] [--last 2e-4] [--samples 60000]
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
    data: Mapping[str, np.ndarray], test: Mapping[str, np.ndarray], *, epochs: int, seed: int, last: float
) -> list[sd.train.History]:
    """Train with Adam on batches of 64; return the history of all epochs but the last, and of the last."""
    loss, logits = network()
    model = sd.Model(loss, output=logits, seed=seed)
    histories = []
    for rate, count in ((1e-3, epochs - 1), (last, 1)):
        if count:
            history = model.fit(
                data,
                optimizer=sd.nn.Adam(rate),
                batch_size=64,
                epochs=count,
                seed=seed + len(histories),  # an order of samples that was not seen before
                resume=bool(histories),
                test=test,
            )
            histories.append(history)
    return histories


def main(arguments: list[str] | None = None) -> list[sd.train.History]:
    """Train on MNIST and print what happened."""
    parser = argparse.ArgumentParser(description="Train a network on MNIST.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--last", type=float, default=2e-4, help="the last epoch's learning rate")
    parser.add_argument("--samples", type=int, default=60000, help="training samples to use")
    options = parser.parse_args(arguments)

    data = sd.train.datasets.mnist()
    part = {name: array[: options.samples] for name, array in data.train.items()}
    histories = train(part, data.test, epochs=options.epochs, seed=options.seed, last=options.last)
    print(*histories, sep="\n\n")
    return histories


if __name__ == "__main__":
    main()
