"""What is typed into the playground: what it means, and that nothing else is done with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.errors import ExpressionError, SymdlError
from symdl.express.tensors import Tensor
from symdl.playground.examples import EXAMPLES, Example
from symdl.playground.read import read
from symdl.playground.session import ENDINGS, Session
from symdl.playground.words import ACTIVATIONS, FUNCTIONS, LAYERS, LOSSES

NETWORK = "X: (n, 4)\nt: labels(n)\nh = dense(X, 3, sigmoid)\nL = cross_entropy(dense(h, 2), t)"


def answered(text: str, **wish: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Session().answer(json.dumps({"text": text, **wish})))
    return found


def test_a_function_and_its_parts() -> None:
    x, y, z = sp.symbols("x y z")
    assert read("sin(x**2*y)").value == sp.sin(x**2 * y)
    question = read("z = w*x + b\nL = (y - z)**2")
    assert question.value == (y - z) ** 2 and question.name == "L"
    assert list(question.wrt) == ["b", "w", "x", "y"] and list(question.named) == [z]


def test_a_network_has_the_names_that_are_typed() -> None:
    question = read(NETWORK)
    assert isinstance(question.value, Tensor) and question.value.name == "L"
    assert list(question.wrt) == ["h.W", "h.b", "layer1.W", "layer1.b", "X"]


def test_arrays() -> None:
    question = read("X: (n, d)\ny: n\nw: d\nr = X @ w - y\nL = r @ r / n")
    assert list(question.wrt) == ["X", "y", "w"] and list(question.named) == ["r"]
    assert read("S: symmetric(d, d)\nx: d\nx @ S @ x").wrt["S"].properties == {"symmetric"}
    assert answered("x: d\ny = softmax(x)")["rank"] == 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_examples(example: Example) -> None:
    found = answered(example.text, wrt=example.wrt)
    assert "error" not in found and found["wrt"] == example.wrt and "<math" in found["html"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no formula"),
        ("x: (d", "line 1 cannot be read"),
        ("x: d\nL = sum(x", "line 2 cannot be read"),
        ("__import__('os')", "'__import__' is no known function"),
        ("x: d\nL = __import__('os')", "'__import__' is no known function"),
        ("x: d\nL = x.__class__", "cannot be part of a formula"),
        ("x: d\nL = x.equation", "cannot be part of a formula"),
        ("x: d\nL = [y for y in x]", "cannot be part of a formula"),
        ("x: d\nL = sum(x)\nimport os", "a line is a formula or name = formula"),
        ("x: d\nL = sum(x)*99999999999", "is no number that is allowed here"),
        ("x: d\nL = sum(x)*(2000**100)", "a power of a number above 1000"),
        ("x: d\nL = sum(x)*((1/7)**100)**100", "a power of a number above 1000"),
        ("x: d\nL = sum(x**1000)", "an exponent is a number up to 100"),
        ("x: d\ny: k\nL = x @ y", "does not fit"),
        ("x: d\nL = dense(x, 3)", "must have an integer size"),
        ("x: d\nL = sum(y)", "y is not declared"),
        ("x: d\nL = sum", "sum is a function"),
        ("x: d\nL = sum(x, foo=1)", "has no value"),
        ("x: huge(d)", "'huge' declares nothing"),
        ("x: (0, 2)\nsum(x)", "0 is no size"),
        ("3", "nothing to differentiate"),
        ("x**2" + " " * 3000 + "+ x" * 800, "characters"),
    ],
)
def test_what_is_refused_says_why(text: str, said: str) -> None:
    found = answered(text)
    assert said in found["error"] and "html" not in found


def test_wishes() -> None:
    assert "Hessian" in answered("X: (n, d)\nw: d\nL = sum((X @ w)**2)", wrt="w", order=2)["html"]
    assert "by differentials" in answered("x: d\nL = x @ x", form="differential")["html"]
    jacobian = answered("x: d\ny = softmax(x)", form="differential", order=2)
    assert "Jacobian" in jacobian["html"]
    assert 'class="reveal"' in answered(NETWORK, exercise=True)["html"]
    assert 'id="depth-result" checked' in answered("x**2", depth="result")["html"]
    assert answered("x**2 + y", wrt="gone")["wrt"] == "x"


def test_files() -> None:
    session = Session()
    with pytest.raises(SymdlError, match="nothing can be saved"):
        session.file(".tex")
    session.answer(json.dumps({"text": NETWORK}))
    for ending in ENDINGS:
        assert len(session.file(ending)) > 300
    with pytest.raises(SymdlError, match="nothing can be saved"):
        session.file(".pdf")


def test_no_word_means_two_things() -> None:
    tables = (FUNCTIONS, LAYERS, LOSSES)
    names = [name for table in tables for name in table]
    assert len(names) == len(set(names)) and set(ACTIVATIONS) < set(FUNCTIONS)


PIECES = [
    "x: d\n",
    "X: (n, 2)\n",
    "L = ",
    "x",
    "X",
    "@",
    "*",
    "+",
    "-",
    "/",
    "**",
    "(",
    ")",
    ".T",
    ",",
    "2",
    "0",
]
PIECES += [
    "0.5",
    "1e999",
    "sum",
    "softmax",
    "dense",
    "lambda: ",
    "[",
    "]",
    "'a'",
    " ",
    "\n",
    "= ",
    "axis=",
    "True",
    "é",
    "\0",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except SymdlError as error:
        assert isinstance(error, ExpressionError)
