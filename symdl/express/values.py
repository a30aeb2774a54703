"""Arrays of numbers: what is one, and what is refused.

Enters: what a user passes as numbers, at any door: constants in expressions, arguments of a call, data, first
values. Leaves: a NumPy array of real numbers, integers or truth values. Nothing that changes or loses its
meaning on the way is taken: no mask, no unit, no imaginary part, no text.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy as sp

from symdl.errors import ArgumentError, SymdlError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"

_HELD = {
    "c": ("complex numbers", "pass real numbers: real and imaginary part by themselves"),
    "O": ("objects", "pass real numbers, as by .astype('float64'), or .toarray() of a sparse matrix"),
    "S": ("bytes", "pass real numbers, as by .astype('float64')"),
    "U": ("text", "pass real numbers, as by .astype('float64') or np.unique(text, return_inverse=True)[1]"),
    "V": ("records", "pass real numbers: one field at a time, as by records['field']"),
    "M": ("dates", "pass real numbers, such as (dates - dates[0])/np.timedelta64(1, 'D')"),
    "m": ("durations", "pass real numbers, such as durations/np.timedelta64(1, 's')"),
}  # fmt: skip
_LARGEST = 2.0**53  # from here on a float64 does not tell whole numbers apart


def numbers(value: Any, what: str, *, error: type[SymdlError] = ArgumentError) -> Array:
    """Return `value` as an array of numbers or truth values, the same one if it is one.

    Args:
        value: an array, a number, nested lists, or what NumPy takes for an array: a memory view, a table's
            column, a tensor of another library.
        what: what it is called in an error.
        error: the class of the error.

    Raises:
        SymdlError: of class `error`: `value` is no array of real numbers, or more than its numbers.
    """
    import numpy as np

    if type(value) is np.ndarray and value.dtype.kind in "iufb":
        return value
    _refuse_more(value, what, error)
    if isinstance(value, Fraction | sp.Expr) and sp.sympify(value, strict=True).is_comparable:
        value = float(value)
    try:
        array = np.from_dlpack(value) if _only_dlpack(value) else np.asarray(value)
    except SymdlError as problem:
        raise error(f"{what} holds a tensor, which has no values yet", cure=problem.cure) from None
    except Exception as problem:  # whatever another library raises when it gives its numbers away
        cure = "pass a NumPy array, with rows of equal length"
        raise error(f"{what} is no array: {problem}", cure=cure) from None
    if type(array) is not np.ndarray:
        array = array.view(np.ndarray)
    if holds_bfloat16(array):
        return (array.view("uint16").astype("uint32") << 16).view("float32")
    if array.dtype.kind not in "iufb":
        if array.dtype.kind == "O" and isinstance(value, int):
            cure = "scale it first, or pass it as a float"
            raise error(f"{what} holds an integer of {value.bit_length()} bits ({array.dtype})", cure=cure)
        held, cure = _HELD.get(array.dtype.kind, (str(array.dtype), "pass real numbers"))
        raise error(f"{what} holds {held}: {what} has the type {array.dtype}", cure=cure)
    return array


def holds_bfloat16(array: Array) -> bool:
    """Say whether an array holds bfloat16: those of `symdl.bfloat16`, or of the package ml_dtypes."""
    return array.dtype.kind == "V" and "bfloat16" in (array.dtype.name, *(array.dtype.names or ()))


def fitting(value: Any, name: str, *, integer: bool, dtype: Any) -> Array:
    """Return a value for a declared input as a contiguous array of its dtype.

    Whatever is exact is taken: truth values are 0 and 1, and whole numbers may come as floats, as they do
    from tables, if all are whole and smaller than 2⁵³. Real numbers are rounded to `dtype`.

    Args:
        value: what was passed for it.
        name: of the input.
        integer: whether it is declared with ``dtype="int64"``.
        dtype: of the result where it is not.

    Raises:
        ArgumentError: it holds something else.
    """
    import numpy as np

    array = numbers(value, name)
    if not integer:
        with np.errstate(over="ignore", invalid="ignore"):  # a number beyond float32 becomes infinite
            return np.asarray(array, dtype, order="C")
    if array.dtype.kind == "f":
        wrong = ~(np.isfinite(array) & (array == np.floor(array)) & (np.abs(array) < _LARGEST))
        if wrong.any():
            raise ArgumentError(
                f"{name} holds {array[wrong][0]} at {place(wrong)}: these are no integers",
                cure=f"pass {name} as int64: classes and positions are 0, 1, 2, …, and none is NaN",
            )
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo("int64").max:
        raise ArgumentError(f"{name} holds {array.max()}, too large for int64")
    return np.asarray(array, "int64", order="C")


def place(mask: Array) -> str:
    """Return where the first true element is, in words."""
    import numpy as np

    where = np.unravel_index(int(np.argmax(mask)), mask.shape)
    return f"position {int(where[0])}" if len(where) == 1 else f"position {tuple(map(int, where))}"


def _only_dlpack(value: Any) -> bool:
    numpys_own = ("__array__", "__array_interface__", "__array_struct__")
    return hasattr(value, "__dlpack__") and not any(hasattr(value, name) for name in numpys_own)


def _refuse_more(value: Any, what: str, error: type[SymdlError]) -> None:
    """Refuse arrays that are more than their numbers, in lists too."""
    import numpy as np

    if isinstance(value, list | tuple):
        for entry in value:
            if not isinstance(entry, int | float):
                _refuse_more(entry, what, error)
    elif isinstance(value, np.ma.MaskedArray):
        raise error(
            f"{what} is a masked array, whose mask would be lost",
            cure="pass its numbers and its mask by themselves: array.filled(0), and mask= or where="
            " ~np.ma.getmaskarray(array)",
        )
    elif isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap):
        raise error(
            f"{what} is a {type(value).__name__}, which is more than its numbers",
            cure="pass np.asarray(...) of it if they are what you mean",
        )
