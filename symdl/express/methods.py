"""Array syntax on tensors.

Enters: Python operators, brackets and NumPy-style method calls on a tensor. Leaves: the tensor that
modules of `symdl.express` define for them. Nothing is computed here.

The operations make tensors, and tensors have the operations as methods. So that no module imports itself over
others, this one stands above both, and gives `Tensor` and `Condition` their methods when `symdl.express` is
loaded. To a type checker the classes here are bases of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, overload

import sympy as sp

from symdl.express import functions, numpycalls, operators, shaping, statistics, views
from symdl.express.conditions import Condition, compare
from symdl.express.dims import Extent, Index
from symdl.express.doors import is_complex
from symdl.express.options import Axes, Mask, Ties
from symdl.express.tensors import Access, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

Entry: TypeAlias = "int | slice | EllipsisType | Tensor | Sequence[int] | NDArray[Any] | None"
"""What stands in brackets when they take a view or gather."""


class NumPyCalls:
    """NumPy's functions leave their tensors to symdl: ``np.exp(x)``, ``array * x``, ``np.sum(x, axis=1)``."""

    __slots__ = ()
    __pandas_priority__ = 5000  # tables then leave ``table * x`` to the tensor, as NumPy does

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return numpycalls.ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return numpycalls.function(function, args, options)

    if not TYPE_CHECKING:  # a checker then refuses ``float(x)`` and takes ``array @ x`` for a tensor

        def __array__(self, *_: Any, **__: Any) -> NoReturn:
            raise numpycalls.no_array(self)

        def __float__(self) -> float:
            raise numpycalls.no_array(self)

        __int__ = __float__
        __complex__ = __float__


def _binary(name: str, left: Any, right: Any) -> Tensor:
    """Combine a tensor with what stands at its right; complex tensors do that themselves."""
    found: Tensor = NotImplemented if is_complex(right) else operators.binary(name, left, right)
    return found


