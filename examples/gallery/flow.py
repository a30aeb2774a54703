"""A normalising flow, whose best loss is the entropy of the data.

Dinh et al., "Density estimation using Real NVP" (2017). Points in the plane lie along a parabola: a ~ N(0,
1) and b ~ N(a^2, 1/4). An affine coupling layer leaves one coordinate and shifts and scales the other by
functions of it; its Jacobian is triangular, so the log-density of a point is that of its image plus the sum
of the log-scales:

    z[i] = (b[i] - shift(a[i])) exp(-scale(a[i])),   u[i] = (a[i] - m) exp(-r)
    loss = mean_i of (z[i]^2 + u[i]^2)/2 + scale(a[i]) + r + log(2 pi)

No model has a lower expected loss than the entropy, log(2 pi e 1/2) = 2.1447; on the samples at hand that is
the mean of minus their true log-density.

    python examples/gallery/flow.py [--epochs 40] [--seed 0] [--target cpu]
"""

from __future__ import annotations

import argparse

import numpy as np

import symdl as sd

WIDTH = 0.5


def coupling(units: int) -> sd.Tensor:
    """Return the mean of the negative log-densities."""
    n = sd.Dim("n")
    a, b = sd.tensor("a", (n, 1)), sd.tensor("b", (n, 1))
    h = sd.nn.dense(a, units, activation=sd.tanh, name="first")
    h = sd.nn.dense(h, units, activation=sd.tanh, name="second")
    shift, scale = sd.nn.dense(h, 1, name="shift"), sd.nn.dense(h, 1, name="scale")
    m, r = sd.parameter("m", (), init=sd.nn.zeros()), sd.parameter("r", (), init=sd.nn.zeros())
    i, j = sd.indices("i j")
    z = sd.define("z", (i, j), (b[i, j] - shift[i, j]) * sd.exp(-scale)[i, j])
    u = (a - m) * sd.exp(-r)
    return ((z**2 + u**2) / 2 + scale).mean() + r + float(np.log(2 * np.pi))


def points(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return points along the parabola."""
    a = rng.normal(size=(count, 1))
    return {"a": a, "b": a**2 + WIDTH * rng.normal(size=(count, 1))}


def true_loss(data: dict[str, np.ndarray]) -> float:
    """Return the mean of minus the true log-density."""
    a, b = data["a"], data["b"]
    squares = a**2 + ((b - a**2) / WIDTH) ** 2
    return float((squares / 2 + np.log(2 * np.pi * WIDTH)).mean())


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train, compare with the entropy."""
    parser = argparse.ArgumentParser(description="A normalising flow of a parabola.")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args(arguments)

    loss = coupling(options.units)
    print(sd.derive(loss, "scale.W", depth="result"), end="\n\n")
    rng = np.random.default_rng(options.seed)
    model = sd.Model(loss, seed=options.seed, target=options.target)
    steps = options.epochs * (-(-options.samples // 250))
    model.fit(
        points(options.samples, rng),
        optimizer=sd.nn.Adam(sd.nn.CosineDecay(5e-3, steps=steps)),
        batch_size=250,
        epochs=options.epochs,
    )
    test = points(options.samples, rng)
    found, known = model.evaluate(test)["loss"], true_loss(test)
    entropy = float(np.log(2 * np.pi * np.e * WIDTH))
    print(f"loss of new points: {found:.4f}; by their true density: {known:.4f}; entropy: {entropy:.4f}")
    return {"found": found, "known": known}


if __name__ == "__main__":
    main()
