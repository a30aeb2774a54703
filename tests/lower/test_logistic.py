"""Both signs of a logistic function from one exponential: values at hard points, and when it is done."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.special import expit

from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.express.operators import elementwise
from symdl.express.program import collect
from symdl.run.compiled import Compiled
from tests.lowering import lower

AT = np.array([-np.inf, -1e4, -800.0, -40.0, -1.5, -1e-9, 0.0, 1e-9, 2.0, 36.0, 800.0, 1e4, np.inf, np.nan])


def up(u: Any) -> Any:
    return 1 / (1 + sp.exp(-u))


def down(u: Any) -> Any:
    return 1 / (1 + sp.exp(u))


CASES = {
    "slope": (lambda u: up(u) * down(u), lambda u: expit(u) * expit(-u)),
    "sum": (lambda u: up(u) - 3 * down(u), lambda u: expit(u) - 3 * expit(-u)),
    "powers": (lambda u: up(u) ** 3 * down(u) ** 2, lambda u: expit(u) ** 3 * expit(-u) ** 2),
    "other way": (lambda u: up(u) * down(u) ** 4, lambda u: expit(u) * expit(-u) ** 4),
    "more below": (
        lambda u: up(u) * down(u) / (2 + sp.cos(u / 10**6)) ** 2,
        lambda u: expit(u) * expit(-u) / (2 + np.cos(u / 10**6)) ** 2,
    ),
}


@pytest.mark.parametrize("target", ["cpu", "python"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_values(case: str, dtype: str, target: str) -> None:
    written, expected = CASES[case]
    x, b = tensor("x", (Dim("n"),)), tensor("b", ())
    program = collect([elementwise(lambda x, b: written(2 * x - b), x, b)])
    found = Compiled(program, dtype=dtype, target=target)(x=AT.astype(dtype), b=np.array(0.5, dtype))[0]
    with np.errstate(all="ignore"):
        want = expected(2 * AT.astype(dtype).astype("float64") - 0.5)
    tolerance = {"float32": 2e-6, "float64": 1e-14}[dtype]
    tiny = {"float32": 1e-37, "float64": 1e-300}[dtype]
    np.testing.assert_allclose(found, want, rtol=tolerance, atol=tiny)


def exponentials(*bodies: Any) -> list[int]:
    """Return the number of exponentials in every equation."""
    x, b = tensor("x", (Dim("n"),)), tensor("b", ())
    lowered = lower(collect([elementwise(body, x, b) for body in bodies]))
    return [sum(node.op == "exp" for node in e.body.nodes) for e in lowered.program.equations]


def test_one_exponential_where_there_were_two() -> None:
    assert exponentials(lambda x, b: up(x - b) * down(x - b)) == [1]
    assert exponentials(lambda x, b: up(x - b) + down(b - x)) == [1]
    assert exponentials(lambda x, b: up(x - b) * down(x + b)) == [2]
    assert exponentials(lambda x, b: up(x) / sp.exp(b)) == [2]


def test_other_equations_use_the_same_form_only_where_it_is_there() -> None:
    x, b = tensor("x", (Dim("n"),)), tensor("b", ())

    def selects(*bodies: Any) -> list[int]:
        lowered = lower(collect([elementwise(body, x, b) for body in bodies]))
        return [sum(node.op == "select" for node in e.body.nodes) for e in lowered.program.equations]

    assert selects(lambda x, b: up(x - b)) == [0]
    assert selects(lambda x, b: up(x - b), lambda x, b: up(x - b) * down(x - b)) == [1, 0]
    assert selects(lambda x, b: up(x + b), lambda x, b: up(x - b) * down(x - b)) == [0, 0]
