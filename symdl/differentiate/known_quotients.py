"""Quotients that a program has: ``t = g/h``, a difference over what has fewer indices.

Enters: forward equations. Leaves: bodies of derivatives in which ``g`` is written as ``t h``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from symdl.differentiate.local import structure_of
from symdl.express.dims import Index
from symdl.express.equations import Equation
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, Tensor, is_plain, substitute


@dataclass(frozen=True, slots=True)
class Quotient:
    """A forward equation ``t = above rest``: `above` a difference of full rank, `rest` of lower rank."""

    equation: Equation
    above: sp.Expr
    rest: sp.Expr


@dataclass(frozen=True, slots=True)
class Quotients:
    """The quotients among some equations.

    Attributes:
        found: in the order of the equations.
        reading: for each tensor the numbers of the quotients whose numerator reads it.
        deviations: tensors that are a numerator as a whole, such as ``x - mean``.
        widest: the largest number of indices of one.
    """

    found: tuple[Quotient, ...]
    reading: dict[Tensor, list[int]]
    deviations: frozenset[Tensor]
    widest: int

    @classmethod
    def among(cls, equations: Iterable[Equation]) -> Quotients:
        """Find the quotients among equations."""
        pairs = ((equation, _numerator(equation)) for equation in equations)
        found = tuple(Quotient(equation, *parts) for equation, parts in pairs if parts is not None)
        reading: dict[Tensor, list[int]] = {}
        for number, quotient in enumerate(found):
            for tensor in tensors_of(quotient.above):
                reading.setdefault(tensor, []).append(number)
        deviations = frozenset(q.above.tensor for q in found if isinstance(q.above, Access))
        return cls(found, reading, deviations, max((q.equation.lhs.rank for q in found), default=0))

    def written_in(self, body: sp.Expr) -> sp.Expr:
        """Write numerators in a body by their quotients."""
        at = -1
        while later := [p for t in tensors_of(body) for p in self.reading.get(t, ()) if p > at]:
            at = min(later)  # only quotients whose numerator reads what the body reads, in order
            quotient = self.found[at]
            above, whole = quotient.above, quotient.equation
            values: dict[sp.Basic, sp.Expr] = {}
            nodes = body.atoms(sp.Add) if isinstance(above, sp.Add) else body.atoms(Access)
            for node in nodes:
                where = _match(above, node, whole)
                if where is not None:
                    scale, change = where
                    value = whole.lhs.at(*(change[i] for i in whole.indices))
                    values[node] = scale * value / substitute(quotient.rest, dict(change))
            body = rebuilt(body, values) if values else body
        return body


def tensors_of(expr: sp.Expr) -> frozenset[Tensor]:
    """Return the tensors that an expression reads."""
    return frozenset(a.tensor for a in expr.atoms(Access))


def _numerator(equation: Equation) -> tuple[sp.Expr, sp.Expr] | None:
    """Split ``t = g h``: a difference `g` of full rank, and `h` of lower rank; None if it is not so."""
    if equation.reduction or equation.guards or not equation.body.is_Mul or not equation.lhs.name:
        return None
    wide = [f for f in equation.body.args if set(equation.indices) <= _indices(f)]
    rest = [f for f in equation.body.args if f not in wide]
    if len(wide) != 1 or not rest or not sp.Mul(*rest).atoms(Access):
        return None
    (above,) = wide
    source = above.tensor.equation if isinstance(above, Access) and is_plain(above) else None
    difference = isinstance(above, sp.Add) or (source is not None and isinstance(source.body, sp.Add))
    return (above, sp.Mul(*rest)) if difference else None


def _indices(expr: sp.Expr) -> set[Index]:
    symbols = set(expr.free_symbols).union(*(a.free_symbols for a in expr.atoms(Access)))
    return {s for s in symbols if isinstance(s, Index)}


def _match(above: sp.Expr, node: sp.Expr, equation: Equation) -> tuple[sp.Expr, dict[Index, sp.Expr]] | None:
    """Find a number `c` and indices at which ``node = c * above``."""
    own, mine = structure_of(above)
    content, plain = node.primitive() if isinstance(node, sp.Add) else (sp.Integer(1), node)
    for sign in (1, -1):
        other, theirs = structure_of(sp.expand(sign * plain))
        if other != own or [a.tensor for a in theirs.values()] != [a.tensor for a in mine.values()]:
            continue
        where: dict[Index, sp.Expr] = {}
        for symbol, access in mine.items():
            for a, b in zip(access.indices, theirs[symbol].indices, strict=True):
                if isinstance(a, Index):
                    where.setdefault(a, b)
        if set(equation.indices) <= set(where) and all(
            substitute(access, dict(where)) == theirs[symbol] for symbol, access in mine.items()
        ):
            return sign * content, where
    return None
