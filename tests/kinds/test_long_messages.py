"""Errors about expressions whose parts are shared, or that are nested deeply: short texts, at once.

Written as a tree, each has some 10¹² parts: a message that holds it whole never ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

import symdl as sd
from symdl.brief import SHORT, brief, longer

A, B, X = sd.tensor("A", (4, 4)), sd.tensor("B", (5,)), sd.tensor("X", (4,))
i, k = sd.indices("i k")
x, y = sp.symbols("x y")
unknown = sp.Function("unknown")
numbers = itertools.count(2)


def shared(expr: sp.Expr) -> sp.Expr:
    """Return what no other test made: SymPy compares equal expressions as trees, too."""
    expr = next(numbers) * expr
    for _ in range(40):
        expr = sp.sin(expr) * sp.cos(expr)
    return expr


def nested(expr: sp.Expr) -> sp.Expr:
    expr = next(numbers) * expr
    for _ in range(150):
        expr = sp.sin(expr)
    return expr


DOORS: dict[str, Callable[[Callable[[Any], Any]], object]] = {
    "two sizes": lambda long: sd.define("Z", (i,), sd.Sum(long(X[k]) * A[i, k] * B[k], k)),
    "no size": lambda long: sd.define("Z", (i,), long(X[k])),
    "no size of a sum": lambda long: sd.define("Z", (i,), X[i] * sd.Sum(long(x), k)),
    "out of range": lambda long: sd.define("Z", (i,), long(X[i + 1])),
    "a stranger": lambda long: sd.define("Z", (i,), long(X[i]) + y),
    "one index twice": lambda long: sd.define("Z", (i, i), long(X[i])),
    "no name": lambda long: sd.derive(long(x), "1q"),
    "no such symbol": lambda long: sd.derive(long(x), sp.Symbol("q")),
    "no such function": lambda long: sd.derive(long(x) + unknown(x), x),
    "no known function": lambda long: sd.compile(unknown(long(x))),
    "not real": lambda long: sd.compile(long(x) + sp.I),
    "no size of a tensor": lambda long: sd.tensor("T", (long(x),)),
    "no condition": lambda long: bool(sd.define("Z", (i,), long(X[i])) > 0),
    "no start of a fit": lambda long: sd.fit(long(x) * y, x=[1.0], y=[1.0], start={"q": 1}),
    "no gradient": lambda long: sd.check_gradients(long(x) + unknown(x), at={"x": 1.0}),
}


@pytest.mark.parametrize("long", [shared, nested])
@pytest.mark.parametrize("door", DOORS)
def test_messages_are_short(door: str, long: Callable[[Any], Any]) -> None:
    with pytest.raises(sd.SymdlError) as caught:
        DOORS[door](long)
    assert len(str(caught.value)) < 2500
    assert len(caught.value.message) < 1200


def test_an_index_is_no_long_expression() -> None:
    with pytest.raises(sd.SymdlError, match="too long for an index"):
        X[shared(x)]


def test_what_is_written_whole() -> None:
    short = sp.sin(x) + y
    assert brief(short) == str(short)
    long = sum(sp.sin(n * x) for n in range(1, SHORT))
    assert longer(long, SHORT) and brief(long).startswith("Add(sin(") and brief(long).endswith(", …)")
    assert brief("x" * 5000).endswith("x…")
