"""NumPy-style operations on tensors, each one equation.

Enters: tensors, numbers and rank-0 expressions. Leaves: a new tensor defined by an elementwise equation, a
contraction or a reduction. Shapes broadcast as in NumPy: aligned at the right, an axis of size 1 (the
integer 1, never a symbolic size) stretches.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, Index, at_most, is_whole
from symdl.express.doors import as_data, is_finite, known, operand, takes_tensors
from symdl.express.equations import Origin
from symdl.express.naming import checked_name
from symdl.express.surface import ArgMax, LogSumExp, Max, Prod, Reduce, Sum, define, identity_of
from symdl.express.tensors import Access, DType, Tensor
from symdl.express.wholes import is_integer

_BINARY: dict[str, Callable[[Any, Any], sp.Expr]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
}
_AXIS_NAMES = "ijklmpqrstuvw"


def axis_indices(count: int, *, skip: Sequence[Index] = ()) -> tuple[Index, ...]:
    """Return `count` index variables with customary names, none of them in `skip`."""
    names = [*_AXIS_NAMES, *(f"i{number}" for number in range(1, count + 1))]
    return tuple(i for i in map(Index, names) if i not in skip)[:count]


def elementwise(
    function: Callable[..., Any],
    *operands: Any,
    name: str | None = None,
    rule: str = "elementwise",
    dtype: DType = "real",
) -> Tensor:
    """Apply a scalar function to tensors: ``elementwise(lambda z: 1/(1 + sp.exp(-z)), Z)``.

    Args:
        function: maps SymPy scalars, one an operand, to a SymPy scalar.
        operands: tensors, which broadcast, numbers, and comparisons, which are 1 where they hold and else 0.

    Returns:
        A tensor of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.
        ExpressionError: the function needs values, as Python's ``if`` and the functions of `math` do.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> print(sd.formula(sd.grad(sd.elementwise(lambda z: sp.exp(-z**2), x).sum(), x)))
        -2·x ⊙ exp(-x∘²)
    """
    checked_name(rule, "rule")
    operands = tuple(map(operand, operands))
    tensors = [x for x in operands if isinstance(x, Tensor)]
    shape = broadcast_shapes(*(t.shape for t in tensors))
    where = axis_indices(len(shape))
    body = _formula(function, [read(x, where) if isinstance(x, Tensor) else x for x in operands])
    found = {a.tensor for a in body.atoms(Access)} if isinstance(body, sp.Basic) else set()
    unread = [t for t in tensors if t not in found]
    if unread and not all(isinstance(x, Tensor) or is_finite(x) for x in operands):
        return elementwise(function, *map(as_data, operands), name=name, rule=rule, dtype=dtype)
    result = define(name, where, body, shape=shape, dtype=dtype, origin=Origin(rule))
    return result.derived(*unread)  # as x of 0*x


def _formula(function: Callable[..., Any], values: Sequence[sp.Expr]) -> Any:
    try:
        return function(*values)
    except TypeError as error:
        cures = {
            "truth value": "write cases as sp.Piecewise((a, z < 0), (b, True)), or choose with sd.where",
            "to float": "use SymPy's functions, such as sp.exp, not those of math",
            "ufunc": "use SymPy's functions, such as sp.exp, not NumPy's",
        }
        cure = next((cure for part, cure in cures.items() if part in str(error)), None)
        if cure is None:
            raise
        raise ExpressionError(
            f"the formula needs a value that is not known yet: {error}", cure=cure
        ) from None


def read(tensor: Tensor, where: Sequence[Index]) -> Access:
    """Return the element of `tensor` that broadcasting puts at `where`, indices aligned at the right."""
    aligned = where[len(where) - tensor.rank :]
    return tensor.at(*(0 if size == 1 else i for i, size in zip(aligned, tensor.shape, strict=True)))


def number(value: Any, what: str = "an operand") -> sp.Expr:
    """Return a number, a rational, a rank-0 tensor or expression as a SymPy scalar.

    Raises:
        ExpressionError: `value` is none of them; it names `what`.
    """
    found = operand(value, what)
    if not isinstance(found, Tensor):
        return found
    if found.rank:
        raise ExpressionError(
            f"{what} has axes, where one number is needed",
            shapes={str(found.name or what): found.shape},
            cure="pass a number or a tensor of rank 0",
        )
    return found.at()


def broadcast_shapes(*shapes: tuple[Extent, ...]) -> tuple[Extent, ...]:
    """Return the broadcast shape.

    Raises:
        ShapeError: two sizes differ and neither is 1; or a size would pair with itself because one operand
            has fewer axes: ``(n, 1)`` with ``(n,)`` is no ``(n, n)``.
    """
    rank = max(map(len, shapes), default=0)
    result: list[Extent] = []
    for axis in range(rank):
        sizes = [s[axis - rank + len(s)] for s in shapes if axis - rank + len(s) >= 0]
        wide = list(dict.fromkeys(size for size in sizes if size != 1))
        if len(wide) > 1:
            raise ShapeError(
                f"sizes {wide[0]} and {wide[1]} do not broadcast",
                shapes={f"operand {n + 1}": s for n, s in enumerate(shapes)},
                cure="sizes must be equal or 1; insert an axis of size 1 with X[:, None]",
            )
        result.append(wide[0] if wide else 1)
    if len(set(map(len, shapes))) > 1:
        _refuse_pairs(shapes, result)
    return tuple(result)


def _refuse_pairs(shapes: Sequence[tuple[Extent, ...]], result: Sequence[Extent]) -> None:
    """Refuse all pairs of samples where nobody wrote that there should be pairs.

    A symbolic size stands at two axes of the result but of no operand, and where an operand has the one axis,
    the operand with the other one has none: nobody wrote it.
    """
    aligned = [(None,) * (len(result) - len(s)) + s for s in shapes]
    for first, second in itertools.combinations(range(len(result)), 2):
        size = result[first]
        if isinstance(size, int) or result[second] != size:
            continue
        if any(s[first] == s[second] == size for s in aligned):
            continue
        if any(s[second] == size and s[first] is None for s in aligned):
            raise ShapeError(
                f"every element along {size} would be combined with every other one: the result would have"
                f" the shape ({', '.join(map(str, result))})",
                shapes={f"operand {n + 1}": s for n, s in enumerate(shapes)},
                cure=f"drop the axis of size 1, as in x[:, 0], or give all operands {len(result)} axes, as by"
                " y[:, None]; for all pairs write both axes: x[:, None] - y[None, :]",
            )


def scalar(tensor: Tensor) -> sp.Expr:
    """Return a rank-0 tensor as an access."""
    if tensor.rank:
        raise ExpressionError(
            f"{tensor} is no scalar",
            cure="read an element with index variables, X[i, j]; for a whole tensor there are sd.exp and its"
            " like, and sd.elementwise",
        )
    return tensor.at()


def binary(name: str, left: Any, right: Any) -> Tensor:
    """Combine two operands of which one is a tensor; a rank-0 tensor with an expression gives one.

    Raises:
        ExpressionError: the number 0 divides.
    """
    left, right = operands(left, right)
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Tensor) and isinstance(other, sp.Expr) and other.atoms(Access, Reduce):
            return _BINARY[name](*(scalar(x) if x is one else x for x in (left, right)))  # type: ignore[no-any-return]
    if name == "div" and not isinstance(right, Tensor) and right.is_zero:
        raise ExpressionError("nothing can be divided by 0", cure="use another divisor")
    whole = name in ("add", "sub", "mul") or (name == "pow" and isinstance(right, sp.Integer) and right >= 0)
    return elementwise(_BINARY[name], left, right, rule=name, dtype=joint(left, right) if whole else "real")


def joint(*sides: Any) -> DType:
    """Return int64 for operands that are int64 tensors, integers and sizes, one a tensor, else real.

    What keeps integers whole, as sums, products and choices do, has such a result: ``ids + 1`` is a position.
    """
    whole = [s.dtype == "int64" if isinstance(s, Tensor) else is_integer(s) for s in sides]
    return "int64" if all(whole) and any(isinstance(s, Tensor) for s in sides) else "real"


def operands(*values: Any) -> list[Any]:
    """Return tensors and scalars; comparisons are integers where all else is, and reals elsewhere."""
    found: list[Any] = [value if hasattr(value, "as_counts") else operand(value) for value in values]
    whole = joint(*(value for value in found if not hasattr(value, "as_counts"))) == "int64"
    return [
        value if not hasattr(value, "as_counts") else value.as_counts() if whole else value.as_tensor()
        for value in found
    ]


def as_real(tensor: Tensor) -> Tensor:
    """Return a tensor of reals with the values of `tensor`."""
    return tensor if tensor.dtype == "real" else elementwise(lambda v: v, tensor, rule="real")


@takes_tensors
def absolute(tensor: Tensor) -> Tensor:
    """The absolute value, with slope 0 at 0."""
    return elementwise(sp.Abs, tensor, rule="abs", dtype=tensor.dtype)


def maximum(left: Any, right: Any) -> Tensor:
    """The larger of two values, elementwise; against a number, slope 0 where they tie."""
    left, right = map(known, operands(left, right))
    return elementwise(sp.Max, left, right, rule="maximum", dtype=joint(left, right))


def minimum(left: Any, right: Any) -> Tensor:
    """The smaller of two values, elementwise; against a number, slope 0 where they tie."""
    left, right = map(known, operands(left, right))
    return elementwise(sp.Min, left, right, rule="minimum", dtype=joint(left, right))


def apply(function: Callable[..., sp.Expr], value: Any, *, whole: bool = False) -> Any:
    """Apply a SymPy function to what stands for a tensor, elementwise, or to a number or an expression.

    A `whole` one has integers for integers.

    Raises:
        ExpressionError: `value` cannot stand for either; text is never evaluated.
    """
    rule = _rule(function)
    found = operand(value, rule)
    if not isinstance(found, Tensor):
        return function(found)
    return elementwise(function, found, rule=rule, dtype=found.dtype if whole else "real")


def _rule(function: Callable[..., Any]) -> str:
    name = str(getattr(function, "__name__", ""))
    return name if name.isidentifier() else "elementwise"


@takes_tensors
def matmul(left: Tensor, right: Tensor, *, name: str | None = None) -> Tensor:
    """The matrix product over the last axis of `left` and the last but one of `right`.

    Rank-1 operands and leading (batch) axes follow ``numpy.matmul``; batch axes broadcast.

    Raises:
        ShapeError: the inner sizes differ, or an operand has rank 0.
    """
    inner = left.shape[-1:], right.shape[-2:][:1]
    if not left.rank or not right.rank or inner[0] != inner[1]:
        raise ShapeError(
            f"the matrix product of {left} and {right} does not fit",
            shapes={"left": left.shape, "right": right.shape},
            cure="the last size of the left operand must equal the last but one of the right",
        )
    batch = broadcast_shapes(left.shape[:-2], right.shape[:-2])
    outer = (*left.shape[-2:-1], *right.shape[-1:][: right.rank - 1])
    where = axis_indices(len(batch) + len(outer))
    (k,) = axis_indices(1, skip=where)
    *_, row, column = (Index("_"), Index("_"), *where)
    rows, columns = (left.rank > 1), (right.rank > 1)
    if rows and not columns:
        row = column
    names = where[: len(batch)]
    a = _batched(left, names, [row, k] if rows else [k])
    b = _batched(right, names, [k, column] if columns else [k])
    shape = (*batch, *outer)
    body, dtype = Sum(a * b, (k, inner[0][0])), joint(left, right)
    return define(name, where, body, shape=shape, dtype=dtype, origin=Origin("matmul"))


def _batched(tensor: Tensor, names: Sequence[Index], last: Sequence[Index]) -> Access:
    count = tensor.rank - len(last)
    own = names[len(names) - count :] if count else ()
    sizes = tensor.shape[:count]
    return tensor.at(*(0 if s == 1 else i for i, s in zip(own, sizes, strict=True)), *last)


def normal_axes(axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Return the axes as sorted nonnegative numbers.

    Raises:
        ShapeError: an axis does not exist or is named twice.
    """
    chosen = range(rank) if axis is None else tuple(axis) if isinstance(axis, Iterable) else (axis,)
    if not all(map(is_whole, chosen)):
        raise ShapeError(f"axis {axis!r} is no integer")
    axes = tuple(sorted(a + rank if a < 0 else a for a in chosen))
    if any(not 0 <= a < rank for a in axes) or len(set(axes)) < len(axes):
        raise ShapeError(f"axis {axis} does not fit a tensor with {rank} axes")
    return axes


