"""Kernels that go through arrays element by element.

Enters: how threads share a kernel (`Work`). Leaves: `Flat`, if iteration number ``p`` writes element ``p`` of
arrays: a thread may then take several neighbouring iterations, and read and write the elements of all of
them at once, as one vector of 128 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from symdl.lower.cuda.teams import Work
from symdl.lower.ir.integers import ZERO, Element, Poly, atoms, of, variables
from symdl.lower.ir.loops import Let, Store
from symdl.lower.ir.names import Slot
from symdl.lower.ir.scalars import MATRIX, Body, Node
from symdl.lower.ir.visitors import polys

VECTOR = 16
"""Bytes that a thread reads or writes at once."""
LONG = 1 << 17
"""Iterations from which on a quarter of as many threads still fill a device: an estimate."""


@dataclass(frozen=True, slots=True)
class Flat:
    """A kernel whose iterations lie side by side in memory.

    Attributes:
        position: the number of an iteration, from the variables of its loops.
        read: arrays whose element there is read before anything is written to it.
        written: arrays whose element there is written.
        integers: those of both that hold int64.
        apart: whether anything else depends on the variables of the loops.
    """

    position: Poly
    read: tuple[Slot, ...]
    written: tuple[Slot, ...]
    integers: frozenset[Slot]
    apart: bool

    @property
    def arrays(self) -> tuple[Slot, ...]:
        """The arrays that are read or written as vectors."""
        return tuple(dict.fromkeys((*self.read, *self.written)))


def flat(made: Work) -> Flat | None:
    """Return a kernel as a flat one, or None if it is none, or never long."""
    if not made.grid or (made.rows.number is not None and made.rows.number < LONG):
        return None
    if any(not isinstance(item, Let | Store) for item in made.items):
        return None
    position = ZERO
    for loop in made.grid:
        position = position * loop.extent + of(loop.var)
    return _touched(made, position)


def _touched(made: Work, position: Poly) -> Flat | None:
    """Return what the iterations touch, or None if what they write does not lie side by side.

    What is read under a condition only is left where it is: the array may have no such element.
    """
    always, first, written, elsewhere = dict[Slot, None](), set[Slot](), dict[Slot, None](), set[Slot]()
    integers, rest = set[Slot](), list[Poly]()
    for item in made.items:
        if not isinstance(item, Let | Store) or any(node.op in MATRIX for node in item.body.nodes):
            return None
        certain = _certain(item)
        for element, integer in _elements(item.body.nodes, polys(item)):
            integers |= {element.array} if integer else set()
            if element.at != position:
                elsewhere.add(element.array)
            elif element.array not in written:
                first.add(element.array)
                always |= {element.array: None} if element in certain else {}
        if isinstance(item, Store):
            if item.where != (position,):
                return None
            written[item.target] = None
            integers |= {item.target} if item.integer else set()
        rest += [poly for poly in polys(item) if poly != position]
    if elsewhere & written.keys():
        return None
    moving = {loop.var for loop in made.grid}
    apart = any(moving & variables(poly) for poly in rest)
    read = (*always, *(slot for slot in written if slot in first and slot not in always))
    return Flat(position, read, tuple(written), frozenset(integers), apart)


def _certain(item: Let | Store[Slot]) -> set[Element]:
    """Return the elements that a statement reads whatever values are."""
    if isinstance(item, Let) and item.guards:
        return set()
    nodes = item.body.nodes
    left, found = [len(nodes) - 1], dict[int, None]()
    while left:
        at = left.pop()
        if at not in found:
            found[at] = None
            args = nodes[at].args
            left += args[:1] if nodes[at].op in ("select", "and", "or") else args
    kept = [nodes[at] for at in found]
    return {element for element, _ in _elements(kept, Body(tuple(kept)).polys)}


def _elements(nodes: Iterable[Node], positions: Iterable[Poly]) -> list[tuple[Element, bool]]:
    """Return the elements that are read, and which of them are integers: those in positions."""
    reals = [(node.value, False) for node in nodes if isinstance(node.value, Element)]
    inside = [atom for poly in positions for atom in atoms(poly) if isinstance(atom, Element)]
    return [*reals, *((element, True) for element in inside)]
