"""Ten hard fits: sums of exponentials, rational functions, peaks, differential equations, starts far off.

``python -m tests.fitting.harder`` fits each to values without noise, of which the parameters are known, and
prints how many digits come back, or what the fit warns of.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import symdl as sd

from .certified import digits

T = np.linspace(0, 10, 120)
U = np.linspace(-3, 3, 90)

Case = tuple[Any, dict[str, Any], dict[str, float], dict[str, float], dict[str, Any]]
"""A formula, data, true values, starts, options."""


def scalar(
    text: str, at: np.ndarray, true: dict[str, float], start: dict[str, float], **options: Any
) -> Case:
    """A formula in ``x``, as text."""
    from symdl.express.parser import parse

    return text, {"x": at, "y": sd.compile(parse(text))(x=at, **true)}, true, start, options


def stepped(step: Callable[..., Any], names: str, true: dict[str, float], start: dict[str, float]) -> Case:
    """The first state of a differential equation, 200 steps of 0.05 by Euler's method."""
    parameters = [sd.parameter(name, ()) for name in true]
    states = names.split()
    first, rest = parameters[: len(states)], parameters[len(states) :]
    path = sd.recurrence(states, [(200,)] * len(states), lambda *s: step(0.05, s, rest), initial=first)
    return path[0], {"seen": sd.compile(path[0])(**true)}, true, start, {}


def cases() -> dict[str, Callable[[], Case]]:
    """All of them; data are made when one is asked for."""
    return {
        "two exponentials": lambda: scalar(
            "a*exp(-b*x) + c*exp(-d*x)",
            T,
            {"a": 2, "b": 0.3, "c": 5, "d": 1.1},
            {"a": 1, "b": 1, "c": 1, "d": 20},
        ),
        "three exponentials": lambda: scalar(
            "a*exp(-b*x) + c*exp(-d*x) + e1*exp(-f*x)",
            T,
            {"a": 1, "b": 0.2, "c": 2, "d": 1.0, "e1": 4, "f": 5.0},
            {"a": 1, "b": 0.1, "c": 1, "d": 3, "e1": 1, "f": 30},
        ),
        "rational": lambda: scalar(
            "(a + b*x + c*x**2)/(1 + d*x + e1*x**2)",
            U,
            {"a": 1, "b": -0.7, "c": 0.4, "d": 0.3, "e1": 0.5},
            {"a": 10, "b": 0, "c": 10, "d": 0, "e1": 10},
        ),
        "Michaelis and Menten, far off": lambda: scalar(
            "v*x**h/(k**h + x**h)", T[1:], {"v": 12, "k": 2.5, "h": 1.8}, {"v": 100, "k": 30, "h": 0.5}
        ),
        "three peaks on a slope": lambda: scalar(
            "a*exp(-((x-b)/c)**2) + d*exp(-((x-g)/h)**2) + k*exp(-((x-l)/m)**2) + p + q*x",
            T,
            {"a": 3, "b": 2, "c": 0.6, "d": 2, "g": 4, "h": 0.9, "k": 4, "l": 7, "m": 0.7, "p": 1, "q": 0.1},
            {"a": 1, "b": 1.6, "c": 1, "d": 1, "g": 4.5, "h": 1, "k": 1, "l": 7.6, "m": 1, "p": 0, "q": 0},
        ),
        "damped oscillation, wrong frequency": lambda: scalar(
            "a*exp(-b*x)*sin(w*x + p)",
            T,
            {"a": 2, "b": 0.2, "w": 4.1, "p": 0.5},
            {"a": 1, "b": 0.1, "w": 2.5, "p": 0},
            bounds={"w": (0.5, 8), "p": (-3, 3), "a": (0.1, 10), "b": (0, 2)},
            tries=30,
        ),
        "Gompertz, far off": lambda: scalar(
            "a*exp(-b*exp(-c*x))", T, {"a": 8, "b": 5, "c": 0.7}, {"a": 100, "b": 1, "c": 0.05}
        ),
        "logistic growth": lambda: stepped(
            lambda h, s, p: s[0] + h * p[0] * s[0] * (1 - s[0] / p[1]),
            "u",
            {"u0": 0.2, "rate": 1.1, "top": 6},
            {"u0": 1, "rate": 0.3, "top": 20},
        ),
        "predator and prey, one seen": lambda: stepped(
            lambda h, s, p: (s[0] + h * s[0] * (p[0] - p[1] * s[1]), s[1] + h * s[1] * (s[0] - p[2])),
            "u v",
            {"u0": 1.0, "v0": 0.8, "a": 1.1, "b": 0.9, "c": 0.7},
            {"u0": 1.1, "v0": 1.0, "a": 1.0, "b": 1.0, "c": 1.0},
        ),
        "pendulum of large swings": lambda: stepped(
            lambda h, s, p: (s[0] + h * s[1], s[1] - h * (p[0] * sd.sin(s[0] + h * s[1]) + p[1] * s[1])),
            "angle speed",
            {"angle0": 2.2, "speed0": 0.0, "g": 4.0, "damping": 0.15},
            {"angle0": 1.8, "speed0": 0.0, "g": 3.0, "damping": 0.05},
        ),
    }


def tried(case: Case) -> tuple[float, sd.fitting.Fit]:
    """Fit a case; return how many digits of the true values came back, and the fit."""
    formula, data, true, start, options = case
    fit = sd.fit(formula, data=data, start=start, seed=1, **options)
    expected = np.array([true[name] for name in fit.labels])
    some = expected != 0
    off = np.abs(fit.solution.x - expected).max() / np.abs(expected).max()
    return min(digits(fit.solution.x[some], expected[some]), -float(np.log10(off + 1e-11))), fit


def main() -> int:
    """Print a table; return how many miss six digits without a warning."""
    missed = 0
    for name, make in cases().items():
        found, fit = tried(make())
        missed += found < 6 and not fit.warnings
        print(f"{name:36} {found:5.1f} digits, {fit.solution.evaluations:4} evaluations", *fit.warnings[:1])
    return int(missed)


if __name__ == "__main__":
    sys.exit(main() > 0)
