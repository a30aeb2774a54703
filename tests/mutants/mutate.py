"""Small faults in source text.

Enters: the text of a module. Leaves: `Mutant`, one a place where a comparison, an operator, a number, a
condition or a statement can be another one. Docstrings, annotations, decorators and messages stay.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: what kind it is, and the text that stands in place of a part of the module."""

    kind: str
    line: int
    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """Return the module with the fault; positions count bytes, as Python's parser does."""
        raw = source.encode()
        return (raw[: self.start] + self.text.encode() + raw[self.end :]).decode()


COMPARISONS: Mapping[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
OPERATORS: Mapping[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.FloorDiv: ("//", "*"),
    ast.Div: ("/", "*"),
    ast.Mod: ("%", "+"),
    ast.LShift: ("<<", ">>"),
}
_LEFT = (ast.Expr, ast.Raise, ast.AugAssign, ast.Continue, ast.Break)
"""Statements that can be left out: what follows them is still there."""


def mutants(source: str) -> list[Mutant]:
    """Return every fault of a module, in the order of its text."""
    tree = ast.parse(source)
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = _Finder(source.encode(), starts).all(tree)
    return sorted(found, key=lambda m: (m.start, m.end, m.text))


class _Finder:
    """Walks a module; `raw` is its text in bytes, `starts` says where its lines begin."""

    def __init__(self, raw: bytes, starts: list[int]) -> None:
        self.raw, self.starts = raw, starts

    def all(self, node: ast.AST) -> Iterator[Mutant]:
        """Yield the faults of a node and of what is in it."""
        yield from self.of(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_params", "bases"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_text(child):
                    yield from self.all(child)

    def of(self, node: ast.AST) -> Iterator[Mutant]:
        """Yield the faults of a node itself."""
        match node:
            case ast.Compare(left=left, ops=ops, comparators=sides):
                for before, op, after in zip((left, *sides), ops, sides, strict=False):
                    yield from self.between("comparison", before, after, *COMPARISONS[type(op)])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                yield from self.between("operator", left, right, *OPERATORS[type(op)])
            case ast.BoolOp(op=op, values=values):
                pair = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                for before, after in pairwise(values):
                    yield from self.between("connective", before, after, *pair)
            case ast.Constant(value=bool(value)):
                yield self.whole("constant", node, str(not value))
            case ast.Constant(value=int(value)):
                yield self.whole("constant", node, str(value + 1))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                yield self.whole("sign", node, f"({self.text(operand)})")
            case ast.If(test=test) | ast.IfExp(test=test) | ast.comprehension(ifs=[test, *_]):
                yield self.whole("condition", test, f"(not ({self.text(test)}))")
            case ast.stmt() if isinstance(node, _LEFT) and not _is_text(node):
                yield self.whole("statement", node, "pass")

    def place(self, node: ast.AST) -> tuple[int, int]:
        """Return where a node begins and ends."""
        begin = self.starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        return begin, self.starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def text(self, node: ast.AST) -> str:
        """Return the text of a node."""
        begin, end = self.place(node)
        return self.raw[begin:end].decode()

    def whole(self, kind: str, node: ast.AST, text: str) -> Mutant:
        """Return a fault in place of a node."""
        return Mutant(kind, node.lineno, *self.place(node), text)  # type: ignore[attr-defined]

    def between(self, kind: str, before: ast.AST, after: ast.AST, old: str, new: str) -> Iterator[Mutant]:
        """Yield another operator between two operands, where the text between them holds no other words."""
        begin, end = self.place(before)[1], self.place(after)[0]
        text = self.raw[begin:end].decode()
        if text.replace(old, "", 1).strip(" ()\n\\"):
            return
        line = self.raw[:begin].count(b"\n") + text[: text.index(old)].count("\n") + 1
        yield Mutant(kind, line, begin, end, text.replace(old, new, 1))


def _is_text(node: ast.AST) -> bool:
    """Say whether a node is text only, such as a docstring or a message."""
    if isinstance(node, ast.Expr):
        return _is_text(node.value)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
