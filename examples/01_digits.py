"""Handwritten digits: the whole way from a network's mathematics to a trained network.

A network with two hidden layers of 100 and 200 rectifiers learns scikit-learn's bundled digits. Written
to the folder out/: the derivation of the first layer's gradient (first_gradient.tex and .txt), the
generated kernel that computes all gradients (kernel.py), and the loss curve (loss.png).

    python examples/01_digits.py [--epochs 20] [--seed 0] [--out out]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import symdl as sd


def network(pixels: int, classes: int) -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss and the logits of a network with 100 and 200 hidden units."""
    n = sd.Dim("n")
    X = sd.tensor("X", (n, pixels))
    t = sd.tensor("t", (n,), dtype="int64")
    h = sd.nn.dense(X, 100, activation=sd.relu, name="first")
    h = sd.nn.dense(h, 200, activation=sd.relu, name="second")
    logits = sd.nn.dense(h, classes, name="third")
    return sd.nn.cross_entropy(logits, t), logits


def explain(loss: sd.Tensor, folder: Path) -> list[Path]:
    """Write the derivation of one gradient, and the kernel that computes all of them."""
    derivation = sd.derive(loss, "first.W")
    written = [folder / "first_gradient.tex", folder / "first_gradient.txt", folder / "kernel.py"]
    for path in written[:2]:
        derivation.save(path)
    step = sd.compile(loss, wrt="parameters", dtype="float32", target="cpu")
    written[2].write_text(step.source, encoding="utf-8")
    return written


def train(
    loss: sd.Tensor, logits: sd.Tensor, data: sd.train.datasets.Dataset, *, epochs: int, seed: int
) -> sd.train.History:
    """Train with Adam on batches of 64 and score the test part."""
    model = sd.Model(loss, output=logits, seed=seed)
    print(model.summary(), end="\n\n")
    return model.fit(
        data.train,
        optimizer=sd.nn.Adam(1e-3),
        batch_size=64,
        epochs=epochs,
        validation=0.1,
        seed=seed,
        test=data.test,
    )


def main(arguments: list[str] | None = None) -> sd.train.History:
    """Train, explain, and write the results."""
    parser = argparse.ArgumentParser(description="Train a network on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    data = sd.train.datasets.digits(seed=options.seed)
    print(data, end="\n\n")
    loss, logits = network(data.X_train.shape[1], len(data.classes))
    history = train(loss, logits, data, epochs=options.epochs, seed=options.seed)
    print(history, end="\n\n")

    written = explain(loss, options.out)
    written.append(options.out / "loss.png")
    history.plot(written[-1])
    print("written:", *written, sep="\n  ")
    return history


if __name__ == "__main__":
    main()
