"""The body of a kernel that goes through arrays element by element, as vectors.

Enters: a `Flat`. Leaves: the nodes that templates print. A thread reads the elements of several neighbouring
iterations at once, does these, and writes what they made at once; the last ones, if they are no whole vector,
element by element.
"""

from __future__ import annotations

from symdl.emit import printed
from symdl.emit.cuda.rows import Rows
from symdl.emit.integers import Integers
from symdl.emit.names import Names
from symdl.emit.statements import Told
from symdl.emit.syntax import Syntax
from symdl.lower.cuda.flat import Flat
from symdl.lower.cuda.teams import Work
from symdl.lower.ir.integers import Poly
from symdl.lower.ir.loops import KernelStatement, Store
from symdl.lower.ir.names import Slot

VECTORS = "vectors"
"""What the kernel's name ends in."""
NAMES = frozenset({"count", "first", "lane", "load_vector", "row", "store_vector", "width"})
"""What the text calls its own."""


class _InVectors(Integers):
    """Prints elements that a thread has in a vector as those of it."""

    def __init__(self, names: Names, flat: Flat, row: str) -> None:
        super().__init__(names)
        self.flat, self.row = flat, row

    def text(self, poly: Poly) -> str:
        """Return an integer expression."""
        return self.row if poly == self.flat.position else super().text(poly)

    def element(self, slot: Slot, position: Poly) -> str:
        """Return what reads an element."""
        if position == self.flat.position and slot in self.flat.arrays:
            return f"{self.names.of(slot.vector)}[lane]"
        return super().element(slot, position)


class VectorWriter(Rows):
    """Makes the nodes of a flat kernel."""

    def __init__(self, syntax: Syntax, names: Names, told: Told, flat: Flat) -> None:
        super().__init__(syntax, names, told)
        self.flat = flat

    def rows(self, made: Work) -> None:
        """Write the loop over vectors, and what is done in each."""
        row = self.var(made.grid[0]) if len(made.grid) == 1 else "row"
        for slot in self.flat.arrays:
            kind = "np.int64" if slot in self.flat.integers else "real"
            self.let(self.names.of(slot.vector), f"cuda.local.array(width, {kind})")
        count = self.integer(made.rows)
        if not count.isidentifier():
            self.let("count", count)
            count = "count"
        self.printer.integers = _InVectors(self.names, self.flat, row)
        self.integer = self.printer.integers.text
        with self.deeper() as body:
            for slot in self.flat.read:
                array, vector = self.names.of(slot), self.names.of(slot.vector)
                self.add(printed.Call, f"load_vector({vector}, {array}, first, {count})")
            with self.deeper() as lanes:
                self.let(row, f"min(first + lane, {count} - 1)")
                if len(made.grid) > 1 and self.flat.apart:
                    self.unravel(made.grid, row)
                self.block(made.items)
            self.add(printed.Loop, "lane", "width", tuple(lanes))
            for slot in self.flat.written:
                array, vector = self.names.of(slot), self.names.of(slot.vector)
                self.add(printed.Call, f"store_vector({array}, first, {vector}, {count})")
        first, step = "(block() * threads() + thread()) * width", "blocks() * threads() * width"
        self.add(printed.Stride, "first", first, count, step, tuple(body))

    def statement(self, item: KernelStatement) -> None:
        """Write a statement; what is stored goes into a vector."""
        if not isinstance(item, Store):
            super().statement(item)
            return
        value = self.printer.body(item.body)
        self.add(printed.Store, self.names.of(item.target.vector), "lane", value)
