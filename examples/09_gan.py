"""Generative adversarial networks: petal lengths and handwritten digits drawn from noise.

A generator turns noise into samples; a discriminator learns to tell them from real ones. In every batch the
discriminator takes a step with its loss and its optimizer, then the generator with its own; both steps are
one compiled program. Printed are the derivation of the generator's gradient, which passes through the
discriminator, and two comparisons:

- petal lengths of 150 iris flowers, which have two heaps with a gap: the earth mover's distance (cm) between
  drawn and real ones, beside that of a normal distribution with their mean and spread;
- images of digits (8 x 8): the distance from a drawn image to the nearest one of the test images, which the
  network has never seen, beside that of real images and that of normal noise with the real images' means and
  covariances; and how often each digit is drawn. A picture is written to out/.

    python examples/09_gan.py [--steps 3000] [--epochs 150] [--seed 0] [--out out]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance
from sklearn.datasets import load_iris

import symdl as sd


def generator(z: sd.Tensor, features: int, width: int) -> sd.Tensor:
    """Return samples of so many features, each made from a row of noise."""
    for number in range(2):
        z = sd.nn.dense(z, width, activation=sd.leaky_relu, name=f"generator.{number}")
    return sd.nn.dense(z, features, name="generator.2")


def discriminator(x: sd.Tensor, width: int, dropped: float) -> sd.Tensor:
    """Return for every sample the logit of being real; dropout keeps from learning samples by heart."""
    for number in range(2):
        x = sd.nn.dense(x, width, activation=sd.leaky_relu, name=f"discriminator.{number}")
    x = sd.nn.dropout(x, dropped, name="discriminator.dropout") if dropped else x
    return sd.nn.dense(x, 1, name="discriminator.2")[:, 0]


def rivals(features: int, noise: int, width: int, *, seed: int, images: bool = False) -> sd.Model:
    """Return both as one model of two losses that take turns; images have values between 0 and 1."""
    n = sd.Dim("n")
    x, z = sd.tensor("x", (n, features)), sd.tensor("z", (n, noise))
    source = sd.nn.normal_noise((n, noise), name="noise", inference=z)
    drawn = generator(source, features, width)
    if images:
        drawn = sd.sigmoid(drawn)
    real = discriminator(x, width, 0.5 if images else 0.0)
    fake = sd.replace(real, {x: drawn})  # the same network, with the same parameters, at another input
    losses = {
        "discriminator": sd.softplus(-real).mean() + sd.softplus(fake).mean(),
        "generator": sd.softplus(-fake).mean(),
    }
    return sd.Model(losses, output=drawn, seed=seed)


def train(model: sd.Model, x: np.ndarray, *, epochs: int, batch: int, rate: float, seed: int) -> None:
    """Train both in turns; keep a moving average of the parameters, which is steadier than the last ones."""
    average = {name: array.copy() for name, array in model.parameters.items()}

    def follow(epoch: sd.train.Epoch, model: sd.Model) -> None:
        for name, array in average.items():
            array += 0.1 * (model.parameters[name] - array)

    model.fit(
        {"x": x},
        optimizer={name: sd.nn.Adam(rate, beta1=0.5) for name in ("discriminator", "generator")},
        trainable={name: name for name in ("discriminator", "generator")},
        batch_size=batch,
        epochs=epochs,
        seed=seed,
        callbacks=[follow],
    )
    for name, array in average.items():
        model.parameters[name][...] = array


def petals(steps: int, seed: int) -> dict[str, float]:
    """Draw petal lengths; return how far they are from the real ones."""
    lengths = load_iris().data[:, 2]
    mean, deviation = lengths.mean(), lengths.std()
    rng = np.random.default_rng(seed)
    model = rivals(1, 4, 32, seed=seed)
    print(sd.derive(model.losses["generator"], "generator.2.W"), end="\n\n")
    real = rng.choice((lengths - mean) / deviation, 128 * 100)[:, None]
    train(model, real, epochs=-(-steps // 100), batch=128, rate=1e-3, seed=seed)
    drawn = model.predict(z=rng.normal(size=(20 * len(lengths), 4)))[:, 0] * deviation + mean
    normal = rng.normal(mean, deviation, len(drawn))
    found = {
        "distance": float(wasserstein_distance(drawn, lengths)),
        "normal": float(wasserstein_distance(normal, lengths)),
        "short": float((drawn < 2.5).mean()),
        "long": float((drawn > 3.0).mean()),
    }
    print(f"earth mover's distance to the real lengths: {found['distance']:.3f} cm")
    print(f"that of a normal distribution with their mean and spread: {found['normal']:.3f} cm")
    print(f"shorter than 2.5 cm: {found['short']:.1%}, real {(lengths < 2.5).mean():.1%}")
    print(f"longer than 3.0 cm:  {found['long']:.1%}, real {(lengths > 3.0).mean():.1%}", end="\n\n")
    return found


def digits(epochs: int, seed: int, out: Path) -> dict[str, float]:
    """Draw digits; return how far they are from test images, and the smallest share of a digit."""
    data = sd.train.datasets.digits(seed=seed)
    rng = np.random.default_rng(seed)
    model = rivals(64, 16, 128, images=True, seed=seed)
    train(model, data.X_train, epochs=epochs, batch=64, rate=2e-3, seed=seed)
    drawn = model.predict(z=rng.normal(size=(1000, 16)))
    real = data.X_train
    noise = rng.multivariate_normal(real.mean(axis=0), np.cov(real.T), 1000).clip(0, 1)
    test = cKDTree(data.X_test)
    distances, nearest = test.query(drawn)
    shares = np.bincount(data.t_test[nearest], minlength=10) / len(drawn)
    found = {
        "drawn": float(np.mean(distances)),
        "real": float(np.mean(test.query(real)[0])),
        "noise": float(np.mean(test.query(noise)[0])),
        "rarest": float(shares.min()),
    }
    print(f"mean distance to the nearest test image: of drawn digits {found['drawn']:.2f}")
    print(f"  of real ones {found['real']:.2f}, of noise with the same covariances {found['noise']:.2f}")
    print("share of each digit:", *(f"{share:.0%}" for share in shares))
    out.mkdir(parents=True, exist_ok=True)
    picture(out / "gan_digits.png", real[:24], drawn[:72])
    print(f"written: {out / 'gan_digits.png'}")
    return found


def picture(path: Path, real: np.ndarray, drawn: np.ndarray) -> None:
    """Write rows of real and of drawn images."""
    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    parts = figure.subfigures(1, 2, width_ratios=[1, 3], squeeze=False)
    for part, title, images in zip(parts.flat, ("real", "drawn"), (real, drawn), strict=True):
        axes = part.subplots()
        rows = images.reshape(6, -1, 8, 8)
        framed = np.pad(rows, ((0, 0), (0, 0), (1, 1), (1, 1)))
        axes.imshow(framed.transpose(0, 2, 1, 3).reshape(60, -1), cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
        axes.set_title(title)
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train, compare what is drawn with what is real."""
    parser = argparse.ArgumentParser(description="Draw petal lengths and digits from noise.")
    parser.add_argument("--steps", type=int, default=3000, help="on petal lengths")
    parser.add_argument("--epochs", type=int, default=150, help="on digits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    return petals(options.steps, options.seed) | digits(options.epochs, options.seed, options.out)


if __name__ == "__main__":
    main()
