"""The text printer: one line per formula, in Unicode or in ASCII.

Enters: a node. Leaves: text such as ``Z[i,j] = ∑ₖ X[i,k]·W[k,j] + b[j]``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdl.explain.notation import tree as t
from symdl.explain.notation.known import drawn
from symdl.explain.notation.names import label_text
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
from symdl.explain.printers.functions import in_text

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SUBSCRIPT = {
    **dict(zip("0123456789", "₀₁₂₃₄₅₆₇₈₉", strict=True)),
    **dict(zip("aehijklmnoprstuvx", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)),
}
_UNICODE = {
    "*": "·",
    "!=": "≠",
    "<=": "≤",
    ">=": "≥",
    "sum": "∑",
    "prod": "∏",
    "partial": "∂",
    "top": "ᵀ",
    "hadamard": "⊙",
    "kronecker": "⊗",
    "circ": "∘",
    "and": "∧",
    "or": "∨",
    "not": "¬",
    "delta": "δ",
    "ones": "𝟏",
    "nabla": "∇",
    "norm": "‖",
    "sqrt": "√",
    "|": "∣",
}
_ASCII = {
    "top": "^T",
    "hadamard": ".*",
    "kronecker": "(x)",
    "circ": ".",
    "partial": "d",
    "ones": "1",
    "norm": "||",
    "nabla": "grad ",
    "|": "divides",
}


def text(node: t.Node, *, ascii: bool = False) -> str:
    """Return a node as one line of text."""
    return _Text(ascii).show(node)


@dataclass(frozen=True, slots=True)
class _Text:
    """How formulas are printed, in Unicode or in ASCII."""

    ascii: bool

    def show(self, node: t.Node) -> str:
        return _PRINT[type(node)](self, node)

    def sign(self, name: str) -> str:
        return _ASCII.get(name, name) if self.ascii else _UNICODE.get(name, name)

    def at_least(self, node: t.Node, level: int) -> str:
        return self.show(node) if precedence(node) >= level else f"({self.show(node)})"


def _number(out: _Text, node: t.Number) -> str:
    if isinstance(node.value, sp.Float) and node.value >= BEYOND:
        return "oo" if out.ascii else "∞"
    if isinstance(node.value, sp.Float):
        return f"{float(node.value):.12g}"
    special = {sp.pi: "π", sp.oo: "∞", sp.nan: "not defined"}
    return str(node.value) if out.ascii else special.get(node.value, str(node.value))


def _symbol(out: _Text, node: t.Symbol | t.Array) -> str:
    return label_text(node.label, ascii=out.ascii)


def _item(out: _Text, node: t.Item) -> str:
    return f"{label_text(node.label, ascii=out.ascii)}[{','.join(map(out.show, node.indices))}]"


def _negative(out: _Text, node: t.Negative) -> str:
    return f"-{out.at_least(node.arg, PRODUCT)}"


def _terms(out: _Text, node: t.Terms) -> str:
    line = ""
    for place, term in enumerate(node.args):
        minus = isinstance(term, t.Negative)
        inner = term.arg if isinstance(term, t.Negative) else term
        piece = out.at_least(inner, PRODUCT)
        if isinstance(inner, t.Big) and place < len(node.args) - 1 and inner.op == "logsumexp":
            piece = f"({piece})"
        line += (" - " if minus else " + ") + piece if line else ("-" if minus else "") + piece
    return line


def _product(out: _Text, node: t.Product) -> str:
    pieces = []
    for place, factor in enumerate(node.args):
        inside = isinstance(factor, t.Big | t.Multiply) and place < len(node.args) - 1
        loose = precedence(factor) < PRODUCT or inside
        pieces.append(f"({out.show(factor)})" if loose else out.show(factor))
    dot = out.sign("*")
    return (f" {dot} " if node.dots else dot).join(pieces)


def _fraction(out: _Text, node: t.Fraction) -> str:
    top = out.at_least(node.top, PRODUCT)
    loose = precedence(node.bottom) <= PRODUCT or isinstance(node.bottom, t.Fraction)
    bottom = f"({out.show(node.bottom)})" if loose else out.show(node.bottom)
    return f"({top}/{bottom})" if isinstance(node.top, t.Big) else f"{top}/{bottom}"


def _power(out: _Text, node: t.Power) -> str:
    base = out.at_least(node.base, ATOM)
    named = isinstance(node.base, t.Gradient | t.Partial)
    if named or (isinstance(node.base, t.Call) and node.base.name == "exp"):
        base = f"({out.show(node.base)})"
    mark = out.sign("circ") if is_array(node.base) else ""
    if isinstance(node.exponent, t.Number) and node.exponent.value.is_Integer and not out.ascii:
        return base + mark + str(node.exponent.value).translate(_SUPERSCRIPT)
    power = out.at_least(node.exponent, ATOM)
    return f"{base}{mark}^{power}" if out.ascii else f"{base}^{mark}{power}"


def _call(out: _Text, node: t.Call) -> str:
    if node.name == "exp" and is_array(node.args[0]):
        return f"exp({out.show(node.args[0])})"
    if node.name == "exp":
        return f"e^{out.at_least(node.args[0], ATOM)}" if not out.ascii else f"exp({out.show(node.args[0])})"
    if node.name == "differential":
        inner = out.show(node.args[0])
        return f"d({inner})" if needs_brackets(node.args[0]) or "." in inner else f"d{inner}"
    if node.name == "sqrt" and isinstance(node.args[0], t.Norm):
        return f"{out.sign('norm')}{out.show(node.args[0].arg)}{out.sign('norm')}"
    if node.name == "inverse" and not out.ascii:
        return f"{out.at_least(node.args[0], ATOM)}⁻¹"
    if node.name == "matrix_power":
        power = out.show(node.args[1])
        raised = f"^({power})" if out.ascii and power[0] == "-" else f"^{power}"
        return out.at_least(node.args[0], ATOM) + (raised if out.ascii else power.translate(_SUPERSCRIPT))
    if node.name == "sqrt" and isinstance(node.args[0], t.Number | t.Symbol) and not out.ascii:
        return f"√{out.show(node.args[0])}"
    draw = drawn(node) if node.name == "RandomUniform" else None
    if draw is not None:
        return f"{label_text(draw[0], ascii=out.ascii)}[{','.join(map(out.show, draw[1]))}]"
    if node.name == "Abs":
        return f"|{out.show(node.args[0])}|"
    if node.name == "floor" and not out.ascii:
        return f"⌊{out.show(node.args[0])}⌋"
    name = in_text(node.name, ascii=out.ascii)
    return f"{name}({', '.join(map(out.show, node.args))})"


def _compare(out: _Text, node: t.Compare) -> str:
    return f"{out.show(node.left)} {out.sign(node.op)} {out.show(node.right)}"


def _logic(out: _Text, node: t.Logic) -> str:
    if node.op == "not":
        return f"{out.sign('not')}({out.show(node.args[0])})"
    parts = [out.show(a) if isinstance(a, t.Compare) else f"({out.show(a)})" for a in node.args]
    return f" {out.sign(node.op)} ".join(parts)


def _delta(out: _Text, node: t.Delta) -> str:
    return f"{out.sign('delta')}[{out.show(node.left)},{out.show(node.right)}]"


def _cases(out: _Text, node: t.Cases) -> str:
    rows = [
        f"{out.show(value)} " + ("otherwise" if c is None else f"if {out.show(c)}") for value, c in node.rows
    ]
    return "{" + "; ".join(rows) + "}"


def _below(out: _Text, node: t.Big) -> str:
    names = [out.show(index) for index, _ in node.axes]
    if others := left_out(node):
        return f"_{{{', '.join(map(out.show, others))}}}"
    if node.condition is None and not out.ascii and all(n in _SUBSCRIPT for n in names):
        return "".join(_SUBSCRIPT[n] for n in names)
    condition = f": {out.show(node.condition)}" if node.condition is not None else ""
    return f"_{{{','.join(names)}{condition}}}"


def _big(out: _Text, node: t.Big) -> str:
    if node.op == "logsumexp":
        inner = f"e^{out.at_least(node.body, ATOM)}" if not out.ascii else f"exp({out.show(node.body)})"
        return f"log {out.sign('sum')}{_below(out, node)} {inner}"
    return f"{out.sign(node.op)}{_below(out, node)} {out.at_least(node.body, PRODUCT)}"


def _partial(out: _Text, node: t.Partial) -> str:
    d = out.sign("partial")
    if node.again is not None:
        twice = f"{d}^2" if out.ascii else f"{d}²"
        below = f"{d}{out.at_least(node.bottom, POWER)}"
        below += (
            ("^2" if out.ascii else "²")
            if node.again == node.bottom
            else f"{d}{out.at_least(node.again, POWER)}"
        )
        return f"{twice}{out.at_least(node.top, POWER)}/{below}"
    return f"{d}{out.at_least(node.top, POWER)}/{d}{out.at_least(node.bottom, POWER)}"


def _diagonal(out: _Text, node: t.Diagonal) -> str:
    return "I" if isinstance(node.arg, t.Ones) else f"diag({out.show(node.arg)})"


def _transpose(out: _Text, node: t.Transpose) -> str:
    if isinstance(node.arg, t.Call) and node.arg.name == "inverse" and not out.ascii:
        return f"{out.at_least(node.arg.args[0], ATOM)}⁻ᵀ"
    return out.at_least(node.arg, ATOM) + out.sign("top")


def _multiply(out: _Text, node: t.Multiply) -> str:
    loose = (t.Hadamard, t.Big, t.Multiply, t.Kronecker)
    pieces = [
        f"({out.show(f)})"
        if precedence(f) == SUM or isinstance(f, loose) or (isinstance(f, t.Fraction) and is_array(f))
        else out.show(f)
        for f in node.args
    ]
    return " ".join(pieces)


def _kronecker(out: _Text, node: t.Kronecker) -> str:
    pieces = [out.show(f) if is_factor(f) else f"({out.show(f)})" for f in node.args]
    return f" {out.sign('kronecker')} ".join(pieces)


def _hadamard(out: _Text, node: t.Hadamard) -> str:
    pieces = [
        f"({out.show(f)})" if precedence(f) == SUM or isinstance(f, t.Multiply) else out.show(f)
        for f in node.args
    ]
    return f" {out.sign('hadamard')} ".join(pieces)


def _entry(out: _Text, node: t.Entry) -> str:
    return f"({out.show(node.arg)})[{','.join(map(out.show, node.indices))}]"


def _grid(out: _Text, node: t.Grid) -> str:
    rows = ["[" + ", ".join(map(out.show, row)) + "]" for row in node.rows]
    return "[" + ", ".join(rows) + "]" if len(rows) > 1 else rows[0]


def _applied(out: _Text, node: t.Applied) -> str:
    inner = ", ".join(map(out.show, node.inputs))
    if node.parameters:
        inner += "; " + ", ".join(map(out.show, node.parameters))
    return f"{label_text(node.label, ascii=out.ascii)}({inner})"


def _gradient(out: _Text, node: t.Gradient) -> str:
    name = out.sign("nabla").strip() + (("^2" if out.ascii else "²") if node.twice else "")
    by = f"_{out.show(node.by)} " if node.by is not None else " " if out.ascii else ""
    return f"{name}{by}{out.at_least(node.of, PRODUCT)}"


_PRINT: dict[type, Callable[[_Text, Any], str]] = {
    t.Number: _number,
    t.Symbol: _symbol,
    t.Item: _item,
    t.Ordinal: lambda self, node: self.show(Notation().read(node.place + 1)),
    t.Array: _symbol,
    t.Negative: _negative,
    t.Terms: _terms,
    t.Product: _product,
    t.Fraction: _fraction,
    t.Power: _power,
    t.Call: _call,
    t.Compare: _compare,
    t.Logic: _logic,
    t.Indicator: lambda self, node: f"[{self.show(node.condition)}]",
    t.Delta: _delta,
    t.Cases: _cases,
    t.Big: _big,
    t.Partial: _partial,
    t.Brace: lambda self, node: self.show(node.body),
    t.Transpose: _transpose,
    t.Multiply: _multiply,
    t.Hadamard: _hadamard,
    t.Diagonal: _diagonal,
    t.Row: lambda self, node: f"{self.at_least(node.arg, ATOM)}[{self.show(node.index)},:]",
    t.Kronecker: _kronecker,
    t.Commutation: _symbol,
    t.Ones: lambda self, node: self.sign("ones"),
    t.Norm: lambda self, node: (
        f"{self.sign('norm')}{self.show(node.arg)}{self.sign('norm')}" + ("^2" if self.ascii else "²")
    ),
    t.Entry: _entry,
    t.Grid: _grid,
    t.Cross: lambda self, node: (" x " if self.ascii else " × ").join(map(self.show, node.args)),
    t.Dots: lambda self, node: "..." if self.ascii else {"cdots": "⋯", "vdots": "⋮", "ddots": "⋱"}[node.kind],
    t.Cancelled: lambda self, node: self.show(node.arg),
    t.Applied: _applied,
    t.Gradient: _gradient,
}
