"""NumPy's functions called with tensors: ``np.exp(x)``, ``np.sum(x, axis=1)``, ``array @ x``.

Enters: a function of NumPy and its arguments, as NumPy's protocols hand them over. Leaves: the tensor that
symdl's own function of that meaning defines. What symdl has not is refused by name; nothing is computed, and
no array of objects is ever made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from symdl.errors import ExpressionError, ShapeError
from symdl.express import (
    elementary,
    functions,
    joining,
    linalg,
    numeric,
    padding,
    patterns,
    quantiles,
    reducing,
    repeating,
    selecting,
    shaping,
    sorting,
    statistics,
    views,
)
from symdl.express.conditions import as_condition, compare, isnan, where
from symdl.express.doors import as_tensor, operand
from symdl.express.einsum import einsum, tensordot
from symdl.express.numpymatrices import MATRICES
from symdl.express.operators import apply, binary, matmul, maximum, minimum
from symdl.express.tensors import Tensor

Call = Callable[..., Any]


def _operator(name: str) -> Call:
    return lambda a, b: binary(name, operand(a), operand(b))


def _comparison(name: str) -> Call:
    return lambda a, b: compare(name, operand(a), operand(b))


_UFUNCS: Mapping[str, Call] = {
    **{name: _operator(short) for name, short in (
        ("add", "add"), ("subtract", "sub"), ("multiply", "mul"), ("divide", "div"), ("true_divide", "div"),
        ("power", "pow"), ("float_power", "pow"),
    )},
    **{name: _comparison(words) for name, words in (
        ("less", "less"), ("less_equal", "less equal"), ("greater", "greater"), ("equal", "equal"),
        ("greater_equal", "greater equal"), ("not_equal", "not equal"),
    )},
    **{name: getattr(functions, name) for name in (
        "absolute", "ceil", "cos", "cosh", "exp", "expm1", "floor", "log", "log1p", "reciprocal", "rint",
        "sign", "sin", "sinh", "sqrt", "square", "tan",
    )},
    **{f"arc{name}": getattr(functions, f"a{name}") for name in (
        "cos", "cosh", "sin", "sinh", "tan", "tanh",
    )},
    "arctan2": elementary.atan2,
    **{name: getattr(elementary, name) for name in ("hypot", "log2", "log10", "logaddexp")},
    **{name: getattr(numeric, name) for name in (
        "cbrt", "copysign", "deg2rad", "exp2", "fmod", "heaviside", "ldexp", "rad2deg", "trunc",
    )},
    "radians": numeric.deg2rad,
    "degrees": numeric.rad2deg,
    "fabs": functions.absolute,
    "floor_divide": functions.floor_divide,
    "isnan": isnan,
    "matmul": matmul,
    "maximum": maximum,
    "minimum": minimum,
    "mod": functions.mod,
    "negative": lambda x: binary("mul", as_tensor(x), -1),
    "positive": as_tensor,
    "remainder": functions.mod,
    "tanh": lambda x: apply(sp.tanh, x),
    **{name: lambda a, b: as_condition(a) & b for name in ("logical_and", "bitwise_and")},
    **{name: lambda a, b: as_condition(a) | b for name in ("logical_or", "bitwise_or")},
    **{name: lambda a, b: as_condition(a) ^ b for name in ("logical_xor", "bitwise_xor")},
    **{name: lambda a: ~as_condition(a) for name in ("logical_not", "invert")},
}  # fmt: skip
"""NumPy's elementwise functions by name."""


