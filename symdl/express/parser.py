"""Expressions that are given as text.

Enters: text such as ``sin(x**2*y) + exp(z)``, in Python's notation. Leaves: the SymPy expression over real
symbols. Nothing is ever run: Python's own parser makes a tree of the text, and every node of it is either on
the list below, which says what it means, or refused. Length, depth, nodes and constant powers are bounded.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import sympy as sp

from symdl.errors import ExpressionError
from symdl.express.walks import symbols_of

LONGEST = 2000  # characters
_DEEPEST = 60
_MOST_NODES = 1500
_LARGEST_EXPONENT = 100
_MOST_BITS = 2048  # of an integer that is written out or results from a power
_LARGEST_NUMBER = 1e300  # larger ones overflow when the function is computed
_MOST_ARGUMENTS = 12

_OPERATIONS: Mapping[type[ast.operator], Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
_RELATIONS: Mapping[type[ast.cmpop], Callable[[sp.Expr, sp.Expr], sp.Basic]] = {
    ast.Lt: sp.Lt,
    ast.LtE: sp.Le,
    ast.Gt: sp.Gt,
    ast.GtE: sp.Ge,
    ast.Eq: sp.Eq,
    ast.NotEq: sp.Ne,
}
_FUNCTIONS: Mapping[str, Callable[..., sp.Expr]] = {
    **{name: getattr(sp, name) for name in "sin cos tan asin acos atan sinh cosh tanh".split()},
    **{name: getattr(sp, name) for name in "asinh acosh atanh exp log sqrt erf sign".split()},
    **{f"arc{name}": getattr(sp, f"a{name}") for name in "sin cos tan sinh cosh tanh".split()},
    "ln": sp.log,
    "abs": sp.Abs,
    "sigmoid": lambda x: 1 / (1 + sp.exp(-x)),
    "softplus": lambda x: sp.log(1 + sp.exp(x)),
    "relu": lambda x: sp.Max(x, 0),
    "square": lambda x: x**2,
}
_OF_SEVERAL: Mapping[str, Callable[..., sp.Expr]] = {"max": sp.Max, "min": sp.Min}
_NUMBERS: Mapping[str, sp.Expr] = {"pi": sp.pi, "e": sp.E}


def parse(text: str) -> sp.Expr:
    """Return the expression that a text means: ``parse("sin(x**2*y) + exp(z)")``.

    Names are symbols, but for functions (``sin``, ``exp``, ``log``, ``sqrt``, ``max``, …), ``pi``
    and ``e``; cases are ``where(x > 0, x, 0)``. A power is ``x**2``.

    Raises:
        ExpressionError: the text is no such expression, or too long, too deep, or holds too large a number.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"the text has {len(text)} characters", cure=f"use {LONGEST} at most")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        cure = "write it as in Python: 2*x, x**2, sin(x)"
        raise ExpressionError("the text is no expression", expression=text, cure=cure) from error
    bounded(tree, text)
    try:
        value = _Reader(text).read(tree)
    except (ArithmeticError, TypeError, ValueError) as error:
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError("the text has no value", expression=text) from error
    if value.has(sp.zoo, sp.nan, sp.oo, sp.I):
        raise ExpressionError("the expression has no real value", expression=text)
    return value


def symbol_of(name: Any, expr: sp.Basic) -> Any:
    """Return the symbol of an expression that is called `name`, or a new one; what is no text comes back.

    Raises:
        ExpressionError: `name` is text, but no name of a symbol.
    """
    if not isinstance(name, str):
        return name
    found = [s for s in sorted(symbols_of(expr), key=str) if s.name == name]
    if not found and not (name.isidentifier() and name not in _NUMBERS):
        raise ExpressionError(f"{name!r} names no symbol", expression=expr, cure="name one of its symbols")
    return found[0] if found else sp.Symbol(name)


def bounded(tree: ast.AST, text: str) -> None:
    """Refuse a tree that is too deep or too large, before anything is made of it."""
    todo: list[tuple[ast.AST, int]] = [(tree, 0)]
    count = 0
    while todo:
        node, depth = todo.pop()
        count += 1
        if depth > _DEEPEST or count > _MOST_NODES:
            what = (
                f"nested deeper than {_DEEPEST}" if depth > _DEEPEST else f"larger than {_MOST_NODES} nodes"
            )
            raise ExpressionError(f"the text is {what}", expression=text[:80], cure="write a shorter one")
        left = node.left if _is_chain(node) else None  # a sum of many terms is not deep
        todo += [(inner, depth + (inner is not left)) for inner in ast.iter_child_nodes(node)]


