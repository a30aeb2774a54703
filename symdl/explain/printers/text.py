"""The text printer: one line per formula, in Unicode or in ASCII.

Enters: a node. Leaves: text such as ``Z[i,j] = ∑ₖ X[i,k]·W[k,j] + b[j]``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdl.explain.notation.known import drawn
from symdl.explain.notation.names import label_text
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
)
from symdl.explain.printers.latex import ATOM, POWER, PRODUCT, SUM, needs_brackets, precedence

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
    "and": "∧",
    "or": "∨",
    "not": "¬",
    "sigmoid": "σ",
    "delta": "δ",
    "ones": "𝟏",
    "nabla": "∇",
    "norm": "‖",
    "gamma": "Γ",
    "sqrt": "√",
    "Phi": "Φ",
    "phi": "φ",
    "|": "∣",
}
_ASCII = {
    "top": "^T",
    "hadamard": ".*",
    "partial": "d",
    "ones": "1",
    "norm": "||",
    "nabla": "grad ",
    "|": "divides",
}
_NAMES = {
    "Max": "max",
    "Min": "min",
    "Abs": "abs",
    "sign": "sgn",
    "inverse": "inv",
    "determinant": "det",
    "trace": "tr",
    "Mod": "mod",
    "StopGradient": "sg",
    "RandomUniform": "uniform",
    "Exp": "exp",
    "gammafunction": "gamma",
    "unit": "diag",
}


def text(node: Node, *, ascii: bool = False) -> str:
    """Return a node as one line of text."""
    return _Text(ascii).show(node)


@dataclass(frozen=True, slots=True)
class _Text:
    ascii: bool

    def show(self, node: Node) -> str:
        return _PRINT[type(node)](self, node)

    def sign(self, name: str) -> str:
        return _ASCII.get(name, name) if self.ascii else _UNICODE.get(name, name)

    def at_least(self, node: Node, level: int) -> str:
        return self.show(node) if precedence(node) >= level else f"({self.show(node)})"

    def number(self, node: Number) -> str:
        if isinstance(node.value, sp.Float):
            return f"{float(node.value):.12g}"
        special = {sp.pi: "π", sp.oo: "∞"}
        return str(node.value) if self.ascii else special.get(node.value, str(node.value))

    def symbol(self, node: Symbol | Array) -> str:
        return label_text(node.label, ascii=self.ascii)

    def item(self, node: Item) -> str:
        return f"{label_text(node.label, ascii=self.ascii)}[{','.join(map(self.show, node.indices))}]"

    def negative(self, node: Negative) -> str:
        return f"-{self.at_least(node.arg, PRODUCT)}"

    def terms(self, node: Terms) -> str:
        line = ""
        for place, term in enumerate(node.args):
            minus = isinstance(term, Negative)
            inner = term.arg if isinstance(term, Negative) else term
            piece = self.at_least(inner, PRODUCT)
            if isinstance(inner, Big) and place < len(node.args) - 1 and inner.op == "logsumexp":
                piece = f"({piece})"
            line += (" - " if minus else " + ") + piece if line else ("-" if minus else "") + piece
        return line

    def product(self, node: Product) -> str:
        pieces = []
        for place, factor in enumerate(node.args):
            loose = precedence(factor) < PRODUCT or (isinstance(factor, Big) and place < len(node.args) - 1)
            pieces.append(f"({self.show(factor)})" if loose else self.show(factor))
        dot = self.sign("*")
        return (f" {dot} " if node.dots else dot).join(pieces)

    def fraction(self, node: Fraction) -> str:
        top = self.at_least(node.top, PRODUCT)
        loose = precedence(node.bottom) <= PRODUCT or isinstance(node.bottom, Fraction)
        bottom = f"({self.show(node.bottom)})" if loose else self.show(node.bottom)
        return f"({top}/{bottom})" if isinstance(node.top, Big) else f"{top}/{bottom}"

    def power(self, node: Power) -> str:
        base = self.at_least(node.base, ATOM)
        named = isinstance(node.base, Gradient | Partial)
        if named or (isinstance(node.base, Call) and node.base.name == "exp"):
            base = f"({self.show(node.base)})"
        if isinstance(node.exponent, Number) and node.exponent.value.is_Integer and not self.ascii:
            return base + str(node.exponent.value).translate(_SUPERSCRIPT)
        return f"{base}^{self.at_least(node.exponent, ATOM)}"

    def call(self, node: Call) -> str:
        if node.name == "exp":
            return (
                f"e^{self.at_least(node.args[0], ATOM)}"
                if not self.ascii
                else f"exp({self.show(node.args[0])})"
            )
        if node.name == "differential":
            inner = self.show(node.args[0])
            return f"d({inner})" if needs_brackets(node.args[0]) else f"d{inner}"
        if node.name == "sqrt" and isinstance(node.args[0], Norm):
            return f"{self.sign('norm')}{self.show(node.args[0].arg)}{self.sign('norm')}"
        if node.name == "inverse" and not self.ascii:
            return f"{self.at_least(node.args[0], ATOM)}⁻¹"
        if node.name == "sqrt" and isinstance(node.args[0], Number) and not self.ascii:
            return f"√{self.show(node.args[0])}"
        draw = drawn(node) if node.name == "RandomUniform" else None
        if draw is not None:
            return f"{label_text(draw[0], ascii=self.ascii)}[{','.join(map(self.show, draw[1]))}]"
        if node.name == "Abs":
            return f"|{self.show(node.args[0])}|"
        if node.name == "floor" and not self.ascii:
            return f"⌊{self.show(node.args[0])}⌋"
        name = _NAMES.get(node.name) or self.sign(node.name)
        return f"{name}({', '.join(map(self.show, node.args))})"

    def compare(self, node: Compare) -> str:
        return f"{self.show(node.left)} {self.sign(node.op)} {self.show(node.right)}"

    def logic(self, node: Logic) -> str:
        if node.op == "not":
            return f"{self.sign('not')}({self.show(node.args[0])})"
        parts = [self.show(a) if isinstance(a, Compare) else f"({self.show(a)})" for a in node.args]
        return f" {self.sign(node.op)} ".join(parts)

    def delta(self, node: Delta) -> str:
        return f"{self.sign('delta')}[{self.show(node.left)},{self.show(node.right)}]"

    def cases(self, node: Cases) -> str:
        rows = [
            f"{self.show(value)} " + ("otherwise" if c is None else f"if {self.show(c)}")
            for value, c in node.rows
        ]
        return "{" + "; ".join(rows) + "}"

    def below(self, node: Big) -> str:
        names = [self.show(index) for index, _ in node.axes]
        if node.condition is None and not self.ascii and all(n in _SUBSCRIPT for n in names):
            return "".join(_SUBSCRIPT[n] for n in names)
        condition = f": {self.show(node.condition)}" if node.condition is not None else ""
        return f"_{{{','.join(names)}{condition}}}"

    def big(self, node: Big) -> str:
        if node.op == "logsumexp":
            inner = (
                f"e^{self.at_least(node.body, ATOM)}" if not self.ascii else f"exp({self.show(node.body)})"
            )
            return f"log {self.sign('sum')}{self.below(node)} {inner}"
        return f"{self.sign(node.op)}{self.below(node)} {self.at_least(node.body, PRODUCT)}"

    def partial(self, node: Partial) -> str:
        d = self.sign("partial")
        return f"{d}{self.at_least(node.top, POWER)}/{d}{self.at_least(node.bottom, POWER)}"

    def diagonal(self, node: Diagonal) -> str:
        return "I" if isinstance(node.arg, Ones) else f"diag({self.show(node.arg)})"

    def transpose(self, node: Transpose) -> str:
        if isinstance(node.arg, Call) and node.arg.name == "inverse" and not self.ascii:
            return f"{self.at_least(node.arg.args[0], ATOM)}⁻ᵀ"
        return self.at_least(node.arg, ATOM) + self.sign("top")

    def multiply(self, node: Multiply) -> str:
        loose = (Hadamard, Big, Multiply)
        pieces = [
            f"({self.show(f)})" if precedence(f) == SUM or isinstance(f, loose) else self.show(f)
            for f in node.args
        ]
        return " ".join(pieces)

    def hadamard(self, node: Hadamard) -> str:
        pieces = [self.at_least(f, PRODUCT) for f in node.args]
        return f" {self.sign('hadamard')} ".join(pieces)

    def entry(self, node: Entry) -> str:
        return f"({self.show(node.arg)})[{','.join(map(self.show, node.indices))}]"

    def grid(self, node: Grid) -> str:
        rows = ["[" + ", ".join(map(self.show, row)) + "]" for row in node.rows]
        return "[" + ", ".join(rows) + "]" if len(rows) > 1 else rows[0]

    def applied(self, node: Applied) -> str:
        inner = ", ".join(map(self.show, node.inputs))
        if node.parameters:
            inner += "; " + ", ".join(map(self.show, node.parameters))
        return f"{label_text(node.label, ascii=self.ascii)}({inner})"

    def gradient(self, node: Gradient) -> str:
        by = f"_{self.show(node.by)} " if node.by is not None else ""
        return f"{self.sign('nabla')}{by}{self.at_least(node.of, PRODUCT)}"


_PRINT: dict[type, Callable[[_Text, Any], str]] = {
    Number: _Text.number,
    Symbol: _Text.symbol,
    Item: _Text.item,
    Ordinal: lambda self, node: self.show(Notation().read(node.place + 1)),
    Array: _Text.symbol,
    Negative: _Text.negative,
    Terms: _Text.terms,
    Product: _Text.product,
    Fraction: _Text.fraction,
    Power: _Text.power,
    Call: _Text.call,
    Compare: _Text.compare,
    Logic: _Text.logic,
    Indicator: lambda self, node: f"[{self.show(node.condition)}]",
    Delta: _Text.delta,
    Cases: _Text.cases,
    Big: _Text.big,
    Partial: _Text.partial,
    Brace: lambda self, node: self.show(node.body),
    Transpose: _Text.transpose,
    Multiply: _Text.multiply,
    Hadamard: _Text.hadamard,
    Diagonal: _Text.diagonal,
    Ones: lambda self, node: self.sign("ones"),
    Norm: lambda self, node: (
        f"{self.sign('norm')}{self.show(node.arg)}{self.sign('norm')}" + ("^2" if self.ascii else "²")
    ),
    Entry: _Text.entry,
    Grid: _Text.grid,
    Cross: lambda self, node: (" x " if self.ascii else " × ").join(map(self.show, node.args)),
    Dots: lambda self, node: "..." if self.ascii else {"cdots": "⋯", "vdots": "⋮", "ddots": "⋱"}[node.kind],
    Cancelled: lambda self, node: self.show(node.arg),
    Applied: _Text.applied,
    Gradient: _Text.gradient,
}
