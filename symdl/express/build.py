"""The names a user builds models from.

Enters: names and shapes. Leaves: tensors whose values are given (inputs, labels) or learned (parameters).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from symdl.errors import ExpressionError, ShapeError
from symdl.express.dims import Extent, is_whole
from symdl.express.doors import takes_tensors
from symdl.express.naming import checked_name
from symdl.express.program import Fact, collect
from symdl.express.properties import declared
from symdl.express.tensors import DType, Tensor
from symdl.express.values import numbers


def tensor(
    name: str,
    shape: Extent | Sequence[Extent] = (),
    *,
    dtype: str = "real",
    symmetric: bool = False,
    positive_definite: bool = False,
    orthogonal: bool = False,
    diagonal: bool = False,
) -> Tensor:
    """Declare an input: ``X = sd.tensor("X", (n, 784))``, ``S = sd.tensor("S", (d, d), symmetric=True)``.

    What a matrix is declared to be shortens its derivations: ``S' = S``, ``Q' Q = I``. Its entries are
    independent variables nevertheless: a gradient with respect to it is the unconstrained one, and what is
    compiled computes the function as it was written, for any array. So the page and the kernel agree where
    the array has the property; `symdl.check_gradients` refuses one that has not.

    Args:
        name: the keyword by which its value is passed.
        shape: sizes, integers or `Dim`; ``()`` for a scalar, one size alone for a vector.
        dtype: ``"real"`` (float32 or float64, chosen when compiling) or ``"int64"``.
        symmetric: the last two axes are a symmetric matrix.
        positive_definite: it is symmetric, and its eigenvalues are positive.
        orthogonal: its transpose is its inverse.
        diagonal: it is zero off its diagonal.

    Raises:
        ExpressionError: a name or dtype that cannot be used.
        ShapeError: a property of square matrices, and the last two axes are no square.

    Example:
        >>> X = sd.tensor("X", (sd.Dim("n"), 3))
        >>> X.shape, X.rank
        ((n, 3), 2)
        >>> S = sd.tensor("S", (3, 3), positive_definite=True)
        >>> print(sd.formula(sd.grad(sd.logdet(S), S)))
        S⁻¹
    """
    sizes, flags = _sizes(shape), (symmetric, positive_definite, orthogonal, diagonal)
    words = ("symmetric", "positive_definite", "orthogonal", "diagonal")
    known = declared(checked_name(name), sizes, **dict(zip(words, flags, strict=True)))
    if dtype in ("real", "float", "float32", "float64"):
        return Tensor(name, sizes, dtype="real", role="input", properties=known)
    if dtype in ("int64", "int"):
        return Tensor(name, sizes, dtype="int64", role="input", properties=known)
    raise ExpressionError(f"{name} has dtype {dtype!r}", cure="use 'real' or 'int64'")


def parameter(name: str, shape: int | Sequence[Extent] = (), *, init: Any = None) -> Tensor:
    """Declare a parameter, learned by training: ``W = sd.parameter("W", (784, 100))``.

    Args:
        name: a path such as ``"first.W"``.
        shape: integer sizes.
        init: a function ``(shape, rng) -> array``, see `symdl.nn.initializers`; or the first values: an array
            of that shape, or one that broadcasts to it, such as a number.

    Raises:
        ExpressionError: a name that cannot be used, sizes that are no integers, or first values that do not
            fit.

    Example:
        >>> W = sd.parameter("W", (3, 2), init=sd.nn.glorot())
        >>> W.init(W.shape, np.random.default_rng(0)).shape
        (3, 2)
    """
    sizes, name = _sizes(shape), checked_name(name)
    if not all(is_whole(size) for size in sizes):
        raise ExpressionError(
            f"parameter {name} has shape {sizes}, and its first values need numbers",
            cure=f'use integer sizes, or sd.tensor("{name}", ...) where it is given or only derived',
        )
    return Tensor(name, sizes, role="parameter", init=_initializer(name, sizes, init))


def _initializer(name: str, sizes: Sequence[Extent], init: Any) -> Callable[..., Any] | None:
    """Return a function of first values; an array and a number are the function that returns them."""
    if callable(init):
        return _of_shape_and_generator(name, init)
    if init is None:
        return None
    import numpy as np

    array = numbers(init, f"init of {name}", error=ExpressionError).astype("float64")
    shape = tuple(map(int, sizes))
    if array.ndim > len(shape) or any(
        a not in (1, b) for a, b in zip(array.shape[::-1], shape[::-1], strict=False)
    ):
        raise ShapeError(
            f"the first values of {name} do not fit",
            shapes={"declared": shape, "init": array.shape},
            cure="pass an array of the declared shape, a number, or a function of shape and generator",
        )
    return lambda shape, rng: np.broadcast_to(array, shape)


def _of_shape_and_generator(name: str, init: Callable[..., Any]) -> Callable[..., Any]:
    """Return an initializer; refuse what makes one, such as ``sd.nn.zeros`` without parentheses."""
    called = getattr(init, "__name__", "init")
    try:
        known = inspect.signature(init)
    except (TypeError, ValueError):  # of what is not written in Python
        return init
    try:
        known.bind((), None)
    except TypeError as error:
        makes = not any(p.default is p.empty for p in known.parameters.values())
        raise ExpressionError(
            f"the initializer of {name}, {called}{known}, takes no shape and generator",
            cure=f"call it: init={called}()" if makes else "pass a function (shape, rng) -> array",
        ) from error
    return init


@takes_tensors
def parameters(*outputs: Tensor) -> tuple[Tensor, ...]:
    """Return the parameter tensors that `outputs` depend on, in the order of their creation.

    >>> y = sd.nn.dense(sd.tensor("x", (sd.Dim("n"), 3)), 2, name="out")
    >>> [p.name for p in sd.parameters(y)]
    ['out.W', 'out.b']
    """
    return collect(outputs).parameters


def sums_to_one(tensor: Tensor, axis: int = -1) -> Fact:
    """Declare that the entries of `tensor` along `axis` sum to one (one-hot or probability rows).

    >>> p, t = sd.tensor("p", (sd.Dim("n"), 3)), sd.tensor("y", (sd.Dim("n"), 3))
    >>> fact = sd.sums_to_one(p)
    """
    if not isinstance(tensor, Tensor):
        raise ExpressionError(
            f"a {type(tensor).__name__} is no tensor that a loss could read", cure="declare it of the tensor"
        )
    return Fact(tensor, axis % max(tensor.rank, 1), "sums_to_one")


def _sizes(shape: Extent | Sequence[Extent]) -> tuple[Extent, ...]:
    return tuple(shape) if isinstance(shape, Sequence) else (shape,)


__all__ = ["DType", "parameter", "parameters", "sums_to_one", "tensor"]
