"""Arrays that other libraries put on a device.

Enters: any object. Leaves: a `DeviceArray` on its memory, if it lies on a device: what CuPy, PyTorch, JAX,
Numba and others make says so by ``__cuda_array_interface__`` or DLPack. Nothing is copied; what does not
fit is refused with a cure, since only the library that made it knows how its user wants it converted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import ArgumentError
from symdl.run.cuda import dlpack
from symdl.run.cuda.arrays import DeviceArray
from symdl.run.cuda.launching import Launcher

_DEFAULT = 1
"""The stream of those who say nothing about theirs: the driver's own, for which all ordinary ones wait."""


@dataclass(frozen=True, slots=True, eq=False)
class Foreign:
    """What another library says of its array, and the stream in which it is used there."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    dtype: np.dtype[Any]
    owner: Any
    stream: int


class ForeignArray(DeviceArray):
    """An array of another library.

    Attributes:
        stream: in which that library uses it: ours waits for what was put there before, and it for ours.
    """

    stream: int


def on_device(value: Any) -> bool:
    """Say whether an object may be an array on a device; no device is asked."""
    kind = type(value)
    return hasattr(kind, "__cuda_array_interface__") or hasattr(kind, "__dlpack_device__")


def foreign(value: Any, name: str, launcher: Launcher) -> Foreign | None:
    """Return what is said of an array on the device, or None if `value` is none.

    Raises:
        ArgumentError: it cannot be shared, or lies on another device.
    """
    try:
        there = hasattr(value, "__dlpack_device__")
        kind, number = map(int, value.__dlpack_device__()) if there else (0, 0)
        if kind == dlpack.DEVICE[0] and number:  # whose address the other protocol would give without a word
            raise ArgumentError(f"{name} lies on device {number}", cure="copy it to the first one, device 0")
        said = getattr(value, "__cuda_array_interface__", None)
        if isinstance(said, dict):
            return _said(said, value, name)
        if kind != dlpack.DEVICE[0]:
            return None
        pointer = launcher.device.pointer(0)
        taken = dlpack.imported(value.__dlpack__(stream=pointer))
    except ArgumentError:
        raise
    except Exception as error:  # whatever another library says when it does not share
        cure = "pass an array that may be shared, as x.detach() of a tensor that is differentiated"
        raise ArgumentError(f"{name} cannot be shared: {error}", cure=cure) from error
    owner = (taken, value)
    return Foreign(taken.address, taken.shape, taken.strides, np.dtype(taken.typestr), owner, _DEFAULT)


def _said(said: dict[str, Any], value: Any, name: str) -> Foreign:
    if said.get("mask") is not None:
        cure = "pass its numbers and its mask by themselves"
        raise ArgumentError(f"{name} has a mask, which would be lost", cure=cure)
    strides = said.get("strides")
    return Foreign(
        int(said["data"][0] or 0),
        tuple(map(int, said["shape"])),
        None if strides is None else tuple(map(int, strides)),
        np.dtype(said["typestr"]),
        value,
        int(said.get("stream") or _DEFAULT),
    )


def shared(value: Any, name: str, dtype: np.dtype[Any], launcher: Launcher) -> DeviceArray | None:
    """Return an array on the device that a kernel can take as `dtype`, or None if `value` lies elsewhere.

    Raises:
        ArgumentError: its type or its layout does not fit.
    """
    if isinstance(value, DeviceArray):
        _check_type(name, value.dtype, dtype)
        return value
    found = foreign(value, name, launcher)
    if found is None:
        return None
    _check_type(name, found.dtype, dtype)
    if found.strides is not None and not _contiguous(found.shape, found.strides, dtype.itemsize):
        raise ArgumentError(
            f"{name} is not contiguous: its elements lie {found.strides} bytes apart",
            shapes={name: found.shape},
            cure="pass a contiguous copy, as cupy.ascontiguousarray(x) or x.contiguous() makes it",
        )
    launcher.device.wait_for(found.stream)
    made = ForeignArray(launcher, found.shape, dtype, found.address, found.owner)
    made.stream = found.stream
    return made


def _check_type(name: str, given: np.dtype[Any], wanted: np.dtype[Any]) -> None:
    if given != wanted:
        raise ArgumentError(
            f"{name} has the type {given} on the device, not {wanted}",
            cure=f"convert it there, as x.astype({str(wanted)!r}) or x.to(torch.{wanted}) does",
        )


def _contiguous(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> bool:
    """Say whether elements lie one after the other; where an axis has one element, its step means nothing."""
    if not math.prod(shape):
        return True
    expected = itemsize
    for size, step in zip(reversed(shape), reversed(strides), strict=True):
        if size > 1 and step != expected:
            return False
        expected *= size
    return True
