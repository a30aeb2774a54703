"""Diffusion of points on a circle: the least loss of a denoiser is known, and so is what it should draw.

Ho et al., "Denoising diffusion probabilistic models" (2020). Data are eight points p_m on a circle. Noise of
a size s between 0.05 and 2 is added, x = p + s e, and a network D(x, s) learns to say where x came from:

    loss = mean over samples of sum_k (D[i,k] - p[i,k])^2

No denoiser is better than the mean of the points, each weighed by the probability that x came from it,

    D*(x, s) = sum_m w_m p_m with w = softmax_m(-|x - p_m|^2/(2 s^2)),

whose loss on the same samples is printed beside the network's. Then points are drawn: from pure noise s is
made smaller step by step, along dx/ds = (x - D(x, s))/s; they should end at the eight points.

    python examples/gallery/diffusion.py [--epochs 60] [--seed 0] [--target cpu]
"""

from __future__ import annotations

import argparse

import numpy as np

import symdl as sd

ANGLES = np.arange(8) * np.pi / 4
POINTS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
SMALLEST, LARGEST = 0.05, 2.0


def denoiser(units: int) -> tuple[sd.Tensor, sd.Tensor]:
    """Return the loss and the denoised points, shape ``(n, 2)``."""
    n = sd.Dim("n")
    x, s, p = sd.tensor("x", (n, 2)), sd.tensor("s", (n, 1)), sd.tensor("p", (n, 2))
    near = x / sd.sqrt(1 + s**2)
    h = sd.concatenate([near, sd.log(s) / 2], axis=1)
    for number in range(3):
        h = sd.nn.dense(h, units, activation=sd.nn.silu, name=f"layer{number}")
    D = sd.nn.dense(h, 2, name="out")
    i, k = sd.indices("i k")
    error = sd.define("error", (i,), sd.Sum((D[i, k] - p[i, k]) ** 2, k))
    return error.mean(), D


def samples(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return points, sizes of noise, evenly in their logarithm, and what the noise makes of the points."""
    p = POINTS[rng.integers(0, 8, count)]
    s = np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST), (count, 1)))
    return {"x": p + s * rng.normal(size=(count, 2)), "s": s, "p": p}


def best(x: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return D*, the mean of the points given what noise has made of them."""
    logits = -((x[:, None] - POINTS) ** 2).sum(axis=2) / (2 * s**2)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    mean: np.ndarray = weights @ POINTS / weights.sum(axis=1, keepdims=True)
    return mean


def drawn(model: sd.Model, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return points drawn by forty steps from noise."""
    sizes = np.geomspace(LARGEST, SMALLEST, 40)
    x = LARGEST * rng.normal(size=(count, 2))
    for size, smaller in zip(sizes, [*sizes[1:], 0.0], strict=True):
        away = (x - model.predict(x=x, s=np.full((count, 1), size))) / size
        x = x + (smaller - size) * away
    return x


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train, compare with the best denoiser, draw."""
    parser = argparse.ArgumentParser(description="Diffusion of points on a circle.")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args(arguments)

    loss, D = denoiser(options.units)
    print(sd.derive(loss, "out.W", depth="result"), end="\n\n")
    rng = np.random.default_rng(options.seed)
    model = sd.Model(loss, output=D, seed=options.seed, target=options.target)
    steps = options.epochs * (-(-options.samples // 250))
    rate = sd.nn.CosineDecay(3e-3, steps=steps)
    model.fit(
        samples(options.samples, rng), optimizer=sd.nn.Adam(rate), batch_size=250, epochs=options.epochs
    )
    test = samples(options.samples, rng)
    found = model.evaluate(test)["loss"]
    known = float(((best(test["x"], test["s"]) - test["p"]) ** 2).sum(axis=1).mean())
    apart = np.sqrt(((drawn(model, min(options.samples, 1000), rng)[:, None] - POINTS) ** 2).sum(axis=2)).min(
        axis=1
    )
    print(f"loss of the network: {found:.4f}; of the best denoiser there is: {known:.4f}")
    print(f"drawn points end {apart.mean():.3f} from the nearest of the eight, which are 0.765 apart")
    return {"found": found, "known": known, "apart": float(apart.mean())}


if __name__ == "__main__":
    main()
