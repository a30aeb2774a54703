"""What somebody types, read as an expression or as a tensor.

Enters: a formula, ``sin(x**2*y)``; or lines that declare tensors, name intermediates and end with a value:

    X: (n, 4)
    t: labels(n)
    h = dense(X, 3, sigmoid)
    L = cross_entropy(dense(h, 2), t)

Leaves: a `Question`. Nothing of it is ever run: Python's own parser makes a tree of the text, and each node
is either on the lists of this file and of `words`, or refused.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, SymdlError
from symdl.express.build import parameter, tensor
from symdl.express.dims import Dim
from symdl.express.parser import LONGEST, bounded, parse, symbol_of
from symdl.express.program import collect
from symdl.express.tensors import Tensor
from symdl.playground.words import ACTIVATIONS, FUNCTIONS, LAYERS, LOSSES

_OPERATIONS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.MatMult: operator.matmul,
    ast.Pow: operator.pow,
}
_PROPERTIES = ("symmetric", "positive_definite", "orthogonal", "diagonal")
_LARGEST = 1 << 31  # of a number that is written out
_LARGEST_BASE = 1000
_EXAMPLE = "declare tensors by their sizes, X: (n, 4), and end with a value, L = sum(X**2)"


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be derived.

    Attributes:
        value: an expression in symbols, or a tensor.
        name: what the value is called; empty where nothing says so.
        wrt: what it can be differentiated with respect to, by name.
        named: intermediates by name: expressions or tensors.
    """

    value: Any
    name: str
    wrt: Mapping[str, Any]
    named: Mapping[Any, Any]


