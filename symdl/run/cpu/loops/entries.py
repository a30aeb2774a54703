"""The loops that Python calls, compiled.

Enters: what programs are for. Leaves: `entries`, functions of one vector, in which the arguments
stand one after another: a number, or of an array its address and its shape
(`symdl.run.cpu.cache.objects.Machine.call` makes it). These loops are the same for all programs, so they are
compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numba import njit

from symdl.run.cpu.intrinsics.frames import numbers_at, table_at, vector_at
from symdl.run.cpu.intrinsics.pointers import KERNEL, barrier, first_of, flush_subnormals, restore, row_of
from symdl.run.cpu.limits import Purpose
from symdl.run.cpu.loops.launch import called, execute_rows, integers, whole
from symdl.run.cpu.loops.sharing import points_loop, share_loop
from symdl.run.loops import epoch_loop, once_loop

Function = Callable[..., Any]
_entry: Any = njit(whole(integers), **KERNEL)
_WORDS = {"table": 3, "vector": 2, "number": 1}
"""How many numbers an argument is."""


def entries(purpose: Purpose) -> list[Any]:
    """Return the compiled functions; each is called ``NAME_entry``."""
    execute = execute_rows()
    if purpose == "training":
        return [_epoch(execute)]
    if purpose == "pieces":
        return [_share(execute)]
    return [_once(execute), *([_points(execute)] if purpose == "points" else [])]


def _places(*kinds: str) -> Sequence[int]:
    """Return where each argument begins."""
    return [sum(_WORDS[kind] for kind in kinds[:at]) for at in range(len(kinds))]


def _once(execute: Function) -> Any:
    once = called(once_loop(execute=execute, first_of=first_of))
    code, pointers, sizes, factors, blas = _places("table", *["vector"] * 3, "number")

    @_entry  # type: ignore[untyped-decorator]  # Numba has no types
    def once_entry(frame: Any) -> Any:
        return once(
            table_at(frame, code),
            vector_at(frame, pointers),
            vector_at(frame, sizes),
            numbers_at(frame, factors),
            frame[blas],
        )

    return once_entry


def _points(execute: Function) -> Any:
    points = called(points_loop(execute))
    kinds = ("table", *["vector"] * 6, "number", "vector", "vector", "number")
    code, places, steps, here, sizes, rest, factors, blas, blocks, counters, worker = _places(*kinds)

    @_entry  # type: ignore[untyped-decorator]  # Numba has no types
    def points_entry(frame: Any) -> Any:
        return points(
            table_at(frame, code),
            vector_at(frame, places),
            vector_at(frame, steps),
            vector_at(frame, here),
            vector_at(frame, sizes),
            vector_at(frame, rest),
            numbers_at(frame, factors),
            frame[blas],
            vector_at(frame, blocks),
            vector_at(frame, counters),
            frame[worker],
        )

    return points_entry


def _share(execute: Function) -> Any:
    share = called(share_loop(execute))
    kinds = ("table", "table", "table", *["vector"] * 3, "number", "vector", "number")
    code, phases, tasks, pointers, sizes, factors, blas, counters, worker = _places(*kinds)

    @_entry  # type: ignore[untyped-decorator]  # Numba has no types
    def share_entry(frame: Any) -> Any:
        return share(
            table_at(frame, code),
            table_at(frame, phases),
            table_at(frame, tasks),
            vector_at(frame, pointers),
            vector_at(frame, sizes),
            numbers_at(frame, factors),
            frame[blas],
            vector_at(frame, counters),
            frame[worker],
        )

    return share_entry


def _epoch(execute: Function) -> Any:
    epoch = called(
        epoch_loop(
            execute=execute,
            first_of=first_of,
            row_of=row_of,
            barrier=barrier,
            begin=flush_subnormals,
            end=restore,
        )
    )
    kinds = ("table", "table", *["vector"] * 3, "number", "vector", "number", "number", "vector")
    code, script, pointers, sizes, factors, blas, counters, workers, slot, span = _places(*kinds)

    @_entry  # type: ignore[untyped-decorator]  # Numba has no types
    def epoch_entry(frame: Any) -> Any:
        return epoch(
            table_at(frame, code),
            table_at(frame, script),
            vector_at(frame, pointers),
            vector_at(frame, sizes),
            numbers_at(frame, factors),
            frame[blas],
            vector_at(frame, counters),
            frame[workers],
            frame[slot],
            vector_at(frame, span),
        )

    return epoch_entry
