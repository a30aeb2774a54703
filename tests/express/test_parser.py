"""Expressions given as text: what they mean, and that nothing else is ever let in."""

from __future__ import annotations

import random
import time

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.errors import ExplainError, ExpressionError
from symdl.express.parser import parse, symbol_of

x, y, z = sp.symbols("x y z")

MEANINGS = {
    "sin(x**2*y) + exp(z)": sp.sin(x**2 * y) + sp.exp(z),
    "-x**2": -(x**2),
    "2*x/3 - +y": 2 * x / 3 - y,
    "ln(x) + log(y)": sp.log(x) + sp.log(y),
    "sigmoid(x)": 1 / (1 + sp.exp(-x)),
    "max(x, 0, y)": sp.Max(x, 0, y),
    "relu(x) + abs(y)": sp.Max(x, 0) + sp.Abs(y),
    "where(x > 0, x, y)": sp.Piecewise((x, x > 0), (y, True)),
    "arctan(x) + atan(y)": sp.atan(x) + sp.atan(y),
    "e**x + pi": sp.exp(x) + sp.pi,
    "0.5*x**0.5": sp.Float("0.5") * x ** sp.Float("0.5"),
    "+".join(["x"] * 290): 290 * x,
    "(x + y)**100": (x + y) ** 100,
}

ATTACKS = [
    *(
        "__import__('os').system('true')",
        "x.__class__.__mro__[1]",
        "().__class__",
        "(1).real",
        "getattr(x, 'a')",
    ),
    *("lambda: 1", "[x for x in y]", "{x: y}", "x[0]", "f'{x}'", "'x'", "b'x'", "x if y else z", "(x := 1)"),
    *("exec('x')", "eval('x')", "open('f')", "print(x)", "globals()", "Symbol('x')", "sin.func", "S('x')"),
    *("import os", "x; y", "x\ny", "x = 1", "def f(): pass", "await x", "yield x", "*x", "x, y", "...", "\0"),
    *("9**9**9", "((99**99)**99)**99", "10**(10**9)", "2**3000", "1e999", "exp(1e300)", "exp(exp(exp(9)))"),
    *("x**101", "x**1e9", "x**-1000", "9" * 1000, "1/0", "0**-1", "log(0)", "sqrt(-1)", "asin(2)", "1j"),
    *("-" * 1900 + "x", "sin(" * 100 + "x" + ")" * 100, "(" * 900 + "x", "x+" * 999 + "x", "x" * 3000),
    *(
        "max(" + ",".join(f"x{n}" for n in range(100)) + ")",
        "max()",
        "sin()",
        "sin(x, y)",
        "sin(x=1)",
        "sin(*x)",
    ),
    *("x^2", "2x", "x @ y", "x // y", "x % 2", "x << 2", "~x", "not x", "x and y", "x < y", "where(x, 1, 2)"),
    *("where(1 < x < 2, 1, 2)", "sin", "max", "where", "True", "None", "__x", "", "   ", "gamma(10**9)"),
]


@pytest.mark.parametrize("text", MEANINGS, ids=lambda text: text[:30])
def test_what_a_text_means(text: str) -> None:
    assert parse(text) == MEANINGS[text]


@pytest.mark.parametrize("text", ATTACKS, ids=range(len(ATTACKS)))
def test_everything_else_is_refused_at_once(text: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert time.perf_counter() - begin < 5
    assert caught.value.cure or caught.value.expression


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*"xyz().+-*/,[]{}'\"\\ =:;@%^~<>&|!0123456789_\n", "**", "sin", "__", "max"]))
)
def test_a_text_is_an_expression_or_an_error(parts: list[str]) -> None:
    """No text raises anything but our own error, and what comes back holds only what the list allows."""
    try:
        value = parse("".join(parts))
    except ExpressionError:
        return
    allowed = (sp.Add, sp.Mul, sp.Pow, sp.Symbol, sp.Number, sp.Function, sp.NumberSymbol, sp.Max)
    assert all(isinstance(node, allowed) for node in sp.preorder_traversal(value))


def test_a_printed_expression_comes_back() -> None:
    """SymPy's own text of an expression is one of ours, whatever the expression."""
    draw = random.Random(7)

    def grown(depth: int) -> sp.Expr:
        if depth == 0:
            return draw.choice([x, y, z, sp.Integer(draw.randint(1, 9)), sp.Rational(1, 3)])
        left, right = grown(depth - 1), grown(depth - 1)
        return draw.choice(
            [left + right, left * right, sp.sin(left), sp.exp(-(left**2)), left / (2 + right**2)]
        )

    for _ in range(60):
        expr = grown(4)
        assert sp.simplify(parse(str(expr).replace("Abs", "abs")) - expr) == 0


def test_names_of_symbols() -> None:
    (real,) = sp.symbols("x,", real=True)
    assert symbol_of("x", sp.sin(real)) is real
    assert symbol_of("t", sp.sin(real)) == sp.Symbol("t")
    for name in ("pi", "x y", "", "x.y"):
        with pytest.raises(ExpressionError, match="names no symbol"):
            symbol_of(name, x)


def test_derivations_of_texts() -> None:
    assert sd.derive("sin(x**2*y) + exp(z)", "y").result == x**2 * sp.cos(x**2 * y)
    told = sd.derive("z**2", "w", where={"z": "y - w*x"})
    w = sp.Symbol("w")
    assert sp.expand(told.result + 2 * x * (y - w * x)) == 0
    with pytest.raises(sd.SymdlError, match="does not depend on t"):
        sd.derive("sin(x)", "t")
    with pytest.raises(ExplainError, match="no symbol"):
        sd.derive("sin(x)", 3)
