"""Derivatives with three or four axes as one matrix: of ``vec(Y)`` with respect to ``vec(X)``.

Enters: a derivative as an equation, ``J[p,q,k,l] = ∂Y[p,q]/∂X[k,l]``. Leaves: a matrix of Kronecker products,
in numerator layout; `vec` stacks the columns. With ``A[p,k] B[q,l]`` it is ``B ⊗ A``, with ``A[p,l] B[q,k]``
``(B ⊗ A) K``, with ``G[p,q] H[k,l]`` ``vec(G) vec(H)'``; a sum over samples stays in front.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdl.differentiate.indexforms import fresh_index
from symdl.explain.matrix.algebra import (
    NoMatrixForm,
    Part,
    elementwise,
    joined,
    multiply,
    oriented,
    transposed,
)
from symdl.explain.matrix.closed_algebra import tidy
from symdl.explain.matrix.closed_form import ClosedReader
from symdl.explain.matrix.deltas import deltas_apart, with_deltas
from symdl.explain.notation.notation import Notation
from symdl.explain.notation.tree import (
    Big,
    Call,
    Commutation,
    Diagonal,
    Kronecker,
    Label,
    Negative,
    Node,
    Ones,
    Row,
    Symbol,
    Terms,
    Transpose,
    number,
    product,
    walk,
)
from symdl.express.dims import Extent, Index
from symdl.express.equations import Equation
from symdl.express.tensors import Access, Tensor, substitute

_MOST_TERMS = 8
_LARGEST = 80  # nodes


def kronecker_form(
    tensor: Tensor,
    rank: int,
    *,
    notation: Notation,
    definitions: Mapping[Tensor, Equation],
    keep: Collection[Tensor] = (),
) -> Node | None:
    """Return a derivative as the matrix of `vec`, or None if it is none of Kronecker products.

    Args:
        tensor: the derivative, of three or four axes.
        rank: how many of its axes are those of what is differentiated, one or two.
        notation: labels.
        definitions: the equations of everything that is written out.
        keep: unnamed tensors that are not written out.
    """
    if tensor.rank not in (3, 4) or rank not in (1, 2) or tensor.rank - rank not in (1, 2):
        return None
    named = {t for t in definitions if (t.name is not None or t in keep) and t is not tensor}
    try:
        reader = ClosedReader.of(definitions, named, notation, None)
        own = reader.inline[tensor]
        reader.extents.update(own.extents)
        node = _added(_forms(reader, own, rank))
    except NoMatrixForm:
        return None
    return node if sum(1 for _ in walk(node)) <= _LARGEST else None


@dataclass(frozen=True, slots=True)
class _Term:
    """A product of factors, summed over `bound`."""

    factors: tuple[sp.Expr, ...]
    bound: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class _Form:
    """``front * sum over samples of diag(vec F) (left ⊗ right) K diag(vec H)``, or of ``vec(F) vec(H)'``."""

    front: Node
    samples: tuple[tuple[Symbol, Extent], ...]
    above: Node | None
    below: Node | None
    left: Node | None
    right: Node | None
    turned: Commutation | None


def _forms(reader: ClosedReader, equation: Equation, rank: int) -> list[_Form]:
    """Read an equation with its brackets; if that cannot be, multiplied out."""
    equation = with_deltas(equation)
    if equation.guards or (equation.reduction is not None and equation.reduction.op != "sum"):
        raise NoMatrixForm
    for body in (deltas_apart(equation.body), sp.expand_mul(equation.body)):
        with contextlib.suppress(NoMatrixForm):
            terms = _terms(reader, body, equation.bound)
            return _together([_form(reader, term, equation.indices, rank) for term in terms])
    raise NoMatrixForm


def _terms(reader: ClosedReader, body: sp.Expr, bound: tuple[Index, ...]) -> list[_Term]:
    """Write the right-hand side as a sum of products; what has too many axes for a matrix is written out."""
    found: list[_Term] = []
    for addend in sp.Add.make_args(body):
        found += _written_out(reader, _Term(_factors(addend), bound))
        if len(found) > _MOST_TERMS:
            raise NoMatrixForm
    return found


def _factors(expr: sp.Expr) -> tuple[sp.Expr, ...]:
    every: list[sp.Expr] = []
    for factor in sp.Mul.make_args(expr):
        square = isinstance(factor, sp.Pow) and factor.exp == 2 and factor.base.has(Access)
        every += [factor.base] * 2 if square else [factor]
    return tuple(f for factor in every for f in _deltas_apart(factor))


