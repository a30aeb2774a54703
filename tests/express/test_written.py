"""Equations as lines of text: how long they get."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

import symdl as sd
from symdl.emit.statements import comments
from symdl.express.program import collect
from symdl.express.written import _Writer, written

n = sd.Dim("n")


def test_what_is_long_is_cut_and_ends_with_dots() -> None:
    X = sd.tensor("X", (n,))
    (i,) = sd.indices("i")
    program = collect([sd.define("Z", (i,), X[i])])
    long = sp.Add(*(sp.sin(k * X[i]) for k in range(1, 600)))
    text = written(replace(program.equations[0], body=long), program.names)
    assert text.startswith("Z[i] = ") and text.endswith("…") and len(text) < 5000
    assert comments(text)[-1].endswith("…")


def test_a_part_that_occurs_often_is_written_once() -> None:
    """As a tree this expression has more parts than anybody could write."""
    X = sd.tensor("X", (n,))
    (i,) = sd.indices("i")
    expr = X[i]
    for _ in range(60):
        expr = sp.Mul(sp.sin(expr, evaluate=False), expr, evaluate=False)
    text = _Writer({X: "X"}, frozenset()).at(expr, 0)
    assert text.endswith("…") and len(text) < 5000
