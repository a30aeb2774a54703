"""The launch list on a device.

Enters: the kernels of a module, a launcher. Leaves: `executor`, the loop of `symdl.run.loops` in which
every row becomes a launch. Places are addresses on the device, and so is where the position of a batch is
found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from symdl.emit.cuda.teams import forms
from symdl.emit.operations import FIRST_PLACE, Operation
from symdl.lower.cuda.flat import VECTOR, flat
from symdl.lower.cuda.teams import Work, work
from symdl.lower.cuda.tiles import MatrixProduct, matrix_product
from symdl.lower.ir.integers import Poly, constant, evaluate, rebuild
from symdl.lower.ir.names import Param
from symdl.lower.kernels import Kernel
from symdl.run.cuda.choice import BLOCK, Choice, chosen, chosen_tiles
from symdl.run.cuda.launching import Launcher, kind_of
from symdl.run.cuda.products import in_pieces, multiplier
from symdl.run.loops import execute_loop
from symdl.run.python.loops import itself, row_of

Function = Callable[..., Any]
_KEPT = 1024
"""Choices of threads that are kept: counting rows takes longer than a small launch."""


@dataclass(frozen=True, slots=True)
class Launchable:
    """A kernel with its rows, or the matrices that it multiplies, its forms, and the types of its arrays.

    Of those with numbers in `vectors`, `width` elements may be read or written at once, if they begin where a
    vector may.
    """

    kernel: Kernel
    work: Work
    product: MatrixProduct | None
    forms: tuple[str, ...]
    arrays: tuple[str, ...]
    vectors: tuple[int, ...]
    width: int

    dtype: str

    def kinds(self, sizes: Sequence[int]) -> tuple[str, ...]:
        """Return the types of arrays and sizes for these sizes."""
        return *self.arrays, *[kind_of(sizes)] * len(sizes)

    def aligned(self, addresses: Sequence[int]) -> bool:
        """Say whether arrays at these addresses can be read and written as vectors."""
        return bool(self.vectors) and not any(addresses[at] % VECTOR for at in self.vectors)

    def choice(self, sizes: Sequence[int], aligned: bool = False) -> Choice | None:
        """Return which form is launched for these sizes, and how; None if there is nothing to do."""
        known = dict(zip(self.kernel.sizes, sizes, strict=True))
        if self.product:
            extents = (*self.product.extents, self.product.length)
            matrices, rows, columns, inner = (evaluate(put_in(p, known), {}) for p in extents)
            busy = min(matrices, rows, columns) > 0
            return chosen_tiles(matrices, rows, columns, inner) if busy else None
        rows, *lengths = (evaluate(put_in(p, known), {}) for p in (self.work.rows, *self.work.lengths))
        width = self.width if aligned else 0
        return chosen(self.forms, rows, max(lengths, default=1), width) if rows > 0 else None


def put_in(poly: Poly, known: Mapping[Param, int]) -> Poly:
    """Return an extent with numbers in place of a kernel's parameters."""
    return rebuild(poly, lambda a: constant(known[a]) if isinstance(a, Param) else None)


def prepared(kernels: Sequence[Kernel], dtype: str) -> list[Launchable]:
    """Return what launching needs to know of each kernel."""
    found = []
    for kernel in kernels:
        made = work(kernel.items)
        arrays = tuple("int64*" if array.integer else f"{dtype}*" for array in kernel.arrays)
        side_by_side = flat(made)
        vectors = tuple(slot.number for slot in side_by_side.arrays) if side_by_side else ()
        width = VECTOR // np.dtype(dtype).itemsize
        found.append(
            Launchable(kernel, made, matrix_product(made), forms(made), arrays, vectors, width, dtype)
        )
    return found


def executor(
    functions: Mapping[str, Function], kernels: Sequence[Kernel], *, dtype: str, launcher: Launcher
) -> Function:
    """Return what does rows of the launch list, as `symdl.run.loops.execute_loop` makes it.

    Args:
        functions: the module's, by the names of a kernel and a team.
        kernels: in the order of their numbers.
        dtype: of reals.
        launcher: compiles and launches.
    """
    return execute_loop(
        row_of=row_of,
        integer_at=itself,
        call_kernel=caller(functions, prepared(kernels, dtype), launcher),
        perform=performer(dtype, launcher),
    )


def caller(functions: Mapping[str, Function], kernels: Sequence[Launchable], launcher: Launcher) -> Function:
    """Return what launches the kernel of a row with its arrays and sizes."""

    @lru_cache(maxsize=_KEPT)
    def choice_for(number: int, values: tuple[int, ...], aligned: bool) -> Choice | None:
        return kernels[number].choice(values, aligned)

    def call_kernel(line: Any, pointers: Any, sizes: Any) -> None:
        made = kernels[line[1]]
        middle = FIRST_PLACE + line[2]
        end = middle + len(made.kernel.sizes)
        values = tuple(int(sizes[at]) for at in line[middle:end])
        addresses = [int(pointers[at]) for at in line[FIRST_PLACE:middle]]
        choice = choice_for(int(line[1]), values, made.aligned(addresses))
        if choice is None:
            return
        name, arguments = made.kernel.name, [*addresses, *values]
        if choice.pieces > 1:
            in_pieces(launcher, functions, name, made.kinds(values), arguments, choice, made.dtype)
            return
        function = functions[f"{name}_{choice.form}"]
        grid, threads = launcher.blocks(choice.blocks), {"block": choice.threads, "largest": choice.largest}
        launcher.launch(function, made.kinds(values), arguments, grid=grid, **threads)

    return call_kernel


def performer(dtype: str, launcher: Launcher) -> Function:
    """Return what launches all other rows: products, sorting; in training gathering samples, adding to
    totals."""
    from symdl.run.cuda.samples import gather_kernel, total_kernel
    from symdl.run.cuda.sorting import sort

    add_to_total = total_kernel(np.dtype(dtype).type)
    integers = (Operation.GATHER_SINGLE_INTEGERS, Operation.GATHER_INTEGERS)
    single = (Operation.GATHER_SINGLE_REALS, Operation.GATHER_SINGLE_INTEGERS)

    multiply = multiplier(dtype, launcher)

    def launch(op: int, line: Any, pointers: Any, sizes: Any, factors: Any, table: Any) -> None:
        if op == Operation.PRODUCT:
            multiply(line, pointers, sizes, factors, table)
            return
        if op == Operation.SORT:
            count, below = int(sizes[line[4]]), int(sizes[line[5]])
            keys, order, segments = (pointers[at] for at in line[1:4])
            sort(launcher, keys, order, segments, count=count, below=below, first=int(line[6]))
            return
        if op == Operation.TOTAL:
            kinds = ("float64*", f"{dtype}*", "int64", "int64")
            arguments = (pointers[line[2]], pointers[line[1]], line[3], sizes[line[4]])
            launcher.launch(add_to_total, kinds, arguments, grid=1, block=32)
            return
        kind = "int64*" if op in integers else f"{dtype}*"
        width, lead = (1, 1) if op in single else (int(line[7]), int(line[8]))
        first, count = int(line[5]), int(line[6])
        arrays = (pointers[line[1]], pointers[line[2]], pointers[line[3]])  # the last one knows the position
        blocks = launcher.blocks(-(-count * width // BLOCK))
        moved = (kind, kind, "int64*", *["uint32"] * 4)
        launcher.launch(gather_kernel, moved, (*arrays, first, count, width, lead), grid=blocks)

    return launch
