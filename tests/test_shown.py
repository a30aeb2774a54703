"""What people see who show an object, in a notebook or by SymPy's printers, or call it the wrong way."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ArgumentError, ExplainError, ShapeError
from symdl.express.program import collect
from symdl.tables import html_source, html_table, text_lines
from symdl.train.datasets import Dataset

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


def test_programs_equations_optimizers_and_data_in_notebooks() -> None:
    loss = sd.nn.cross_entropy(sd.nn.dense(X, 2, name="out"), t)
    program = collect([loss])
    assert repr(program).startswith("<Program X(n, 3), ") and repr(program).endswith("-> L(), 5 equations>")
    assert program._repr_latex_().count("\\\\\n") == 5  # type: ignore[attr-defined]
    assert r"L &= \frac{1}{n} \sum_i" in loss.equation._repr_latex_()  # type: ignore[union-attr]
    assert collect([X])._repr_latex_() is None  # type: ignore[attr-defined]
    assert r"\theta_p - \eta" in sd.nn.SGD(0.1)._repr_latex_()  # type: ignore[attr-defined]
    zeros, ones = np.zeros((3, 2), "float32"), np.array([0, 1, 1])
    shown = Dataset("<b>", zeros, ones, zeros[:1], ones[:1], ("no", "yes"))._repr_html_()
    assert "<td>yes</td><td>2</td><td>0</td>" in shown and "<b>" not in shown


def test_where_a_tensor_comes_from() -> None:
    first = sd.nn.dense(X, 4, activation=sd.tanh, name="body.first")
    loss = sd.nn.cross_entropy(sd.nn.dense(first, 2, name="out"), t)
    told = sd.origin(loss, levels=2).text()
    assert "layers on the way   body.first, out" in told and "8 in all" in told
    assert "∑ᵢ r[i]" in told and "tanh" not in told and "levels=3" in told
    assert re.search(r"body\.first\.W +3 × 4 +parameter, real", told)
    every = sd.origin(first, levels=9)
    assert "(tanh, layer body.first)" in every.text() and "more lead" not in every.text()
    assert every.text().count("body.first.Z[i,j] =") == 1
    assert "none: it is given" in sd.origin(X).text() and every.result is first
    assert "derived from" in sd.origin(sd.grad(loss, sd.parameters(loss))[0]).text()
    assert r"\tanh" in every.latex() and r"\tanh" in every._repr_latex_()
    for wrong in (0, True, 1.5):
        with pytest.raises(ExplainError, match="use 1, 2, 3"):
            sd.origin(loss, levels=wrong)  # type: ignore[arg-type]
    with pytest.raises(ExplainError, match="of a formula of symbols use sd.derive"):
        sd.origin(sp.Symbol("x"))


def doubling(depth: int) -> sd.Tensor:
    """Return a tensor with as many ways to its input as there are powers of two."""
    y = X
    for _ in range(depth):
        y = y * y + y
    return y


def test_where_a_tensor_comes_from_takes_no_walk_for_each_way() -> None:
    assert "more lead to these" in sd.origin(doubling(60), levels=40).text()


def cure_of(call: Callable[[], object]) -> str:
    """Return the cure that an error names."""
    with pytest.raises(sd.SymdlError) as found:
        call()
    assert found.value.cure
    return found.value.cure


def test_cures_of_calls_work(model: sd.Model) -> None:
    data: dict[str, Any] = {**DATA, "t": np.array([0, 1, 1, 0])}
    X_, t_ = data["X"], data["t"]
    assert cure_of(lambda: model.predict(X_)) == "write predict(X=...)"
    assert model.predict(X=X_).shape == (4, 2)
    evaluate: Any = model.evaluate
    assert cure_of(lambda: evaluate(X_, t_)) == "write evaluate({'X': ..., 't': ...})"
    assert model.evaluate({"X": X_, "t": t_})["loss"] > 0
    single = cure_of(lambda: model.predict(X=X_[0]))
    assert single.endswith("a single sample is X[None]")
    assert model.predict(X=X_[0][None]).shape == (1, 2)


def test_cures_of_arrays_of_compiled_functions_work() -> None:
    image = sd.tensor("I", (n, 2, 4, 4))
    loss = sd.sum(image) + sd.sum(sd.take_along_axis(X, sd.expand_dims(t, 1), 1))
    call: Any = sd.compile(loss, target="python")
    good = {"I": np.zeros((4, 2, 4, 4)), "X": np.ones((4, 3)), "t": np.array([0, 1, 1, 0])}
    assert call(**good) == 4
    bad = {
        "I": (np.moveaxis(good["I"], 1, -1), "np.moveaxis(I, -1, 1)", lambda a: np.moveaxis(a, -1, 1)),
        "t": (np.eye(3)[good["t"]].astype(int), "t.argmax(axis=-1)", lambda a: a.argmax(axis=-1)),
        "X": (good["X"][..., None], "X[..., 0]", lambda a: a[..., 0]),
    }
    for name, (given, cure, cured) in bad.items():
        assert cure in cure_of(partial(call, **{**good, name: given}))
        assert call(**{**good, name: cured(given)}) == 4
    one = {"I": good["I"][:1], "X": good["X"][0], "t": good["t"][:1]}
    assert "X[None]" in cure_of(lambda: call(**one))
    assert call(**{**one, "X": good["X"][0][None]}) == 1


def test_cures_of_functions_of_numpy_work() -> None:
    for function in (np.unique, np.frexp):  # one's shape depends on values, the other's results are two
        assert "sd.define" in cure_of(partial(function, X))
    with pytest.raises(sd.SymdlError, match=re.escape("join tensors by sd.stack")):
        np.array([X, X])
    assert sd.stack([X, X]).shape == (2, n, 3)
    with pytest.raises(sd.SymdlError, match=re.escape("for a whole tensor there are sd.exp")):
        sp.exp(X)
    assert sd.exp(X).shape == np.exp(X).shape == X.shape


class Reversed:
    """An optimizer whose arguments are the wrong ones."""

    def updates(self, gradients):
        return [(p, p - 0.1 * gradients[p]) for p in gradients]


class Right:
    """The same as the errors say it."""

    def updates(self, parameters, gradients):
        return [(p, p - 0.1 * gradients[p]) for p in parameters]


def test_cures_of_optimizers_work(model: sd.Model) -> None:
    def fit(optimizer: Any) -> sd.train.History:
        return model.fit(DATA, optimizer=optimizer, progress=False)

    assert "def updates(self, parameters, gradients)" in cure_of(lambda: fit(Reversed()))
    assert "make one of the class: Right()" in cure_of(lambda: fit(Right))
    assert "as its method updates(self, parameters, gradients)" in cure_of(lambda: fit(lambda p, g: []))
    assert "such as sd.nn.Adam" in cure_of(lambda: fit("adam"))
    assert len(fit(Right()).epochs) == 1


def test_cures_of_initializers_work() -> None:
    assert cure_of(lambda: sd.parameter("b", (2,), init=sd.nn.zeros)) == "call it: init=zeros()"
    assert cure_of(lambda: sd.parameter("b", (2,), init=lambda shape: 0.0)).startswith(
        "pass a function (shape, rng)"
    )
    for init in (sd.nn.zeros(), lambda shape, rng: np.zeros(shape), sd.nn.glorot(), 0.5):
        assert sd.parameter("b", (2, 2), init=init).init is not None
