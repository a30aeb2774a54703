"""The coefficients of elementary functions, made anew.

Enters: nothing. Leaves: on the terminal, for each polynomial its formula, interval, coefficients and worst
error, and whether `symdl.run.elementary` has these coefficients. ``python -m tests.accuracy.fit [NAME ...]``,
a minute for all. Those of float64 are not made here: they are a series (exp) and Cephes' quotients.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

from symdl.run.elementary import exponential
from symdl.run.elementary.formats import SINGLE

from .remez import Problem, fit


@dataclass(frozen=True, slots=True)
class Case:
    """A polynomial p: what it is in, the coefficients in use, and how to find them."""

    formula: str
    used: tuple[float, ...]
    problem: Problem


def _exp_tail(r: Any) -> Any:
    return (mp.exp(r) - 1 - r) / r**2


def _sin_tail(y: Any) -> Any:
    x = mp.sqrt(y)
    return (mp.sin(x) - x) / x**3


def _cos_tail(y: Any) -> Any:
    return (mp.cos(mp.sqrt(y)) - 1 + y / 2) / y**2


def _log_tail(r: Any) -> Any:
    return (mp.log1p(r) - r + r * r / 2) / r**3


def _erf_ratio(y: Any) -> Any:
    return mp.erf(mp.sqrt(y)) / mp.sqrt(y)


def _erf_exponent(x: Any) -> Any:
    return -mp.log(mp.erfc(x)) / x - 1


def _powers(coefficients: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(range(len(coefficients)))


def cases() -> dict[str, Case]:
    """Return all polynomials by name. Weights make the error that of the function, relative to its value."""
    half, quarter = mp.log(2) / 2, mp.pi / 4
    # exp: 2**128 is no number, so that n ends at 127 and r goes on to what is left at the largest argument
    last = mp.mpf(SINGLE.overflow) - SINGLE.bias * mp.log(2)
    border, end = exponential.ERF_BORDER, exponential.ERF_END
    root = mp.sqrt(mp.mpf(1) / 2)

    def case(formula: str, used: tuple[float, ...], f: Any, weight: Any, low: Any, high: Any) -> Case:
        return Case(formula, used, Problem(f, weight, mp.mpf(low), mp.mpf(high), _powers(used)))

    return {
        "exp": case(
            *("exp(r) = 1 + r + r**2 p(r)", SINGLE.exp[:-2], _exp_tail),
            *(lambda r: r**2 / mp.exp(r), -half, last),
        ),
        "expm1": case(
            *("expm1(r) = r + r**2 p(r)", exponential.EXPM1, _exp_tail),
            *(lambda r: abs(r**2 / mp.expm1(r)), -half, half),
        ),
        "log": case(
            *("log(1 + r) = r - r**2/2 + r**3 p(r)", SINGLE.log_top, _log_tail),
            *(lambda r: abs(r**3 / mp.log1p(r)), root - 1, 2 * root - 1),
        ),
        "sin": case(
            *("sin(x) = x + x**3 p(x**2)", SINGLE.sin, _sin_tail),
            *(lambda y: mp.sqrt(y) ** 3 / mp.sin(mp.sqrt(y)), 0, quarter**2),
        ),
        "cos": case(
            *("cos(x) = 1 - x**2/2 + x**4 p(x**2)", SINGLE.cos, _cos_tail),
            *(lambda y: y**2 / mp.cos(mp.sqrt(y)), 0, quarter**2),
        ),
        "erf_near": case(
            *("erf(x) = x + x p(x**2)", exponential.ERF_NEAR, lambda y: _erf_ratio(y) - 1),
            *(lambda y: 1 / _erf_ratio(y), 0, mp.mpf(border) ** 2),
        ),
        "erf_far": case(
            *("erf(x) = 1 - exp(-x - x p(x))", exponential.ERF_FAR, _erf_exponent),
            *(lambda x: x * mp.erfc(x) / mp.erf(x), border, end),
        ),
    }


def half_pi(dtype: str) -> tuple[float, ...]:
    """Return pi/2 as three numbers of a format, the first of which is the nearest one, and so on."""
    parts: list[float] = []
    with mp.workdps(80):
        left = mp.pi / 2
        for _ in range(3):
            parts.append(float(_nearest(left, dtype)))
            left -= mp.mpf(parts[-1])
    return tuple(parts)


def _nearest(value: Any, dtype: str) -> Any:
    """Return the nearest number of a format; not by way of another one."""
    if dtype == "float64":
        return np.float64(value)
    with mp.workprec(24):
        return np.float32(+value)


def left_by_turns(power: int) -> tuple[float, float]:
    """Return what multiples of 2 pi leave of ``2**power``, between -pi and pi, as two numbers of float64."""
    with mp.workdps(120):
        value = mp.mpf(2) ** power
        left = value - 2 * mp.pi * mp.nint(value / (2 * mp.pi))
        first = float(left)
        return first, float(left - mp.mpf(first))


def main() -> None:
    """Print."""
    known = cases()
    ask = argparse.ArgumentParser(prog="python -m tests.accuracy.fit", description=__doc__)
    ask.add_argument("names", nargs="*", choices=[*known, []], help="default all")
    for name in ask.parse_args().names or known:
        case = known[name]
        found = fit(case.problem)
        low, high = float(case.problem.low), float(case.problem.high)
        print(f"{name}: {case.formula} for [{low:.6g}, {high:.6g}]")
        print(f"  worst error {found.error:.3e}; {found.best:.3e} with real coefficients")
        print(f"  {found.coefficients}")
        print(
            "  as in use" if found.coefficients == case.used else f"  NOT those in use: {case.used}",
            flush=True,
        )


if __name__ == "__main__":
    main()
