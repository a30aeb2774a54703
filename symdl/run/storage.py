"""Arrays of narrow types, as they are passed.

Enters: what a user names as storage, and arrays. Leaves: NumPy's types of them, and arrays whose memory
kernels read as it is. NumPy has no bfloat16: `BFLOAT16` holds the bits, under a type that nobody takes for
numbers.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from symdl.errors import ArgumentError, CompileError
from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.express.values import fitting, holds_bfloat16, numbers, place
from symdl.lower.ir.loops import TensorInfo
from symdl.lower.ir.storage import HALVES, STORED, WHOLE

Array = NDArray[Any]
Storage: TypeAlias = Mapping[Any, Any]
"""Narrow types of inputs, by tensors or their names: a name such as ``"float16"``, or NumPy's type."""
BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""How bfloat16 lies in arrays: bits, in a record of one field."""


def dtype_of(info: TensorInfo, real: str) -> np.dtype[Any]:
    """Return NumPy's type of a tensor's elements in memory, if reals have the type `real`."""
    if info.storage:
        return BFLOAT16 if info.storage == "bfloat16" else np.dtype(info.storage)
    return np.dtype("int64" if info.integer else real)


def chosen_storage(storage: Any, program: Program, dropped: Container[str] = ()) -> dict[str, str]:
    """Return the narrow types of inputs by their names; those of inputs that `dropped` out do not matter.

    Raises:
        CompileError: it is of no input, of one that the program changes, or no such type.
    """
    if not storage:
        return {}
    if not isinstance(storage, Mapping):
        raise CompileError(f"storage={storage!r}", cure='pass a dictionary, such as {"x": "float16"}')
    inputs = {str(t.name): t for t in program.inputs if t.value is None}
    changed = {old for old, _ in program.updates}
    found: dict[str, str] = {}
    for key, kind in storage.items():
        name = str(key.name) if isinstance(key, Tensor) else str(key)
        tensor = inputs.get(name)
        if tensor is None and name in dropped:
            continue
        if tensor is None or (isinstance(key, Tensor) and key is not tensor):
            cure = f"choose from {', '.join(inputs)}"
            raise CompileError(f"storage is given for {name}, which is no input", cure=cure)
        if tensor in changed:
            raise CompileError(
                f"{name} is updated: a step smaller than the spacing of {kind} would be lost",
                cure="give storage to data, and to weights that stay as they are",
            )
        found[name] = _type(name, kind, whole=tensor.dtype == "int64")
    return found


def read_by(program: Program, storage: Mapping[str, str]) -> dict[str, str]:
    """Return the narrow types of those inputs that a program reads."""
    names = {str(t.name) for t in program.inputs}
    return {name: kind for name, kind in storage.items() if name in names}


def _type(name: str, kind: Any, *, whole: bool) -> str:
    """Return the name of a narrow type that a tensor can have."""
    known = WHOLE if whole else STORED
    if kind is BFLOAT16:
        text = "bfloat16"
    elif isinstance(kind, str):
        text = kind
    else:  # NumPy's types and kinds of numbers
        text = str(getattr(kind, "name", None) or getattr(kind, "__name__", kind))
    if text not in known:
        held = "integers" if whole else "reals"
        raise CompileError(
            f"there is no storage {text!r} for {name}, which holds {held}",
            cure=f"use one of {', '.join(known)}",
        )
    return text


def narrowed(value: Any, name: str, storage: str) -> Array:
    """Return a value for an input of a narrow type, where it is if it has that type.

    Real numbers are rounded to the nearest half, those in the middle to the even one. Integers must fit.

    Raises:
        ArgumentError: it holds something else.
    """
    if storage == "bfloat16":
        return _halves(value, name)
    kind, array = np.dtype(storage), numbers(value, name)
    if array.dtype == "bool" and kind.itemsize == 1:
        return array.view(kind)
    if storage in HALVES or array.dtype == kind:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(array, kind, order="C")
    whole, limits = fitting(array, name, integer=True, dtype="int64"), np.iinfo(kind)
    wrong = (whole < limits.min) | (whole > limits.max)
    if wrong.any():
        raise ArgumentError(
            f"{name} holds {whole[wrong][0]} at {place(wrong)}: {storage} has no such number",
            cure=f"pass integers from {limits.min} to {limits.max}, or compile with wider storage",
        )
    return whole.astype(kind)


def bfloat16(values: Any = None, *, bits: Any = None) -> Array:
    """Return numbers as bfloat16, for inputs that are compiled with ``storage={name: "bfloat16"}``.

    NumPy has no such type: the result holds the bits, ready to be passed on. Of an array of
    ``ml_dtypes.bfloat16``, of one that this function returned, and of bits it is another view, no copy.

    Args:
        values: real numbers, rounded to the nearest bfloat16; those in the middle to the even one.
        bits: in place of them an array of uint16, such as ``tensor.view(torch.uint16).numpy()``.

    Raises:
        ArgumentError: `values` are no real numbers, `bits` no array of uint16, or both are given.

    Example:
        >>> sd.bfloat16([1.0, 3.0]).view("uint16").tolist()
        [16256, 16448]
    """
    if bits is not None:
        if values is not None or getattr(bits, "dtype", None) != "uint16" or type(bits) is not np.ndarray:
            raise ArgumentError(
                "bits must be an array of uint16, without values beside it",
                cure="pass sd.bfloat16(bits=array.view('uint16')), or real numbers as sd.bfloat16(array)",
            )
        return np.require(bits, requirements=["C"]).view(BFLOAT16)
    return _halves(values, "values")


def _halves(values: Any, what: str) -> Array:
    """Return numbers as bfloat16."""
    if type(values) is np.ndarray and holds_bfloat16(values):
        return np.require(values, requirements=["C"]).view(BFLOAT16)
    return _rounded(np.asarray(numbers(values, what), order="C")).view(BFLOAT16)


def _rounded(array: Array) -> NDArray[np.uint16]:
    """Return the bits of the nearest bfloat16s."""
    with np.errstate(all="ignore"):
        single = array.astype("float32")
        bits = single.view("uint32")
        if array.dtype not in ("float32", "float16"):
            # Rounded twice, a number may end on the wrong side of a middle. So the first time it is cut off,
            # and its last bit says that something was.
            exact = array.astype("float64")
            bits = np.where(np.abs(single.astype("float64")) > np.abs(exact), bits - 1, bits)
            bits = np.where((single == exact) | np.isnan(exact), bits, bits | 1)
    high, quiet = bits >> np.uint32(16), np.uint32(0x7FC0)
    rounded = (bits + (np.uint32(0x7FFF) + (high & 1))) >> np.uint32(16)
    return np.where(np.isnan(single), quiet | (high & np.uint32(0x8000)), rounded).astype("uint16")
