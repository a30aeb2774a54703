"""The launch list on a device.

Enters: the kernels of a module, a launcher. Leaves: `executor`, the loop of `symdl.run.loops` in which
every row becomes a launch. Places are addresses on the device, and so is where the position of a batch is
found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from symdl.emit.cuda.teams import teams
from symdl.emit.operations import FIRST_PLACE, Operation
from symdl.lower.cuda.teams import Work, work
from symdl.lower.ir.integers import Poly, constant, evaluate, rebuild
from symdl.lower.ir.names import Param
from symdl.lower.kernels import Kernel
from symdl.run.cuda.choice import BLOCK, Choice, chosen
from symdl.run.cuda.launching import Launcher
from symdl.run.loops import execute_loop
from symdl.run.python.loops import itself, row_of

Function = Callable[..., Any]
_KEPT = 1024
"""Choices of threads that are kept: counting rows takes longer than a small launch."""


@dataclass(frozen=True, slots=True)
class Launchable:
    """A kernel with its rows, the teams that may do them, and the types of its arguments."""

    kernel: Kernel
    work: Work
    teams: tuple[str, ...]
    kinds: tuple[str, ...]

    def counts(self, sizes: Sequence[int]) -> tuple[int, int]:
        """Return how many rows there are for these sizes, and how many elements the longest has."""
        known = dict(zip(self.kernel.sizes, sizes, strict=True))
        rows, *lengths = (evaluate(put_in(p, known), {}) for p in (self.work.rows, *self.work.lengths))
        return rows, max(lengths, default=1)


def put_in(poly: Poly, known: Mapping[Param, int]) -> Poly:
    """Return an extent with numbers in place of a kernel's parameters."""
    return rebuild(poly, lambda a: constant(known[a]) if isinstance(a, Param) else None)


def prepared(kernels: Sequence[Kernel], dtype: str) -> list[Launchable]:
    """Return what launching needs to know of each kernel."""
    found = []
    for kernel in kernels:
        made = work(kernel.items)
        arrays = ("int64*" if array.integer else f"{dtype}*" for array in kernel.arrays)
        kinds = (*arrays, *["int64"] * len(kernel.sizes))
        found.append(Launchable(kernel, made, tuple(team.name for team in teams(made)), kinds))
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
        multiply=multiplier(dtype, launcher),
        call_kernel=caller(functions, prepared(kernels, dtype), launcher),
        others=training(dtype, launcher),
    )


def caller(functions: Mapping[str, Function], kernels: Sequence[Launchable], launcher: Launcher) -> Function:
    """Return what launches the kernel of a row with its arrays and sizes."""

    @lru_cache(maxsize=_KEPT)
    def choice_for(number: int, values: tuple[int, ...]) -> Choice | None:
        made = kernels[number]
        rows, length = made.counts(values)
        return chosen(made.teams, rows, length) if rows > 0 else None

    def call_kernel(line: Any, pointers: Any, sizes: Any) -> None:
        made = kernels[line[1]]
        middle = FIRST_PLACE + line[2]
        end = middle + len(made.kernel.sizes)
        values = tuple(int(sizes[at]) for at in line[middle:end])
        choice = choice_for(int(line[1]), values)
        if choice is None:
            return
        function = functions[f"{made.kernel.name}_{choice.team}"]
        arguments = [*(pointers[at] for at in line[FIRST_PLACE:middle]), *values]
        launcher.launch(
            function, made.kinds, arguments, grid=launcher.blocks(choice.blocks), block=choice.threads
        )

    return call_kernel


def multiplier(dtype: str, launcher: Launcher) -> Function:
    """Return what launches a row of matrix products."""
    from symdl.run.cuda.products import THREADS, TILE, multiply_kernel

    real, size = np.dtype(dtype).type, np.dtype(dtype).itemsize
    kinds = (*[f"{dtype}*"] * 3, dtype, *["int64"] * 13)

    @cache
    def kernel(turned: int) -> Function:
        made: Function = multiply_kernel(real, left_turned=bool(turned & 1), right_turned=bool(turned & 2))
        return made

    def multiply(line: Any, pointers: Any, sizes: Any, factors: Any, blas: Any) -> None:
        m, n, k, *leads, outer, inner = (int(sizes[at]) for at in line[6:14])
        starts, steps = line[14:17], [sizes[at] for at in line[17:23]]
        if min(m, n, outer, inner) < 1:
            return
        places = zip(line[1:4], starts, strict=True)
        arrays = [pointers[at] + int(sizes[start]) * size for at, start in places]
        arguments = [*arrays, factors[line[4]], m, n, k, *leads, *steps, inner]
        grid = (-(-n // TILE), -(-m // TILE), outer * inner)
        launcher.launch(kernel(int(line[5])), kinds, arguments, grid=grid, block=THREADS)

    return multiply


def training(dtype: str, launcher: Launcher) -> Function:
    """Return what launches the rows that only training has: gathering samples, adding to totals."""
    from symdl.run.cuda.samples import gather_kernel, total_kernel

    add_to_total = total_kernel(np.dtype(dtype).type)
    integers = (Operation.GATHER_SINGLE_INTEGERS, Operation.GATHER_INTEGERS)
    single = (Operation.GATHER_SINGLE_REALS, Operation.GATHER_SINGLE_INTEGERS)

    def others(op: int, line: Any, pointers: Any, sizes: Any) -> None:
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
        moved = (kind, kind, "int64*", *["int64"] * 4)
        launcher.launch(gather_kernel, moved, (*arrays, first, count, width, lead), grid=blocks)

    return others
