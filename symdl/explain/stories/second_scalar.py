"""Several derivatives of one scalar function: its gradient, its second derivatives.

Enters: an expression, its symbols, and what tells one derivative. Leaves: a `Derivation` of all of them: the
sections of each, and at the end the gradient as a column, the second derivative, or the Hessian as a matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import sympy as sp

from symdl.errors import ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.names import label_of
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import Gradient, Grid, Node, Partial, Symbol
from symdl.explain.sections import Lines, Section, Step, Table, Words
from symdl.explain.stories.network import listed

Tell = Callable[[sp.Expr, sp.Symbol, str], Derivation]
"""Tells the derivative of an expression with respect to a symbol; the function goes by a name."""


def derive_several(
    f: sp.Expr, wrt: Sequence[sp.Symbol], *, order: int, name: str, tell: Tell, single: bool
) -> Derivation:
    """Return the derivation of a gradient (`order` 1), or of second derivatives.

    Args:
        f: the expression.
        wrt: different symbols of it.
        order: 1 or 2.
        name: what the function is called.
        tell: tells one derivative.
        single: whether one symbol was given by itself; then the second derivative is one expression.

    Raises:
        ExplainError: `wrt` is empty or holds a symbol twice, or a first derivative is too long to go on with.
    """
    if not wrt or len(set(wrt)) < len(wrt) or not all(isinstance(s, sp.Symbol) for s in wrt):
        cure = "name each of its symbols once"
        raise ExplainError(f"{list(wrt)} is no list of different symbols", expression=f, cure=cure)
    parts = [tell(f, symbol, name) for symbol in wrt]
    function, read = Symbol(label_of(name)), Notation().read
    sections = [
        s for place, part in enumerate(parts) for s in _sections(part, (wrt[place],), first=place == 0)
    ]
    by = listed([read(symbol) for symbol in wrt])
    if order == 1:
        column = Grid(tuple((read(part.result),) for part in parts))
        end = Step("the gradient", Gradient(function), column, "result", "result")
        what, result = "Gradient", tuple(part.result for part in parts)
    else:
        what, result, end = "Hessian", *_second(parts, wrt, function, tell, sections, name)
        if single:
            what, result = "Second derivative", result[0][0]
    shown = (*sections, Lines("All together" if not single else "Result", (end,), level="result"))
    title: Words = (f"{what} of ", function, " with respect to ", *by)
    first = parts[0]
    return replace(first, title=title, sections=shown, result=result, where={})


def _second(
    parts: Sequence[Derivation],
    wrt: Sequence[sp.Symbol],
    function: Node,
    tell: Tell,
    sections: list[Section],
    name: str,
) -> tuple[tuple[tuple[sp.Expr, ...], ...], Step]:
    """Derive the first derivatives once more; the sections of these go to the end of `sections`."""
    found: dict[tuple[int, int], sp.Expr] = {}
    for i, part in enumerate(parts):
        if part.where:
            cure = "derive with named intermediates: where={...}"
            raise ExplainError("a first derivative is too long to be differentiated", cure=cure)
        for j, symbol in enumerate(wrt[: i + 1] if len(wrt) > 1 else wrt):
            found[j, i] = found[i, j] = sp.Integer(0)
            if symbol in part.result.free_symbols:
                one = tell(part.result, symbol, f"{name}_{wrt[i].name}")
                found[j, i] = found[i, j] = one.result
                sections += _sections(one, (wrt[i], symbol), first=False)
    rows = tuple(tuple(found[i, j] for j in range(len(wrt))) for i in range(len(wrt)))
    read = Notation().read
    if len(wrt) == 1:
        x = read(wrt[0])
        return rows, Step(
            "the second derivative", Partial(function, x, None, x), read(rows[0][0]), "result", "result"
        )
    grid = Grid(tuple(tuple(map(read, row)) for row in rows))
    return rows, Step("the Hessian", Gradient(function, twice=True), grid, "result", "result")


def _sections(part: Derivation, symbols: Sequence[sp.Symbol], *, first: bool) -> list[Section]:
    """The sections of one derivative, each with what it is with respect to; the graph of f once."""
    read = Notation().read
    by: Words = tuple(part for symbol in symbols for part in (", then ", read(symbol)))[1:]
    kept = [s for s in part.sections if first or len(symbols) > 1 or not isinstance(s, Table)]
    told = (", with respect to ", *by)
    return [
        s if isinstance(s, Table) and first else replace(s, title=(*_words(s.title), *told)) for s in kept
    ]


def _words(title: str | Words) -> Words:
    return (title,) if isinstance(title, str) else title


__all__ = ["derive_several"]
