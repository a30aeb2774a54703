"""Functions that are written by their usual names.

Enters: scalar expressions. Leaves: the same with the standard normal distribution function and its density in
place of the error function and of ``exp(-z**2/2)``; random numbers by the letter u.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import sympy as sp
from sympy.functions.special.bessel import BesselBase

from symdl.explain.notation.tree import Applied, Call, Label, Node, Symbol, walk
from symdl.express.dims import Index
from symdl.express.special.own import Unknown, marks


class Phi(sp.Function):
    """The standard normal distribution function, ``(1 + erf(z/sqrt(2)))/2``."""


class phi(sp.Function):
    """The density of the standard normal distribution, ``exp(-z**2/2)/sqrt(2 pi)``."""


def by_normal(expr: sp.Expr) -> sp.Expr:
    """Write ``erf(z/sqrt(2))`` as ``2 Phi(z) - 1``, and with it ``exp(-z**2/2)`` by the density."""
    if not expr.has(sp.erf):
        return expr
    values: dict[sp.Expr, sp.Expr] = {}
    for node in expr.atoms(sp.erf):
        z = sp.sqrt(2) * node.args[0]
        if z.has(sp.sqrt(2)):
            continue
        values[node] = 2 * Phi(z) - 1
        values[sp.exp(-(z**2) / 2)] = sp.sqrt(2 * sp.pi) * phi(z)
    return expr.xreplace(values) if values else expr


def special(expr: sp.Expr, read: Callable[[sp.Expr], Node]) -> Node | None:
    """Return functions with an order at their name: ``psi(x)``, ``psi'(x)``, ``J_0(x)``, ``f_1(x, y)``."""
    if isinstance(expr, Unknown) and (below := marks(expr.orders)[0]):
        return Applied(Label(expr.letter, (below,)), tuple(map(read, expr.args)))
    if not isinstance(expr, sp.polygamma | BesselBase) or not isinstance(
        expr.args[0], sp.Integer | sp.Symbol
    ):
        return None
    order, inner = expr.args[0], read(expr.args[1])
    value = Call(type(expr).__name__, (read(order), inner))
    if isinstance(expr, sp.polygamma):
        if order in (0, 1):
            return Call("trigamma" if order == 1 else "digamma", (inner,))
        return Applied(Label("psi", marks=(str(order),)), (inner,), value=value) if order.is_Integer else None
    letter = type(expr).__name__.removeprefix("bessel").upper()
    return Applied(Label(letter, (str(order),)), (inner,), value=value) if len(letter) == 1 else None


def drawn(node: Call) -> tuple[Label, tuple[Symbol, ...]] | None:
    """Return the letter u of a random number, named after what counts its steps, and its indices."""
    step, place = node.args[1], node.args[2]
    names = tuple(dict.fromkeys(part for part in walk(place) if isinstance(part, Symbol)))
    if not isinstance(step, Symbol) or not all(isinstance(name.expr, Index) for name in names):
        return None
    return replace(step.label, base="u", sub=()), names


def explained(nodes: Iterable[Node]) -> list[tuple[str, tuple[str | Node, ...]]]:
    """Say what names mean that stand for no tensor: rows of the table of symbols."""
    calls = [part for node in nodes for part in walk(node) if isinstance(part, Call)]
    rows: list[tuple[str, tuple[str | Node, ...]]] = []
    z = Symbol(Label("z"))
    if any(call.name in ("Phi", "phi") for call in calls):
        normal = ("the standard normal distribution function ", Call("Phi", (z,)), ", its density ")
        rows.append(("functions", (*normal, Call("phi", (z,)))))
    draws = {found: call for call in calls if call.name == "RandomUniform" and (found := drawn(call))}
    rows += [("random", (call, ", independent and uniform between 0 and 1")) for call in draws.values()]
    return rows
