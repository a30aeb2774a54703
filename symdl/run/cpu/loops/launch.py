"""Rows of the launch list, compiled.

Enters: a dtype. Leaves: `execute`, for programs that are called in one piece, in pieces, or trained: the loop
of `symdl.run.loops` with what the CPU does its own way; arrays are bare pointers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types

from symdl.run import loops
from symdl.run.cpu.gemm.multiply import multiply_matrices
from symdl.run.cpu.intrinsics.batch_gather import copy_four, gather_eight
from symdl.run.cpu.intrinsics.kernel_call import call_kernel
from symdl.run.cpu.intrinsics.pointers import (
    OPTIONS,
    REALS,
    disjoint,
    integer_at,
    larger,
    plus,
    row_of,
    total_at,
)

Function = Callable[..., Any]

whole: Any = types.int64
_pointer: Any = types.CPointer
integers, scales = _pointer(types.int64), _pointer(types.float64)
_REALS = {"float32": _pointer(types.float32), "float64": _pointer(types.float64)}
_rows = whole(integers, whole, whole, whole, integers, integers, scales, whole)
inlined: Any = njit(inline="always")


def compiled(*arguments: Any) -> Any:
    """Return what compiles a function of such arguments that returns nothing."""
    nothing: Any = types.void
    return njit(nothing(*arguments), **OPTIONS)


def execute_whole(dtype: str) -> Function:
    """Return `execute` for a call in one piece."""
    made: Function = njit(_rows, **OPTIONS)(_execute(dtype, inlined(loops.no_rows)))
    return made


def execute_pieces(dtype: str) -> Function:
    """Return `execute` for a call whose samples are computed in pieces."""
    made: Function = inlined(_execute(dtype, _combine(dtype)))
    return made


def execute_training(dtype: str) -> Function:
    """Return `execute` for steps of training."""
    reals, real_at = _REALS[dtype], REALS[dtype]
    rows = {}
    for name, kind, array_at in (("reals", reals, real_at), ("integers", integers, integer_at)):
        places = {"array_at": array_at, "integer_at": integer_at}
        single = compiled(kind, kind, integers, whole, whole)(
            loops.gather_single_loop(disjoint=disjoint, gather_eight=gather_eight)
        )
        gather = compiled(kind, kind, integers, whole, whole, whole, whole, whole)(
            loops.gather_loop(disjoint=disjoint, copy_four=copy_four)
        )
        rows[f"single_{name}"] = inlined(loops.gather_single_row(gather=single, **places))
        rows[f"gather_{name}"] = inlined(loops.gather_row(gather=gather, **places))
    total = inlined(loops.total_row(real_at=real_at, total_at=total_at, larger=larger))
    others = inlined(loops.training_rows(**rows, total=total, combine=_combine(dtype)))
    made: Function = inlined(_execute(dtype, others))
    return made


def _execute(dtype: str, others: Function) -> Function:
    multiply = loops.multiply_loop(
        real=np.dtype(dtype).type, real_at=REALS[dtype], multiply_matrices=multiply_matrices
    )
    return loops.execute_loop(
        row_of=row_of,
        integer_at=integer_at,
        multiply=compiled(integers, integers, integers, scales, whole)(multiply),
        call_kernel=call_kernel,
        others=others,
    )


def _combine(dtype: str) -> Function:
    def of(kind: Any, plus: Function) -> Function:
        made: Function = compiled(kind, kind, whole, whole, whole)(loops.combine_loop(plus=plus))
        return made

    rows = loops.combine_rows(
        real_at=REALS[dtype],
        integer_at=integer_at,
        reals=of(_REALS[dtype], operator.add),
        integers=of(integers, plus),
    )
    made: Function = inlined(rows)
    return made
