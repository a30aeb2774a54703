"""NIST's certified nonlinear regressions: data, certified values, and how many digits of them a fit reaches.

``python -m tests.fitting.certified`` fits all 27 from both of NIST's starts, and prints a line each.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import symdl as sd

FOLDER = Path(__file__).parent / "nist"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.txt")))


@dataclass(frozen=True)
class Problem:
    """One regression: its formula as text, the data, NIST's two starts and certified results."""

    formula: str
    data: dict[str, Any]
    starts: tuple[dict[str, float], dict[str, float]]
    values: np.ndarray
    errors: np.ndarray
    sum_of_squares: float
    standard_deviation: float


def load(name: str) -> Problem:
    """Read one of the files."""
    lines = (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()
    left, _, formula = lines[1].removeprefix("formula ").partition(" = ")
    squares, deviation = (float(line.split()[1]) for line in lines[2:4])
    rows = [line.split() for line in lines[5:]]
    table = [row for row in rows if row[0].startswith("b")]
    names, *numbers = rows[len(table) :]
    data: dict[str, Any] = dict(zip(names, np.array(numbers, float).T, strict=True))
    if left == "log(y)":
        data["y"] = np.log(data["y"])
    first, second, values, errors = np.array([row[1:] for row in table], float).T
    labels = [row[0] for row in table]
    starts = tuple(dict(zip(labels, map(float, start), strict=True)) for start in (first, second))
    return Problem(formula, data, (starts[0], starts[1]), values, errors, squares, deviation)


def digits(found: Any, certified: Any) -> float:
    """Return how many leading digits agree, at the worst place; NIST certifies 11."""
    with np.errstate(divide="ignore"):
        wrong = np.abs(np.asarray(found, float) - certified) / np.abs(certified)
        return float(np.minimum(-np.log10(wrong), 11).min())


def main(names: tuple[str, ...]) -> int:
    """Print a table; return how many fits miss six digits."""
    missed = 0
    print("problem    start  values  errors  evaluations  seconds   digits that agree")
    for name in names or NAMES:
        problem = load(name)
        for number, start in enumerate(problem.starts, 1):
            began = time.perf_counter()
            fit = sd.fit(problem.formula, start=start, **problem.data)
            took = time.perf_counter() - began
            values = digits(list(fit.values.values()), problem.values)
            errors = digits(list(fit.errors.values()), problem.errors)
            missed += values < 6
            count = fit.solution.evaluations
            print(f"{name:10} {number:5}  {values:6.1f}  {errors:6.1f}  {count:11}  {took:7.2f}")
    print(f"{missed} miss six digits")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])) > 0)
