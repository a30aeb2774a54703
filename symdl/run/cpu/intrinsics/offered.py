"""The functions of matrices that machine code has by name, compiled once for all programs.

Enters: a dtype, the name of a function. Leaves: it as a Numba dispatcher with one signature.
"""

from __future__ import annotations

import inspect
from typing import Any

from numba import njit, types

from symdl.run.cpu.intrinsics.decompositions import (
    eigenvalues,
    eigenvectors,
    orthonormal,
    singular_values,
    singular_vectors,
)
from symdl.run.cpu.intrinsics.factors import (
    cholesky,
    cholesky_of,
    determinant_of,
    determinant_sign_of,
    factor,
    invert_factored,
    log_absolute_determinant_of,
    log_determinant_of,
    solve,
)
from symdl.run.cpu.intrinsics.orders import rank, rank_falling
from symdl.run.cpu.intrinsics.pointers import OPTIONS

_FUNCTIONS = (
    *(cholesky, cholesky_of, factor, invert_factored, solve),
    *(determinant_of, log_determinant_of, log_absolute_determinant_of, determinant_sign_of),
    *(rank, rank_falling),
    *(eigenvectors, orthonormal, singular_vectors, eigenvalues, singular_values),
)
_ARRAYS = ("target", "matrix", "factors", "right", "keys")


def entries(dtype: str, name: str) -> list[Any]:
    """Return one of the functions, compiled for arrays of a dtype; keys of an order may be int64."""
    (function,) = (f for f in _FUNCTIONS if f.__name__ == name)
    pointer: Any = types.CPointer
    reals, whole = pointer(getattr(types, dtype)), types.int64
    names = inspect.signature(function).parameters
    own = {**dict.fromkeys(_ARRAYS, reals), "ranks": pointer(whole)}
    kinds = [own.get(name, whole) for name in names]
    result = types.void if {"target", "ranks"} & {*names} else types.float64
    return [njit(result(*kinds), **OPTIONS)(function)]
