"""Positions in the order of their keys: what a sum over given positions reads in place of all of them.

Enters: sizes. Leaves: `Sorting`, a piece of work as a matrix product is one. It makes two integer tensors:

- *order*: the positions, those of one key side by side and in ascending order, those whose key is none last;
  behind them is room for sorting,
- *segments*, `SEGMENT` numbers a key: where in the order its positions begin, and where they end before whole
  pieces of them; the first of these pieces, and the one after the last; where the positions behind the pieces
  begin, and where they end.

A piece is `PIECE` places of the order: sums of whole pieces can be run up side by side, however many
positions one key has. It is a radix sort: a pass for each digit of eight bits counts how often each digit
occurs in stretches of positions, adds up, and puts each position behind those before it. Nothing depends on
who comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

from symdl.lower.ir.integers import Poly, constant, floor
from symdl.lower.ir.names import TensorId

BITS = 8
DIGITS = 1 << BITS
STRETCH = 1024
"""Positions whose digits are counted together, where there are too many for one block of threads."""
ALONE = 8192
"""Up to so many positions are sorted by one block."""
PIECE = 64
"""Places of a piece of the order."""
SEGMENT = 6
"""Numbers of a segment."""


@dataclass(frozen=True, slots=True)
class Sorting:
    """Puts `count` positions in the order of their keys, which are ``0 .. below - 1`` or none.

    Attributes:
        keys: an integer tensor with the key of each position, plus `first`.
        order, segments: what is made of it.
    """

    keys: TensorId
    order: TensorId
    segments: TensorId
    count: Poly
    below: Poly
    first: int


def length(count: Poly) -> Poly:
    """Return how many elements the order has with its room: pairs of key and position, twice, and counts."""
    stretches = floor(count + (STRETCH - 1), constant(STRETCH))
    return count * 3 + (stretches + 1) * DIGITS


def passes(below: int) -> int:
    """Return how many digits keys have; that of no key is `below`."""
    return -(-below.bit_length() // BITS)


def launches(count: int, below: int) -> int:
    """Return how many kernels sort: one for pairs, three a digit, and one for what is made of the last."""
    return 2 if count <= ALONE else 2 + 3 * passes(below)