def _deltas_apart(factor: sp.Expr) -> tuple[sp.Expr, ...]:
    """Write a δ of several pairs of indices as a product of δ."""
    if not isinstance(factor, sp.Piecewise) or len(factor.args) != 2 or factor.args[1] != (0, True):
        return (factor,)
    value, condition = factor.args[0]
    pairs = condition.args if isinstance(condition, sp.And) else (condition,)
    if value != 1 or not all(isinstance(pair, sp.Eq) for pair in pairs):
        return (factor,)
    return tuple(sp.Piecewise((1, pair), (0, True)) for pair in pairs)


def _written_out(reader: ClosedReader, term: _Term) -> list[_Term]:
    for place, factor in enumerate(term.factors):
        source = reader.inline.get(factor.tensor) if isinstance(factor, Access) else None
        wide = source is not None and source.lhs.rank > 2
        if source is None or not wide or not isinstance(factor, Access):
            continue
        fresh = source.rename({b: Index(f"{b}_{len(reader.extents)}") for b in source.bound})
        reader.extents.update(fresh.extents)
        values = dict(zip(fresh.indices, factor.indices, strict=True))
        fresh = with_deltas(fresh)
        body = substitute(fresh.body, dict(values))
        if fresh.guards or (fresh.reduction is not None and fresh.reduction.op != "sum"):
            raise NoMatrixForm
        rest = term.factors[:place] + term.factors[place + 1 :]
        return [
            one
            for addend in sp.Add.make_args(sp.expand_mul(body))
            for one in _written_out(reader, _Term((*rest, *_factors(addend)), (*term.bound, *fresh.bound)))
        ]
    return [term]


def _form(reader: ClosedReader, term: _Term, indices: Sequence[Index], rank: int) -> _Form:
    """Sort the factors of a product by the axes that they have."""
    parts = [reader.part(factor, (*indices, *term.bound)) for factor in term.factors]
    front = [p.node for p in parts if not p.axes]
    parts = elementwise([p for p in parts if p.axes])
    left_over: list[Index] = []
    for index in reversed(term.bound):
        try:
            parts = reader.eliminated(parts, index, indices)
        except NoMatrixForm:
            left_over.append(index)
    names = _usual(left_over, indices)
    samples = tuple((reader.notation.symbol(names[i]), reader.extents[i]) for i in reversed(left_over))
    parts = [_row(reader, part, names) for part in parts]
    front += [p.node for p in parts if not p.axes]
    parts = [p for p in parts if p.axes]
    rows, columns = tuple(indices[:rank]), tuple(indices[rank:])
    above = [p for p in parts if len(rows) == 2 and set(p.axes) == set(rows)]
    below = [p for p in parts if len(columns) == 2 and set(p.axes) == set(columns)]
    rest = [p for p in parts if p not in above and p not in below]
    scales = [_merged(reader, group, axes) for group, axes in ((above, rows), (below, columns))]
    lead = tidy(product(tuple(front)))
    if not rest and above and below:
        return _Form(lead, samples, scales[0], scales[1], None, None, None)
    for turned in (False, True):
        pairs = _pairs(rows, columns, turned=turned)
        if all(any(set(p.axes) <= set(pair) for pair in pairs) for p in rest):
            right, left = (
                _factor(reader, [p for p in rest if set(p.axes) <= set(pair)], pair, rows) for pair in pairs
            )
            both = len(rows) == len(columns) == 2
            k = _commutation(reader, columns) if turned and both else None
            return _Form(lead, samples, scales[0], scales[1], left, right, k)
    raise NoMatrixForm


def _commutation(reader: ClosedReader, columns: Sequence[Index]) -> Commutation:
    letters = reader.notation.letters
    label = letters.commutation() if letters is not None else Label("K")
    return Commutation(label, *(reader.extents[c] for c in columns))


def _pairs(rows: tuple[Index, ...], columns: tuple[Index, ...], *, turned: bool) -> list[tuple[Index, ...]]:
    """The axes of the right and of the left factor of a Kronecker product."""
    if len(rows) == 2 and len(columns) == 2:
        first, second = columns[::-1] if turned else columns
        return [(rows[0], first), (rows[1], second)]
    if len(rows) == 1:
        return [(columns[0],), (rows[0], columns[1])] if turned else [(rows[0], columns[0]), (columns[1],)]
    return [(rows[0],), (rows[1], columns[0])] if turned else [(rows[0], columns[0]), (rows[1],)]


def _usual(samples: Sequence[Index], indices: Sequence[Index]) -> dict[Index, Index]:
    """Letters for the samples that are summed over."""
    names: dict[Index, Index] = {}
    for index in samples:
        names[index] = fresh_index({*indices, *names.values()}, Index("i"))
    return names


