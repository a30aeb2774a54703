"""From written mathematics to normal form.

Enters: an expression over accesses with `Sum`, `Prod`, `Max`, `LogSumExp` and `ArgMax` nodes anywhere in it,
SymPy's own `Max`, `Min`, `Abs` and `sign`, and index conditions. Leaves: a `Tensor` with its equation in
normal form; every inner reduction has become a tensor of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import sympy as sp
from sympy.core.relational import Relational
from sympy.printing.pretty.stringpict import prettyForm

from symdl.brief import brief
from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Dim, Extent, Index, as_extent
from symdl.express.entering import entered, known
from symdl.express.equations import Equation, Guard, Op, Origin, Reduction, check
from symdl.express.kinks import index_guards, settled
from symdl.express.magnitudes import representable
from symdl.express.pieces import is_large, pieces
from symdl.express.quotients import real_quotients
from symdl.express.relations import rebuilt
from symdl.express.tensors import Access, DType, Role, Tensor, accesses_in, as_expression
from symdl.express.walks import any_of, kinds_of, mapped, nodes, symbols_of
from symdl.express.wholes import is_whole

_SIGNS = {"sum": r"\sum", "prod": r"\prod", "max": r"\max"}
"""The signs of reductions in LaTeX; others are written by name."""


class Reduce(sp.Expr):
    """A reduction of a scalar body over index variables; write it through `Sum`, `Max`, `LogSumExp`.

    An axis is an index, or a pair ``(index, size)`` where the size cannot be read off an access.
    """

    op: ClassVar[Op]
    is_commutative: ClassVar[bool] = True

    def __new__(cls, body: Any, *axes: Any) -> Reduce:
        if not axes:
            raise ExpressionError(f"{cls.__name__} needs at least one index to run over")
        pairs = [axis if isinstance(axis, tuple | sp.Tuple) else (axis,) for axis in axes]
        for index, *size in pairs:
            if not isinstance(index, Index) or len(size) > 1:
                raise ExpressionError(
                    f"{cls.__name__} runs over {index!r}, which is no index",
                    cure="make indices with sd.indices('i j k')",
                )
        node: Reduce = super().__new__(cls, as_expression(body), *(sp.Tuple(*pair) for pair in pairs))
        return node

    @property
    def axes(self) -> dict[Index, Extent | None]:
        """The bound indices, each with its size where one was given."""
        return {pair[0]: as_extent(pair[1]) if len(pair) > 1 else None for pair in self.args[1:]}

    def _eval_is_extended_real(self) -> bool:
        return True

    def _eval_is_real(self) -> bool:
        return True

    def _sympystr(self, printer: Any) -> str:
        axes = ", ".join(map(str, self.axes))
        return f"{self.op}_{{{axes}}}({printer.doprint(self.args[0])})"

    def _latex(self, printer: Any) -> str:
        sign = _SIGNS.get(self.op, rf"\operatorname{{{self.op}}}")
        axes, body = ", ".join(map(printer._print, self.axes)), printer._print(self.args[0])
        open_ended = isinstance(self.args[0], sp.Add) or self.op not in _SIGNS
        whole = rf"{sign}_{{{axes}}} " + (rf"\left({body}\right)" if open_ended else body)
        alone = printer._print_level == 1  # a power or a product would be read as part of the body
        return whole if alone or self.op not in _SIGNS else rf"\left({whole}\right)"

    def _pretty(self, printer: Any) -> prettyForm:
        return prettyForm(sp.sstr(self))


class Sum(Reduce):
    """``Sum(body, k)``: the sum over an index.

    >>> X, (i, k) = sd.tensor("X", (2, 3)), sd.indices("i k")
    >>> print(sd.define("s", (i,), sd.Sum(X[i, k]**2, k)).equation)
    s[i] = sum_{k} X[i, k]**2
    """

    op = "sum"


class Prod(Reduce):
    """``Prod(body, k)``: the product over an index.

    >>> X, (i, k) = sd.tensor("X", (2, 3)), sd.indices("i k")
    >>> print(sd.define("p", (i,), sd.Prod(X[i, k], k)).equation)
    p[i] = prod_{k} X[i, k]
    """

    op = "prod"


class Max(Reduce):
    """``Max(body, k)``: the largest value over an index; the first one counts in a tie.

    >>> X, (i, k) = sd.tensor("X", (2, 3)), sd.indices("i k")
    >>> print(sd.define("m", (i,), sd.Max(X[i, k], k)).equation)
    m[i] = max_{k} X[i, k]
    """

    op = "max"


class LogSumExp(Reduce):
    """``LogSumExp(body, k)``: the logarithm of the sum of exponentials, computed without overflow.

    >>> X, (i, k) = sd.tensor("X", (2, 3)), sd.indices("i k")
    >>> print(sd.define("l", (i,), sd.LogSumExp(X[i, k], k)).equation)
    l[i] = logsumexp_{k} X[i, k]
    """

    op = "logsumexp"


class ArgMax(Reduce):
    """``ArgMax(body, k)``: where the largest value is, the first such position; an integer.

    >>> X, (i, k) = sd.tensor("X", (2, 3)), sd.indices("i k")
    >>> print(sd.define("a", (i,), sd.ArgMax(X[i, k], k)).equation)
    a[i] = argmax_{k} X[i, k]
    """

    op = "argmax"


_IDENTITIES: Mapping[Op | None, sp.Expr] = {
    None: sp.Integer(0),
    "sum": sp.Integer(0),
    "prod": sp.Integer(1),
    "max": -sp.oo,
    "logsumexp": -sp.oo,
    "argmax": -sp.oo,
}


def identity_of(op: Op | None, dtype: DType = "real") -> sp.Expr:
    """Return what an element outside the guards contributes, such as 0 to a sum."""
    found = _IDENTITIES.get(op, sp.Integer(0))
    return found if dtype == "real" or found.is_finite else sp.Integer(-(2**63))


def define(
    name: str | None,
    where: Sequence[Index],
    expr: Any,
    *,
    shape: Sequence[Extent] | None = None,
    dtype: DType = "real",
    role: Role = "intermediate",
    origin: Origin | None = None,
    guards: Sequence[Guard] = (),
) -> Tensor:
    """Define a tensor by an equation: ``define("Z", (i, j), Sum(X[i, k]*W[k, j], k) + b[j])``.

    Args:
        name: the tensor's name, or None for a helper that may be merged into its user.
        where: the index variables of the left-hand side, one an axis.
        expr: the right-hand side; may hold `Sum`, `Prod`, `Max`, `LogSumExp`, `ArgMax` anywhere. A
            comparison such as ``X[i, j] > 0`` is 1 where it holds and 0 elsewhere.
        shape: the sizes, needed only for an index that no access shows the range of.
        guards: conditions outside which an element is not evaluated and contributes nothing: 0, or the
            identity of the outermost reduction.

    Returns:
        The tensor, of shape ``shape`` or of the sizes that the accesses imply.

    Raises:
        ExpressionError: an unknown symbol, a name both free and summed.
        ShapeError: sizes that contradict each other, an access out of range.

    Example:
        >>> X, W = sd.tensor("X", (sd.Dim("n"), 3)), sd.parameter("W", (3, 2))
        >>> i, j, k = sd.indices("i j k")
        >>> Z = sd.define("Z", (i, j), sd.Sum(X[i, k]*W[k, j], k))
        >>> print(Z.equation)
        Z[i, j] = sum_{k} X[i, k]*W[k, j]
    """
    where = tuple(where)
    if isinstance(expr, sp.logic.boolalg.Boolean) and not isinstance(expr, sp.Expr):
        expr = sp.Piecewise((1, expr), (0, True))
    body = representable(real_quotients(known(entered(as_expression(expr)))), dtype)
    if shape is not None and len(shape) != len(where):
        raise ShapeError(f"{len(where)} indices do not fit the shape {tuple(shape)}")
    extents = dict(zip(where, map(as_extent, shape), strict=True)) if shape is not None else {}
    extents = _infer(body, extents)
    missing = [index for index in where if index not in extents]
    if missing:
        raise ShapeError(
            f"the size of index {missing[0]} cannot be read off {brief(body)}",
            cure="pass shape=(...) to define",
        )
    kind: DType = "int64" if isinstance(body, ArgMax) else dtype
    tensor = Tensor(name, [extents[i] for i in where], dtype=kind, role=role)
    reduction, found = None, list[Guard]()
    if isinstance(body, Reduce):
        reduction = Reduction(body.op, _axes(body, extents))
        body = body.args[0]
    body = _split(body, (*where, *(reduction.bound if reduction else ())), extents, dtype)
    identity = identity_of(reduction.op if reduction else None, "int64" if is_whole(body) else "real")
    body, found = index_guards(settled(body), extents, identity)
    equation = Equation(tensor, where, body, reduction, (*guards, *found), origin or Origin("definition"))
    try:
        return tensor.attach(check(equation))
    except ShapeError:
        apart = _cases_apart(equation)
        if apart is None:
            raise
        return tensor.attach(check(apart))


def _cases_apart(equation: Equation) -> Equation | None:
    """Return an equation whose cases are tensors of their own, read where their conditions on indices hold.

    So a case may read what is outside of its tensor where another one is chosen.
    """
    body, extents = equation.body, equation.extents
    if not isinstance(body, sp.Piecewise) or _on_values(body):
        return None
    pieces, before = [], list[sp.Basic]()
    for value, condition in body.args:
        holds = sp.And(condition, *map(sp.Not, before))
        before.append(condition)
        if not any_of(value, Access):
            pieces.append((value, condition))
            continue
        free = tuple(i for i in extents if value.has(i) or holds.has(i))
        case = sp.Piecewise((value, holds), (0, True))
        inner = define(None, free, case, shape=[extents[i] for i in free], dtype=equation.lhs.dtype)
        pieces.append((inner.at(*free), condition))
    return replace(equation, body=sp.Piecewise(*pieces))


def _on_values(body: sp.Piecewise) -> set[sp.Basic]:
    """Return the conditions that are not only on positions and sizes."""
    relations = {r for _, condition in body.args for r in kinds_of(condition, Relational)}
    return {r for r in relations if any(not isinstance(s, Index | Dim) for s in symbols_of(r))}


def _axes(node: Reduce, extents: Mapping[Index, Extent]) -> tuple[tuple[Index, Extent], ...]:
    for index in node.axes:
        if index not in extents:
            raise ShapeError(
                f"the range of the summed index {index} cannot be read off {brief(node.args[0])}",
                cure=f"write {type(node).__name__}(body, ({index}, size))",
            )
    return tuple((index, extents[index]) for index in node.axes)


def _infer(expr: sp.Expr, given: dict[Index, Extent]) -> dict[Index, Extent]:
    """Collect the sizes of index variables from the axes that they run over alone; a stated size counts."""
    stated = dict(given)
    for node in kinds_of(expr, Reduce):
        stated.update((index, size) for index, size in node.axes.items() if size is not None)
    extents = dict(stated)
    for access in accesses_in(expr):
        for index, size in zip(access.indices, access.tensor.shape, strict=True):
            if not isinstance(index, Index):
                continue
            if extents.setdefault(index, size) != size and index not in stated:
                raise ShapeError(
                    f"index {index} runs over {extents[index]} and over {size}",
                    expression=expr,
                    shapes={str(a.tensor.name): a.tensor.shape for a in accesses_in(expr)},
                    cure="the axes that one index runs over must have one size",
                )
    return extents


def _split(body: sp.Expr, scope: tuple[Index, ...], extents: Mapping[Index, Extent], dtype: DType) -> sp.Expr:
    """Replace reductions inside `body`, and what is large, by new tensors, of integers inside integers."""
    outermost = nodes(body, enter=lambda node: not isinstance(node, Reduce))
    replaced: dict[sp.Basic, sp.Expr] = {}
    for node in outermost:  # inner ones are split by their own definition
        if not isinstance(node, Reduce):
            continue
        used = {s for a in accesses_in(node) for s in a.free_symbols} | symbols_of(node.args[0])
        clash = [index for index in node.axes if index in scope]
        if clash:
            raise ExpressionError(
                f"{clash[0]} is summed inside an expression that already uses it", expression=body
            )
        free = tuple(index for index in scope if index in used)
        inside = mapped(node.args[0], lambda n: sp.Integer(1) if isinstance(n, Reduce) else n)
        kind: DType = dtype if is_whole(inside) else "real"
        inner = define(None, free, node, shape=[extents[i] for i in free], dtype=kind)
        replaced[node] = Access(inner, *free)
    return _cut(rebuilt(body, replaced), scope, extents, dtype)


def _cut(body: sp.Expr, scope: tuple[Index, ...], extents: Mapping[Index, Extent], dtype: DType) -> sp.Expr:
    """Return a large body over tensors that hold its pieces, so that every equation is of a bounded size.

    A body stays whole if a piece could not be computed everywhere, as one that reads outside of a tensor
    where a condition on indices does not hold.
    """

    def held(piece: sp.Expr) -> sp.Expr:
        used = {s for a in accesses_in(piece) for s in a.free_symbols} | symbols_of(piece)
        free = tuple(index for index in scope if index in used)
        kind: DType = dtype if is_whole(piece) else "real"
        return define(None, free, piece, shape=[extents[i] for i in free], dtype=kind).at(*free)

    if not is_large(body):
        return body
    try:
        return pieces(body, held).rest
    except ShapeError:
        return body