def one_axis(axis: int, rank: int) -> int:
    """Return an axis as a nonnegative number; ShapeError if there is none such, or it is not one."""
    if not is_whole(axis):
        raise ShapeError(f"axis {axis!r} is not one integer")
    return normal_axes(axis, rank)[0]


def reduce(
    op: str,
    tensor: Tensor,
    axis: int | Sequence[int] | None = None,
    *,
    keepdims: bool = False,
    condition: Callable[[Sequence[Index]], sp.Basic] | None = None,
    name: str | None = None,
) -> Tensor:
    """Reduce by ``sum``, ``prod``, ``mean``, ``max``, ``min``, ``logsumexp``, ``argmax`` or ``argmin``.

    Args:
        op: one of these.
        tensor: what is reduced.
        axis: one axis or several, all by default. A position is counted over all of them, row-major.
        keepdims: keep the reduced axes with size 1.
        condition: maps the index variables to a condition outside which an element does not count.
        name: of the result.

    Of no elements the sum is 0, the product 1, the maximum and `logsumexp` minus infinity, the minimum
    infinity, the mean NaN. Sums, products and extremes of int64 are int64; of no elements the extremes then
    are the smallest and the largest one.

    Raises:
        ExpressionError: another `op`.
        ShapeError: an axis that is not there, or no element whose position could be the result.
    """
    if op not in _REDUCTIONS:
        known = ", ".join(_REDUCTIONS)
        raise ExpressionError(f"{op!r} is no reduction of {tensor}", cure=f"use one of {known}")
    axes = normal_axes(axis, tensor.rank)
    names, sizes = axis_indices(tensor.rank), tensor.shape
    body: sp.Expr = tensor.at(*names)
    size = sp.Mul(*(sizes[a] for a in axes))
    if op == "mean" and not all(at_most(1, sizes[a]) for a in axes):  # 0, or n - 1, which is 0 of one sample
        total = reduce("sum", tensor, axes, keepdims=keepdims, condition=condition)
        count = size if size != 0 else counted(tensor, axes, keepdims)
        return elementwise(lambda s, c: s / c, total, count, name=name, rule="mean")
    body = body / size if op == "mean" else body
    if op in ("argmax", "argmin") and any(sizes[a] == 0 for a in axes):
        what = f"no element of {tensor} has a position that {op} could find"
        raise ShapeError(what, shapes={op: sizes})
    node = _REDUCTIONS[op]
    dtype: DType = tensor.dtype if op in ("sum", "prod", "max", "min") else "real"
    end = -1 if tensor.dtype == "int64" else 0  # -1 - x goes down from the largest int64 to the smallest
    if op in ("min", "argmin"):
        body = end - body
    if condition is not None:
        identity = identity_of(node.op, "real" if op == "logsumexp" else tensor.dtype)
        body = sp.Piecewise((body, condition(names)), (identity, True))
    if axes:
        body = node(body, *((names[a], sizes[a]) for a in axes))
    elif node is ArgMax:
        body = sp.Integer(0)  # the only position there is
    body = end - body if op == "min" else body
    kept = [a for a in range(tensor.rank) if keepdims or a not in axes]
    spare = axis_indices(len(axes), skip=names) if keepdims else ()
    shape = [1 if a in axes else sizes[a] for a in kept]
    where = [spare[axes.index(a)] if a in axes else names[a] for a in kept]
    return define(name, where, body, shape=shape, dtype=dtype, origin=Origin(op))


def counted(
    tensor: Tensor,
    axis: int | Sequence[int] | None,
    keepdims: bool,
    condition: Callable[[Sequence[Index]], sp.Basic] | None = None,
) -> Tensor:
    """Return how many elements a reduction runs over, as a tensor."""
    ones = define(None, axis_indices(tensor.rank), sp.Integer(1), shape=tensor.shape, origin=Origin("ones"))
    return reduce("sum", ones, axis, keepdims=keepdims, condition=condition)


_REDUCTIONS: dict[str, type[Reduce]] = {
    "sum": Sum,
    "prod": Prod,
    "mean": Sum,
    "max": Max,
    "min": Max,
    "logsumexp": LogSumExp,
    "argmax": ArgMax,
    "argmin": ArgMax,
}
