"""The LaTeX printer.

Enters: a node. Leaves: LaTeX for mathematics mode, using amsmath, cancel and xcolor only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl.explain.notation.known import drawn
from symdl.explain.notation.names import braced, label_latex, word_latex
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import (
    Applied,
    Array,
    Big,
    Brace,
    Call,
    Cancelled,
    Cases,
    Compare,
    Cross,
    Delta,
    Diagonal,
    Dots,
    Entry,
    Fraction,
    Gradient,
    Grid,
    Hadamard,
    Indicator,
    Item,
    Logic,
    Multiply,
    Negative,
    Node,
    Norm,
    Number,
    Ones,
    Ordinal,
    Partial,
    Power,
    Product,
    Symbol,
    Terms,
    Transpose,
    walk,
)

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
_OPERATORS = {
    **{name: f"\\{name}" for name in "sin cos tan cot sec csc sinh cosh tanh coth log exp".split()},
    "asin": r"\arcsin",
    "acos": r"\arccos",
    "atan": r"\arctan",
    "sigmoid": r"\sigma",
    "Max": r"\max",
    "Min": r"\min",
    "gamma": r"\Gamma",
    "zeta": r"\zeta",
    "LambertW": r"\operatorname{W}",
    "sign": r"\operatorname{sgn}",
    **{f"bessel{kind}": rf"\operatorname{{{kind.upper()}}}" for kind in "jyik"},
    "Phi": r"\Phi",
    "phi": r"\varphi",
    "trace": r"\operatorname{tr}",
    "StopGradient": r"\operatorname{sg}",
    "RandomUniform": r"\operatorname{uniform}",
    "Exp": r"\exp",
    "gammafunction": r"\operatorname{gamma}",
    "unit": r"\operatorname{diag}",
}
_RELATION = {"=": "=", "!=": r"\ne", "<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "|": r"\mid"}
_LOGIC = {"and": r"\wedge", "or": r"\vee"}


def latex(node: Node) -> str:
    """Return a node as LaTeX."""
    return _PRINT[type(node)](node)


def precedence(node: Node) -> int:
    """How tightly a node binds: sums loosest."""
    if isinstance(node, Terms | Negative | Compare | Logic):
        return SUM
    if isinstance(node, Product | Multiply | Hadamard | Big | Diagonal):
        return PRODUCT
    if isinstance(node, Power | Fraction | Transpose):
        return POWER
    return ATOM


def is_tall(node: Node) -> bool:
    """Say whether brackets around a node must grow."""
    kinds = (Fraction, Big, Cases, Grid, Partial, Brace)
    return any(isinstance(part, kinds) for part in walk(node))


def bracketed(node: Node, *, pair: str = "()") -> str:
    """Return a node in brackets as large as it is."""
    if is_tall(node):
        return rf"\left{pair[0]} {latex(node)} \right{pair[1]}"
    return f"{pair[0]}{latex(node)}{pair[1]}"


def _at_least(node: Node, level: int) -> str:
    loose = precedence(node) < level or (level > SUM and isinstance(node, Call) and node.name == "Mod")
    return bracketed(node) if loose else latex(node)


def needs_brackets(node: Node) -> bool:
    """Say whether a differential needs brackets around what it is of."""
    return not isinstance(node, Array | Symbol | Norm)


def _number(node: Number) -> str:
    if isinstance(node.value, sp.Float):
        text = f"{float(node.value):.12g}"
        mantissa, _, power = text.partition("e")
        front = "" if mantissa == "1" else rf"{mantissa} \cdot "
        return f"{front}10^{{{int(power)}}}" if power else mantissa
    special = {
        sp.oo: r"\infty",
        sp.pi: r"\pi",
        sp.E: "e",
        sp.EulerGamma: r"\gamma",
        sp.GoldenRatio: r"\varphi",
    }
    return special.get(node.value, word_latex(str(node.value)))


def _symbol(node: Symbol) -> str:
    return label_latex(node.label)


def _item(node: Item) -> str:
    parts = [latex(i) for i in node.indices]
    short = all(re.fullmatch(r"[A-Za-z0-9]|\\[a-z]+", part) for part in parts)
    adjacent = (short and sum(part.isdigit() for part in parts) <= 1) or all(len(p) == 1 for p in parts)
    return label_latex(node.label, below=("" if adjacent else ",").join(parts))


def _negative(node: Negative) -> str:
    return f"-{_at_least(node.arg, PRODUCT)}"


def _terms(node: Terms) -> str:
    text = ""
    for place, term in enumerate(node.args):
        last = place == len(node.args) - 1
        minus = isinstance(term, Negative)
        inner = term.arg if isinstance(term, Negative) else term
        piece = _at_least(inner, PRODUCT)
        if isinstance(inner, Big) and isinstance(inner.body, Terms):
            piece = latex(inner)
        if isinstance(inner, Big) and inner.op == "logsumexp" and not last:
            piece = bracketed(inner)
        text += (
            f"-{piece}"
            if minus and not text
            else f" - {piece}"
            if minus
            else f" + {piece}"
            if text
            else piece
        )
    return text


def _product(node: Product) -> str:
    text = ""
    for place, factor in enumerate(node.args):
        last = place == len(node.args) - 1
        piece = _at_least(factor, PRODUCT)
        if isinstance(factor, Product | Multiply | Hadamard) and node.dots is False:
            piece = latex(factor)
        if isinstance(factor, Negative) or (isinstance(factor, Big) and not last):
            piece = bracketed(factor)
        if text:
            text += (
                rf" \cdot {piece}" if node.dots or _needs_dot(node.args[place - 1], piece) else f" {piece}"
            )
        else:
            text = piece
    return text


def _needs_dot(before: Node, piece: str) -> bool:
    return piece[0].isdigit() or (isinstance(before, Number) and piece.startswith(r"\frac{d"))


def _fraction(node: Fraction) -> str:
    return rf"\frac{{{latex(node.top)}}}{{{latex(node.bottom)}}}"


def _power(node: Power) -> str:
    exponent = braced(latex(node.exponent))
    base = node.base
    if isinstance(base, Symbol | Item) and not base.label.marks:
        return f"{latex(base)}^{exponent}"
    if isinstance(base, Array):
        return rf"{_wrapped(base)}^{{\odot {latex(node.exponent)}}}"
    if isinstance(base, Call) and base.name in _OPERATORS and base.name not in ("Max", "Min", "sigmoid"):
        if isinstance(node.exponent, Number) and node.exponent.value.is_Integer:
            return f"{_OPERATORS[base.name]}^{exponent}{_arguments(base)}"
    if isinstance(base, Number | Call | Norm | Applied) and precedence(base) == ATOM:
        length = isinstance(base, Call) and base.name == "sqrt" and isinstance(base.args[0], Norm)
        plain = length or not (isinstance(base, Call) and base.name in ("sqrt", "exp", "Abs", "Mod"))
        if plain:
            return f"{latex(base)}^{exponent}"
    if _is_array(base):
        return rf"{bracketed(base)}^{{\odot {latex(node.exponent)}}}"
    return f"{bracketed(base)}^{exponent}"


def _is_array(node: Node) -> bool:
    return any(isinstance(part, Array | Ones) for part in walk(node)) and not isinstance(node, Norm)


def _wrapped(node: Symbol | Item | Array) -> str:
    return f"({latex(node)})" if node.label.marks else latex(node)


def _call(node: Call) -> str:
    if node.name == "exp":
        return f"e^{braced(latex(node.args[0]))}" if not _is_array(node) else rf"\exp{_arguments(node)}"
    if node.name == "sqrt" and isinstance(node.args[0], Norm):
        return rf"\lVert {latex(node.args[0].arg)} \rVert"
    if node.name == "sqrt":
        return rf"\sqrt{{{latex(node.args[0])}}}"
    draw = drawn(node) if node.name == "RandomUniform" else None
    if draw is not None:
        return label_latex(draw[0], below="".join(map(latex, draw[1])))
    if node.name == "Abs":
        return bracketed(node.args[0], pair="||")
    if node.name == "factorial":
        return f"{_at_least(node.args[0], ATOM)}!"
    if node.name in ("floor", "ceiling"):
        return rf"\l{node.name[:5]} {latex(node.args[0])} \r{node.name[:5]}".replace("ceili", "ceil")
    if node.name == "Mod":
        return rf"{_at_least(node.args[0], ATOM)} \bmod {_at_least(node.args[1], ATOM)}"
    if node.name in ("inverse", "determinant"):
        inner = _at_least(node.args[0], ATOM)
        return f"{inner}^{{-1}}" if node.name == "inverse" else rf"\det{bracketed(node.args[0])}"
    if node.name == "differential":
        of = node.args[0]
        return r"\mathrm{d}" + (bracketed(of) if needs_brackets(of) else latex(of))
    name = _OPERATORS.get(node.name) or rf"\operatorname{{{word_latex(node.name, verbatim=True)[8:-1]}}}"
    return name + _arguments(node)


def _arguments(node: Call) -> str:
    if len(node.args) == 1:
        return bracketed(node.args[0])
    inner = ", ".join(map(latex, node.args))
    return rf"\left({inner}\right)" if any(map(is_tall, node.args)) else f"({inner})"


def _compare(node: Compare) -> str:
    return f"{latex(node.left)} {_RELATION[node.op]} {latex(node.right)}"


def _logic(node: Logic) -> str:
    if node.op == "not":
        return rf"\neg ({latex(node.args[0])})"
    parts = [latex(a) if isinstance(a, Compare) else bracketed(a) for a in node.args]
    return f" {_LOGIC[node.op]} ".join(parts)


def _indicator(node: Indicator) -> str:
    return f"[{latex(node.condition)}]"


def _delta(node: Delta) -> str:
    left, right = latex(node.left), latex(node.right)
    short = len(left) == len(right) == 1
    return rf"\delta_{{{left}{right}}}" if short else rf"\delta_{{{left},{right}}}"


def _cases(node: Cases) -> str:
    rows = [
        rf"{latex(value)} & \text{{otherwise}}" if c is None else rf"{latex(value)} & \text{{if }} {latex(c)}"
        for value, c in node.rows
    ]
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def _big(node: Big) -> str:
    below = ",".join(latex(index) for index, _ in node.axes)
    if node.condition is not None:
        below += rf":\,{latex(node.condition)}"
    if node.op == "logsumexp":
        return rf"\log \sum_{braced(below)} e^{braced(latex(node.body))}"
    name = {"sum": r"\sum", "prod": r"\prod", "max": r"\max", "argmax": r"\operatorname*{arg\,max}"}[node.op]
    body = bracketed(node.body) if isinstance(node.body, Terms) else latex(node.body)
    return f"{name}_{braced(below)} {body}"


def _partial(node: Partial) -> str:
    return rf"\frac{{\partial {_at_least(node.top, POWER)}}}{{\partial {_at_least(node.bottom, POWER)}}}"


def _brace(node: Brace) -> str:
    return rf"\underbrace{{{latex(node.body)}}}_{{\text{{{node.words}}}}}"


def _array(node: Array) -> str:
    return label_latex(node.label)


def _transpose(node: Transpose) -> str:
    if isinstance(node.arg, Array) and not node.arg.label.color:
        return label_latex(node.arg.label, above=r"\top")
    if isinstance(node.arg, Ones):
        return r"\mathbf{1}^\top"
    if isinstance(node.arg, Call) and node.arg.name == "inverse":
        return rf"{_at_least(node.arg.args[0], ATOM)}^{{-\top}}"
    return rf"{_at_least(node.arg, ATOM)}^\top"


def _multiply(node: Multiply) -> str:
    pieces = []
    for factor in node.args:
        loose = precedence(factor) == SUM or isinstance(factor, Hadamard | Big | Multiply)
        pieces.append(bracketed(factor) if loose else latex(factor))
    return r" ".join(pieces)


def _hadamard(node: Hadamard) -> str:
    pieces = [bracketed(f) if precedence(f) == SUM else latex(f) for f in node.args]
    return r" \odot ".join(pieces)


def _diagonal(node: Diagonal) -> str:
    if isinstance(node.arg, Ones):
        return "I"
    return rf"\operatorname{{diag}}{bracketed(node.arg)}"


def _entry(node: Entry) -> str:
    where = [latex(index) for index in node.indices]
    between = "" if all(len(index) == 1 for index in where) else ","
    return f"{bracketed(node.arg)}_{{{between.join(where)}}}"


def _grid(node: Grid) -> str:
    rows = [" & ".join(map(latex, row)) for row in node.rows]
    ends = r" \\[4pt] " if any(is_tall(entry) for row in node.rows for entry in row) else r" \\ "
    return r"\begin{bmatrix} " + ends.join(rows) + r" \end{bmatrix}"


def _applied(node: Applied) -> str:
    inner = ", ".join(map(latex, node.inputs))
    if node.parameters:
        inner += "; " + ", ".join(map(latex, node.parameters))
    return f"{label_latex(node.label)}({inner})"


def _gradient(node: Gradient) -> str:
    below = f"_{braced(latex(node.by))}" if node.by is not None else ""
    return rf"\nabla{below} {_at_least(node.of, PRODUCT)}"


_PRINT: dict[type, Callable[[Any], str]] = {
    Number: _number,
    Symbol: _symbol,
    Item: _item,
    Ordinal: lambda node: latex(Notation().read(node.place + 1)),
    Array: _array,
    Negative: _negative,
    Terms: _terms,
    Product: _product,
    Fraction: _fraction,
    Power: _power,
    Call: _call,
    Compare: _compare,
    Logic: _logic,
    Indicator: _indicator,
    Delta: _delta,
    Cases: _cases,
    Big: _big,
    Partial: _partial,
    Brace: _brace,
    Transpose: _transpose,
    Multiply: _multiply,
    Hadamard: _hadamard,
    Diagonal: _diagonal,
    Ones: lambda node: r"\mathbf{1}",
    Norm: lambda node: rf"\lVert {latex(node.arg)} \rVert^2",
    Entry: _entry,
    Grid: _grid,
    Cross: lambda node: r" \times ".join(map(latex, node.args)),
    Dots: lambda node: f"\\{node.kind}",
    Cancelled: lambda node: rf"\cancel{{{latex(node.arg)}}}",
    Applied: _applied,
    Gradient: _gradient,
}
