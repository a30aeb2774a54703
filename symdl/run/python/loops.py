"""The loops over the launch list in plain Python, to step through.

Enters: the kernels of a module. Leaves: `loops`: those of `symdl.run.loops`, by the names by which they are
called. Arrays are their own places.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdl.emit.operations import FIRST_PLACE, Operation
from symdl.run import loops as shared

Function = Callable[..., Any]


def loops(kernels: Sequence[tuple[Function, int]], *, dtype: str) -> dict[str, Function]:
    """Return ``once`` and ``epoch`` for kernels, each with how many arguments it has."""
    execute = shared.execute_loop(
        row_of=row_of, integer_at=itself, call_kernel=caller(kernels), perform=performer(dtype)
    )
    first: dict[str, Function] = {"execute": execute, "first_of": itself}
    epoch = shared.epoch_loop(**first, row_of=row_of, barrier=barrier, begin=nothing, end=nothing)
    return {"once": shared.once_loop(**first), "epoch": epoch}


def performer(dtype: str) -> Function:
    """Return what does rows of those operations that have a function of their own."""
    arrays, bytes_ = ({"array_at": at, "integer_at": itself} for at in (itself, bytes_of))
    samples = shared.gather_single_loop(disjoint=nothing, gather_eight=gather_eight)
    wide = shared.gather_loop(disjoint=nothing, copy_four=copy_four)
    single, gather = (
        shared.gather_single_row(**arrays, gather=samples),
        shared.gather_row(**arrays, gather=wide),
    )
    combine = shared.combine_row(array_at=itself, combine=shared.combine_loop(plus=operator.add))
    known = {
        Operation.PRODUCT: shared.multiply_loop(
            real=np.dtype(dtype).type, real_at=itself, multiply_matrices=multiply_matrices
        ),
        Operation.TOTAL: shared.total_row(real_at=itself, total_at=itself, larger=np.maximum),
        **dict.fromkeys((Operation.GATHER_SINGLE_REALS, Operation.GATHER_SINGLE_INTEGERS), single),
        **dict.fromkeys((Operation.GATHER_REALS, Operation.GATHER_INTEGERS), gather),
        Operation.GATHER_SINGLE_BYTES: shared.gather_single_row(**bytes_, gather=samples),
        Operation.GATHER_BYTES: shared.gather_row(**bytes_, gather=wide),
        **dict.fromkeys((Operation.COMBINE, Operation.COMBINE_INTEGERS), combine),
    }

    def perform(op: int, line: Any, pointers: Any, sizes: Any, factors: Any, table: Any) -> None:
        known[Operation(op)](line, pointers, sizes, factors, table)

    return perform


def caller(kernels: Sequence[tuple[Function, int]]) -> Function:
    """Return what calls the kernel of a row with its arrays and sizes."""

    def call_kernel(line: Any, pointers: Any, sizes: Any) -> None:
        kernel, count = kernels[line[1]]
        middle = FIRST_PLACE + line[2]
        arrays = (pointers[at] for at in line[FIRST_PLACE:middle])
        kernel(*arrays, *(sizes[at] for at in line[middle : FIRST_PLACE + count]))

    return call_kernel


def itself(place: Any) -> Any:
    """An array is its own place."""
    return place


def bytes_of(place: NDArray[Any]) -> NDArray[Any]:
    """An array as the bytes that it is."""
    return place.view("uint8")


def nothing(*_: Any) -> None:
    """There is nothing to tell a compiler or a processor."""


def row_of(table: NDArray[Any], row: int, _width: int) -> NDArray[Any]:
    """A row of a table."""
    line: NDArray[Any] = table[row]
    return line


def gather_eight(
    target: NDArray[Any], at: int, source: NDArray[Any], order: NDArray[Any], first: int
) -> None:
    """``target[at + i] = source[order[first + i]]`` for eight elements."""
    target[at : at + 8] = source[order[first : first + 8]]


def copy_four(target: NDArray[Any], at: int, source: NDArray[Any], start: int) -> None:
    """``target[at + i] = source[start + i]`` for four elements."""
    target[at : at + 4] = source[start : start + 4]


def barrier(_arrivals: NDArray[Any], _workers: int) -> bool:
    """There is one worker only."""
    return False


def multiply_matrices(
    blas: int,
    turned: int,
    m: int,
    n: int,
    k: int,
    factor: Any,
    left: NDArray[Any],
    left_at: int,
    left_lead: int,
    right: NDArray[Any],
    right_at: int,
    right_lead: int,
    result: NDArray[Any],
    result_at: int,
    result_lead: int,
) -> None:
    """``result = factor * left @ right``; see `symdl.run.cpu.gemm.multiply.multiply_matrices`."""
    a = _matrix(left, left_at, left_lead, m, k, turned=bool(turned & 1))
    b = _matrix(right, right_at, right_lead, k, n, turned=bool(turned & 2))
    _matrix(result, result_at, result_lead, m, n, turned=False)[...] = factor * (a @ b)


def _matrix(
    array: NDArray[Any], start: int, lead: int, rows: int, columns: int, *, turned: bool
) -> NDArray[Any]:
    steps = (1, lead) if turned else (lead, 1)
    strides = tuple(step * array.itemsize for step in steps)
    return np.lib.stride_tricks.as_strided(array[start:], (rows, columns), strides)
