"""The derivation of a scalar function in plain SymPy: one derivative along the graph, or the differential.

Enters: an expression over symbols, named intermediates, what to differentiate with respect to. Leaves: a
`Derivation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.brief import brief
from symdl.differentiate.adjoint import differentiate
from symdl.errors import DerivativeError, ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.letters import spelling
from symdl.explain.notation.names import label_of
from symdl.explain.notation.tree import Applied, Label, Symbol
from symdl.explain.sections import Depth, Section, Words, respelled
from symdl.explain.stories.network import listed
from symdl.explain.stories.scalar import Story, graph_of
from symdl.explain.stories.scalar_page import scalar_sections
from symdl.express.equations import Origin
from symdl.express.program import Program, collect
from symdl.express.relations import rebuilt
from symdl.express.scalar import scalar_graph
from symdl.express.special.own import Own
from symdl.express.surface import define
from symdl.express.tensors import Tensor
from symdl.express.walks import kinds_of, symbols_of

_LONGEST_TITLE = 40  # operations of a function that the heading still spells out


@dataclass(frozen=True, slots=True)
class Setting:
    """How a scalar function is written: its name, its parameters, the labels wished for names."""

    name: str
    parameters: tuple[sp.Symbol, ...]
    named: Mapping[str, Label]


def derive_scalar(
    f: sp.Expr,
    wrt: sp.Symbol,
    *,
    depth: Depth,
    where: Mapping[sp.Symbol, sp.Expr],
    setting: Setting,
    symbols: Sequence[sp.Symbol] | None,
) -> Derivation:
    """Return the derivation of the derivative of `f` by `wrt`; see `symdl.explain.derive.derive`."""
    page = _Page(f, (wrt,), where, setting, symbols)
    story, (target,) = page.story([] if where else page.reached), page.targets
    sections, result = scalar_sections(story, target, brace=bool(where))
    title = page.title(story, "Derivative of ")
    return replace(page.document(story, title, sections, depth), result=result.expr, where=result.where)


def derive_total(
    f: sp.Expr,
    wrt: sp.Symbol | Sequence[sp.Symbol],
    *,
    depth: Depth,
    where: Mapping[sp.Symbol, sp.Expr],
    setting: Setting,
    symbols: Sequence[sp.Symbol] | None,
) -> Derivation:
    """Return the derivation of `f`'s total differential, from which derivatives are read off.

    What stands after the semicolon is held fixed, unless it is asked for.
    """
    from symdl.explain.stories.scalar_differential import differential_sections

    asked = (wrt,) if isinstance(wrt, sp.Symbol) else tuple(wrt)
    if not asked or len(set(asked)) < len(asked) or not all(isinstance(s, sp.Symbol) for s in asked):
        raise ExplainError(f"{list(asked)} is no list of different symbols", cure="name each symbol once")
    page = _Page(f, asked, where, setting, symbols)
    fixed = {symbol.name for symbol in setting.parameters} - {symbol.name for symbol in asked}
    story = page.story([t for t in page.reached if t.name not in fixed])
    sections, values = differential_sections(story, page.targets)
    title = (*page.title(story, "Derivative of "), ", by differentials")
    result = tuple(value.expr for value in values)
    named = {symbol: body for value in values for symbol, body in value.where.items()}
    told = page.document(story, title, sections, depth)
    return replace(told, result=result[0] if isinstance(wrt, sp.Symbol) else result, where=named)


class _Page:
    """A scalar function, and what its derivation is with respect to.

    Raises:
        DerivativeError: the function does not depend on one of the symbols.
    """

    def __init__(
        self,
        f: sp.Expr,
        wrt: Sequence[sp.Symbol],
        where: Mapping[sp.Symbol, sp.Expr],
        setting: Setting,
        symbols: Sequence[sp.Symbol] | None,
    ) -> None:
        self.expr = sp.sympify(f, strict=True)
        self.wrt, self.setting, self.where = wrt, setting, where
        self.name = function_name(setting.name, self.expr, where)
        self.program = named_graph(self.expr, where, self.name) if where else scalar_graph(self.expr, symbols)
        self.given = list(symbols or sorted(_variables(self.expr, where), key=str))
        read = {access.tensor for equation in self.program.equations for access in equation.accesses()}
        self.reached = [t for t in self.program.inputs if t in read]
        known = {t.name: t for t in self.reached}
        for one in wrt:
            if one.name not in known:
                cure = "differentiate by one of its symbols"
                raise DerivativeError(f"{brief(self.expr)} does not depend on {one}", cure=cure)
        self.targets = [known[one.name] for one in wrt]

    def story(self, moving: Sequence[Tensor]) -> Story:
        """Differentiate with respect to `moving`, at least the targets."""
        (output,) = self.program.outputs
        every = [*moving, *(t for t in self.targets if t not in moving)]
        derivative = differentiate(output, every, apart=True)
        table = {symbol.name: symbol for symbol in self.given}
        known = {t: table[str(t.name)] for t in self.program.inputs}
        label, numbered = Symbol(label_of(self.name)), not self.where
        return Story(self.program, derivative, label, known, numbered=numbered, named=self.setting.named)

    def title(self, story: Story, what: str) -> Words:
        """Return the heading: what is derived of which function, and with respect to what."""
        read, after = story.notation.read, self.setting.parameters
        inputs = tuple(read(s) for s in self.given if s not in after)
        call = Applied(label_of(self.name), inputs, tuple(map(read, after)))
        short = story.small and sp.count_ops(self.expr) <= _LONGEST_TITLE
        body = (" = ", spelling(story.letters)(story.apart.read(self.expr))) if short else ()
        return (what, call, *body, " with respect to ", *listed([read(one) for one in self.wrt]))

    def document(self, story: Story, title: Words, sections: Sequence[Section], depth: Depth) -> Derivation:
        """Return the page."""
        shown = respelled(sections, spelling(story.letters))
        computes = replace(story.derivative.program, outputs=self.program.outputs)
        return Derivation(title, shown, None, depth, computes, graph_of(story))


def function_name(name: str, expr: sp.Expr, where: Mapping[sp.Symbol, sp.Expr]) -> str:
    """Return the name of a function: the user's, else the first usual one that nothing in it has."""
    taken = {symbol.name for symbol in (*_variables(expr, where), *where)}
    taken |= {call.label for body in (expr, *where.values()) for call in kinds_of(body, Own)}
    return name or next((letter for letter in ("f", "g", "h") if letter not in taken), "F")


