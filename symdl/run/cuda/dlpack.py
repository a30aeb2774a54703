"""DLPack, by which libraries share arrays of a device.

Enters: an address with a shape and a type, or a capsule of another library. Leaves: a capsule, or what is
in one. The form of both is fixed by https://dmlc.github.io/dlpack.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DEVICE = (2, 0)
"""The first device of CUDA."""
_NEW, _USED = b"dltensor", b"used_dltensor"
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


_Delete = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("delete", _Delete))


def _function(name: str, result: Any, *arguments: Any) -> Any:
    """Return a function of Python's own; objects go in as addresses, so that none is counted on the way."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_keep = _function("Py_IncRef", None, ctypes.c_void_p)
_let_go = _function("Py_DecRef", None, ctypes.c_void_p)
_is_valid = _function("PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
_pointer = _function("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
_rename = _function("PyCapsule_SetName", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
_new = _function("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


def exported(owner: Any, address: int, shape: Sequence[int], dtype: np.dtype[Any]) -> Any:
    """Return a capsule with a C-contiguous array; it, or who takes it, keeps `owner` alive."""
    sizes = (ctypes.c_int64 * max(len(shape), 1))(*shape)
    made, kind = _Managed(), (_CODES[dtype.kind], dtype.itemsize * 8, 1)
    made.tensor = _Tensor(address, *DEVICE, len(shape), *kind, sizes, None, 0)
    made.delete = _delete
    kept = (made, sizes, owner)
    made.context = id(kept)
    _keep(id(kept))
    return _new(ctypes.addressof(made), _NEW, _FORGET)


def _end(address: int) -> None:
    """Let go of what `exported` kept."""
    _let_go(_Managed.from_address(address).context)


def _end_capsule(capsule: int) -> None:
    """End a capsule, and its array if nobody took that."""
    if _is_valid(capsule, _NEW):
        _end(_pointer(capsule, _NEW))


_delete, _forget = _Delete(_end), ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(_end_capsule)
_FORGET = ctypes.cast(_forget, ctypes.c_void_p).value


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Imported:
    """An array of another library: address, shape, steps between elements (None: C-contiguous), type.

    It is given back when this object ends.
    """

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    typestr: str


def imported(capsule: Any) -> Imported:
    """Take the array out of a capsule."""
    place = _pointer(id(capsule), _NEW)
    managed = _Managed.from_address(place)
    tensor = managed.tensor
    kinds = {code: kind for kind, code in _CODES.items()}
    kind, width = kinds.get(tensor.code, "V"), tensor.bits // 8 * tensor.lanes
    shape = tuple(tensor.shape[: tensor.ndim])
    steps = tuple(tensor.strides[: tensor.ndim]) if tensor.strides else None
    strides = None if steps is None else tuple(step * width for step in steps)
    made = Imported((tensor.data or 0) + tensor.byte_offset, shape, strides, f"{kind}{width}")
    _rename(id(capsule), _USED)
    if managed.delete:
        weakref.finalize(made, managed.delete, place)
    return made
