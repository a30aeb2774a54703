"""A sample of NIST's certified regressions, to the certified digits; `certified` fits all."""

from __future__ import annotations

import pytest

import symdl as sd

from .certified import NAMES, digits, load

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


def test_all_files_are_there_and_say_what_they_certify() -> None:
    assert len(NAMES) == 27
    for name in NAMES:
        problem = load(name)
        points, parameters = len(problem.data["y"]), len(problem.values)
        squares = problem.standard_deviation**2 * (points - parameters)
        assert squares == pytest.approx(problem.sum_of_squares, rel=1e-8), name
