"""Array syntax on tensors.

Enters: Python operators, brackets and NumPy-style method calls on a tensor. Leaves: the tensor that
`symdl.express.operators` and `symdl.express.views` define for them. Nothing is computed here.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sympy as sp

    from symdl.express.dims import Extent
    from symdl.express.tensors import Access, Tensor


def _operators() -> ModuleType:
    # Imported on use: the operators build tensors, and a tensor has these methods.
    return importlib.import_module("symdl.express.operators")


def _views() -> ModuleType:
    return importlib.import_module("symdl.express.views")


class ArrayMethods:
    """The operators and methods of a tensor. Elementwise ones broadcast as NumPy does."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy arrays then leave ``array * tensor`` to the tensor, which refuses it

    shape: tuple[Extent, ...]

    def __getitem__(self, key: Any) -> Access | Tensor:
        """``X[i, k]`` with index variables is one element; ``X[1:, ::2, None, 0]`` is a view."""
        return _views().getitem(self, key)  # type: ignore[no-any-return]

    def _sympy_(self) -> sp.Expr:
        """A rank-0 tensor stands for its value inside an expression."""
        return _operators().scalar(self)  # type: ignore[no-any-return]

    def _binary(self, name: str, other: Any, *, swap: bool = False) -> Any:
        return _operators().binary(name, *((other, self) if swap else (self, other)))

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

    def __pow__(self, other: Any) -> Any:
        return self._binary("pow", other)

    def __rpow__(self, other: Any) -> Any:
        return self._binary("pow", other, swap=True)

    def __neg__(self) -> Any:
        return self._binary("mul", -1)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return _operators().absolute(self)

    def __matmul__(self, other: Tensor) -> Tensor:
        return _operators().matmul(self, other)  # type: ignore[no-any-return]

    def sum(self, axis: int | Sequence[int] | None = None, *, keepdims: bool = False) -> Tensor:
        """Sum over `axis` (all axes by default)."""
        return _operators().reduce("sum", self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def mean(self, axis: int | Sequence[int] | None = None, *, keepdims: bool = False) -> Tensor:
        """Mean over `axis` (all axes by default)."""
        return _operators().reduce("mean", self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def max(self, axis: int | Sequence[int] | None = None, *, keepdims: bool = False) -> Tensor:
        """Maximum over `axis` (all axes by default); the first of equal values gets the gradient."""
        return _operators().reduce("max", self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:
        """The tensor with its axes in reverse order."""
        return _views().transpose(self)  # type: ignore[no-any-return]

    def transpose(self, *axes: int) -> Tensor:
        """The tensor with its axes permuted (reversed if none are named)."""
        return _views().transpose(self, *axes)  # type: ignore[no-any-return]

    def reshape(self, *shape: Extent) -> Tensor:
        """Merge or split neighbouring axes; one size may be -1. Order is row-major."""
        return _views().reshape(self, *shape)  # type: ignore[no-any-return]
