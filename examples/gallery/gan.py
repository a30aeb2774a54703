"""A generative adversarial network at its equilibrium: the loss is log 4, and the generator draws the data.

Goodfellow et al., "Generative adversarial nets" (2014). Real numbers x come from N(4, 1.25^2), the generator
makes y = a + b z of normal noise z, and the discriminator has the logit of a ratio of two normal densities:

    logit(x) = c0 + c1 x + c2 x^2
    discriminator = mean_i softplus(-logit(x[i])) + mean_i softplus(logit(y[i])) + r (c1^2 + c2^2)
    generator     = mean_i softplus(-logit(y[i]))

Where both can do no better, y is distributed as x is, the logit is 0 everywhere and the discriminator's loss
is log 4. The penalty r, which is 0 there, makes the turns converge (Mescheder et al., 2018).

    python examples/gallery/gan.py [--epochs 60] [--seed 0] [--target cpu]
"""

from __future__ import annotations

import argparse

import numpy as np

import symdl as sd

MEAN, SPREAD, PENALTY = 4.0, 1.25, 0.1


def rivals() -> tuple[dict[str, sd.Tensor], sd.Tensor]:
    """Return both losses, and what is drawn."""
    n = sd.Dim("n")
    x, z = sd.tensor("x", (n,)), sd.tensor("z", (n,))
    a, b = (sd.parameter(f"generator.{name}", (), init=sd.nn.fill(1.0)) for name in "ab")
    c = [sd.parameter(f"discriminator.c{power}", (), init=sd.nn.zeros()) for power in range(3)]
    y = a + b * sd.nn.normal_noise((n,), name="noise", inference=z)
    real = c[0] + c[1] * (x - 2) + c[2] * (x - 2) ** 2
    fake = sd.replace(real, {x: y})
    turns = sd.softplus(-real).mean() + sd.softplus(fake).mean()
    losses = {
        "discriminator": turns + PENALTY * (c[1] ** 2 + c[2] ** 2),
        "generator": sd.softplus(-fake).mean(),
    }
    return losses, y


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, train, compare with the equilibrium."""
    parser = argparse.ArgumentParser(description="A generative adversarial network of normal numbers.")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args(arguments)

    losses, y = rivals()
    print(sd.derive(losses["generator"], "generator.b", depth="result"), end="\n\n")
    model = sd.Model(losses, output=y, seed=options.seed, target=options.target)
    rng = np.random.default_rng(options.seed)
    steps = options.epochs * (-(-options.samples // 500))
    history = model.fit(
        {"x": rng.normal(MEAN, SPREAD, options.samples)},
        optimizer={name: sd.nn.Adam(sd.nn.CosineDecay(0.01, steps=steps), beta1=0.5) for name in losses},
        trainable={name: name for name in losses},
        batch_size=500,
        epochs=options.epochs,
    )
    drawn = model.predict(z=rng.normal(size=100_000))
    found = {
        "loss": history.epochs[-1].values["discriminator"],
        "mean": float(drawn.mean()),
        "spread": float(drawn.std()),
    }
    print(f"the discriminator's loss: {found['loss']:.4f}; log 4 is {np.log(4):.4f}")
    print(f"drawn: mean {found['mean']:.3f}, spread {found['spread']:.3f}; real: {MEAN}, {SPREAD}")
    return found


if __name__ == "__main__":
    main()
