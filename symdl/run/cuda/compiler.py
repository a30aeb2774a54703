"""The compiler of kernels, behind which another one could stand.

Enters: functions in what numba-cuda understands of Python. Leaves: PTX, for which no device is needed.
Kernels and what they are built on know the compiler as `cuda` and `libdevice` from here only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba.cuda
import numba.cuda.extending
import numba.cuda.libdevice
import numba.types

cuda: Any = numba.cuda
types: Any = numba.types
libdevice: Any = numba.cuda.libdevice
intrinsic: Any = numba.cuda.extending.intrinsic


def inlined(function: Callable[..., Any]) -> Any:
    """Return a function that is taken into kernels; to compile a call, a device would be asked for."""
    return cuda.jit(device=True, inline="always")(function)


def translate(function: Callable[..., None], kinds: Sequence[str], architecture: str, threads: int) -> str:
    """Return the PTX of a kernel.

    Args:
        function: of arrays and numbers.
        kinds: for each argument ``float32``, ``float64``, ``int64`` or ``uint32``, with ``*`` for an array.
        architecture: such as ``sm_90``.
        threads: of the largest block it is launched with, which bounds the registers that a thread may have.
    """
    digits = architecture.removeprefix("sm_")
    level = (int(digits[:-1]), int(digits[-1]))
    known: dict[str, Any] = {name: getattr(types, name) for name in ("float32", "float64", "int64", "uint32")}
    arguments = [types.CPointer(known[kind[:-1]]) if kind.endswith("*") else known[kind] for kind in kinds]
    signature = types.void(*arguments)
    options = {"device": False, "abi": "numba", "cc": level, "output": "ptx", "launch_bounds": threads}
    text, _ = cuda.compile(function, signature, **options)
    return str(text)
