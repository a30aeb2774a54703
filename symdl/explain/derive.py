"""Derivations from functions and networks.

Enters: a scalar SymPy expression or a tensor, and what to differentiate it by. Leaves: a `Derivation`, made
from the same record that the compiler reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from symdl.differentiate.adjoint import differentiate
from symdl.errors import DerivativeError, ExplainError
from symdl.explain.derivation import Depth, Derivation
from symdl.explain.names import label_of
from symdl.explain.scalar import Story, graph_of, scalar_sections
from symdl.explain.tree import Applied, Symbol
from symdl.express.equations import Origin
from symdl.express.program import Fact, Program, collect
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
    where: Mapping[sp.Symbol, sp.Expr] | None = None,
    name: str = "f",
    symbols: Sequence[sp.Symbol] | None = None,
) -> Derivation:
    """Derive the derivative of a scalar function, or the gradient of a tensor of rank 0.

    Args:
        f: a SymPy expression in ordinary symbols, or a tensor: the loss.
        wrt: a symbol; or a tensor, or the name of one, such as ``"first.W"``.
        facts: declared knowledge about tensors, such as ``sd.sums_to_one(Y)``.
        depth: ``"result"``, ``"key"`` or ``"all"``; by default all steps of a scalar function, the key
            lines of a network.
        where: for an expression, named intermediates and what they are: ``{z: y - f, ...}``. They stay
            named in the derivation.
        name: what a scalar function is called.
        symbols: the order of a scalar function's variables; by default sorted by name.

    Raises:
        DerivativeError: `f` does not depend on `wrt`, has axes, or has no derivative in closed form.
        ExplainError: `wrt` is not of a kind that fits `f`, or no tensor has that name.
    """
    if isinstance(f, Tensor):
        from symdl.explain.network import derive_tensor

        return derive_tensor(f, wrt, facts=facts, depth=depth or "key")
    if not isinstance(wrt, sp.Symbol):
        raise ExplainError(
            f"{wrt!r} is no symbol of the expression", expression=f, cure="pass a SymPy symbol"
        )
    return derive_scalar(f, wrt, depth=depth or "all", where=where or {}, name=name, symbols=symbols)


def derive_scalar(
    f: sp.Expr,
    wrt: sp.Symbol,
    *,
    depth: Depth,
    where: Mapping[sp.Symbol, sp.Expr],
    name: str,
    symbols: Sequence[sp.Symbol] | None,
) -> Derivation:
    """Return the derivation of the derivative of `f` by `wrt`; see `derive`."""
    expr = sp.sympify(f, strict=True)
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
    derivative = differentiate(output, [target] if where else variables)
    known = {t: table[str(t.name)] for t in program.inputs}
    label = Symbol(label_of(name))
    story = Story(program, derivative, label, known, numbered=not where)
    sections, result = scalar_sections(story, target, brace=bool(where))
    by = story.notation.read(wrt)
    call = Applied(label_of(name), tuple(story.notation.read(s) for s in given))
    short = story.small and sp.count_ops(expr) <= _LONGEST_TITLE
    body = (" = ", story.apart.read(expr)) if short else ()
    title = ("Derivative of ", call, *body, " by ", by)
    computes = replace(derivative.program, outputs=(output,))
    return Derivation(title, sections, result.expr, depth, computes, graph_of(story), result.where)


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
    return define(name, (), body.xreplace(values), origin=Origin("definition"))


def _variables(expr: sp.Expr, where: Mapping[sp.Symbol, sp.Expr]) -> set[sp.Symbol]:
    every = set(expr.free_symbols).union(*(body.free_symbols for body in where.values()))
    return {s for s in every if s not in where}


def _reached(program: Program) -> set[Tensor]:
    return {access.tensor for equation in program.equations for access in equation.accesses()}