class Operators(NumPyCalls):
    """Python's operators and brackets on a tensor. Elementwise ones broadcast as NumPy does."""

    __slots__ = ()
    _op_priority = 20.0  # SymPy then leaves ``expression * tensor`` to the tensor

    @overload
    def __getitem__(self, key: Index | tuple[Index, *tuple[Any, ...]]) -> Access: ...

    @overload
    def __getitem__(self, key: Entry | tuple[Entry, ...]) -> Tensor: ...

    @overload
    def __getitem__(self, key: Any) -> Access | Tensor: ...

    def __getitem__(self: Any, key: Any) -> Access | Tensor:
        """``X[i, k]`` with index variables is one element; ``X[1:, ::2, None, 0]`` is a view."""
        return views.getitem(self, key)

    def __iter__(self: Any) -> Iterator[Tensor]:
        """The rows: views along the first axis, whose size must be an integer."""
        return iter(views.rows(self))

    def __len__(self: Any) -> int:
        """The first size, which must be an integer; `x.shape[0]` may be a symbol."""
        return views.length(self)

    def __bool__(self) -> bool:
        return True  # there is one, whatever its length: ``x or y`` chooses between tensors and None

    def _sympy_(self: Any) -> sp.Expr:
        """A rank-0 tensor stands for its value inside an expression."""
        return operators.scalar(self)

    def __add__(self, other: Any) -> Tensor:
        return _binary("add", self, other)

    def __radd__(self, other: Any) -> Tensor:
        return operators.binary("add", other, self)

    def __sub__(self, other: Any) -> Tensor:
        return _binary("sub", self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return operators.binary("sub", other, self)

    def __mul__(self, other: Any) -> Tensor:
        return _binary("mul", self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return operators.binary("mul", other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return _binary("div", self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return operators.binary("div", other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return functions.floor_divide(self, other)  # type: ignore[no-any-return]

    def __rfloordiv__(self, other: Any) -> Tensor:
        return functions.floor_divide(other, self)  # type: ignore[no-any-return]

    def __pow__(self, other: Any) -> Tensor:
        return _binary("pow", self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return operators.binary("pow", other, self)

    def __mod__(self, other: Any) -> Tensor:
        return functions.mod(self, other)  # type: ignore[no-any-return]

    def __rmod__(self, other: Any) -> Tensor:
        return functions.mod(other, self)  # type: ignore[no-any-return]

    def __neg__(self) -> Tensor:
        return operators.binary("mul", self, -1)

    def __pos__(self: Any) -> Tensor:
        tensor: Tensor = self
        return tensor

    def __abs__(self: Any) -> Tensor:
        return operators.absolute(self)

    def __matmul__(self: Any, other: Any) -> Tensor:
        found: Tensor = NotImplemented if is_complex(other) else operators.matmul(self, other)
        return found

    def __rmatmul__(self: Any, other: Any) -> Tensor:
        return operators.matmul(other, self)

    # ``==`` stays the identity of tensors, so that they can be keys; see `symdl.express.conditions.equal`.
    def __lt__(self, other: Any) -> Condition:
        return compare("less", self, other)

    def __le__(self, other: Any) -> Condition:
        return compare("less equal", self, other)

    def __gt__(self, other: Any) -> Condition:
        return compare("greater", self, other)

    def __ge__(self, other: Any) -> Condition:
        return compare("greater equal", self, other)


class ArrayMethods(Operators):
    """The methods of a tensor, with NumPy's names."""

    __slots__ = ()

    shape: tuple[Extent, ...]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def sum(self: Any, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
        """Sum over `axis` (all axes by default), of the elements where `where` holds."""
        return statistics.reduction("sum", self, axis, keepdims=keepdims, where=where)

    def mean(self: Any, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
        """Mean over `axis` (all axes by default), of the elements where `where` holds."""
        return statistics.reduction("mean", self, axis, keepdims=keepdims, where=where)

    def max(
        self: Any, axis: Axes = None, *, keepdims: bool = False, where: Mask = None, ties: Ties = "first"
    ) -> Tensor:
        """Maximum over `axis` (all axes by default).

        The first of equal values gets the gradient, or all get an equal share with ``ties="split"``.
        """
        return statistics.reduction("max", self, axis, keepdims=keepdims, where=where, ties=ties)

    def min(
        self: Any, axis: Axes = None, *, keepdims: bool = False, where: Mask = None, ties: Ties = "first"
    ) -> Tensor:
        """Minimum over `axis` (all axes by default); `ties` as for `max`."""
        return statistics.reduction("min", self, axis, keepdims=keepdims, where=where, ties=ties)

    def prod(self: Any, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
        """Product over `axis` (all axes by default)."""
        return statistics.reduction("prod", self, axis, keepdims=keepdims, where=where)

    def argmax(self: Any, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        """The first position of the maximum along `axis` (of the flattened tensor by default)."""
        return statistics.reduction("argmax", self, axis, keepdims=keepdims)

    def argmin(self: Any, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        """The first position of the minimum along `axis` (of the flattened tensor by default)."""
        return statistics.reduction("argmin", self, axis, keepdims=keepdims)

    def var(self: Any, axis: Axes = None, *, keepdims: bool = False, **options: Any) -> Tensor:
        """Variance over `axis`; options are those of `sd.var`: `correction` (or `ddof`), `where`, `name`."""
        return statistics.var(self, axis, keepdims=keepdims, **options)

    def std(self: Any, axis: Axes = None, *, keepdims: bool = False, **options: Any) -> Tensor:
        """The square root of the variance; options as for `var`."""
        return statistics.std(self, axis, keepdims=keepdims, **options)

    def cumsum(self: Any, axis: int | None = None) -> Tensor:
        """Sums of the first 1, 2, … elements along `axis` (of the flattened tensor by default)."""
        return statistics.cumsum(self, axis)

    @property
    def T(self: Any) -> Tensor:
        """The tensor with its axes in reverse order."""
        return views.transpose(self)

    def transpose(self: Any, *axes: int | Sequence[int]) -> Tensor:
        """The tensor with its axes permuted, reversed if none are named; -1 is the last."""
        return views.transpose(self, *axes)

    def reshape(self: Any, *shape: Extent | Sequence[Extent]) -> Tensor:
        """Merge or split neighbouring axes; one size may be -1. Order is row-major."""
        return views.reshape(self, *shape)

    def squeeze(self: Any, axis: int | Sequence[int] | None = None) -> Tensor:
        """Drop axes of size 1, all of them by default."""
        return shaping.squeeze(self, axis)

    def swapaxes(self: Any, first: int, second: int) -> Tensor:
        """Exchange two axes."""
        return shaping.swapaxes(self, first, second)

    def flatten(self: Any, start: int = 0, end: int = -1) -> Tensor:
        """Merge the axes from `start` to `end`, row-major."""
        return shaping.flatten(self, start, end)


def _give(kind: type, *sources: type) -> None:
    """Give a class the members of others."""
    for source in sources:
        for name, member in vars(source).items():
            if name not in ("__dict__", "__doc__", "__module__", "__slots__", "__weakref__"):
                setattr(kind, name, member)


_give(Condition, NumPyCalls)
_give(Tensor, NumPyCalls, Operators, ArrayMethods)