def ufunc(function: Any, method: str, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """Return what an elementwise function of NumPy is for tensors.

    Raises:
        ExpressionError: symdl has no such function, or an option is given.
    """
    name = function.__name__
    if "out" in options:
        raise ExpressionError(
            f"np.{name}: an array cannot hold a tensor, which has no values yet",
            cure="write array = array + tensor in place of array += tensor, without out=",
        )
    if method != "__call__" or name not in _UFUNCS:
        raise _unknown(name if method == "__call__" else f"{name}.{method}")
    return _called(f"np.{name}", _UFUNCS[name], inputs, options)


def function(called: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """Return what a function of NumPy that is no ufunc is for tensors.

    Raises:
        ExpressionError: symdl has no such function, or none with these options.
    """
    module = called.__module__.removeprefix("numpy").lstrip(".")
    name = f"{module}.{called.__name__}" if module else called.__name__
    if name not in _FUNCTIONS:
        raise _unknown(name)
    return _called(f"np.{name}", _FUNCTIONS[name], args, options)


def _unknown(name: str) -> ExpressionError:
    return ExpressionError(
        f"np.{name} is not defined for tensors, which have no values before a call",
        cure="use a function of symdl (docs/reference.md lists them), write it with sd.define, or compute the"
        " values first: sd.compile(x)(...)",
    )


def _called(name: str, call: Call, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    try:
        inspect.signature(call).bind(*args, **options)
    except TypeError as error:
        raise ExpressionError(
            f"{name} of a tensor: {error}", cure=f"symdl takes {name}{inspect.signature(call)}"
        ) from None
    return call(*args, **options)


def _reduced(how: Call) -> Call:
    def call(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = None) -> Tensor:
        return how(a, axis, keepdims=keepdims, where=where)  # type: ignore[no-any-return]

    return call


def _spread(how: Call) -> Call:
    def call(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False, where: Any = None) -> Tensor:
        return how(a, axis, correction=ddof, keepdims=keepdims, where=where)  # type: ignore[no-any-return]

    return call


def _nan_reduced(how: Call) -> Call:
    return lambda a, axis=None, *, keepdims=False: how(a, axis, keepdims=keepdims)


def _of_shares(how: Call) -> Call:
    def call(a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: bool = False) -> Tensor:
        return how(a, q, axis, method=method, keepdims=keepdims)  # type: ignore[no-any-return]

    return call


def _vectors(name: str, *tensors: Any) -> tuple[Tensor, ...]:
    """Return tensors of one axis, for which NumPy and symdl mean the same."""
    found = tuple(map(as_tensor, tensors))
    if any(t.rank != 1 for t in found):
        raise ShapeError(
            f"np.{name} of tensors takes vectors", shapes=[t.shape for t in found], cure=f"see sd.{name}"
        )
    return found


def _dot(a: Any, b: Any) -> Any:
    left, right = as_tensor(a), as_tensor(b)
    if not left.rank or not right.rank:
        return binary("mul", left, right)
    return tensordot(left, right, axes=(left.rank - 1, max(right.rank - 2, 0)))


def _where(condition: Any, x: Any, y: Any) -> Any:
    return where(condition, x, y)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Tensor:
    return selecting.clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


def _pad(array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0) -> Tensor:
    filling = {"value": constant_values} if mode == "constant" else {}
    return padding.pad(array, pad_width, mode=mode, **filling)


def _take(a: Any, indices: Any, axis: Any = None) -> Any:
    return selecting.take(shaping.as_vector(as_tensor(a)) if axis is None else a, indices, axis or 0)


_FUNCTIONS: Mapping[str, Call] = {
    "fix": numeric.trunc,
    "isclose": lambda a, b, rtol=1e-5, atol=1e-8: numeric.isclose(a, b, rtol=rtol, atol=atol),
    **{name: _reduced(getattr(reducing, name)) for name in ("sum", "mean", "prod", "max", "min")},
    "amax": _reduced(reducing.max),
    "amin": _reduced(reducing.min),
    "argmax": lambda a, axis=None, *, keepdims=False: reducing.argmax(a, axis, keepdims=keepdims),
    "argmin": lambda a, axis=None, *, keepdims=False: reducing.argmin(a, axis, keepdims=keepdims),
    "var": _spread(statistics.var),
    "std": _spread(statistics.std),
    **{name: _nan_reduced(getattr(quantiles, name)) for name in ("nansum", "nanmean", "nanmax", "nanmin")},
    "median": lambda a, axis=None, *, keepdims=False: quantiles.median(a, axis, keepdims=keepdims),
    "nanmedian": lambda a, axis=None, *, keepdims=False: quantiles.nanmedian(a, axis, keepdims=keepdims),
    "quantile": _of_shares(quantiles.quantile),
    "nanquantile": _of_shares(quantiles.nanquantile),
    "cumsum": lambda a, axis=None: statistics.cumsum(a, axis),
    "cumprod": lambda a, axis=None: statistics.cumprod(a, axis),
    "sinc": elementary.sinc,
    "where": _where,
    "clip": _clip,
    "dot": _dot,
    "inner": lambda a, b: linalg.inner(*_vectors("inner", a, b)),
    "outer": lambda a, b: linalg.outer(*_vectors("outer", a, b)),
    "tensordot": lambda a, b, axes=2: tensordot(a, b, axes),
    "einsum": lambda subscripts, *operands: einsum(subscripts, *operands),
    "tril": lambda m, k=0: patterns.tril(m, k),
    "triu": lambda m, k=0: patterns.triu(m, k),
    "concatenate": lambda arrays, axis=0: joining.concatenate(arrays, axis),
    "stack": lambda arrays, axis=0: joining.stack(arrays, axis),
    "split": lambda ary, indices_or_sections, axis=0: list(joining.split(ary, indices_or_sections, axis)),
    "reshape": lambda a, shape: views.reshape(a, shape),
    "meshgrid": lambda *xi, indexing="xy": shaping.meshgrid(*xi, indexing=indexing),
    "ravel": lambda a: shaping.flatten(a),
    "transpose": lambda a, axes=None: views.transpose(a, axes),
    "squeeze": lambda a, axis=None: shaping.squeeze(a, axis),
    "expand_dims": lambda a, axis: shaping.expand_dims(a, axis),
    "swapaxes": lambda a, axis1, axis2: shaping.swapaxes(a, axis1, axis2),
    "moveaxis": lambda a, source, destination: shaping.moveaxis(a, source, destination),
    "broadcast_to": lambda array, shape: shaping.broadcast_to(array, shape),
    "flip": lambda m, axis=None: shaping.flip(m, axis),
    "roll": lambda a, shift, axis=None: repeating.roll(a, shift, axis),
    "tile": lambda A, reps: repeating.tile(A, reps),
    "repeat": lambda a, repeats, axis=None: repeating.repeat(a, repeats, axis),
    "pad": _pad,
    "sort": lambda a, axis=-1: sorting.sort(a, axis),
    "argsort": lambda a, axis=-1: sorting.argsort(a, axis),
    "take": _take,
    "take_along_axis": lambda arr, indices, axis=-1: selecting.take_along_axis(arr, indices, axis),
    "ndim": lambda a: len(a.shape),
    "shape": lambda a: a.shape,
    **MATRICES,
}
"""Other functions of NumPy by name, with the arguments that they take for tensors."""


def no_array(subject: Any) -> ExpressionError:
    """Return the error for a tensor where an array is asked for."""
    return ExpressionError(
        f"{subject} has no values yet, so it is no array",
        cure="compute them: sd.compile(x)(...); join tensors by sd.stack and sd.concatenate, not by np.array;"
        " a masked array combines with no tensor: pass its numbers and its mask by themselves",
    )