def named_graph(expr: sp.Expr, where: Mapping[sp.Symbol, sp.Expr], name: str) -> Program:
    """Return a program with one equation for `expr` and one for each named intermediate."""
    tensors: dict[sp.Symbol, Tensor] = {
        s: Tensor(s.name, (), role="input") for s in sorted(_variables(expr, where), key=str)
    }
    waiting = dict(where)
    while waiting:
        ready = [s for s, body in waiting.items() if body.free_symbols <= set(tensors)]
        if not ready:
            names = ", ".join(map(str, waiting))
            raise ExplainError(
                f"the definitions of {names} go round in a circle", cure="define each from others"
            )
        for symbol in ready:
            tensors[symbol] = _defined(symbol.name, waiting.pop(symbol), tensors)
    output = _defined(name, expr, tensors)
    program = collect([output])
    return replace(program, inputs=tuple(t for t in tensors.values() if t.equation is None))


def _defined(name: str, body: sp.Expr, tensors: Mapping[sp.Symbol, Tensor]) -> Tensor:
    values = {symbol: tensor.at() for symbol, tensor in tensors.items()}
    return define(name, (), rebuilt(body, values), origin=Origin("definition"))


def _variables(expr: sp.Expr, where: Mapping[sp.Symbol, sp.Expr]) -> set[sp.Symbol]:
    every = symbols_of(expr).union(*map(symbols_of, where.values()))
    return {s for s in every if s not in where}


__all__ = ["Setting", "derive_scalar", "derive_total", "function_name", "named_graph"]
