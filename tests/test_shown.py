"""What people see who show an object, in a notebook or by SymPy's printers, or call it the wrong way."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ArgumentError, ShapeError
from symdl.tables import html_source, html_table, text_lines

n = sd.Dim("n")
i, k = sd.indices("i k")
X, t = sd.tensor("X", (n, 3)), sd.tensor("t", (n,), dtype="int64")
DATA = {"X": np.ones((4, 3)), "t": np.zeros(4, int)}


@pytest.fixture(scope="module")
def model() -> sd.Model:
    z = sd.nn.dense(X, 2, name="out")
    return sd.Model(sd.nn.cross_entropy(z, t), output=z, target="python")


LATEX = {
    sd.Sum(X[i, k], k): r"\sum_{k} {X}_{i, k}",
    sd.Sum(X[i, k] + 1, k): r"\sum_{k} \left({X}_{i, k} + 1\right)",
    sd.Max(X[i, k], k): r"\max_{k} {X}_{i, k}",
    sd.Prod(X[i, k], i, k): r"\prod_{i, k} {X}_{i, k}",
    sd.LogSumExp(X[i, k], k): r"\operatorname{logsumexp}_{k} \left({X}_{i, k}\right)",
    2 * sd.Sum(X[i, k], k): r"2 \left(\sum_{k} {X}_{i, k}\right)",
    sp.exp(X[i, k]): r"e^{{X}_{i, k}}",
}


@pytest.mark.parametrize("expression", LATEX, ids=str)
def test_printers_of_sympy(expression: sp.Expr) -> None:
    assert sp.latex(expression) == LATEX[expression]
    assert "X[i, k]" in sp.pretty(expression)
    assert expression._repr_latex_() == rf"$\displaystyle {LATEX[expression]}$"


def test_objects_in_notebooks(model: sd.Model) -> None:
    history = model.fit(DATA, optimizer=sd.nn.SGD(0.1), epochs=2, progress=False)
    shown = model._repr_html_()
    assert "<td>out.W</td><td>3 x 2</td><td>6</td>" in shown and shown.count("<tr>") == 4
    shown = history._repr_html_()
    assert shown.count("<tr>") == 3 and "stopped: all epochs are done" in shown
    function = sd.compile(sp.sin(sp.Symbol("x")), target="python")
    assert repr(function) == f"<ScalarFunction {function.signature}>"
    for each in (function, sd.compile(X.sum(), target="python")):
        assert each._repr_html_() == html_source(each.signature, each.source)
        assert "-&gt;" in each._repr_html_() and "<pre>" in each._repr_html_()


def test_tables() -> None:
    rows = [("name", "size"), ("<b>&", "1"), ("x", "10")]
    assert text_lines(rows) == ["name  size", "<b>&  1", "x     10"]
    assert text_lines(rows, "<>") == ["name  size", "<b>&     1", "x       10"]
    shown = html_table(rows, "a < b")
    assert "<td>&lt;b&gt;&amp;</td>" in shown and "<caption>a &lt; b</caption>" in shown


def test_calls_without_names(model: sd.Model) -> None:
    with pytest.raises(ArgumentError, match=re.escape("write predict(X=...)")):
        model.predict(DATA["X"])  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=re.escape("write fit({'X': ..., 't': ...}, optimizer=...)")):
        model.fit(DATA["X"], DATA["t"], optimizer=sd.nn.SGD(0.1))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=re.escape("write the function(**{'out.b': ...})")):
        sd.compile(sd.parameter("out.b", (2,)).sum(), target="python")(np.ones(2))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=re.escape("write the function(x=...)")):
        sd.compile(sp.sin(sp.Symbol("x")), target="python")(1.0)


def test_labels_as_rows_and_channels_last(model: sd.Model) -> None:
    with pytest.raises(ArgumentError, match=re.escape("t.argmax(axis=-1)")):
        model.fit({**DATA, "t": np.eye(2)[DATA["t"]]}, optimizer=sd.nn.SGD(0.1))
    with pytest.raises(ShapeError, match=re.escape("sd.transpose(x, (0, 3, 1, 2))")):
        sd.nn.conv2d(sd.tensor("x", (n, 28, 28, 1)), 4, kernel_size=3, name="c")
    moved = sd.transpose(sd.tensor("x", (n, 28, 28, 1)), (0, 3, 1, 2))
    assert sd.nn.conv2d(moved, 4, kernel_size=3, name="c").shape == (n, 4, 26, 26)
