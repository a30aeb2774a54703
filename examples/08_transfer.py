"""Transfer: what a network learned of the digits 0 to 4 serves to read 5 to 9.

A convolutional network first learns the digits 0 to 4 from many images. Then its convolutions are frozen and
only a new last layer learns 5 to 9, from a few images of each. Printed are the derivation of the one gradient
left (no equation reaches into the frozen layers), and the test accuracy beside two networks of the same form:
one whose frozen convolutions are random, and one that learns everything anew. From five images of each digit
of MNIST these are about 84 %, 77 % and 77 %. ``--data digits`` takes scikit-learn's small digits, thrown at
random places of a larger field: 56 %, 34 % and 48 % from ten images of each. (Where they are centred, 8 x 8
pixels are read as well without such features.)

    python examples/08_transfer.py [--data mnist] [--shots 5] [--draws 5] [--epochs 1] [--seed 0]
    python examples/08_transfer.py --data digits --shots 10 --draws 3 --epochs 8
"""

from __future__ import annotations

import argparse

import numpy as np

import symdl as sd

Part = dict[str, np.ndarray]
FIELD, COPIES = 14, 6


def network(head: str, side: int) -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss and the logits of five classes; `head` names the last layer."""
    n = sd.Dim("n")
    X = sd.tensor("X", (n, 1, side, side))
    t = sd.tensor("t", (n,), dtype="int64")
    h = X
    for number, channels in enumerate((16, 32, 64)):
        name = f"features.{number}"
        h = sd.nn.conv2d(h, channels, kernel_size=3, padding=1, activation=sd.relu, name=name)
        h = sd.nn.max_pool2d(h, 2, name=f"pooled.{number}")
    logits = sd.nn.dense(sd.flatten(h, start=1), 5, name=head)
    return sd.nn.cross_entropy(logits, t), logits


def halves(part: Part) -> tuple[Part, Part]:
    """Return the images of 0 to 4, and those of 5 to 9 with labels 0 to 4."""
    low = part["t"] < 5
    return {k: a[low] for k, a in part.items()}, {"X": part["X"][~low], "t": part["t"][~low] - 5}


def thrown(part: Part, rng: np.random.Generator) -> Part:
    """Return each image several times, at random places of a larger field."""
    images, labels = (np.repeat(part[name], COPIES, axis=0) for name in ("X", "t"))
    side = images.shape[-1]
    fields = np.zeros((len(images), 1, FIELD, FIELD), images.dtype)
    for field, image, (y, x) in zip(
        fields, images, rng.integers(0, FIELD - side + 1, (len(images), 2)), strict=True
    ):
        field[:, y : y + side, x : x + side] = image
    return {"X": fields, "t": labels}


def few(part: Part, shots: int, rng: np.random.Generator) -> Part:
    """Return `shots` random images of each class."""
    chosen = np.concatenate([rng.choice(np.flatnonzero(part["t"] == c), shots, False) for c in range(5)])
    return {k: a[chosen] for k, a in part.items()}


def learn(features: Part, handful: Part, test: Part, *, seed: int, trainable: list[str] | None) -> float:
    """Start from `features`, learn a handful of images; return the test accuracy."""
    loss, logits = network("high", test["X"].shape[-1])
    model = sd.Model(loss, output=logits, seed=seed)
    for name, values in features.items():
        model.parameters[name][...] = values
    model.fit(handful, optimizer=sd.nn.Adam(0.01), batch_size=25, epochs=60, seed=seed, trainable=trainable)
    if trainable is not None and features:
        assert all(np.array_equal(model.parameters[name], values) for name, values in features.items())
    return model.evaluate(test)["accuracy"]


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Learn 0 to 4, transfer to 5 to 9, compare."""
    parser = argparse.ArgumentParser(description="Reuse frozen features for other digits.")
    parser.add_argument("--data", choices=["mnist", "digits"], default="mnist")
    parser.add_argument("--shots", type=int, default=5, help="images of each of the digits 5 to 9")
    parser.add_argument("--draws", type=int, default=5, help="of such images")
    parser.add_argument("--epochs", type=int, default=1, help="on the digits 0 to 4")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    rng = np.random.default_rng(options.seed)
    if options.data == "mnist":
        data = sd.train.datasets.mnist(flatten=False)
        train, test = data.train, data.test
    else:
        data = sd.train.datasets.digits(seed=options.seed, flatten=False)
        train, test = thrown(data.train, rng), thrown(data.test, rng)
    (low, high), (low_test, high_test) = halves(train), halves(test)
    loss, logits = network("low", low["X"].shape[-1])
    model = sd.Model(loss, output=logits, seed=options.seed)
    model.fit(low, optimizer=sd.nn.Adam(2e-3), batch_size=64, epochs=options.epochs, seed=options.seed)
    print(f"digits 0 to 4, {len(low['t'])} images: test accuracy {model.evaluate(low_test)['accuracy']:.1%}")

    print(sd.derive(network("high", low["X"].shape[-1])[0], "high.W"), end="\n\n")
    features = {k: a for k, a in model.parameters.items() if k.startswith("features")}
    scores = []
    for draw in range(options.draws):
        handful = few(high, options.shots, np.random.default_rng([options.seed, draw]))
        scores.append(
            (
                learn(features, handful, high_test, seed=draw, trainable=["high"]),
                learn({}, handful, high_test, seed=draw, trainable=["high"]),
                learn({}, handful, high_test, seed=draw, trainable=None),
            )
        )
    found = dict(zip(("transferred", "random", "everything"), np.mean(scores, axis=0).tolist(), strict=True))
    print(f"digits 5 to 9 from {5 * options.shots} images, mean test accuracy of {options.draws} draws:")
    print(f"  features of 0 to 4, frozen   {found['transferred']:.1%}")
    print(f"  random features, frozen      {found['random']:.1%}")
    print(f"  everything learned anew      {found['everything']:.1%}")
    return found


if __name__ == "__main__":
    main()
