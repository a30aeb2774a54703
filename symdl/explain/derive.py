"""Derivations from functions and networks.

Enters: a scalar SymPy expression or a tensor, and what to differentiate it by. Leaves: a `Derivation`, made
from the same record that the compiler reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.errors import DerivativeError, ExplainError
from symdl.explain.documents.derivation import Derivation
from symdl.explain.notation.letters import spelling
from symdl.explain.notation.names import label_of
from symdl.explain.notation.styles import Style, labels_styled
from symdl.explain.notation.tree import Applied, Label, Symbol
from symdl.explain.options import Forms, read, refuse, with_let
from symdl.explain.sections import Depth, respelled
from symdl.explain.stories.scalar import Story, graph_of
from symdl.explain.stories.scalar_page import scalar_sections
from symdl.express.equations import Origin
from symdl.express.program import Fact, Program, collect
from symdl.express.relations import rebuilt
from symdl.express.scalar import scalar_graph
from symdl.express.surface import define
from symdl.express.tensors import Tensor

_LONGEST_TITLE = 40  # operations of a function that the heading still spells out


def derive(
    f: Any,
    wrt: Any,
    *,
    facts: Sequence[Fact] = (),
    depth: Depth | None = None,
    form: Literal["index", "differential"] = "index",
    order: int = 1,
    layout: Literal["numerator", "denominator"] = "numerator",
    where: Mapping[sp.Symbol, sp.Expr] | None = None,
    let: Mapping[str, Tensor] | None = None,
    name: str | None = None,
    symbols: Sequence[sp.Symbol] | None = None,
    parameters: Sequence[sp.Symbol] = (),
    styles: Mapping[str, Style] | None = None,
    symmetric_gradient: bool = False,
) -> Derivation:
    """Derive a derivative: of a scalar function, a gradient, a Jacobian, a Hessian.

    ``sd.derive(L, w)`` is the gradient of a tensor of rank 0, ``sd.derive(y, x)`` the Jacobian of one that
    has axes, ``sd.derive(L, w, order=2)`` a Hessian.

    Args:
        f: a SymPy expression in ordinary symbols, or such an expression as text, such as
            ``"sin(x**2*y) + exp(z)"``; or a tensor.
        wrt: a symbol or its name; or a tensor, or the name of one, such as ``"first.W"``; or a list of them.
        facts: declared equations, such as ``sd.sums_to_one(Y)`` or ``sd.fact(U.T @ U, sd.eye(k))``.
        depth: ``"result"``, ``"key"`` or ``"all"``; by default all steps of a scalar function, the key
            lines of a network.
        form: of a tensor's derivation: ``"differential"`` prints ``dL = tr(G' dX)`` line by line.
        order: 2 for second derivatives, of an expression or of a tensor of rank 0.
        layout: of a Jacobian as a matrix: with ``"numerator"`` row i belongs to ``y[i]``, with
            ``"denominator"`` to ``x[i]``.
        where: for an expression, named intermediates and what they are: ``{z: y - f, ...}``. They stay
            named in the derivation.
        let: for a tensor, names of intermediates: ``{"r": X @ w - y}``. They are found by what they compute,
            and get lines of their own.
        name: what a scalar function is called, ``"f"`` by default.
        symbols: the order of a scalar function's variables; by default sorted by name.
        parameters: those of a scalar function's variables that stand after the semicolon, ``f(x; a, b)``.
        styles: for names other letters and colours: ``{"X": sd.Style(colour="#0B6E4F")}``.
        symmetric_gradient: add ``2 G - I . G``, where entries of a symmetric matrix are no free variables.

    Raises:
        ExpressionError: a text is no expression.
        DerivativeError: `f` does not depend on `wrt`, or has no derivative in closed form.
        ExplainError: `wrt` is not of a kind that fits `f`, no tensor has that name, or an option is not for
            such an `f`.
    """
    f, wrt, where = read(f, wrt, where)
    scalar = {"where": where, "name": name, "symbols": symbols, "parameters": parameters}
    forms = Forms(form, order, layout, symmetric_gradient)
    refuse(f, scalar, {"facts": facts, "let": let, "symmetric_gradient": symmetric_gradient}, forms)
    named = labels_styled(styles or {})
    if isinstance(f, Tensor):
        given: dict[str, Any] = {"facts": facts, "depth": depth or "key", "named": named}
        return _of_tensor(*with_let(f, wrt, let), forms, given)
    setting = Setting(name or "", tuple(parameters), named)
    given = {"depth": depth or "all", "where": where or {}, "symbols": symbols}
    return _of_expression(f, wrt, order, setting, given)


def _of_expression(f: Any, wrt: Any, order: int, setting: Setting, given: Mapping[str, Any]) -> Derivation:
    """Derive a scalar function: one derivative, several, or second ones."""
    several = isinstance(wrt, tuple)
    if several or order == 2:
        from symdl.explain.stories.second_scalar import derive_several

        def tell(one: sp.Expr, symbol: sp.Symbol, name: str) -> Derivation:
            return derive_scalar(one, symbol, setting=replace(setting, name=name), **given)

        name = _function_name(setting.name, sp.sympify(f, strict=True), given["where"])
        targets = wrt if several else (wrt,)
        return derive_several(f, targets, order=order, name=name, tell=tell, single=not several)
    if not isinstance(wrt, sp.Symbol):
        raise ExplainError(f"{wrt!r} is no symbol", expression=f, cure=_cure_of(wrt))
    return derive_scalar(f, wrt, setting=setting, **given)


def _cure_of(wrt: Any) -> str:
    if isinstance(wrt, sp.MatrixExpr):
        return f'declare it as a tensor: sd.tensor("{wrt}", (2, 3))'
    return "pass a SymPy symbol of the expression, or its name"


def _of_tensor(f: Tensor, wrt: Any, forms: Forms, given: Mapping[str, Any]) -> Derivation:
    """Derive a Jacobian, a Hessian or a gradient; what tells it is loaded only then."""
    if f.rank:
        from symdl.explain.stories.jacobian import derive_jacobian

        return derive_jacobian(f, wrt, layout=forms.layout, **given)
    if forms.order == 2:
        from symdl.explain.stories.hessian import derive_hessian

        return derive_hessian(f, wrt, **given)
    if forms.form == "differential":
        from symdl.explain.stories.differential import derive_differential

        return derive_differential(f, wrt, **given)
    from symdl.explain.stories.network import derive_tensor

    return derive_tensor(f, wrt, symmetric_gradient=forms.symmetric, **given)


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
    """Return the derivation of the derivative of `f` by `wrt`; see `derive`."""
    expr = sp.sympify(f, strict=True)
    name = _function_name(setting.name, expr, where)
    program = named_graph(expr, where, name) if where else scalar_graph(expr, symbols)
    given = list(symbols or sorted(_variables(expr, where), key=str))
    table = {symbol.name: symbol for symbol in given}
    if wrt.name not in table:
        raise DerivativeError(f"{expr} does not depend on {wrt}", cure="differentiate by one of its symbols")
    (output,) = program.outputs
    reached = _reached(program)
    variables = [t for t in program.inputs if t in reached]
    target = next(t for t in program.inputs if t.name == wrt.name)
    if target not in reached:
        raise DerivativeError(f"{expr} does not depend on {wrt}", cure="differentiate by one of its symbols")
    derivative = differentiate(output, [target] if where else variables, apart=True)
    known = {t: table[str(t.name)] for t in program.inputs}
    label = Symbol(label_of(name))
    story = Story(program, derivative, label, known, numbered=not where, named=setting.named)
    sections, result = scalar_sections(story, target, brace=bool(where))
    spell = spelling(story.letters)
    sections = respelled(sections, spell)
    by = story.notation.read(wrt)
    inputs = tuple(story.notation.read(s) for s in given if s not in setting.parameters)
    call = Applied(label_of(name), inputs, tuple(story.notation.read(s) for s in setting.parameters))
    short = story.small and sp.count_ops(expr) <= _LONGEST_TITLE
    body = (" = ", spell(story.apart.read(expr))) if short else ()
    title = ("Derivative of ", call, *body, " with respect to ", by)
    computes = replace(derivative.program, outputs=(output,))
    return Derivation(title, sections, result.expr, depth, computes, graph_of(story), result.where)


def _function_name(name: str, expr: sp.Expr, where: Mapping[sp.Symbol, sp.Expr]) -> str:
    """The name of a function: the user's, else the first usual one that no symbol has."""
    taken = {symbol.name for symbol in (*_variables(expr, where), *where)}
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
    every = set(expr.free_symbols).union(*(body.free_symbols for body in where.values()))
    return {s for s in every if s not in where}


def _reached(program: Program) -> set[Tensor]:
    return {access.tensor for equation in program.equations for access in equation.accesses()}
