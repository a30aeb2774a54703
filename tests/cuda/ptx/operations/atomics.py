"""atom and red: threads that meet at an address take turns, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.cuda.ptx.operations.common import Ternary, known
from tests.cuda.ptx.operations.floats import greatest, least
from tests.cuda.ptx.operations.transfer import HARMLESS, HINTS, space_of
from tests.cuda.ptx.registers import Active, Step, Wave
from tests.cuda.ptx.stores import POISON
from tests.cuda.ptx.syntax import SPACES, Instruction
from tests.cuda.ptx.types import Array, Ids, PtxType

NAMES = ("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec")


def _change(i: Instruction) -> tuple[str, Ternary]:
    """Return an operation's name and its function of the old value and one or two operands."""
    name = next((m for m in i.modifiers if m in NAMES), "")
    of = i.type
    one = of.dtype.type(1)
    zero = of.dtype.type(0)
    real = of.kind == "f"
    functions: dict[str, Ternary] = {
        "add": lambda old, b, c: old + b,
        "min": lambda old, b, c: least(old, b) if real else np.minimum(old, b),
        "max": lambda old, b, c: greatest(old, b) if real else np.maximum(old, b),
        "and": lambda old, b, c: old & b,
        "or": lambda old, b, c: old | b,
        "xor": lambda old, b, c: old ^ b,
        "exch": lambda old, b, c: b,
        "cas": lambda old, b, c: np.where(old == b, c, old),
        "inc": lambda old, b, c: np.where(old >= b, zero, old + one),
        "dec": lambda old, b, c: np.where((old == 0) | (old > b), b, old - one),
    }
    if name not in functions:
        raise i.error("operation not known")
    return name, functions[name]


def turns(positions: Ids) -> list[Ids]:
    """Split threads into rounds in which no two meet at a position; earlier threads come first."""
    if len(np.unique(positions)) == len(positions):
        return [np.arange(len(positions))]
    order = np.argsort(positions, kind="stable")
    ordered = positions[order]
    number = np.arange(len(order))
    new = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    rank = number - np.maximum.accumulate(np.where(new, number, 0))
    by_rank = np.argsort(rank, kind="stable")
    cuts = np.cumsum(np.bincount(rank))[:-1]
    return [order[part] for part in np.split(by_rank, cuts)]


def _atomic(i: Instruction, wave: Wave) -> Step:
    known(i, *NAMES, *SPACES, *HARMLESS, *HINTS, "acq_rel", "noftz", "cluster")
    name, change = _change(i)
    of = i.type
    bits = PtxType("u", of.bits).dtype
    operands = list(i.operands)
    put = wave.target(operands.pop(0), of, i) if i.opcode == "atom" else None
    named, address = wave.address(operands.pop(0), i)
    space = space_of(i, named) if named == "generic" else named
    gets = [wave.source(operand, of, i) for operand in operands]
    if len(gets) != (2 if name == "cas" else 1):
        raise i.error("number of operands")
    access, spaces, width = wave.access(i), wave.spaces, of.bytes
    poison = bits.type(int.from_bytes(bytes([POISON]) * width, "little"))

    def step(active: Active) -> None:
        ids = active.ids
        addresses = np.broadcast_to(address(active.at), ids.shape)
        values = [np.broadcast_to(get(active.at), ids.shape) for get in gets]
        first, second = values[0], values[-1]
        found: Array = np.full(ids.shape, poison, bits)
        pieces = spaces.pieces(space, addresses, ids, width, access)
        wave.metered("atomic", pieces, ids, width)
        for piece in pieces:
            chosen = np.arange(len(ids)) if piece.chosen is None else piece.chosen
            piece.store.atomic(piece.positions, width, ids[chosen], access)
            cells = piece.store.views[width]
            places = piece.positions >> (width.bit_length() - 1)
            for turn in turns(places):
                who, where = chosen[turn], places[turn]
                old = cells[where]
                found[who] = old
                new = np.asarray(change(old.view(of.dtype), first[who], second[who]))
                cells[where] = new.astype(of.dtype, copy=False).view(bits)
        if put is not None:
            put(active.at, found.view(of.dtype))

    return step


TABLE: Mapping[str, Callable[[Instruction, Wave], Step]] = {"atom": _atomic, "red": _atomic}
