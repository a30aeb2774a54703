"""A Kalman filter, differentiated through time: the variances of the Nile's flow by maximum likelihood.

Durbin and Koopman, "Time series analysis by state space methods" (2001, section 2.10). The flow y of the
years 1871 to 1970 is a level that walks at random, plus noise; the filter foretells each year from those
before it:

    v[t] = y[t] - a[t],  F[t] = P[t] + e,  K[t] = P[t]/F[t]
    a[t+1] = a[t] + K[t] v[t],  P[t+1] = P[t] (1 - K[t]) + h
    loss = mean over t of (log F[t] + v[t]^2/F[t])/2

It starts at the first year: a = y[0], P = e + h. The published variances are e = 15099 and h = 1469.1.

    python examples/gallery/kalman.py [--epochs 100] [--seed 0] [--target cpu]
"""

from __future__ import annotations

import argparse

import numpy as np

import symdl as sd

FLOW = np.array([
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960,
    1180, 799, 958, 1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694,
    940, 833, 701, 916, 692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832,
    764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845, 944,
    984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
    744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746,
    919, 718, 714, 740,
], "float64")  # fmt: skip
"""The flow of the Nile at Aswan in 10^8 cubic metres a year."""
SCALE = FLOW.std()
NOISE, WALK = 15099.0, 1469.1
YEARS = len(FLOW) - 1


def likelihood() -> sd.Tensor:
    """Return the negative log-likelihood of a series, over all but its first year."""
    n = sd.Dim("n")
    y = sd.tensor("y", (n, YEARS + 1))
    e, h = (sd.exp(sd.parameter(f"log_{name}", (), init=sd.nn.fill(-1.0))) for name in ("noise", "walk"))
    b, t = sd.indices("b t")
    later = sd.define("later", (t, b), y[b, t + 1], shape=(YEARS, n))
    first = sd.define("first", (b,), y[b, 0])

    def step(a: sd.Tensor, P: sd.Tensor) -> tuple[sd.Tensor, sd.Tensor]:
        K = sd.define("K", (t, b), P[t, b] / (P[t, b] + e[()]))
        v = sd.define("v", (t, b), later[t, b] - a[t, b])
        return a + K * v, P * (1 - K) + h

    start = first * 0 + e + h
    a, P = sd.recurrence(["a", "P"], [(YEARS, n), (YEARS, n)], step, initial=[first, start])
    previous = [
        sd.concatenate([sd.expand_dims(one, 0), all_[:-1]], axis=0) for one, all_ in ((first, a), (start, P))
    ]
    v, F = later - previous[0], previous[1] + e
    return (sd.log(F) + v**2 / F).mean() / 2


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Derive, search, compare with the published variances."""
    parser = argparse.ArgumentParser(description="The variances of the flow of the Nile.")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="cpu")
    options = parser.parse_args(arguments)

    loss = likelihood()
    print(sd.derive(loss, "log_walk"), end="\n\n")
    model = sd.Model(loss, seed=options.seed, dtype="float64", target=options.target)
    model.fit({"y": FLOW[None] / SCALE}, optimizer=sd.nn.LBFGS(), epochs=options.epochs)
    noise, walk = (float(np.exp(model.parameters[f"log_{name}"]) * SCALE**2) for name in ("noise", "walk"))
    print(f"noise {noise:.0f}, walk {walk:.1f}; published {NOISE:.0f}, {WALK}")
    return {"noise": noise, "walk": walk}


if __name__ == "__main__":
    main()