def _is_chain(node: ast.AST) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS


class _Reader:
    """Reads a tree of Python's, node by node; `text` is for messages."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, node: ast.expr) -> sp.Expr:
        """Return what a node means.

        Raises:
            ExpressionError: it is not on the list, or a number that is too large.
        """
        value = self.node(node)
        size = sp.N(value, 15) if value.is_number else sp.Integer(0)
        if not (size.is_extended_real and abs(size) <= _LARGEST_NUMBER):
            raise self.refused(
                "a number in it is too large, or not real", cure="use real numbers up to 1e300"
            )
        return value

    def node(self, node: ast.expr) -> sp.Expr:
        match node:
            case ast.Constant():
                return self.number(node.value)
            case ast.Name(id=name):
                return self.name(name)
            case ast.UnaryOp(op=ast.USub()):
                return -self.read(node.operand)
            case ast.UnaryOp(op=ast.UAdd()):
                return self.read(node.operand)
            case ast.BinOp(op=ast.Pow()):
                return self.power(self.read(node.left), self.read(node.right))
            case ast.BinOp() if _is_chain(node):
                return self.chain(node)
            case ast.BinOp(op=ast.BitXor()):
                raise self.refused("^ is no power", cure="write x**2")
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self.call(name, args)
        raise self.refused(f"{ast.unparse(node)[:40]!r} cannot be part of an expression")

    def refused(
        self, what: str, *, cure: str = "use numbers, symbols, + - * / ** and functions"
    ) -> ExpressionError:
        return ExpressionError(what, expression=self.text, cure=cure)

    def number(self, value: object) -> sp.Expr:
        if type(value) is int and value.bit_length() <= _MOST_BITS:
            return sp.Integer(value)
        if type(value) is float and math.isfinite(value):
            return sp.Float(repr(value))
        raise self.refused(f"{str(value)[:40]!r} is no number that is allowed here", cure="use a smaller one")

    def name(self, name: str) -> sp.Expr:
        if name in _NUMBERS:
            return _NUMBERS[name]
        if name in _FUNCTIONS or name in _OF_SEVERAL or name == "where":
            raise self.refused(f"{name} is a function", cure=f"write {name}(x)")
        if name.startswith("__"):
            raise self.refused(f"{name!r} names no symbol")
        return sp.Symbol(name)

    def chain(self, node: ast.expr) -> sp.Expr:
        """Read a sum or a product of many parts, from the left."""
        parts: list[ast.BinOp] = []
        while _is_chain(node):
            parts.append(node)
            node = node.left
        value = self.read(node)
        for part in reversed(parts):
            value = _OPERATIONS[type(part.op)](value, self.read(part.right))
        return value

    def power(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        if exponent.is_number and abs(sp.N(exponent, 15)) > _LARGEST_EXPONENT:
            raise self.refused("an exponent is too large", cure=f"use one up to {_LARGEST_EXPONENT}")
        if base.is_number and exponent.is_number:
            size = max(
                (abs(int(part)).bit_length() for n in base.atoms(sp.Rational) for part in (n.p, n.q)),
                default=1,
            )
            if size * abs(sp.N(exponent, 15)) > _MOST_BITS:
                raise self.refused("a power of numbers is too large", cure="use smaller numbers")
        return base**exponent

    def call(self, name: str, args: list[ast.expr]) -> sp.Expr:
        if name == "where" and len(args) == 3:
            return sp.Piecewise((self.read(args[1]), self.condition(args[0])), (self.read(args[2]), True))
        if name in _OF_SEVERAL and 0 < len(args) <= _MOST_ARGUMENTS:
            return _OF_SEVERAL[name](*map(self.read, args))
        if name in _FUNCTIONS and len(args) == 1:
            return _FUNCTIONS[name](self.read(args[0]))
        if name in _FUNCTIONS or name in _OF_SEVERAL or name == "where":
            raise self.refused(f"{name} takes another number of arguments")
        known = ", ".join([*_FUNCTIONS, *_OF_SEVERAL, "where"])
        raise self.refused(f"{name[:40]!r} is no known function", cure=f"use one of {known}")

    def condition(self, node: ast.expr) -> sp.Basic:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _RELATIONS:
                return _RELATIONS[type(op)](self.read(left), self.read(right))
        raise self.refused("a condition compares two expressions", cure="write where(x > 0, x, 0)")


__all__ = ["LONGEST", "bounded", "parse", "symbol_of"]
