"""Expressions as text.

Enters: scalar bodies of a kernel. Leaves: Python expressions for a target, with typed literals; values used
more than once, and long ones, get a name of their own first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Literal, TypeAlias

from symdl.emit.integers import Integers
from symdl.emit.names import Names
from symdl.emit.spelling import PYTHON, Spelling
from symdl.emit.syntax import Syntax
from symdl.errors import EmitError
from symdl.lower.ir.integers import Atom, Element, Floor, Mod, Poly
from symdl.lower.ir.names import Local
from symdl.lower.ir.scalars import BOOLEAN, COMPARE, INTEGER_COMPARE, MATRIX, Body, Node, Routine

_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}
_LEVELS = {"add": 5, "sub": 5, "mul": 6, "div": 6, "neg": 7, "and": 2, "or": 1, "not": 3, "select": 0}
_COMPARING, _ATOMIC = 4, 9
MATRIX_NAMES = {
    "det": "determinant",
    "logdet": "log_determinant",
    "logabsdet": "log_absolute_determinant",
    "detsign": "determinant_sign",
    "inverse": "invert",
    "cholesky": "cholesky",
    "factors": "factor",
    "det_of_factors": "determinant_of",
    "logdet_of_factors": "log_determinant_of",
    "logabsdet_of_factors": "log_absolute_determinant_of",
    "detsign_of_factors": "determinant_sign_of",
    "inverse_of_factors": "invert_factored",
    "cholesky_of_factors": "cholesky_of",
    "solution": "solve",
    "transposed_solution": "solve_transposed",
    "eigh": "eigenvectors",
    "qr": "orthonormal",
    "svd": "singular_vectors",
    "ranks": "rank",
    "falling_ranks": "rank_falling",
    "whole_ranks": "rank_whole",
    "falling_whole_ranks": "rank_whole_falling",
    "eigenvalues": "eigenvalues",
    "singular_values": "singular_values",
}
_LONGEST = 60
_NUMBERED = re.compile(r"(special|function[0-9]+_[0-9]+)_")
"""What stands before a function's own name in that of its routine."""
Kind: TypeAlias = Literal["real", "whole", "flag", "double"]
"""What a local holds."""


