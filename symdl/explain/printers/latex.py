"""The LaTeX printer.

Enters: a node. Leaves: LaTeX for mathematics mode, using amsmath, cancel and xcolor only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl.explain.notation import tree as t
from symdl.explain.notation.known import drawn
from symdl.explain.notation.names import braced, label_latex, word_latex
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.numbers import BEYOND
from symdl.explain.printers.binding import (
    ATOM,
    POWER,
    PRODUCT,
    SUM,
    is_array,
    is_factor,
    left_out,
    needs_brackets,
    precedence,
)
from symdl.explain.printers.functions import in_latex, is_operator

_RELATION = {"=": "=", "!=": r"\ne", "<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "|": r"\mid"}
_NOT_RAISED = "sqrt Max Min Abs Mod sigmoid inverse determinant polygamma loggamma betaln trigamma".split()
"""Functions whose power stands behind their argument."""
_LOGIC = {"and": r"\wedge", "or": r"\vee"}


_TALL = (r"\frac", r"\sum", r"\prod", r"\max_", r"\operatorname*", r"\begin", r"\underbrace")


def is_tall(printed: str) -> bool:
    """Say whether brackets around a formula must grow, by how it is printed: no tree is walked again."""
    return any(sign in printed for sign in _TALL)


def latex(node: t.Node) -> str:
    """Return a node as LaTeX."""
    return _PRINT[type(node)](node)


def bracketed(node: t.Node, *, pair: str = "()") -> str:
    """Return a node in brackets as large as it is."""
    inner = latex(node)
    return rf"\left{pair[0]} {inner} \right{pair[1]}" if is_tall(inner) else f"{pair[0]}{inner}{pair[1]}"


def _at_least(node: t.Node, level: int) -> str:
    loose = precedence(node) < level or (level > SUM and isinstance(node, t.Call) and node.name == "Mod")
    return bracketed(node) if loose else latex(node)


def _number(node: t.Number) -> str:
    if isinstance(node.value, sp.Float) and node.value >= BEYOND:
        return r"\infty"
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
        sp.nan: r"\text{not defined}",
    }
    return special.get(node.value, word_latex(str(node.value)))


def _symbol(node: t.Symbol) -> str:
    return label_latex(node.label)


def _item(node: t.Item) -> str:
    parts = [latex(i) for i in node.indices]
    short = all(re.fullmatch(r"[A-Za-z0-9]|\\[a-z]+", part) for part in parts)
    adjacent = (short and sum(part.isdigit() for part in parts) <= 1) or all(len(p) == 1 for p in parts)
    return label_latex(node.label, below=("" if adjacent else ",").join(parts))


def _negative(node: t.Negative) -> str:
    return f"-{_at_least(node.arg, PRODUCT)}"


def _terms(node: t.Terms) -> str:
    text = ""
    for place, term in enumerate(node.args):
        last = place == len(node.args) - 1
        minus = isinstance(term, t.Negative)
        inner = term.arg if isinstance(term, t.Negative) else term
        piece = _at_least(inner, PRODUCT)
        if isinstance(inner, t.Big) and isinstance(inner.body, t.Terms):
            piece = latex(inner)
        if isinstance(inner, t.Big) and inner.op == "logsumexp" and not last:
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


def _product(node: t.Product) -> str:
    text = ""
    for place, factor in enumerate(node.args):
        last = place == len(node.args) - 1
        piece = _at_least(factor, PRODUCT)
        if isinstance(factor, t.Product | t.Multiply | t.Hadamard) and node.dots is False:
            piece = latex(factor)
        if isinstance(factor, t.Negative) or (isinstance(factor, t.Big | t.Multiply) and not last):
            piece = bracketed(factor)
        if text:
            text += (
                rf" \cdot {piece}" if node.dots or _needs_dot(node.args[place - 1], piece) else f" {piece}"
            )
        else:
            text = piece
    return text


def _needs_dot(before: t.Node, piece: str) -> bool:
    return piece[0].isdigit() or (isinstance(before, t.Number) and piece.startswith(r"\frac{d"))


def _fraction(node: t.Fraction) -> str:
    return rf"\frac{{{latex(node.top)}}}{{{latex(node.bottom)}}}"


def _power(node: t.Power) -> str:
    exponent = braced(latex(node.exponent))
    base = node.base
    if isinstance(base, t.Symbol | t.Item) and not base.label.marks:
        return f"{latex(base)}^{exponent}"
    if isinstance(base, t.Array) and is_array(base):
        return rf"{_wrapped(base)}^{{\circ {latex(node.exponent)}}}"
    if is_array(base):
        whole = latex(base) if _stands_alone(base) else bracketed(base)
        return rf"{whole}^{{\circ {latex(node.exponent)}}}"
    if isinstance(base, t.Call) and is_operator(base.name) and base.name not in _NOT_RAISED:
        if isinstance(node.exponent, t.Number) and node.exponent.value.is_Integer:
            return f"{in_latex(base.name)}^{exponent}{_arguments(base)}"
    if isinstance(base, t.Number | t.Call | t.Norm | t.Applied) and precedence(base) == ATOM:
        length = isinstance(base, t.Call) and base.name == "sqrt" and isinstance(base.args[0], t.Norm)
        plain = length or not (isinstance(base, t.Call) and base.name in ("sqrt", "exp", "Abs", "Mod"))
        if plain:
            return f"{latex(base)}^{exponent}"
    return f"{bracketed(base)}^{exponent}"


def _stands_alone(base: t.Node) -> bool:
    """Say whether a power needs no brackets around a function of an array."""
    return isinstance(base, t.Call) and base.name not in ("exp", "Mod", "inverse", "determinant")


def _wrapped(node: t.Symbol | t.Item | t.Array) -> str:
    return f"({latex(node)})" if node.label.marks else latex(node)


def _call(node: t.Call) -> str:
    if node.name == "exp":
        return (
            f"e^{braced(latex(node.args[0]))}" if not is_array(node.args[0]) else rf"\exp{_arguments(node)}"
        )
    if node.name == "sqrt" and isinstance(node.args[0], t.Norm):
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
    if node.name == "matrix_power":
        return f"{_at_least(node.args[0], ATOM)}^{braced(latex(node.args[1]))}"
    if node.name in ("inverse", "determinant"):
        inner = _at_least(node.args[0], ATOM)
        return f"{inner}^{{-1}}" if node.name == "inverse" else rf"\det{bracketed(node.args[0])}"
    if node.name == "differential":
        of = node.args[0]
        return r"\mathrm{d}" + (bracketed(of) if needs_brackets(of) else latex(of))
    return in_latex(node.name) + _arguments(node)


def _arguments(node: t.Call) -> str:
    if len(node.args) == 1:
        return bracketed(node.args[0])
    inner = ", ".join(map(latex, node.args))
    return rf"\left({inner}\right)" if is_tall(inner) else f"({inner})"


def _compare(node: t.Compare) -> str:
    return f"{latex(node.left)} {_RELATION[node.op]} {latex(node.right)}"


def _logic(node: t.Logic) -> str:
    if node.op == "not":
        return rf"\neg ({latex(node.args[0])})"
    parts = [latex(a) if isinstance(a, t.Compare) else bracketed(a) for a in node.args]
    return f" {_LOGIC[node.op]} ".join(parts)


def _indicator(node: t.Indicator) -> str:
    return f"[{latex(node.condition)}]"


def _delta(node: t.Delta) -> str:
    left, right = latex(node.left), latex(node.right)
    short = len(left) == len(right) == 1
    return rf"\delta_{{{left}{right}}}" if short else rf"\delta_{{{left},{right}}}"


def _cases(node: t.Cases) -> str:
    rows = [
        rf"{latex(value)} & \text{{otherwise}}" if c is None else rf"{latex(value)} & \text{{if }} {latex(c)}"
        for value, c in node.rows
    ]
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def _big(node: t.Big) -> str:
    below = ",".join(latex(index) for index, _ in node.axes)
    if others := left_out(node):
        below = r",\,".join(map(latex, others))
    elif node.condition is not None:
        below += rf":\,{latex(node.condition)}"
    if node.op == "logsumexp":
        return rf"\log \sum_{braced(below)} e^{braced(latex(node.body))}"
    name = {"sum": r"\sum", "prod": r"\prod", "max": r"\max", "argmax": r"\operatorname*{arg\,max}"}[node.op]
    body = bracketed(node.body) if isinstance(node.body, t.Terms) else latex(node.body)
    return f"{name}_{braced(below)} {body}"


def _partial(node: t.Partial) -> str:
    if node.again is not None:
        below = rf"\partial {_at_least(node.bottom, POWER)}"
        same = node.again == node.bottom
        below += "^2" if same else rf"\,\partial {_at_least(node.again, POWER)}"
        return rf"\frac{{\partial^2 {_at_least(node.top, POWER)}}}{{{below}}}"
    return rf"\frac{{\partial {_at_least(node.top, POWER)}}}{{\partial {_at_least(node.bottom, POWER)}}}"


def _brace(node: t.Brace) -> str:
    return rf"\underbrace{{{latex(node.body)}}}_{{\text{{{node.words}}}}}"


def _array(node: t.Array | t.Commutation) -> str:
    return label_latex(node.label)


def _transpose(node: t.Transpose) -> str:
    if isinstance(node.arg, t.Array) and not node.arg.label.color:
        return label_latex(node.arg.label, above=r"\top")
    if isinstance(node.arg, t.Ones):
        return r"\mathbf{1}^\top"
    if isinstance(node.arg, t.Call) and node.arg.name == "inverse":
        return rf"{_at_least(node.arg.args[0], ATOM)}^{{-\top}}"
    return rf"{_at_least(node.arg, ATOM)}^\top"


def _multiply(node: t.Multiply) -> str:
    pieces: list[str] = []
    for factor in node.args:
        loose = precedence(factor) == SUM or isinstance(factor, t.Hadamard | t.Big | t.Multiply | t.Kronecker)
        apart = r"\, " if pieces and isinstance(factor, t.Call) and factor.name == "differential" else ""
        pieces.append(apart + (bracketed(factor) if loose else latex(factor)))
    return r" ".join(pieces)


def _hadamard(node: t.Hadamard) -> str:
    pieces = [
        bracketed(f) if precedence(f) == SUM or isinstance(f, t.Multiply) else latex(f) for f in node.args
    ]
    return r" \odot ".join(pieces)


def _diagonal(node: t.Diagonal) -> str:
    if isinstance(node.arg, t.Ones):
        return "I"
    return rf"\operatorname{{diag}}{bracketed(node.arg)}"


def _row(node: t.Row) -> str:
    if isinstance(node.arg, t.Array):
        return label_latex(node.arg.label, below=f"{latex(node.index)},:")
    return f"{bracketed(node.arg)}_{{{latex(node.index)},:}}"


def _kronecker(node: t.Kronecker) -> str:
    pieces = [latex(f) if is_factor(f) else bracketed(f) for f in node.args]
    return r" \otimes ".join(pieces)


def _entry(node: t.Entry) -> str:
    where = [latex(index) for index in node.indices]
    between = "" if all(len(index) == 1 for index in where) else ","
    return f"{bracketed(node.arg)}_{{{between.join(where)}}}"


def _grid(node: t.Grid) -> str:
    rows = [" & ".join(map(latex, row)) for row in node.rows]
    ends = r" \\[4pt] " if any(map(is_tall, rows)) else r" \\ "
    return r"\begin{bmatrix} " + ends.join(rows) + r" \end{bmatrix}"


def _applied(node: t.Applied) -> str:
    inner = ", ".join(map(latex, node.inputs))
    if node.parameters:
        inner += "; " + ", ".join(map(latex, node.parameters))
    return f"{label_latex(node.label)}({inner})"


def _gradient(node: t.Gradient) -> str:
    below = f"_{braced(latex(node.by))}" if node.by is not None else ""
    again = "^2" if node.twice else ""
    return rf"\nabla{again}{below} {_at_least(node.of, PRODUCT)}"


_PRINT: dict[type, Callable[[Any], str]] = {
    t.Number: _number,
    t.Symbol: _symbol,
    t.Item: _item,
    t.Ordinal: lambda node: latex(Notation().read(node.place + 1)),
    t.Array: _array,
    t.Negative: _negative,
    t.Terms: _terms,
    t.Product: _product,
    t.Fraction: _fraction,
    t.Power: _power,
    t.Call: _call,
    t.Compare: _compare,
    t.Logic: _logic,
    t.Indicator: _indicator,
    t.Delta: _delta,
    t.Cases: _cases,
    t.Big: _big,
    t.Partial: _partial,
    t.Brace: _brace,
    t.Transpose: _transpose,
    t.Multiply: _multiply,
    t.Hadamard: _hadamard,
    t.Diagonal: _diagonal,
    t.Row: _row,
    t.Kronecker: _kronecker,
    t.Commutation: _array,
    t.Ones: lambda node: r"\mathbf{1}",
    t.Norm: lambda node: rf"\lVert {latex(node.arg)} \rVert^2",
    t.Entry: _entry,
    t.Grid: _grid,
    t.Cross: lambda node: r" \times ".join(map(latex, node.args)),
    t.Dots: lambda node: f"\\{node.kind}",
    t.Cancelled: lambda node: rf"\cancel{{{latex(node.arg)}}}",
    t.Applied: _applied,
    t.Gradient: _gradient,
}
