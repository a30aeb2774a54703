"""Iris: a small network, over several seeds.

Each seed draws its own test part (three flowers of ten), first weights and batches. Printed are the test
accuracies.

    python examples/02_iris.py [--seeds 10] [--epochs 40]
"""

from __future__ import annotations

import argparse

import symdl as sd


def network() -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss and the logits of a network with 16 hidden units."""
    n = sd.Dim("n")
    X = sd.tensor("X", (n, 4))
    t = sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 16, activation=sd.tanh, name="hidden")
    logits = sd.nn.dense(h, 3, name="out")
    return sd.nn.cross_entropy(logits, t), logits


def accuracies(*, seeds: int, epochs: int) -> list[float]:
    """Return the test accuracy for each seed."""
    loss, logits = network()
    found = []
    for seed in range(seeds):
        data = sd.train.datasets.iris(seed=seed, test=0.3)
        model = sd.Model(loss, output=logits, seed=seed)
        model.fit(data.train, optimizer=sd.nn.Adam(0.02), batch_size=32, epochs=epochs, seed=seed)
        found.append(model.evaluate(data.test)["accuracy"])
    return found


def main(arguments: list[str] | None = None) -> list[float]:
    """Train for every seed and print the accuracies."""
    parser = argparse.ArgumentParser(description="Train a small network on iris.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args(arguments)

    found = accuracies(seeds=options.seeds, epochs=options.epochs)
    for seed, accuracy in enumerate(found):
        print(f"seed {seed}: test accuracy {accuracy:.1%}")
    print(f"mean {sum(found) / len(found):.1%}, lowest {min(found):.1%}")
    return found


if __name__ == "__main__":
    main()
