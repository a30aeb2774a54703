"""The body of a matrix product in tiles.

Enters: a `MatrixProduct` and a tiling. Leaves: the nodes that templates print. A block copies the next panel
of both matrices into registers, adds up what the present ones hold, and puts the next in their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symdl.emit import printed
from symdl.emit.cuda.rows import Rows
from symdl.emit.names import Names
from symdl.emit.printed import Printed
from symdl.emit.statements import Told
from symdl.emit.syntax import Syntax
from symdl.lower.cuda.teams import Nest
from symdl.lower.cuda.tiles import LARGE, PIECES, SLICES, TILES, TOGETHER, MatrixProduct, Tiling
from symdl.lower.ir.integers import ONE, Element, factor_of, product
from symdl.lower.ir.loops import KernelItem, Stated
from symdl.lower.ir.scalars import Node

CLEAR = {TILES: "clear_tile", SLICES: "clear_slice", LARGE: "clear_large"}
ACCUMULATE = {TILES: "add_tile", SLICES: "add_slice", LARGE: "add_large"}
ADD_SLICES = "add_slices"
FUNCTIONS = frozenset((*CLEAR.values(), *ACCUMULATE.values(), ADD_SLICES))
"""What `symdl.run.cuda.tiles` has for this."""
NAMES = frozenset(
    "left right next_left next_right sums tile part at first element across down inner outer".split()
) | frozenset("my_row my_column partial pieces stretch matrix begin end added".split())
"""What the text of a tile calls its own."""
FURTHER = ("partial", "pieces", "stretch")
"""What forms in two launches are given besides: where sums of pieces go, how many there are, how long."""


class TileWriter(Rows):
    """Makes the nodes of a matrix product for one tiling."""

    def product(self, made: MatrixProduct, tiling: Tiling, *, split: bool = False) -> None:
        """Write the loop over tiles, and what is done in each; if `split`, over tiles of all pieces."""
        for name in ("left", "right"):
            self.let(name, f"cuda.shared.array({tiling.panel}, real, alignment=16)")
        for name in ("next_left", "next_right"):
            self.let(name, f"cuda.local.array({tiling.copies}, real)")
        self.let("sums", f"cuda.local.array({tiling.sums}, real)")
        matrices, rows, columns = map(self.bracketed, made.extents)
        side = tiling.side
        self.let("across", f"({columns} + {side - 1}) // {side}")
        self.let("down", f"({rows} + {side - 1}) // {side}")
        tiles = "across * down" + ("" if made.extents[0] == ONE else f" * {matrices}")
        with self.deeper() as body:
            within = "tile // across % down" if made.matrices or split else "tile // across"
            self.let("row", f"{within} * {side}")
            self.let("column", f"tile % across * {side}")
            if split:
                self.piece(made, matrices)
            elif made.matrices:
                self.unravel(made.matrices, "tile // across // down")
            self.add(printed.Call, f"{CLEAR[tiling]}(sums)")
            self.sum(made, tiling, *(("begin", "end") if split else ("0", self.integer(made.length))))
            if tiling.slices > 1:
                self.add(printed.Call, f"{ADD_SLICES}(sums, left)")
            if split:
                self.partial(made)
            else:
                self.results(made, tiling)
        tiles += " * pieces" if split else ""
        self.add(printed.Stride, "tile", "block()", tiles, "blocks()", tuple(body))

    def piece(self, made: MatrixProduct, matrices: str) -> None:
        """Give the variables of a matrix their values, and say where the piece of the inner axis is."""
        if made.matrices:
            self.let("matrix", f"tile // across // down % {matrices}")
            self.unravel(made.matrices, "matrix")
        within = f"tile // across // down // {matrices}" if made.matrices else "tile // across // down"
        self.let("begin", f"{within} * stretch")
        self.let("end", f"min(begin + stretch, {self.integer(made.length)})")

    def partial(self, made: MatrixProduct) -> None:
        """Write a thread's sum over a piece."""
        _, rows, columns = map(self.bracketed, made.extents)
        self.let("my_row", f"row + thread() // {SLICES.side}")
        self.let("my_column", f"column + thread() % {SLICES.side}")
        with self.under(f"my_row < {rows} and my_column < {columns}"):
            place = f"(tile // across // down * {rows} + my_row) * {columns} + my_column"
            self.add(printed.Store, "partial", place, "sums[0]")

    def sum(self, made: MatrixProduct, tiling: Tiling, begin: str, end: str) -> None:
        """Write the loop along the inner axis: panels are summed one step late, in one step more."""
        self.told.tell(made.step, self.open, self.indent)
        with self.deeper() as body:
            left = self.fetch("left", made.left, ("row", made.rows), (end, made.inner), tiling)
            right = self.fetch("right", made.right, ("column", made.columns), (end, made.inner), tiling)
            with self.under(f"first > {begin}"):
                self.add(printed.Call, f"{ACCUMULATE[tiling]}(sums, left, right)")
            self.add(printed.Call, "cuda.syncthreads()")
            with self.deeper() as copies:
                self.let("at", f"part * {tiling.threads} + thread()")
                self.add(printed.Store, "left", left, "next_left[part]")
                self.add(printed.Store, "right", right, "next_right[part]")
            self.add(printed.Loop, "part", str(tiling.copies), tuple(copies))
            self.add(printed.Call, "cuda.syncthreads()")
        self.add(printed.Stride, "first", begin, f"{end} + {tiling.depth}", str(tiling.depth), tuple(body))

    def fetch(
        self,
        side: str,
        element: Element,
        outer: tuple[str, Sequence[Nest]],
        inner: tuple[str, Sequence[Nest]],
        tiling: Tiling,
    ) -> str:
        """Write what copies a thread's part of the next panel; return where in the panel each goes.

        Neighbours in a warp read neighbours in memory: along the rows, or along the inner axis.
        """
        begin, loops = outer
        if factor_of(element.at, loops[-1].var) == ONE:
            along, deep = f"at % {tiling.side}", f"at // {tiling.side}"
        else:
            along, deep = f"at // {tiling.depth}", f"at % {tiling.depth}"
        with self.deeper() as body:
            self.let("at", f"part * {tiling.threads} + thread()")
            inside = [self.position(loops, f"{begin} + {along}", "outer")]
            end, along_sum = inner
            inside.append(self.position(along_sum, f"first + {deep}", "inner", end))
            read = self.printer.integers.element(element.array, element.at)
            value = f"{read} if {' and '.join(inside)} else real(0.0)"
            self.add(printed.Store, f"next_{side}", "part", value)
        self.add(printed.Loop, "part", str(tiling.copies), tuple(body))
        return f"{deep} * {tiling.lead} + {along}"

    def results(self, made: MatrixProduct, tiling: Tiling) -> None:
        """Write the epilogue of each element of the tile that a thread has."""
        own, across = tiling.own, tiling.across
        row, column = "thread()", "thread()"
        if tiling.results == 1:
            row, column = f"row + {row} // {tiling.side}", f"column + {column} % {tiling.side}"
        else:
            row = f"row + {row} // {across} * {own} + element // {own}"
            column = f"column + {column} % {across} * {own} + element % {own}"
        if tiling.results == 1:
            self.result(made, row, column, "0")
            return
        with self.deeper() as body:
            self.result(made, row, column, "element")
        self.add(printed.Loop, "element", str(tiling.results), tuple(body))

    def result(self, made: MatrixProduct, row: str, column: str, at: str) -> None:
        """Write the epilogue of one element."""
        inside = self.position(made.rows, row, "my_row"), self.position(made.columns, column, "my_column")
        with self.under(" and ".join(inside)):
            self.finish(made, f"sums[{at}]")

    def finish(self, made: MatrixProduct, total: str) -> None:
        """Write what is done with a sum."""
        factor = self.printer.body(made.factor)
        whole = made.factor.result == Node("const", (), 1)
        self.let(self.names.of(made.sum.name), total if whole else f"{total} * ({factor})")
        self.block(made.epilogue)

    def position(self, loops: Sequence[Nest], flat: str, name: str, extent: str = "") -> str:
        """Give the variables of loops their values; return what holds if they are in range."""
        extent = extent or self.integer(product(loop.extent for loop in loops))
        if len(loops) == 1:
            name = self.var(loops[0])
            self.let(name, flat)
        else:
            self.let(name, flat)
            self.unravel(loops, name)
        return f"{name} < {extent}"


