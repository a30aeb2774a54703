"""A sample of NIST's certified regressions, to the certified digits; `certified` fits all."""

from __future__ import annotations

import pytest

import symdl as sd

from .certified import NAMES, digits, load
from .harder import cases, tried

SAMPLE = ("Misra1a", "BoxBOD", "Eckerle4", "MGH10", "Nelson", "Thurber")
"""Of all levels of difficulty; starts far off, two variables, correlations of 0.9997."""


@pytest.mark.parametrize("name", SAMPLE)
def test_certified_digits(name: str) -> None:
    problem = load(name)
    for start in problem.starts:
        fit = sd.fit(problem.formula, start=start, **problem.data)
        assert list(fit.values) == list(start)
        assert digits(list(fit.values.values()), problem.values) > 9
        assert digits(list(fit.errors.values()), problem.errors) > 9
        assert digits(fit.quality.chi2, problem.sum_of_squares) > 9
        assert digits(fit.spread.scale, problem.standard_deviation) > 9
        assert fit.solution.converged


@pytest.mark.parametrize("name", ["three exponentials", "Gompertz, far off"])
def test_harder_ones_come_back(name: str) -> None:
    found, fit = tried(cases()[name]())
    assert found > 9 and fit.solution.converged


def test_what_no_data_can_tell_is_said() -> None:
    """Where only the prey is seen, the number of predators and how much each eats are known as a product."""
    found, fit = tried(cases()["predator and prey, one seen"]())
    assert found < 6 and fit.warnings == ("the data determine only a combination of v0, b: fix one of them",)
    expected = {"u0": 1.0, "a": 1.1, "c": 0.7}
    assert {name: fit.values[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert fit.values["v0"] * fit.values["b"] == pytest.approx(0.8 * 0.9, rel=1e-6)


def test_all_files_are_there_and_say_what_they_certify() -> None:
    assert len(NAMES) == 27
    for name in NAMES:
        problem = load(name)
        points, parameters = len(problem.data["y"]), len(problem.values)
        squares = problem.standard_deviation**2 * (points - parameters)
        assert squares == pytest.approx(problem.sum_of_squares, rel=1e-8), name