def read(text: str) -> Question:
    """Return what is to be derived.

    Raises:
        SymdlError: the text is neither a formula nor such lines; or shapes do not fit.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"the text has {len(text)} characters", cure=f"use {LONGEST} at most")
    try:
        lines = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f"line {error.lineno} cannot be read" if isinstance(error, SyntaxError) else "no formula"
        cure = f"write as in Python: 2*x, x**2, sin(x); {_EXAMPLE}"
        raise ExpressionError(where, expression=text.strip()[:200], cure=cure) from error
    if not lines:
        raise ExpressionError("there is no formula", cure=f"type one, such as sin(x**2*y); or {_EXAMPLE}")
    for line in lines:
        bounded(line, text)
    return _of_tensors(lines) if any(map(_needs_tensors, lines)) else _of_symbols(lines)


def _needs_tensors(line: ast.stmt) -> bool:
    return isinstance(line, ast.AnnAssign)


def _of_symbols(lines: list[ast.stmt]) -> Question:
    """Read ``z = w*x + b``, ``(y - z)**2``: definitions of intermediates and at last a function."""
    named: dict[sp.Symbol, sp.Expr] = {}
    name = ""
    for place, line in enumerate(lines):
        name, value = _assigned(line)
        expr = parse(ast.unparse(value))
        if place < len(lines) - 1:
            named[sp.Symbol(_required(name, line))] = expr
    every = {s for e in (expr, *named.values()) for s in e.free_symbols}
    variables = sorted(every - set(named), key=str)
    used = {s: e for s, e in named.items() if s in every}
    return Question(expr, name, {s.name: symbol_of(s.name, sp.Tuple(*every)) for s in variables}, used)


def _of_tensors(lines: list[ast.stmt]) -> Question:
    reader = _Reader()
    name = ""
    for line in lines:
        if isinstance(line, ast.AnnAssign):
            reader.declare(line)
            continue
        name, node = _assigned(line)
        reader.called = name if isinstance(node, ast.Call) else ""
        value = reader.read(node)
        reader.called = ""
        if name:
            reader.names[name] = value
            if isinstance(value, Tensor):
                reader.named[name] = value
    if isinstance(lines[-1], ast.AnnAssign) or not isinstance(value, Tensor):
        raise ExpressionError("the last line is no tensor", expression=ast.unparse(lines[-1]), cure=_EXAMPLE)
    program = collect([value])
    reached = {t.name: t for t in (*program.inputs, *program.parameters) if t.dtype == "real"}
    learned = {str(n): t for n, t in reached.items() if t.role == "parameter"}
    given = {n: reached[n] for n in reader.names if n in reached}
    named = {n: t for n, t in reader.named.items() if t is not value and t.name is None}
    return Question(value, name, {**learned, **given}, named)


def _assigned(line: ast.stmt) -> tuple[str, ast.expr]:
    match line:
        case ast.Expr(value=value):
            return "", value
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
    raise ExpressionError(
        "a line is a formula or name = formula", expression=ast.unparse(line), cure=_EXAMPLE
    )


def _required(name: str, line: ast.stmt) -> str:
    if not name:
        raise ExpressionError(
            "only the last line may stand without a name", expression=ast.unparse(line), cure="write z = ..."
        )
    return name


def _small(base: Any, exponent: Any, node: ast.expr) -> None:
    """Refuse powers whose numbers would become too long to be computed."""
    if not (isinstance(exponent, int | float) and abs(exponent) <= 100):
        raise ExpressionError("an exponent is a number up to 100", expression=ast.unparse(node))
    size = max(abs(base.p), base.q) if isinstance(base, sp.Rational) else base
    if isinstance(size, int | float) and abs(size) > _LARGEST_BASE:
        raise ExpressionError(f"a power of a number above {_LARGEST_BASE}", expression=ast.unparse(node))


@dataclass(slots=True)
class _Reader:
    """Reads formulas of tensors, with the names that have been given so far."""

    names: dict[str, Any] = field(default_factory=dict)
    named: dict[str, Tensor] = field(default_factory=dict)
    sizes: dict[str, Any] = field(default_factory=dict)
    called: str = ""
    layers: int = 0

    def declare(self, line: ast.AnnAssign) -> None:
        """Read ``X: (n, 4)``, ``t: labels(n)``, ``S: symmetric(d, d)``."""
        match line:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=shape, value=None):
                kind = ""
                if isinstance(shape, ast.Call) and isinstance(shape.func, ast.Name) and not shape.keywords:
                    kind, entries = shape.func.id, shape.args
                else:
                    entries = shape.elts if isinstance(shape, ast.Tuple) else [shape]
            case _:
                raise ExpressionError("no declaration", expression=ast.unparse(line), cure=_EXAMPLE)
        sizes = tuple(map(self.size, entries))
        if kind in _PROPERTIES:
            flags: Any = {kind: True}
            self.names[name] = tensor(name, sizes, **flags)
        elif kind == "parameter":
            self.names[name] = parameter(name, sizes)
        elif kind in ("", "labels"):
            self.names[name] = tensor(name, sizes, dtype="int64" if kind else "real")
        else:
            known = ", ".join(("labels", "parameter", *_PROPERTIES))
            raise ExpressionError(f"{kind!r} declares nothing", cure=f"use sizes alone, or one of {known}")

    def size(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int(count)) if 0 < count < _LARGEST and not isinstance(count, bool):
                return count
            case ast.Name(id=name):
                return self.sizes.setdefault(name, Dim(name))
        raise ExpressionError(f"{ast.unparse(node)} is no size", cure="use a positive integer or a letter")

    def read(self, node: ast.expr) -> Any:
        """Return what a node means.

        Raises:
            SymdlError: it is not on the lists, or shapes do not fit.
        """
        try:
            return self.node(node)
        except SymdlError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ExpressionError(f"this has no value: {error}", expression=ast.unparse(node)) from error

    def node(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return self.number(value)
            case ast.Name(id=name):
                return self.name(name)
            case ast.UnaryOp(op=ast.USub()):
                return -self.read(node.operand)
            case ast.BinOp(op=op) if type(op) in _OPERATIONS:
                left, right = self.read(node.left), self.read(node.right)
                if isinstance(op, ast.Pow):
                    _small(left, right, node)
                if isinstance(op, ast.Div) and isinstance(left, int) and isinstance(right, int):
                    return sp.Rational(left, right)
                return _OPERATIONS[type(op)](left, right)
            case ast.BinOp(op=ast.BitXor()):
                raise ExpressionError("^ is no power", expression=ast.unparse(node), cure="write x**2")
            case ast.Attribute(attr="T"):
                return self.read(node.value).T
            case ast.Call(func=ast.Name(id=name)):
                return self.call(name, node)
        raise ExpressionError(f"{ast.unparse(node)[:60]!r} cannot be part of a formula")

    def number(self, value: object) -> Any:
        if isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < _LARGEST):
            return value
        raise ExpressionError(f"{str(value)[:40]!r} is no number that is allowed here")

    def name(self, name: str) -> Any:
        for table in (self.names, self.sizes, ACTIVATIONS):
            if name in table:
                return table[name]
        if name in {**FUNCTIONS, **LAYERS, **LOSSES}:
            raise ExpressionError(f"{name} is a function", cure=f"write {name}(...)")
        raise ExpressionError(
            f"{name} is not declared",
            cure=f"declare its sizes first: {name}: (n, 4), or {name}: () for a number",
        )

    def call(self, name: str, node: ast.Call) -> Any:
        every = {**FUNCTIONS, **LAYERS, **LOSSES}
        if name not in every:
            known = ", ".join(sorted(every))
            raise ExpressionError(f"{name[:40]!r} is no known function", cure=f"use one of {known}")
        own, self.called = self.called, ""
        args = [self.read(arg) for arg in node.args]
        options = {str(k.arg): self.option(k.value) for k in node.keywords if k.arg not in (None, "name")}
        if name in LAYERS:
            self.layers += not own
            options["name"] = own or f"layer{self.layers}"
        elif name in LOSSES:
            options["name"] = own or None
        return every[name](*args, **options)

    def option(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(map(self.option, node.elts))
        return self.read(node)


__all__ = ["Question", "read"]
