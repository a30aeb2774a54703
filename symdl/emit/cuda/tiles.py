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
from symdl.lower.cuda.tiles import LARGE, SLICES, TILES, MatrixProduct, Tiling
from symdl.lower.ir.integers import ONE, Element, factor_of, product
from symdl.lower.ir.loops import KernelItem, Stated
from symdl.lower.ir.scalars import Node

CLEAR = {TILES: "clear_tile", SLICES: "clear_slice", LARGE: "clear_large"}
ACCUMULATE = {TILES: "add_tile", SLICES: "add_slice", LARGE: "add_large"}
TOGETHER = "add_slices"
FUNCTIONS = frozenset((*CLEAR.values(), *ACCUMULATE.values(), TOGETHER))
"""What `symdl.run.cuda.tiles` has for this."""
NAMES = frozenset(
    "left right next_left next_right sums tile part at first element across down inner outer".split()
) | {"my_row", "my_column"}
"""What the text of a tile calls its own."""


class TileWriter(Rows):
    """Makes the nodes of a matrix product for one tiling."""

    def product(self, made: MatrixProduct, tiling: Tiling) -> None:
        """Write the loop over tiles, and what is done in each."""
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
            within = "tile // across % down" if made.matrices else "tile // across"
            self.let("row", f"{within} * {side}")
            self.let("column", f"tile % across * {side}")
            if made.matrices:
                self.unravel(made.matrices, "tile // across // down")
            self.add(printed.Call, f"{CLEAR[tiling]}(sums)")
            self.sum(made, tiling)
            if tiling.slices > 1:
                self.add(printed.Call, f"{TOGETHER}(sums, left)")
            self.results(made, tiling)
        self.add(printed.Stride, "tile", "block()", tiles, "blocks()", tuple(body))

    def sum(self, made: MatrixProduct, tiling: Tiling) -> None:
        """Write the loop along the inner axis: panels are summed one step late, in one step more."""
        self.told.tell(made.step, self.open, self.indent)
        inner = product(loop.extent for loop in made.inner)
        with self.deeper() as body:
            left = self.fetch("left", made.left, ("row", made.rows), made.inner, tiling)
            right = self.fetch("right", made.right, ("column", made.columns), made.inner, tiling)
            with self.under("first > 0"):
                self.add(printed.Call, f"{ACCUMULATE[tiling]}(sums, left, right)")
            self.add(printed.Call, "cuda.syncthreads()")
            with self.deeper() as copies:
                self.let("at", f"part * {tiling.threads} + thread()")
                self.add(printed.Store, "left", left, "next_left[part]")
                self.add(printed.Store, "right", right, "next_right[part]")
            self.add(printed.Loop, "part", str(tiling.copies), tuple(copies))
            self.add(printed.Call, "cuda.syncthreads()")
        extent = f"{self.integer(inner)} + {tiling.depth}"
        self.add(printed.Stride, "first", "0", extent, str(tiling.depth), tuple(body))

    def fetch(
        self,
        side: str,
        element: Element,
        outer: tuple[str, Sequence[Nest]],
        inner: Sequence[Nest],
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
            inside.append(self.position(inner, f"first + {deep}", "inner"))
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
            factor = self.printer.body(made.factor)
            whole = made.factor.result == Node("const", (), 1)
            self.let(self.names.of(made.sum.name), f"sums[{at}]" if whole else f"sums[{at}] * ({factor})")
            self.block(made.epilogue)

    def position(self, loops: Sequence[Nest], flat: str, name: str) -> str:
        """Give the variables of loops their values; return what holds if they are in range."""
        extent = self.integer(product(loop.extent for loop in loops))
        if len(loops) == 1:
            name = self.var(loops[0])
            self.let(name, flat)
        else:
            self.let(name, flat)
            self.unravel(loops, name)
        return f"{name} < {extent}"


def in_tiles(
    made: MatrixProduct,
    tilings: Sequence[Tiling],
    items: tuple[KernelItem, ...],
    syntax: Syntax,
    names: Names,
    stated: Mapping[int, Stated],
) -> dict[str, tuple[Printed, ...]]:
    """Return the nodes of a matrix product's body for each tiling, by what is added to the kernel's name."""
    found = {}
    for tiling in tilings:
        writer = TileWriter(syntax, names, Told(items, stated))
        writer.sizes(items)
        writer.product(made, tiling)
        found[f"_{tiling.name}"] = tuple(writer.open)
    return found