class Printer:
    """Writes the expressions of one kernel; `assign` receives a name, its value, and of which kind it is."""

    def __init__(self, syntax: Syntax, names: Names, assign: Callable[..., None]) -> None:
        self.syntax, self.names, self.assign = syntax, names, assign
        self.spelling = syntax.spelling
        self.integers = Integers(names, self.spelling, syntax.stored)
        self.wide: set[Local] = set()
        """Locals that are doubles."""
        self.wholes: list[bool] = []
        """For each node of the body whether it is an int64."""
        self.wrapping = syntax.wholes
        self.near = False
        """Use the forms for arguments that are not large, and note the largest argument."""

    def body(self, body: Body) -> str:
        """Return the text of a body."""
        if body.result.op in MATRIX:
            return f"real({self.matrix(body)})"
        uses = [0] * len(body.nodes)
        for node in body.nodes:
            for arg in node.args:
                uses[arg] += 1
        texts: list[tuple[str, int]] = []
        self.wholes = body.wholes
        for at, node in enumerate(body.nodes):
            text, level = self.node(node, texts)
            inner = bool(node.args) and at < len(body.nodes) - 1
            if inner and (uses[at] > 1 or len(text) > _LONGEST):
                name = self.names.fresh("y")
                self.assign(name, text, self.kind(node, at))
                text, level = name, _ATOMIC
            texts.append((text, level))
        return texts[-1][0]

    def kind(self, node: Node, at: int) -> Kind:
        """Return of which kind the value of a node is."""
        return "flag" if node.op in BOOLEAN else "whole" if self.wholes[at] else "real"

    def matrix(self, body: Body, *first: str) -> str:
        """Return the call of a function of matrices: what it reads, from where on, how many rows."""
        text = self.integers.text
        arguments = list(first)
        for value in (body.nodes[at].value for at in body.result.args):
            if isinstance(value, Element):
                arguments += self.names.of(value.array), text(value.at)
            elif isinstance(value, Poly):
                arguments.append(text(value))
        arguments += filter(None, [self.syntax.scratch])
        return f"{MATRIX_NAMES[body.result.op]}({', '.join(arguments)})"

    def node(self, node: Node, texts: list[tuple[str, int]]) -> tuple[str, int]:
        """Return the text of a node and how tightly it binds."""
        op, value = node.op, node.value
        level = _LEVELS.get(op, _COMPARING if op in (*COMPARE, *INTEGER_COMPARE) else _ATOMIC)
        args = [texts[a] for a in node.args]
        if op in INTEGER_COMPARE and isinstance(value, tuple):
            left, right = map(self.integers.text, value)
            return f"{left} {_SIGNS[op[1:]]} {right}", level
        if op == "whole" and isinstance(value, Poly):
            return self.whole(value)
        if op in self.wrapping and self.wholes[node.args[0]]:
            return f"{self.wrapping[op]}({', '.join(text for text, _ in args)})", _ATOMIC
        if op == "local" and value in self.wide:
            return f"real({self.leaf(node)})", _ATOMIC
        if not args:
            return self.leaf(node), _ATOMIC
        if op == "select":
            truth, chosen, other = (_within(text, inner, 1) for text, inner in args)
            return self.spelling.select.format(truth=truth, chosen=chosen, other=other), level
        if op in ("and", "or", "not"):
            inside = [_within(text, inner, max(level + 1, self.spelling.logic)) for text, inner in args]
            if op == "not":
                return self.spelling.negation.format(inside[0]), level
            return f" {self.spelling.both if op == 'and' else self.spelling.either} ".join(inside), level
        if op == "neg":
            return f"-{_within(*args[0], level)}", level
        if op == "pow":
            return self.spelling.power.format(*(_within(*arg, _ATOMIC) for arg in args)), 7
        if op in _SIGNS:
            left = _within(*args[0], level + (level == _COMPARING))
            return f"{left} {_SIGNS[op]} {_within(*args[1], level + 1)}", level
        if op == "uniform" and isinstance(value, Poly):
            seed, step = (text for text, _ in args)
            return f"real(uniform({seed}, {step}, {self.integers.text(value)}))", _ATOMIC
        if isinstance(value, Routine):
            return called(value, [text for text, _ in args], self.syntax), _ATOMIC
        if op not in self.syntax.functions:
            raise EmitError(f"the target {self.syntax.name} has no function {op}", cure=self.syntax.elsewhere)
        name, arguments = self.syntax.functions[op], ", ".join(text for text, _ in args)
        if self.near and op in self.syntax.near:
            name = self.syntax.near[op]
            reach = "reach" if len(args) == 1 else "reach_of_two"
            self.assign("far", f"max(far, {reach}({arguments}))")
        return f"{name}({arguments})", _ATOMIC

    def whole(self, poly: Poly) -> tuple[str, int]:
        """Return the text of an int64 and how tightly it binds; sums and products wrap around."""
        names = self.wrapping
        if not names or poly.number is not None:
            return self.integers.text(poly), _level(poly)
        shown = ""
        for monomial, factor in sorted(poly.terms, key=lambda term: (term[1] < 0, -len(term[0]))):
            size = abs(factor) if shown else factor
            factors = [*([str(size)] if size != 1 or not monomial else []), *map(self.whole_atom, monomial)]
            term = reduce(lambda a, b: f"{names['mul']}({a}, {b})", factors)
            sign = "sub" if factor < 0 else "add"
            shown = f"{names[sign]}({shown}, {term})" if shown else term
        return shown, _ATOMIC

    def whole_atom(self, value: Atom) -> str:
        """Return the text of a part of an int64."""
        if not isinstance(value, Floor | Mod):
            return self.integers.atom(value)
        above, below = (self.whole(part)[0] for part in (value.value, value.by))
        if self.spelling.declares:  # these round down, and wrap around, whatever the operands are
            pattern = self.spelling.modulo if isinstance(value, Mod) else self.spelling.floor
            return pattern.format(above, below)
        if isinstance(value, Mod):
            return f"({above} % {below})"
        if value.by.number is not None:
            return f"({above} // {below})"
        minus = f"{self.wrapping['sub']}(0, {above})"  # the smallest by -1 wraps around, too
        return f"({minus} if {below} == -1 else {above} // {below})"

    def leaf(self, node: Node) -> str:
        """Return the text of a node without operands."""
        value = node.value
        if isinstance(value, Element):
            return self.integers.widened(self.integers.element(value.array, value.at), value)
        if isinstance(value, Poly):
            return f"real({self.integers.text(value)})"
        if node.op == "flag":
            return self.spelling.true if value else self.spelling.false
        if isinstance(value, Local):
            return self.names.of(value)
        if isinstance(value, Fraction | float):
            return number(value, self.spelling)
        raise EmitError(f"{node} has no text")


def called(routine: Routine, args: Sequence[str], syntax: Syntax) -> str:
    """Return the text of a call of a routine.

    Raises:
        EmitError: the target has none.
    """
    if routine.name in syntax.functions:
        return f"{syntax.functions[routine.name]}({', '.join(args)})"
    if not syntax.routines:
        name = _NUMBERED.sub("", routine.name)
        raise EmitError(
            f"the target {syntax.name} has no code for the function {name}",
            cure=syntax.elsewhere,
        )
    return f"real({routine.name}({', '.join(args)}))"


def number(value: Fraction | float, spelling: Spelling = PYTHON) -> str:
    """Return a real literal of the module's type."""
    exact = float(value)
    if exact != exact:
        return f"real({spelling.nan})"
    if exact in (float("inf"), -float("inf")):
        return f"real({'' if exact > 0 else '-'}{spelling.infinity})"
    return f"real({exact!r})"


def _level(poly: Poly) -> int:
    """Return how tightly the text of an integer expression binds."""
    if poly.atom is not None or poly.terms == () or (poly.number or -1) > 0:
        return _ATOMIC
    return _LEVELS["mul"] if len(poly.terms) == 1 and poly.terms[0][1] > 0 else _LEVELS["add"]


def _within(text: str, level: int, wanted: int) -> str:
    return text if level >= wanted else f"({text})"
