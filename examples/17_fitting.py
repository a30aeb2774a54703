"""Formulas fitted to measurements: a spectrum, two decays with one rate, a pendulum.

    python examples/17_fitting.py --out out

prints the reports, and writes ``spectrum.png`` and the mathematics of the fit, ``spectrum.html``. The data
are made here, so the true values are known; a line below each report compares them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import sympy as sp

import symdl as sd
from symdl.fitting import Fit, decay, gaussian


def spectrum(rng: np.random.Generator) -> tuple[Fit, Mapping[str, float]]:
    """Two overlapping lines on a background that falls; start values are guessed."""
    x = sp.Symbol("x")
    true = {"amplitude": 800, "rate": 0.01, "height_1": 600, "centre_1": 70, "width_1": 8}
    true |= {"height_2": 900, "centre_2": 95, "width_2": 11}
    curve = decay(x) + gaussian(x, 1) + gaussian(x, 2)
    at = np.arange(1.0, 201.0)
    counts = rng.poisson(sd.compile(curve.formula)(x=at, **true))
    return sd.fit(curve, x=at, y=counts, sigma=np.sqrt(np.maximum(counts, 1)), absolute_sigma=True), true


def half_life(rng: np.random.Generator) -> tuple[Fit, Mapping[str, float]]:
    """Two samples of one isotope, measured at different times, each with its own background."""
    a, b, c, d, k, t1, t2 = sp.symbols("a b c d k t1 t2")
    data = {"t1": np.linspace(0, 8, 12), "t2": np.linspace(0, 3, 30)}
    data["y1"] = 100 * np.exp(-0.6 * data["t1"]) + 5 + rng.normal(size=12)
    data["y2"] = 40 * np.exp(-0.6 * data["t2"]) + 2 + rng.normal(size=30)
    formulas = {"y1": a * sp.exp(-k * t1) + c, "y2": b * sp.exp(-k * t2) + d}
    fit = sd.fit(formulas, data=data, sigma=1.0, start={a: 80, b: 80, c: 0, d: 0, k: 1})
    return fit, {"a": 100, "b": 40, "c": 5, "d": 2, "k": 0.6}


def pendulum(rng: np.random.Generator) -> tuple[Fit, Mapping[str, float]]:
    """A damped pendulum of large swings: its differential equation is the formula, solved step by step."""
    step, count = 0.02, 300
    pull, damping, first = (sd.parameter(name, ()) for name in ("pull", "damping", "first"))

    def forward(angle: sd.Tensor, speed: sd.Tensor) -> tuple[sd.Tensor, sd.Tensor]:
        faster = speed - step * (pull * sd.sin(angle) + damping * speed)
        return angle + step * faster, faster

    shapes = [(count,), (count,)]
    angle, _ = sd.recurrence(["angle", "speed"], shapes, forward, initial=[first, None])
    true = {"pull": 9.81, "damping": 0.3, "first": 2.0}
    seen = sd.compile(angle)(**true) + 0.02 * rng.normal(size=count)
    return sd.fit(angle, seen=seen, start={pull: 8, damping: 0.1, first: 1.8}), true


def main(arguments: list[str] | None = None) -> list[Fit]:
    """Fit all three; return the fits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("out"), help="where files go")
    out: Path = parser.parse_args(arguments).out
    rng = np.random.default_rng(0)
    fits = []
    for make in (spectrum, half_life, pendulum):
        fit, true = make(rng)
        off = max(abs(fit.values[name] - value) / fit.errors[name] for name, value in true.items())
        print(fit, f"\nthe farthest from its true value: {off:.1f} standard errors\n", sep="")
        fits.append(fit)
    print(f"half-life: {fits[1].quantity(sp.log(2) / sp.Symbol('k'))}")
    out.mkdir(parents=True, exist_ok=True)
    fits[0].plot(prediction=True).savefig(out / "spectrum.png", dpi=150)
    print(f"see {out / 'spectrum.png'} and {fits[0].derive().save(out / 'spectrum.html')}")
    return fits


if __name__ == "__main__":
    main()
