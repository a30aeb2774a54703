"""Large expressions in pieces.

Enters: an expression of any size and depth, in which parts may be shared. Leaves: pieces of a bounded size,
each with a symbol that stands for it in the later ones. What walks each piece as a tree then costs, over all
pieces, what the expression has in distinct nodes: one that uses each part twice, twenty times over, has a
million nodes as a tree and some sixty distinct ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
from sympy.logic.boolalg import Boolean

from symdl.express.walks import nodes, with_parts

LARGEST = 240
"""Nodes of a piece, counted as a tree. Smaller than any expression that is written out by hand."""
_DEEPEST = 40
"""Levels of a piece."""
_WIDEST = 60
"""Operands of a sum or a product of a piece."""
_SMALL = 8
"""Nodes of an operand that is not worth a symbol."""
_REACH = 6
"""How many operations that lose digits in parts, such as ``log(1 + exp(u))``, stay together."""
_TOGETHER = (sp.exp, sp.log, sp.erf, sp.erfc, sp.cos, sp.cosh, sp.sinh, sp.tanh, sp.Pow)

Name = Callable[[sp.Expr], sp.Expr]


@dataclass(frozen=True, slots=True)
class Pieces:
    """An expression in pieces.

    Attributes:
        steps: pairs of what stands for a piece and the piece, each over symbols of earlier ones.
        rest: the expression over them.
    """

    steps: tuple[tuple[sp.Expr, sp.Expr], ...]
    rest: sp.Basic


def pieces(expr: sp.Basic, name: Name) -> Pieces:
    """Cut an expression into pieces of at most some `LARGEST` nodes; a small one is one piece.

    Args:
        expr: the expression, or several in a tuple.
        name: makes what stands for a piece, such as a symbol.
    """
    cutter = _Cutter(name)
    for node in nodes(expr):
        cutter.add(node)
    return Pieces(tuple((held, piece) for piece, held in cutter.names.items()), cutter.new[expr])


def is_large(expr: sp.Basic) -> bool:
    """Say whether an expression is more than one piece."""
    cutter = _Cutter(lambda piece: piece)
    count, levels = cutter.size(expr)
    return count > LARGEST or levels > _DEEPEST


class _Cutter:
    """Goes through the nodes, operands first, and cuts where a tree would become too large."""

    def __init__(self, name: Name) -> None:
        self.name = name
        self.new: dict[sp.Basic, sp.Basic] = {}
        self.names: dict[sp.Expr, sp.Expr] = {}
        self.sizes: dict[sp.Basic, tuple[int, int]] = {}
        """Nodes as a tree, and levels."""

    def add(self, node: sp.Basic) -> None:
        """Note what stands for a node."""
        made = with_parts(node, [self.new[part] for part in node.args])
        count, levels = self.size(made)
        self.new[node] = self.cut(made) if count > LARGEST or levels > _DEEPEST else made

    def size(self, node: sp.Basic) -> tuple[int, int]:
        """Return the size of a node; what SymPy made of it on the way is measured here, too."""
        if node not in self.sizes:
            for part in nodes(node, enter=lambda part: part not in self.sizes):
                if part not in self.sizes:
                    inside = [self.sizes[inner] for inner in part.args]
                    count, levels = sum(n for n, _ in inside), max((n for _, n in inside), default=0)
                    self.sizes[part] = 1 + count, 1 + levels
        return self.sizes[node]

    def cut(self, node: sp.Basic) -> sp.Basic:
        """Return a node with its large operands named, and a wide one in groups."""
        if not isinstance(node, sp.Expr):
            return node  # a condition, or a value with its condition: cut where it is used
        slim = self.thinned(node, _REACH)
        if isinstance(slim, sp.Add | sp.Mul) and len(slim.args) > _WIDEST:
            return self.grouped(slim)
        return slim

    def thinned(self, node: sp.Basic, reach: int) -> sp.Basic:
        """Return a node with names for the large parts below it."""
        parts = []
        for part in node.args:
            if self.size(part)[0] <= _SMALL:
                parts.append(part)
            elif not isinstance(part, sp.Expr) or isinstance(part, Boolean):
                parts.append(self.thinned(part, reach))
            elif reach and (_stays(part) or isinstance(node, sp.floor | sp.ceiling)):
                parts.append(self.thinned(part, reach - 1))
            else:
                parts.append(self.held(part))
        return with_parts(node, parts)

    def grouped(self, node: sp.Expr) -> sp.Expr:
        """Return a sum or a product of named groups of its operands."""
        args = list(node.args)
        while len(args) > _WIDEST:
            groups = (args[at : at + _WIDEST] for at in range(0, len(args), _WIDEST))
            args = [self.held(node.func(*group)) for group in groups]
        found: sp.Expr = node.func(*args)
        return found

    def held(self, piece: sp.Expr) -> sp.Expr:
        """Return what stands for a piece; its coefficient belongs to the sum or product that reads it."""
        factor, rest = piece.as_coeff_Mul()
        if rest.is_number:
            return piece
        if rest not in self.names:
            self.names[rest] = self.name(rest)
            self.sizes[self.names[rest]] = 1, 1
        return factor * self.names[rest]


def _stays(part: sp.Expr) -> bool:
    """Say whether a part belongs to the operation above it, which may have a form that loses no digits."""
    if isinstance(part, sp.Add):
        return sum(not term.is_number for term in part.args) <= 2
    return isinstance(part, _TOGETHER)
