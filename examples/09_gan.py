"""A generative adversarial network in one dimension: petals drawn from noise.

A generator turns noise into petal lengths; a discriminator learns to tell them from those of the 150 iris
flowers. Each has its own loss and its own optimizer, and both kernels train on the same arrays. Printed are
the derivation of the generator's gradient, which passes through the discriminator, and the distance between
drawn and real lengths (earth mover's, in cm). Real lengths have two heaps, near 1.5 cm and 5 cm, with a gap.

    python examples/09_gan.py [--steps 3000] [--seed 0]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import wasserstein_distance
from sklearn.datasets import load_iris

import symdl as sd
from symdl.run.training import TrainingKernel, compile_training
from symdl.train.weights import initial

NOISE, BATCH = 4, 128


def generator(z: sd.Tensor) -> sd.Tensor:
    """Return lengths, standardized, of shape ``(n, 1)``."""
    h = sd.nn.dense(z, 32, activation=sd.leaky_relu, name="generator.0")
    h = sd.nn.dense(h, 32, activation=sd.leaky_relu, name="generator.1")
    return sd.nn.dense(h, 1, name="generator.2")


def discriminator(x: sd.Tensor, weights: dict[str, sd.Tensor]) -> sd.Tensor:
    """Return the logit of `x` being real; calls with the same weights are one network."""
    h = sd.leaky_relu(x @ weights["W0"] + weights["b0"])
    h = sd.leaky_relu(h @ weights["W1"] + weights["b1"])
    return h @ weights["W2"] + weights["b2"]


def losses() -> tuple[sd.Tensor, sd.Tensor, sd.Tensor]:
    """Return the discriminator's loss, the generator's loss, and what is drawn."""
    n = sd.Dim("n")
    x, z = sd.tensor("x", (n, 1)), sd.tensor("z", (n, NOISE))
    shapes = {"W0": (1, 32), "b0": (32,), "W1": (32, 32), "b1": (32,), "W2": (32, 1), "b2": (1,)}
    weights = {k: sd.parameter(f"discriminator.{k}", shape) for k, shape in shapes.items()}
    drawn = generator(z)
    real, fake = discriminator(x, weights), discriminator(drawn, weights)
    of_discriminator = sd.softplus(-real).mean() + sd.softplus(fake).mean()
    of_generator = sd.softplus(-fake).mean()
    return of_discriminator, of_generator, drawn


def kernel(loss: sd.Tensor, part: str, rate: float) -> TrainingKernel:
    """Compile training steps for the parameters of one part; the others are only read."""
    learned = [p for p in sd.parameters(loss) if str(p.name).startswith(part)]
    return compile_training(loss, learned, sd.nn.Adam(rate, beta1=0.5).updates)


def train(lengths: np.ndarray, *, steps: int, seed: int) -> np.ndarray:
    """Train both in turns, one step each; return as many drawn lengths as there are real ones, times 20."""
    of_discriminator, of_generator, drawn = losses()
    rng = np.random.default_rng(seed)
    weights = initial(sd.parameters(of_discriminator), seed=seed, dtype="float32")
    z = rng.normal(size=(1 << 15, NOISE)).astype("float32")
    x = rng.choice(lengths, len(z))[:, None]
    sides = []
    for loss, part, data in (
        (of_discriminator, "discriminator", {"x": x, "z": z}),
        (of_generator, "generator", {"z": z}),
    ):
        compiled = kernel(loss, part, 1e-3)
        states = initial(compiled.states, seed=seed, dtype="float32")
        sides.append(compiled.bind(weights | states, data, BATCH))
    draw = sd.compile(drawn, dtype="float32")
    of_draw = {k: a for k, a in weights.items() if k.startswith("generator")}
    average = {k: a.copy() for k, a in of_draw.items()}
    for _ in range(steps):
        for side in sides:
            side.run(rng.integers(0, len(z), BATCH))
        for k, a in average.items():  # the mean over the last steps is steadier than the last one
            a += 0.005 * (of_draw[k] - a)
    fresh = rng.normal(size=(20 * len(lengths), NOISE)).astype("float32")
    return draw(z=fresh, **average)[:, 0]


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train, compare drawn and real lengths."""
    parser = argparse.ArgumentParser(description="Draw petal lengths from noise.")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    print(sd.derive(losses()[1], "generator.2.W"), end="\n\n")
    lengths = load_iris().data[:, 2]
    mean, deviation = lengths.mean(), lengths.std()
    standard = ((lengths - mean) / deviation).astype("float32")
    drawn = train(standard, steps=options.steps, seed=options.seed) * deviation + mean
    normal = np.random.default_rng(0).normal(mean, deviation, len(drawn))
    found = {
        "distance": float(wasserstein_distance(drawn, lengths)),
        "normal": float(wasserstein_distance(normal, lengths)),
        "short": float((drawn < 2.5).mean()),
        "long": float((drawn > 3.0).mean()),
    }
    print(f"earth mover's distance to the real lengths: {found['distance']:.3f} cm")
    print(f"that of a normal distribution with their mean and spread: {found['normal']:.3f} cm")
    print(f"shorter than 2.5 cm: {found['short']:.1%}, real {(lengths < 2.5).mean():.1%}")
    print(f"longer than 3.0 cm:  {found['long']:.1%}, real {(lengths > 3.0).mean():.1%}")
    return found


if __name__ == "__main__":
    main()
