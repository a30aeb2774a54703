"""Tensors and expressions as plain data: what comes back is what was written."""

from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given

import symdl as sd
from symdl.check.strategies import scalar_expressions
from symdl.errors import DataError, ExpressionError
from symdl.express.portable import Graph, Rows, expressions, read, written
from symdl.express.program import Program, collect
from symdl.express.tensors import Tensor
from tests.totality.case import Case
from tests.totality.checks import first
from tests.totality.table import CASES


def through_text(graph: Graph) -> Graph:
    return Graph(json.loads(json.dumps(graph.data)), graph.arrays, graph.inits)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_operation_and_its_gradients_come_back(case: Case) -> None:
    outputs = tuple(first(case.build()))
    graph, numbers = written(outputs)
    again = read(through_text(graph))
    repeated, _ = written([again[numbers[t]] for t in outputs])
    assert repeated.data == graph.data
    before, after = collect(outputs), collect([again[numbers[t]] for t in outputs])
    assert [str(e.body) for e in after.equations] == [str(e.body) for e in before.equations] or "#" in str(
        before
    )
    assert [r.direction for r in after.recurrences] == [r.direction for r in before.recurrences]


@given(scalar_expressions(sp.symbols("x y", real=True)))
def test_random_expressions_come_back(expr: sp.Expr) -> None:
    rows = Rows(lambda tensor: 0)
    number = rows.add(expr)
    assert expressions(json.loads(json.dumps(rows.rows)))[number] == expr


@pytest.mark.parametrize(
    "atom",
    [
        *(sp.Float("0.1"), sp.Float(1e-300), sp.Float("1.5", 40), sp.Rational(-7, 3), sp.Integer(10) ** 40),
        *(sp.oo, -sp.oo, sp.nan, sp.pi, sp.true, sp.false, sp.Symbol("x", positive=True), sp.Symbol("y")),
    ],
    ids=str,
)
def test_atoms_come_back(atom: sp.Basic) -> None:
    rows = Rows(lambda tensor: 0)
    rows.add(atom)
    (found,) = expressions(json.loads(json.dumps(rows.rows)))
    assert found == atom and type(found) is type(atom)


def test_shared_and_deep_expressions_take_a_row_for_each_node() -> None:
    x = sp.Symbol("x", real=True)
    deep, shared = x, x
    for _ in range(3000):
        deep = sp.sin(deep, evaluate=False)
    for _ in range(40):
        shared = sp.sin(shared) * sp.cos(shared)
    rows = Rows(lambda tensor: 0)
    rows.add(deep)
    assert len(rows.rows) == 3001
    shared_at = rows.add(shared)
    assert len(rows.rows) <= 3001 + 3 * 40
    again = Rows(lambda tensor: 0)
    # SymPy compares equal copies as trees, so those that are read are of another symbol.
    renamed = [["symbol", "y", row[2]] if row[0] == "symbol" else row for row in rows.rows]
    found = expressions(renamed)
    for place in (3000, shared_at):
        again.add(found[place])
    assert len(again.rows) == len(rows.rows) and rows.rows[shared_at][0] == "Mul"


@pytest.mark.parametrize(
    "rows",
    [
        [["exec", "1"]],
        [["Lambda", 0, 0]],
        [["integer", 5]],
        [["sin", 0]],
        [["integer", "1"], ["sin", -1]],
        [["integer", "1"], ["sin", 7]],
        [["symbol", "x", {"evaluate": []}], ["at", 0]],
        [["rational", "1", "0"], ["rational", "x", "2"]],
        ["sin"],
        [[]],
        [["dim", "1+1"]],
        [["float", "1", "3", "many"]],
    ],
    ids=str,
)
def test_rows_that_are_none_are_refused(rows: list[Any]) -> None:
    with pytest.raises((DataError, ExpressionError)):
        expressions(rows)


def test_what_has_no_form_is_refused_by_name() -> None:
    with pytest.raises(ExpressionError, match="Integral"):
        Rows(lambda tensor: 0).add(sp.Integral(sp.Symbol("x"), sp.Symbol("x")))


def network() -> tuple[Tensor, Tensor]:
    X = sd.tensor("X", (sd.Dim("n"), 4))
    h = sd.nn.dense(X, 5, activation=sd.tanh, name="first")
    return X, sd.nn.dense(h, 2, name="second")


def test_data_of_a_later_format_and_damaged_data_are_refused() -> None:
    graph, _ = written(network())
    with pytest.raises(DataError, match="format 99"):
        read(Graph(graph.data | {"format": 99}))
    for key in ("rows", "tensors", "sizes"):
        with pytest.raises(DataError):
            read(Graph(graph.data | {key: None}))
    rows = [dict(row) for row in graph.data["tensors"]]
    with pytest.raises(DataError, match="none of"):
        read(Graph(graph.data | {"tensors": [row | {"role": "spy"} for row in rows]}))


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 (written a moment ago)


def test_a_pickle_keeps_what_outputs_share() -> None:
    X, y = network()
    again: tuple[Tensor, Tensor] = pickled((X, y))
    assert again[0] in collect([again[1]]).inputs
    assert [t.name for t in collect([again[1]]).inputs] == [t.name for t in collect([y]).inputs]
    values = {"X": np.ones((3, 4)), "first.W": np.eye(4, 5), "first.b": np.zeros(5)}
    values |= {"second.W": np.eye(5, 2), "second.b": np.zeros(2)}
    np.testing.assert_array_equal(sd.compile(again[1])(**values), sd.compile(y)(**values))


def renumbered(program: Program) -> str:
    """Return the text of a program in which tensors without a name are counted."""
    seen: dict[str, str] = {}
    return re.sub(r"#\d+", lambda found: seen.setdefault(found[0], f"#{len(seen)}"), str(program))


def test_programs_are_pickled_and_copies_are_themselves() -> None:
    X, y = network()
    program = collect([y, *sd.grad(sd.mean(y**2), [X])])
    assert renumbered(pickled(program)) == renumbered(program)
    assert copy.deepcopy(program) is program
    assert copy.deepcopy({"y": [y]})["y"][0] is y and copy.copy(X) is X
    assert pickled(sd.Dim("n")) == sd.Dim("n")


def test_a_deep_network_is_pickled_without_recursion() -> None:
    h = sd.tensor("x", (sd.Dim("n"), 2))
    for _ in range(1500):
        h = sd.tanh(h) + h
    assert pickled(h).shape == h.shape