class PieceWriter(TileWriter):
    """Makes the nodes of the form in two launches."""

    def together(self, made: MatrixProduct) -> None:
        """Write the loop over elements of the result: the sums of all pieces in order, and the epilogue."""
        loops = (*made.matrices, *made.rows, *made.columns)
        count = product(loop.extent for loop in loops)
        with self.deeper() as body:
            self.unravel(loops, "at")
            self.told.tell(made.step, self.open, self.indent)
            self.let("added", "real(0.0)")
            with self.deeper() as adding:
                self.let("added", f"added + partial[part * {self.bracketed(count)} + at]")
            self.add(printed.Loop, "part", "pieces", tuple(adding))
            self.finish(made, "added")
        first, step = "block() * threads() + thread()", "blocks() * threads()"
        self.add(printed.Stride, "at", first, self.integer(count), step, tuple(body))

    def further(self) -> None:
        """Make sizes of what is given besides int64, too."""
        _, *sizes = FURTHER
        self.let(", ".join(sizes), ", ".join(f"np.int64({name})" for name in sizes))


def in_tiles(
    made: MatrixProduct,
    tilings: Sequence[Tiling],
    items: tuple[KernelItem, ...],
    syntax: Syntax,
    names: Names,
    stated: Mapping[int, Stated],
) -> dict[str, tuple[Printed, ...]]:
    """Return the nodes of a matrix product's body for each tiling, by what is added to the kernel's name.

    The last two are those of the form in two launches, which are given more (`FURTHER`).
    """
    found = {}
    for tiling in tilings:
        writer = TileWriter(syntax, names, Told(items, stated))
        writer.sizes(items)
        writer.product(made, tiling)
        found[f"_{tiling.name}"] = tuple(writer.open)
    for name in (PIECES, TOGETHER):
        pieces = PieceWriter(syntax, names, Told(items, stated))
        pieces.sizes(items)
        pieces.further()
        if name == PIECES:
            pieces.product(made, SLICES, split=True)
        else:
            pieces.together(made)
        found[f"_{name}"] = tuple(pieces.open)
    return found
