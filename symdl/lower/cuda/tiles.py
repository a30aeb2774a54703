"""Matrix products in tiles.

Enters: how threads share a kernel (`Work`), one value of which is a sum of products. Leaves: `MatrixProduct`,
which says what loops are rows and columns of the matrices, and `Tiling`, how a block of threads computes a
tile of the result: from panels of both matrices in shared memory, several elements a thread in registers.
What follows the sum in the loop tree is its *epilogue*, done while the sum is still in a register. Where
there are few tiles and a long inner axis, blocks share that: each sums a *piece* of it, and another launch
adds up what they have, in order, and does the epilogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symdl.lower.cuda.teams import Nest, Work, work
from symdl.lower.equations.contractions import Contraction, factors
from symdl.lower.ir.integers import Element, Poly, product, variables
from symdl.lower.ir.loops import Fold, KernelItem, Loop, Start, Update, statements
from symdl.lower.ir.names import LoopVar
from symdl.lower.ir.scalars import Body


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a block computes a tile of the result.

    Attributes:
        name: of the form of a kernel.
        side: rows and columns of a tile.
        own: rows and columns of the part of it that a thread has in registers.
        depth: elements along the inner axis that a panel has.
        slices: parts of a panel's depth that different threads sum; then they add up what they have.
    """

    name: str
    side: int
    own: int
    depth: int
    slices: int

    @property
    def across(self) -> int:
        """Threads of one slice along each axis."""
        return self.side // self.own

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.slices * self.across**2

    @property
    def lead(self) -> int:
        """Elements between two rows of a panel: threads that write one column meet different banks."""
        return self.side + self.own

    @property
    def panel(self) -> int:
        """Elements of a panel."""
        return self.depth * self.lead

    @property
    def copies(self) -> int:
        """Elements of a panel that a thread copies."""
        return self.side * self.depth // self.threads

    @property
    def sums(self) -> int:
        """Sums that a thread runs up."""
        return self.own**2

    @property
    def results(self) -> int:
        """Elements of the result that a thread finishes."""
        return self.side**2 // self.threads


TILES = Tiling("tiles", side=64, own=4, depth=16, slices=1)
"""Where there are tiles enough to fill the device."""
SLICES = Tiling("slices", side=16, own=2, depth=64, slices=4)
"""Where there are few: smaller ones, and four threads share each sum."""
TILINGS = (TILES, SLICES)
LARGE = Tiling("large", side=128, own=8, depth=8, slices=1)
"""For large products without an epilogue: each element of a panel that is read is used eight times."""
ALL_TILINGS = (LARGE, *TILINGS)


SPLIT = PIECES, TOGETHER = "pieces", "together"
"""Forms of a kernel that is done in two launches: the sums of pieces, and the rest."""
_BUSY = 96
"""Tiles that keep a device busy, and from which on no inner axis is cut."""
_LONG, _SHORTEST = 2048, 512
"""Elements of an inner axis from which on it is cut, and of its shortest piece: a launch must pay."""
_LARGE = 1 << 20
"""Elements of a right matrix from which on a product is large."""


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """A matrix product with its epilogue.

    Attributes:
        matrices: loops over whole products.
        rows: loops along which only the left matrix moves, outer ones first.
        columns: loops along which only the right one does.
        inner: the loops that are summed over.
        left: the element of the left matrix that is read, and `right`.
        sum: the running value.
        step: a step of it.
        factor: what the sum is multiplied by.
        epilogue: what is done with it.
    """

    matrices: tuple[Nest, ...]
    rows: tuple[Nest, ...]
    columns: tuple[Nest, ...]
    inner: tuple[Nest, ...]
    left: Element
    right: Element
    sum: Start
    step: Fold
    factor: Body
    epilogue: tuple[KernelItem, ...]

    @property
    def extents(self) -> tuple[Poly, Poly, Poly]:
        """How many products, rows and columns there are."""
        matrices, rows, columns = (
            product(loop.extent for loop in loops) for loops in (self.matrices, self.rows, self.columns)
        )
        return matrices, rows, columns

    @property
    def length(self) -> Poly:
        """How many elements are summed."""
        return product(loop.extent for loop in self.inner)


def small(made: Contraction) -> bool:
    """Say whether a product takes so little time that another launch for its epilogue would show.

    Large ones are left to what multiplies matrices best. Sizes that nobody knows yet are taken to be small.
    """
    inner, columns = (size.number or 1 for size in (made.k, made.n))
    return inner * columns < _LARGE


def pieces(matrices: int, rows: int, columns: int, inner: int) -> tuple[int, int]:
    """Return in how many pieces the inner axis of such products is summed, and how long all but the last are.

    That depends on sizes only, not on the device, and so does the order of sums.
    """
    tiles = matrices * -(-rows // SLICES.side) * -(-columns // SLICES.side)
    if tiles >= _BUSY or inner < _LONG:
        return 1, inner
    wanted = min(-(-_BUSY // tiles), inner // _SHORTEST)
    stretch = -(-inner // (wanted * SLICES.depth)) * SLICES.depth
    return -(-inner // stretch), stretch


def multiplied(items: tuple[KernelItem, ...]) -> tuple[Poly, ...] | None:
    """Return how many products a kernel does, their rows, columns and inner axis; None if it does none."""
    made = matrix_product(work(items))
    return None if made is None else (*made.extents, made.length)


def matrix_product(made: Work) -> MatrixProduct | None:
    """Return a kernel as a matrix product with an epilogue, or None if it is none."""
    if len(made.items) < 2:
        return None
    start, loop, *epilogue = made.items
    if not isinstance(start, Start) or not isinstance(loop, Loop) or start.op != "sum" or start.whole:
        return None
    if any(isinstance(item, Loop) for item in epilogue) or _runs_up(epilogue):
        return None
    inner, items = [loop], loop.items
    while len(items) == 1 and isinstance(items[0], Loop):
        inner.append(items[0])
        items = items[0].items
    step = items[0]
    if len(items) != 1 or not isinstance(step, Fold) or step.guards:
        return None
    found = factors(step.body, Element)
    if found is None:
        return None
    (one, other), factor = found
    moved = _moved(one), _moved(other)
    if any(loop.var not in moved[0] & moved[1] for loop in inner):
        return None
    if made.grid and made.grid[-1].var in moved[0] - moved[1]:
        one, other, moved = other, one, moved[::-1]
    rows = tuple(loop for loop in made.grid if loop.var in moved[0] - moved[1])
    columns = tuple(loop for loop in made.grid if loop.var in moved[1] - moved[0])
    matrices = tuple(loop for loop in made.grid if loop.var in moved[0] & moved[1])
    if not rows or not columns or len(rows) + len(columns) + len(matrices) < len(made.grid):
        return None
    loops = (matrices, rows, columns, tuple(inner))
    return MatrixProduct(*loops, one, other, start, step, factor, tuple(epilogue))


def _runs_up(items: Sequence[KernelItem]) -> bool:
    return any(isinstance(s, Start | Fold | Update) for s in statements(items))


def _moved(element: Element) -> set[LoopVar]:
    """Return the loops along which an element moves."""
    return {v for v in variables(element.at) if isinstance(v, LoopVar)}
