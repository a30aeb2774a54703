"""Functions inside functions: a derivation of fourteen takes seconds, as one of four does.

SymPy asks a function whose operand is a function for its sign and its zeros, and that one the next; where
symbols are known to be real, each of these questions may be asked several times.
"""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import symdl as sd
from symdl.express.expansion import MOST, is_short, terms

x, y = sp.symbols("x y")
DEPTH = 14
FUNCTIONS: dict[str, Any] = {
    "tanh": sp.tanh,
    "sin": sp.sin,
    "asinh": sp.asinh,
    "erf": sp.erf,
    "abs": sp.Abs,
    "root": lambda u: sp.sqrt(1 + u**2),
    "sigmoid": lambda u: 1 / (1 + sp.exp(-u)),
    "softplus": lambda u: sp.log(1 + sp.exp(u)),
    "bump": lambda u: sp.exp(-(u**2)),
    "rational": lambda u: u / (1 + u**2),
    "relu": lambda u: sp.Max(u, 0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_chain_of_functions(name: str) -> None:
    weights = sp.symbols(f"w:{DEPTH}")
    h = x
    for w in weights:
        h = FUNCTIONS[name](h * w)
    assert len(str(sd.derive(h, weights[0]))) > 2000
    point = {str(w): 0.75 + at / 50 for at, w in enumerate(weights)} | {"x": 1.0}
    exact = sd.compile(h, wrt=[weights[0]], target="python")(**point)[1]["w0"]
    value = sd.compile(h, target="python")
    high, low = (value(**point | {"w0": 0.75 + step}) for step in (1e-5, -1e-5))
    assert (high - low) / 2e-5 == pytest.approx(exact, rel=1e-5, abs=1e-9)


def test_how_long_a_fraction_is_multiplied_out() -> None:
    assert terms(x) == 2 and terms(x + y) == 3 and terms((x + 1) * (y + 1)) == 5
    assert terms(1 / (1 + x) + 1 / (1 + y)) == 4 + 4
    assert terms((x + y + 1) ** 3) == 10 + 1
    many = sp.prod([1 - s**2 for s in sp.symbols("s:12")])
    assert terms(many) == 2**12 + 1 > MOST and not is_short(many)
