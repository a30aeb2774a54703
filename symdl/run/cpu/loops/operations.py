"""What does the rows of an operation, compiled: a library for each; a program has those that it needs.

Enters: an operation and a dtype. Leaves: `entries`, one function of a row, the places of buffers, sizes,
factors, and the table with the addresses of products: that of `symdl.run.loops` with what the CPU does its
own way.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types

from symdl.emit.operations import BYTES, INTEGER, Operation
from symdl.run import loops
from symdl.run.cpu.gemm.multiply import multiply_matrices
from symdl.run.cpu.intrinsics.batch_gather import copy_four, gather_eight
from symdl.run.cpu.intrinsics.pointers import (
    KERNEL,
    REALS,
    byte_at,
    disjoint,
    integer_at,
    larger,
    plus,
    total_at,
)
from symdl.run.cpu.loops.launch import called, integers, scales, whole

Function = Callable[..., Any]


def entries(operation: Operation, dtype: str) -> list[Any]:
    """Return the compiled function, which is called ``row_entry``."""
    nothing: Any = types.void
    entry = _row(operation, dtype)
    entry.__name__ = "row_entry"
    return [njit(nothing(integers, integers, integers, scales, whole), **KERNEL)(entry)]


def _row(operation: Operation, dtype: str) -> Function:
    integer = operation in INTEGER
    array_at = integer_at if integer else byte_at if operation in BYTES else REALS[dtype]
    arrays = {"array_at": array_at, "integer_at": integer_at}
    match operation:
        case Operation.PRODUCT:
            real = np.dtype(dtype).type
            return loops.multiply_loop(real=real, real_at=array_at, multiply_matrices=multiply_matrices)
        case Operation.TOTAL:
            return loops.total_row(real_at=array_at, total_at=total_at, larger=larger)
        case Operation.COMBINE | Operation.COMBINE_INTEGERS:
            added = called(loops.combine_loop(plus=plus if integer else operator.add))
            return loops.combine_row(array_at=array_at, combine=added)
        case Operation.GATHER_SINGLE_REALS | Operation.GATHER_SINGLE_INTEGERS | Operation.GATHER_SINGLE_BYTES:
            single = called(loops.gather_single_loop(disjoint=disjoint, gather_eight=gather_eight))
            return loops.gather_single_row(**arrays, gather=single)
        case Operation.GATHER_REALS | Operation.GATHER_INTEGERS | Operation.GATHER_BYTES:
            gather = called(loops.gather_loop(disjoint=disjoint, copy_four=copy_four))
            return loops.gather_row(**arrays, gather=gather)
    raise KeyError(operation)