def _row(reader: ClosedReader, part: Part, samples: Mapping[Index, Index]) -> Part:
    """Of an array of samples the row of one of them."""
    inside = [i for i in part.axes if i in samples]
    if not inside:
        return part
    if len(inside) != 1 or len(part.axes) != 2:
        raise NoMatrixForm
    (other,) = [i for i in part.axes if i not in inside]
    node = oriented(part, (inside[0], other)).node
    return Part(Row(node, reader.notation.symbol(samples[inside[0]])), (other,))


def _merged(reader: ClosedReader, parts: Sequence[Part], axes: tuple[Index, ...]) -> Node | None:
    if not parts:
        return None
    (whole,) = elementwise(parts)
    return tidy(oriented(whole, axes).node)


def _factor(
    reader: ClosedReader, parts: Sequence[Part], axes: tuple[Index, ...], rows: tuple[Index, ...]
) -> Node:
    """Return a factor over these axes; one that has only a column's axis is a row."""
    part = joined(elementwise(parts), axes) if parts else Part(number(1))
    node = tidy(reader.full(part, axes).node)
    return tidy(transposed(node)) if len(axes) == 1 and axes[0] not in rows else node


def _together(forms: Sequence[_Form]) -> list[_Form]:
    """Add forms that differ in one factor only."""
    found: list[_Form] = []
    for form in forms:
        for place, other in enumerate(found):
            left, right = (form.left, other.left), (form.right, other.right)
            same = replace(form, left=None, right=None, front=number(1)) == replace(
                other, left=None, right=None, front=number(1)
            )
            if not same or None in left or None in right or (left[0] != left[1]) == (right[0] != right[1]):
                continue
            front = form.front.arg if isinstance(form.front, Negative) else form.front
            shared = front if front in (other.front, Negative(other.front)) else number(1)
            in_left = left[0] != left[1]
            sides = [(o.front, o.left if in_left else o.right) for o in (other, form)]
            terms = tuple(_scaled(_without(front, shared), side) for front, side in sides if side is not None)
            both = tidy(Terms(terms))
            new = replace(other, left=both) if in_left else replace(other, right=both)
            found[place] = replace(new, front=shared)
            break
        else:
            found.append(form)
    return found


def _without(front: Node, shared: Node) -> Node:
    """What is left of a factor when another one has been taken out of it."""
    if isinstance(front, Negative):
        return Negative(_without(front.arg, shared))
    return number(1) if front == shared else front


def _scaled(front: Node, node: Node) -> Node:
    if isinstance(front, Negative):
        return Negative(_scaled(front.arg, node))
    return node if front == number(1) else product((front, node))


def _added(forms: Sequence[_Form]) -> Node:
    nodes = [_written(form) for form in forms]
    nodes.sort(key=lambda node: isinstance(node, Negative))
    return nodes[0] if len(nodes) == 1 else Terms(tuple(nodes))


def _written(form: _Form) -> Node:
    factors: list[Node] = []
    if form.left is None or form.right is None:
        assert form.above is not None and form.below is not None
        factors = [Call("vec", (form.above,)), Transpose(Call("vec", (form.below,)))]
    else:
        factors += [Diagonal(Call("vec", (form.above,)))] if form.above is not None else []
        whole = _product(form.left, form.right)
        if not _is_unit(whole) or not (factors or form.turned or form.below):
            factors.append(whole)
        factors += [form.turned] if form.turned is not None else []
        factors += [Diagonal(Call("vec", (form.below,)))] if form.below is not None else []
    node = factors[0] if len(factors) == 1 else multiply(*factors)
    front = form.front
    if form.samples:
        inner = node.arg if isinstance(node, Negative) else node
        whole_sum = Big("sum", form.samples, inner)
        node = Negative(whole_sum) if isinstance(node, Negative) else whole_sum
    if isinstance(node, Negative):
        front, node = (front.arg if isinstance(front, Negative) else Negative(front)), node.arg
    return _scaled(front, node) if not isinstance(front, Negative) else Negative(_scaled(front.arg, node))


def _product(left: Node, right: Node) -> Node:
    """Return a Kronecker product: signs in front, of two unit matrices one, of vectors the plain product."""
    if isinstance(left, Negative):
        return Negative(_product(left.arg, right))
    if isinstance(right, Negative):
        return Negative(_product(left, right.arg))
    if isinstance(left, Diagonal) and isinstance(right, Diagonal):
        if isinstance(left.arg, Ones) and isinstance(right.arg, Ones):
            return Diagonal(Ones(left.arg.size * right.arg.size))
    return Kronecker((left, right))


def _is_unit(node: Node) -> bool:
    return isinstance(node, Diagonal) and isinstance(node.arg, Ones)


__all__ = ["kronecker_form"]
