"""What differs between targets while sizes are symbols.

Enters: nothing. Leaves: the type `Lowering`. Each target has one, and `pipeline` is given it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symdl.lower.equations.contractions import Contraction
from symdl.lower.ir.integers import Poly
from symdl.lower.ir.loops import KernelItem
from symdl.lower.state import Pass


@dataclass(frozen=True, slots=True)
class Splits:
    """Which sums of matrix products are run up in pieces, whose sums another launch adds.

    Attributes:
        multiplied: how many products a kernel does, their rows, columns and inner axis; None if it does none.
        pieces: for these four numbers, how many pieces there are, and how long all but the last one are.
    """

    multiplied: Callable[[tuple[KernelItem, ...]], tuple[Poly, ...] | None]
    pieces: Callable[[int, int, int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Lowering:
    """The passes of one target; those of all targets come before, between and after.

    Attributes:
        equations: how tensors are laid out: what becomes a matrix product, which axis is innermost.
        loops: passes over loop trees that have one index an axis, before positions are flat.
        binding: how loops are run; trees have flat positions and buffers.
        factored: whether there are functions of the factors of a matrix, as of LAPACK, and of its values
            without vectors.
        long: operations from which on a function of points is computed a row of points at a time; 0 never.
        cut: whether calls may be cut into blocks of samples.
        apart: whether iterations of outermost loops must be independent; see `symdl.lower.loops.nests.Nest`.
        epilogue: which matrix products elementwise equations may join, so that all are loops of one kernel.
        splits: which matrix products take two launches; None: no one does.
    """

    equations: tuple[Pass, ...]
    loops: tuple[Pass, ...] = ()
    binding: tuple[Pass, ...] = ()
    factored: bool = False
    long: int = 0
    cut: bool = True
    apart: bool = False
    epilogue: Callable[[Contraction], bool] | None = None
    splits: Splits | None = None
