"""Array syntax on tensors.

Enters: Python operators, brackets and NumPy-style method calls on a tensor. Leaves: the tensor that
modules of `symdl.express` define for them. Nothing is computed here.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import sympy as sp

    from symdl.express.conditions import Condition
    from symdl.express.dims import Extent
    from symdl.express.tensors import Access, Tensor

Axes: TypeAlias = "int | Sequence[int] | None"
Mask: TypeAlias = "Condition | Tensor | None"
Ties = Literal["first", "split"]


def _module(name: str) -> ModuleType:
    # Imported on use: the operations build tensors, and a tensor has these methods.
    return importlib.import_module(f"symdl.express.{name}")


class NumPyCalls:
    """NumPy's functions leave their tensors to symdl: ``np.exp(x)``, ``array * x``, ``np.sum(x, axis=1)``."""

    __slots__ = ()
    __pandas_priority__ = 5000  # tables then leave ``table * x`` to the tensor, as NumPy does

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return _module("numpycalls").ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return _module("numpycalls").function(function, args, options)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise _module("numpycalls").no_array(self)

    def __float__(self) -> float:
        raise _module("numpycalls").no_array(self)

    __int__ = __float__
    __complex__ = __float__


class ArrayMethods(NumPyCalls):
    """The operators and methods of a tensor. Elementwise ones broadcast as NumPy does."""

    __slots__ = ()
    _op_priority = 20.0  # SymPy then leaves ``expression * tensor`` to the tensor

    shape: tuple[Extent, ...]

    def __getitem__(self, key: Any) -> Access | Tensor:
        """``X[i, k]`` with index variables is one element; ``X[1:, ::2, None, 0]`` is a view."""
        return _module("views").getitem(self, key)  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Access | Tensor]:
        """The rows: views along the first axis, whose size must be an integer."""
        return iter(_module("views").rows(self))

    def __len__(self) -> int:
        """The first size, which must be an integer; `x.shape[0]` may be a symbol."""
        return _module("views").length(self)  # type: ignore[no-any-return]

    def __bool__(self) -> bool:
        return True  # there is one, whatever its length: ``x or y`` chooses between tensors and None

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def _sympy_(self) -> sp.Expr:
        """A rank-0 tensor stands for its value inside an expression."""
        return _module("operators").scalar(self)

    def _binary(self, name: str, other: Any, *, swap: bool = False) -> Any:
        return _module("operators").binary(name, *((other, self) if swap else (self, other)))

    def __add__(self, other: Any) -> Any:
        return self._binary("add", other)

    def __radd__(self, other: Any) -> Any:
        return self._binary("add", other, swap=True)

    def __sub__(self, other: Any) -> Any:
        return self._binary("sub", other)

    def __rsub__(self, other: Any) -> Any:
        return self._binary("sub", other, swap=True)

    def __mul__(self, other: Any) -> Any:
        return self._binary("mul", other)

    def __rmul__(self, other: Any) -> Any:
        return self._binary("mul", other, swap=True)

    def __truediv__(self, other: Any) -> Any:
        return self._binary("div", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary("div", other, swap=True)

    def __floordiv__(self, other: Any) -> Any:
        return _module("functions").floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _module("functions").floor_divide(other, self)

    def __pow__(self, other: Any) -> Any:
        return self._binary("pow", other)

    def __rpow__(self, other: Any) -> Any:
        return self._binary("pow", other, swap=True)

    def __mod__(self, other: Any) -> Any:
        return _module("functions").mod(self, other)

    def __rmod__(self, other: Any) -> Any:
        return _module("functions").mod(other, self)

    def __neg__(self) -> Any:
        return self._binary("mul", -1)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return _module("operators").absolute(self)

    def __matmul__(self, other: Tensor) -> Tensor:
        return _module("operators").matmul(self, other)  # type: ignore[no-any-return]

    def __rmatmul__(self, other: Any) -> Tensor:
        return _module("operators").matmul(other, self)  # type: ignore[no-any-return]

    def _compare(self, name: str, other: Any) -> Any:
        return _module("conditions").compare(name, self, other)

    # ``==`` stays the identity of tensors, so that they can be keys; see `symdl.express.conditions.equal`.
    def __lt__(self, other: Any) -> Any:
        return self._compare("less", other)

    def __le__(self, other: Any) -> Any:
        return self._compare("less equal", other)

    def __gt__(self, other: Any) -> Any:
        return self._compare("greater", other)

    def __ge__(self, other: Any) -> Any:
        return self._compare("greater equal", other)

    def sum(self, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
        """Sum over `axis` (all axes by default), of the elements where `where` holds."""
        return self._reduce("sum", axis, keepdims, where)

    def mean(self, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
        """Mean over `axis` (all axes by default), of the elements where `where` holds."""
        return self._reduce("mean", axis, keepdims, where)

    def max(
        self, axis: Axes = None, *, keepdims: bool = False, where: Mask = None, ties: Ties = "first"
    ) -> Tensor:
        """Maximum over `axis` (all axes by default).

        The first of equal values gets the gradient, or all get an equal share with ``ties="split"``.
        """
        return self._reduce("max", axis, keepdims, where, ties=ties)

    def min(
        self, axis: Axes = None, *, keepdims: bool = False, where: Mask = None, ties: Ties = "first"
    ) -> Tensor:
        """Minimum over `axis` (all axes by default); `ties` as for `max`."""
        return self._reduce("min", axis, keepdims, where, ties=ties)

    def prod(self, axis: Axes = None, *, keepdims: bool = False, where: Mask = None) -> Tensor:
        """Product over `axis` (all axes by default)."""
        return self._reduce("prod", axis, keepdims, where)

    def argmax(self, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        """The first position of the maximum along `axis` (of the flattened tensor by default)."""
        return self._reduce("argmax", axis, keepdims, None)

    def argmin(self, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        """The first position of the minimum along `axis` (of the flattened tensor by default)."""
        return self._reduce("argmin", axis, keepdims, None)

    def _reduce(self, op: str, axis: Axes, keepdims: bool, where: Mask, **options: Any) -> Tensor:
        reduced = _module("statistics").reduction
        return reduced(op, self, axis, keepdims=keepdims, where=where, **options)  # type: ignore[no-any-return]

    def var(self, axis: Axes = None, *, keepdims: bool = False, **options: Any) -> Tensor:
        """Variance over `axis`; options are those of `sd.var`: `correction` (or `ddof`), `where`, `name`."""
        var = _module("statistics").var
        return var(self, axis, keepdims=keepdims, **options)  # type: ignore[no-any-return]

    def std(self, axis: Axes = None, *, keepdims: bool = False, **options: Any) -> Tensor:
        """The square root of the variance; options as for `var`."""
        std = _module("statistics").std
        return std(self, axis, keepdims=keepdims, **options)  # type: ignore[no-any-return]

    def cumsum(self, axis: int | None = None) -> Tensor:
        """Sums of the first 1, 2, … elements along `axis` (of the flattened tensor by default)."""
        return _module("statistics").cumsum(self, axis)  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:
        """The tensor with its axes in reverse order."""
        return _module("views").transpose(self)  # type: ignore[no-any-return]

    def transpose(self, *axes: int | Sequence[int]) -> Tensor:
        """The tensor with its axes permuted, reversed if none are named; -1 is the last."""
        return _module("views").transpose(self, *axes)  # type: ignore[no-any-return]

    def reshape(self, *shape: Extent | Sequence[Extent]) -> Tensor:
        """Merge or split neighbouring axes; one size may be -1. Order is row-major."""
        return _module("views").reshape(self, *shape)  # type: ignore[no-any-return]

    def squeeze(self, axis: int | Sequence[int] | None = None) -> Tensor:
        """Drop axes of size 1, all of them by default."""
        return _module("shaping").squeeze(self, axis)  # type: ignore[no-any-return]

    def swapaxes(self, first: int, second: int) -> Tensor:
        """Exchange two axes."""
        return _module("shaping").swapaxes(self, first, second)  # type: ignore[no-any-return]

    def flatten(self, start: int = 0) -> Tensor:
        """Merge the axes from `start` on, row-major."""
        return _module("shaping").flatten(self, start)  # type: ignore[no-any-return]
