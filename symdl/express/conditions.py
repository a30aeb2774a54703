"""Comparisons of tensors.

Enters: tensors and numbers. Leaves: a `Condition`, a truth value for each element, to choose with (`where`)
or to restrict a reduction with. It is no Python truth value. As an operand it is 1 where it holds, else 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, overload

import sympy as sp
from sympy.core.relational import Relational

from symdl.brief import brief
from symdl.errors import ExpressionError
from symdl.express.comparisons import asked, negated
from symdl.express.dims import Extent, Index
from symdl.express.doors import as_mask, as_tensor, known
from symdl.express.operators import (
    axis_indices,
    broadcast_shapes,
    elementwise,
    joint,
    number,
    operands,
    read,
    scalar,
)
from symdl.express.options import Axes
from symdl.express.shaping import broadcast_to
from symdl.express.surface import Reduce
from symdl.express.tensors import Access, DType, Tensor

if TYPE_CHECKING:
    from symdl.express.methods import NumPyCalls  # gives its methods to `Condition` on loading
else:
    NumPyCalls = object

_RELATIONS: dict[str, type[Relational]] = {
    "less": sp.StrictLessThan,
    "less equal": sp.LessThan,
    "greater": sp.StrictGreaterThan,
    "greater equal": sp.GreaterThan,
    "equal": sp.Eq,
    "not equal": sp.Ne,
}


@dataclass(frozen=True, slots=True, eq=False)
class Condition(NumPyCalls):
    """A truth value for each element; combine with ``&``, ``|``, ``^`` and ``~``.

    In arithmetic and in `compile` it is a tensor of ones and zeros: ``(x > 0).mean()``, ``1 - (x > y)``. With
    brackets it stays a condition: ``mask[:, None]``.

    Attributes:
        formula: maps SymPy scalars, one an operand, to a SymPy condition.
        operands: tensors, which broadcast, and numbers.
    """

    formula: Callable[..., sp.Basic]
    operands: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"<condition {brief(self.at(axis_indices(len(self.shape))))}>"

    @property
    def shape(self) -> tuple[Extent, ...]:
        """The broadcast shape of the operands."""
        return broadcast_shapes(*(x.shape for x in self.operands if isinstance(x, Tensor)))

    def at(self, where: Sequence[Index]) -> sp.Basic:
        """Return the condition on the element that broadcasting puts at `where`."""
        return self.formula(*(read(x, where) if isinstance(x, Tensor) else number(x) for x in self.operands))

    def as_tensor(self) -> Tensor:
        """Return 1 where the condition holds and 0 elsewhere; its derivative is 0."""
        return self._flags("real")

    def as_counts(self) -> Tensor:
        """Return the same as int64: what is added up is a count."""
        return self._flags("int64")

    def _flags(self, dtype: DType) -> Tensor:
        formula = self.formula

        def flag(*values: sp.Expr) -> sp.Expr:
            return sp.Piecewise((1, formula(*values)), (0, True))

        return elementwise(flag, *self.operands, rule="condition", dtype=dtype)

    def sum(self, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
        """How many elements hold (int64), over `axis` (all axes by default)."""
        return self.as_counts().sum(axis, keepdims=keepdims)

    def mean(self, axis: Axes = None, *, keepdims: bool = False) -> Tensor:
        """The share of the elements that hold, over `axis` (all axes by default)."""
        return self.as_tensor().mean(axis, keepdims=keepdims)

    def __getitem__(self, key: Any) -> Any:
        """The condition on a part; with index variables SymPy's relation, as of elements."""
        whole = self.shape
        views = tuple(broadcast_to(x, whole)[key] if isinstance(x, Tensor) else x for x in self.operands)
        if any(isinstance(x, Access) for x in views):
            return self.formula(*(x if isinstance(x, Access) else number(x) for x in views))
        return Condition(self.formula, views)

    def _beside(self, other: Any) -> Tensor:
        """Return ones and zeros: integers beside an integer tensor, else reals."""
        found: Tensor = operands(self, other)[0]
        return found

    def __add__(self, other: Any) -> Tensor:
        return self._beside(other).__add__(other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Tensor:
        return self._beside(other).__sub__(other)

    def __rsub__(self, other: Any) -> Tensor:
        return self._beside(other).__rsub__(other)

    def __mul__(self, other: Any) -> Tensor:
        return self._beside(other).__mul__(other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Tensor:
        return self._beside(other).__truediv__(other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return self._beside(other).__rtruediv__(other)

    def __floordiv__(self, other: Any) -> Tensor:
        return self._beside(other).__floordiv__(other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return self._beside(other).__rfloordiv__(other)

    def __mod__(self, other: Any) -> Tensor:
        return self._beside(other).__mod__(other)

    def __rmod__(self, other: Any) -> Tensor:
        return self._beside(other).__rmod__(other)

    def __pow__(self, other: Any) -> Tensor:
        return self._beside(other).__pow__(other)

    def __rpow__(self, other: Any) -> Tensor:
        return self._beside(other).__rpow__(other)

    def __matmul__(self, other: Any) -> Tensor:
        return self._beside(other).__matmul__(other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return self._beside(other).__rmatmul__(other)

    def __neg__(self) -> Tensor:
        return -self.as_tensor()

    def __and__(self, other: Any) -> Condition:
        return self._joined(sp.And, other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Condition:
        return self._joined(sp.Or, other)

    __ror__ = __or__

    def __xor__(self, other: Any) -> Condition:
        return self._joined(lambda a, b: sp.Or(sp.And(a, negated(b)), sp.And(negated(a), b)), other)

    __rxor__ = __xor__

    def __invert__(self) -> Condition:
        formula = self.formula
        return Condition(lambda *values: negated(formula(*values)), self.operands)

    def _joined(self, how: Callable[..., sp.Basic], other: Any) -> Condition:
        second = as_condition(other)
        first, cut = self.formula, len(self.operands)
        joined = Condition(
            lambda *values: how(first(*values[:cut]), second.formula(*values[cut:])),
            (*self.operands, *second.operands),
        )
        _ = joined.shape  # refuse shapes that do not broadcast now, not at the first use
        return joined

    def __bool__(self) -> NoReturn:
        raise ExpressionError(
            "a comparison of tensors has no truth value before their values are known",
            shapes={"condition": self.shape},
            cure="choose elements with sd.where(condition, a, b), and join conditions with & | ^ ~",
        )


def compare(name: str, left: Any, right: Any) -> Condition:
    """Compare two operands of which one is a tensor; a rank-0 tensor with an expression gives a relation.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    relation = _RELATIONS[name]
    left, right = known(left), known(right)
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Tensor) and isinstance(other, sp.Expr) and other.atoms(Access, Reduce):
            return relation(*(scalar(x) if x is one else x for x in (left, right)))  # type: ignore[no-any-return]
    condition = Condition(lambda a, b: asked(relation, a, b), (left, right))
    _ = condition.shape  # refuse shapes that do not broadcast now, not at the first use
    return condition


def equal(left: Any, right: Any) -> Condition:
    """Where two tensors, or a tensor and a number, are equal. (``==`` asks whether they are one tensor.)

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.equal(x, 2), target="python")(x=[1, 2, 3])
    array([0., 1., 0.])
    """
    return compare("equal", left, right)


def not_equal(left: Any, right: Any) -> Condition:
    """Where two tensors, or a tensor and a number, differ.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.not_equal(x, 2), target="python")(x=[1, 2, 3])
    array([1., 0., 1.])
    """
    return compare("not equal", left, right)


def isnan(x: Any) -> Condition:
    """Where an element is not a number: NaN, with which no comparison holds.

    >>> x = sd.tensor("x", (3,))
    >>> sd.compile(sd.where(sd.isnan(x), 0, x), target="python")(x=[1, np.nan, 3])
    array([1., 0., 3.])
    """
    return compare("greater", missing(as_tensor(x)), 0)


def missing(x: Tensor) -> Tensor:
    """Return 1 for NaN, 0 for numbers."""

    def formula(value: sp.Expr) -> sp.Expr:
        return sp.Piecewise((0, sp.Or(value < 0, value > 0, sp.Eq(value, 0))), (1, True))

    return elementwise(formula, x, rule="not a number")


def as_condition(mask: Any) -> Condition:
    """Return a condition as it is, and an int64 tensor of zeros and ones as the condition that it is one.

    Raises:
        ExpressionError: `mask` is neither, or an array of other numbers.
    """
    mask = as_mask(mask)
    if isinstance(mask, Condition):
        return mask
    if isinstance(mask, sp.logic.boolalg.BooleanAtom):
        return Condition(lambda: sp.true if mask else sp.false, ())
    if isinstance(mask, Tensor) and mask.dtype == "int64":
        if mask.value is not None and not ((mask.value == 0) | (mask.value == 1)).all():
            raise ExpressionError(
                f"{mask!r} holds other numbers than 0 and 1", cure="pass truth values, such as array != 0"
            )
        return compare("equal", mask, 1)
    raise ExpressionError(
        f"{mask!r} is no condition", cure="pass a comparison such as X > 0, or an int64 tensor of 0 and 1"
    )


@overload
def where(condition: Condition | Tensor, a: Any, b: Any, *, name: str | None = None) -> Tensor: ...


@overload
def where(condition: Any, a: Any, b: Any, *, name: str | None = None) -> Any: ...


def where(condition: Any, a: Any, b: Any, *, name: str | None = None) -> Any:
    """``a`` where the condition holds and ``b`` elsewhere; what is not chosen is not evaluated.

    Args:
        condition: a comparison of tensors, an int64 tensor of zeros and ones, or a SymPy condition on
            elements and index variables, such as ``i <= j``.
        a: a tensor or a number; an expression with a SymPy condition.
        b: likewise.
        name: of the result.

    Returns:
        A tensor of the broadcast shape; with a SymPy condition an expression for `define`.

    Example:
        >>> x = sd.tensor("x", (3,))
        >>> sd.compile(sd.where(x > 0, x, 0), target="python")(x=[-1, 2, 3])
        array([0., 2., 3.])
    """
    if isinstance(condition, sp.logic.boolalg.Boolean):
        return sp.Piecewise((a, condition), (b, True))
    chosen = as_condition(condition)

    def formula(first: sp.Expr, second: sp.Expr, *values: sp.Expr) -> sp.Expr:
        return sp.Piecewise((first, chosen.formula(*values)), (second, True))

    a, b = map(known, operands(a, b))
    return elementwise(formula, a, b, *chosen.operands, name=name, rule="where", dtype=joint(a, b))
