"""Scalar functions in plain SymPy, as programs.

Enters: an expression over ordinary symbols, such as ``sin(x**2*y) + exp(z)``. Leaves: a `Program`
whose inputs are the symbols and in which every operation is an equation of its own, done once:
``v4 = x**2``, ``v5 = y*v4``, ``v6 = sin(v5)``, ``v7 = exp(z)``, ``v8 = v6 + v7``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from symdl.brief import brief
from symdl.errors import ExpressionError
from symdl.express.dims import Extent, Index
from symdl.express.entering import cure, entered, is_unknown
from symdl.express.equations import Equation, Origin, Reduction, map_guard
from symdl.express.pieces import pieces
from symdl.express.program import Program, collect
from symdl.express.quotients import real_quotients
from symdl.express.relations import rebuilt
from symdl.express.surface import Reduce, define
from symdl.express.tensors import Access, Tensor, map_accesses
from symdl.express.walks import nodes, symbols_of

_WIDEST = 8  # operands of one sum or product; longer ones are split, so a gradient stays linear in size
_WHOLE = (sp.Piecewise, sp.logic.boolalg.Boolean, sp.floor, sp.ceiling)
"""Their parts are computed only where they count; a floor of a quotient by integers is exact as a whole."""
_ALLOWED = (
    *(sp.Add, sp.Mul, sp.Pow, sp.Symbol, sp.Number, sp.NumberSymbol),
    *(sp.core.function.Application, sp.functions.elementary.piecewise.ExprCondPair),
    *_WHOLE,
)


def scalar_graph(
    f: Any, symbols: Sequence[sp.Symbol] | None = None, *, builder: type[Builder] | None = None
) -> Program:
    """Return the program that computes a scalar function, one equation an operation.

    Args:
        f: a SymPy expression in ordinary symbols.
        symbols: the inputs in order, ``v1``, ``v2``, … of the graph; by default sorted by name.
        builder: what an operation is; see `symdl.express.operations`.

    Returns:
        A program with one rank-0 input a symbol, of the symbol's name, and one output.

    Raises:
        ExpressionError: a symbol that is not among `symbols`, an undefined function, a complex
            number, an integral or another node that is no operation.
    """
    return scalar_graphs([f], symbols, builder=builder)


def scalar_graphs(
    fs: Sequence[Any], symbols: Sequence[sp.Symbol] | None = None, *, builder: type[Builder] | None = None
) -> Program:
    """Return the program that computes several scalar functions, what they have in common once.

    Args, errors: as of `scalar_graph`; the program has one output for each of `fs`.
    """
    together = _checked(fs)
    free = symbols_of(together)
    given = sorted(free, key=str) if symbols is None else list(symbols)
    strangers = free - set(given)
    if strangers:
        raise ExpressionError(
            f"{min(strangers, key=str)} is not among the inputs {', '.join(map(str, given))}",
            expression=together.args[0],
        )
    inputs = {symbol: Tensor(symbol.name, (), role="input") for symbol in given}
    build = (builder or Builder)(inputs)
    cut = pieces(together, lambda piece: sp.Dummy(real=True))
    for symbol, piece in cut.steps:
        build.hold(symbol, _normal(piece))
    program = collect([build.finish(_normal(expr)) for expr in cut.rest.args])
    in_order = sorted(program.equations, key=lambda e: e.lhs.serial)  # as they were numbered
    return replace(program, inputs=tuple(inputs.values()), equations=tuple(in_order))


def _checked(fs: Sequence[Any]) -> sp.Tuple:
    """Return expressions as one, of which every part can be computed."""
    together = entered(sp.Tuple(*map(expression, fs)))
    for node in reversed(nodes(together)[:-1]):  # the outermost first, which says most
        wrong = not isinstance(node, _ALLOWED) or isinstance(node, Index | Reduce) or is_unknown(node)
        if wrong or node in (sp.nan, sp.zoo, sp.oo, -sp.oo):
            of = next(f for f in together.args if node in nodes(f))
            raise ExpressionError(f"{brief(node)} cannot be computed", expression=of, cure=cure(node))
    return together


def expression(f: Any) -> sp.Expr:
    """Return an expression, or a number as one.

    Raises:
        ExpressionError: it is neither.
    """
    if isinstance(f, int | float) and not isinstance(f, bool):
        return sp.Float(f) if isinstance(f, float) else sp.Integer(f)
    if not isinstance(f, sp.Expr):
        known = isinstance(f, sp.MatrixExpr | sp.MatrixBase)
        raise ExpressionError(
            f"{f!r} is no scalar expression", cure=cure(f) if known else "pass a SymPy expression"
        )
    return f


def _normal(expr: sp.Expr) -> sp.Expr:
    """Return an expression with quotients and powers of reals in the form in which they are computed."""
    expr = real_quotients(expr)
    expr = expr.replace(_is_root_of_power, lambda root: sp.Abs(root.base.base) ** (root.base.exp * root.exp))
    return expr.replace(_is_even_power, lambda power: power.base.args[0] ** power.exp)


def _is_root_of_power(node: sp.Basic) -> bool:
    """Say whether a node is a root of an even power: that of an absolute value, for real numbers."""
    if not isinstance(node, sp.Pow) or not isinstance(node.base, sp.Pow):
        return False
    return bool(node.base.exp.is_Integer and node.base.exp % 2 == 0)


def _is_even_power(node: sp.Basic) -> bool:
    """Say whether a node is an even power of an absolute value, which has no corner."""
    return bool(isinstance(node, sp.Pow) and isinstance(node.base, sp.Abs) and node.exp.is_even)


class Builder:
    """Turns an expression into equations, one for each distinct subexpression."""

    def __init__(self, inputs: dict[sp.Symbol, Tensor]) -> None:
        self.order = {symbol: place for place, symbol in enumerate(inputs)}
        self.done: dict[sp.Expr, sp.Expr] = {s: tensor.at() for s, tensor in inputs.items()}
        self.names = _numbered(len(inputs), {s.name for s in inputs})

    def hold(self, symbol: sp.Symbol, piece: sp.Expr) -> None:
        """Compute a piece; `symbol` stands for it in what comes later."""
        self.done[symbol] = self.value(piece)
        self.order[symbol] = len(self.order)

    def finish(self, expr: sp.Expr) -> Tensor:
        """Return the tensor that holds `expr`; a lone symbol or number gets an equation too."""
        value = self.value(expr)
        return value.tensor if isinstance(value, Access) and value.tensor.equation else self.new(value)

    def new(self, body: sp.Expr) -> Tensor:
        return define(next(self.names), (), body, origin=Origin("operation"))

    def value(self, expr: sp.Expr) -> sp.Expr:
        """Return `expr` as a number or as an access to the tensor that holds it."""
        todo = [expr]
        while todo:  # without recursion, so depth is not limited
            node = todo[-1]
            if node.is_number:
                self.done[node] = node
            missing = [] if node in self.done else [p for p in self.parts(node) if p not in self.done]
            if missing:
                todo += reversed(missing)
                continue
            todo.pop()
            if node not in self.done:
                self.done[node] = self.new(self.body(node)).at()
        return self.done[expr]

    def parts(self, node: sp.Expr) -> list[sp.Expr]:
        """Return the operands of `node` that must be there first."""
        if whole(node):
            return []
        if widest(node):
            return _halves(node, self.in_order(node.args))
        return [base for _, base in map(cut_for(node), self.in_order(node.args)) if not base.is_number]

    def body(self, node: sp.Expr) -> sp.Expr:
        """Return `node` with its operands replaced by what holds them."""
        if whole(node):
            return rebuilt(node, {s: self.done[s] for s in node.free_symbols})
        if widest(node):
            return node.func(*(self.done[part] for part in self.parts(node)))
        held = []
        for how, base in map(cut_for(node), node.args):
            value = base if base.is_number else self.done[base]
            held.append(value**how if isinstance(node, sp.Mul) else how * value)
        return node.func(*held)

    def in_order(self, args: Sequence[sp.Expr]) -> list[sp.Expr]:
        """Order operands by the inputs that they depend on, as a reader would compute them."""

        def key(arg: sp.Expr) -> tuple[list[int], Any]:
            return sorted(self.order[s] for s in arg.free_symbols), sp.default_sort_key(arg)

        return sorted(args, key=key)


def cut_for(node: sp.Expr) -> Any:
    """Return how to cut an operand: into what stays in the equation of `node` and what leaves it.

    ``a - 2*b`` keeps the factor -2 and ``a/b**2`` the exponent -1; all else stays whole.
    """

    def cut(arg: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        if isinstance(node, sp.Add):
            return arg.as_coeff_Mul()  # type: ignore[no-any-return]
        if isinstance(node, sp.Mul) and isinstance(arg, sp.Pow) and arg.exp.could_extract_minus_sign():
            return sp.Integer(-1), 1 / arg
        return sp.Integer(1), arg

    return cut


def whole(node: sp.Basic) -> bool:
    """Say whether a node is one operation with all its parts."""
    return isinstance(node, _WHOLE)


def widest(node: sp.Basic) -> bool:
    """Say whether a sum or a product has so many operands that it is split."""
    return len(node.args) > _WIDEST and isinstance(node, sp.Add | sp.Mul)


def _halves(node: sp.Expr, args: list[sp.Expr]) -> list[sp.Expr]:
    size = -(-len(args) // _WIDEST)
    groups = [node.func(*args[at : at + size]) for at in range(0, len(args), size)]
    return groups


def _numbered(count: int, taken: set[str]) -> Iterator[str]:
    prefix = "v"
    while any(name.startswith(prefix) and name[len(prefix) :].isdigit() for name in taken):
        prefix += "v"
    while True:
        count += 1
        yield f"{prefix}{count}"


def batched(program: Program, dim: Extent) -> Program:
    """Return the program with a leading axis of size `dim` on every tensor: many points at once."""
    new: dict[Tensor, Tensor] = {}
    for old in (*program.inputs, *(e.lhs for e in program.equations)):
        new[old] = Tensor(
            old.name,
            (dim, *old.shape),
            dtype=old.dtype,
            role=old.role,
            of=new.get(old.of, old.of) if old.of else None,
            init=old.init,
        )
    equations = []
    for equation in program.equations:
        widened = _widened(equation, new)
        widened.lhs.attach(widened)
        equations.append(widened)
    inputs = tuple(new[t] for t in program.inputs)
    wide = Program(
        inputs,
        tuple(equations),
        tuple(new[t] for t in program.outputs),
        tuple(replace(fact, tensor=new[fact.tensor], axis=fact.axis + 1) for fact in program.facts),
        tuple((new[a], new[b]) for a, b in program.updates),
    )
    return replace(wide.with_equations(equations), inputs=inputs)


def _widened(equation: Equation, new: dict[Tensor, Tensor]) -> Equation:
    used = {str(index) for index in equation.extents}
    point = next(Index(name) for name in _candidates() if name not in used)

    def widen(expr: sp.Expr) -> sp.Expr:
        return map_accesses(expr, lambda a: Access(new[a.tensor], point, *(widen(e) for e in a.indices)))

    reduction = equation.reduction
    return replace(
        equation,
        lhs=new[equation.lhs],
        indices=(point, *equation.indices),
        body=widen(equation.body),
        reduction=reduction and Reduction(reduction.op, reduction.axes),
        guards=tuple(map_guard(guard, widen) for guard in equation.guards),
    )


def _candidates() -> Iterator[str]:
    yield from "nmb"
    yield from (f"n{count}" for count in range(1, 1000))
