"""What all writers of kernels for threads have in common.

Enters: loops whose iterations threads share. Leaves: `Rows`, which gives their variables values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdl.emit import printed
from symdl.emit.statements import Writer
from symdl.lower.cuda.teams import Nest
from symdl.lower.ir.integers import ONE, Poly, atoms, product
from symdl.lower.ir.loops import (
    KernelItem,
    KernelStatement,
    Start,
    Update,
    conditions,
    loops,
    statements,
    terms,
)
from symdl.lower.ir.names import Param
from symdl.lower.ir.visitors import polys

ATOMIC = "atomic_add"
"""What `symdl.run.cuda.builtins` has for this."""


def _sizes(items: Sequence[KernelItem]) -> list[Param]:
    """Return the sizes that a kernel needs."""
    found = [p for s in statements(items) for p in polys(s)]
    found += [p for condition in conditions(items) for p in terms(condition)]
    found += [loop.extent for loop in loops(items)]
    return sorted({a for p in found for a in atoms(p) if isinstance(a, Param)}, key=lambda p: p.number)


def _batched(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + 4] for at in range(0, len(names), 4)]


class Rows(Writer):
    """Makes the nodes of a kernel, whose outermost loops are shared by threads."""

    def sizes(self, items: Sequence[KernelItem]) -> None:
        """Make sizes int64, whatever they are passed as."""
        for few in _batched(list(map(self.names.of, _sizes(items)))):
            self.let(", ".join(few), ", ".join(f"np.int64({name})" for name in few))

    def start(self, item: Start) -> None:
        """Write a running value before its first step: many threads share long sums, so none is a double."""
        super().start(replace(item, wide=False))

    def statement(self, item: KernelStatement) -> None:
        """Write a statement; threads that add to one element take turns."""
        if isinstance(item, Update) and item.atomic:
            array, place, value = self.names.of(item.target), self.integer(item.where[0]), self.printer.body
            with self.where(item.guards):
                self.add(printed.Call, f"{ATOMIC}({array}, {place}, {value(item.body)})")
        else:
            super().statement(item)

    def unravel(self, loops: Sequence[Nest], flat: str) -> None:
        """Give the variables of loops their values for one number of an iteration."""
        for place, loop in enumerate(loops):
            after = product(inner.extent for inner in loops[place + 1 :])
            value = flat if after == ONE else f"{flat} // {self.bracketed(after)}"
            if place and loop.extent != ONE:
                value = f"{value} % {self.bracketed(loop.extent)}"
            self.let(self.var(loop), value)

    def var(self, loop: Nest) -> str:
        """Return the name of a loop's variable."""
        return self.names.of(loop.var)

    def bracketed(self, poly: Poly) -> str:
        """Return an integer expression as a divisor."""
        return self.printer.integers.bracketed(poly)
