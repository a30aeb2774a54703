"""The memory of a launch: arrays on the device, and shared and local memory of the blocks and threads.

An address of a global array is (its number << 40) + offset, so that every access can be told to lie in one
array; offsets may go as far below an array as beyond it. Shared and local addresses are offsets in their own
spaces; as generic addresses they lie in windows far above.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.cuda.ptx.stores import Access, Banks, Store
from tests.cuda.ptx.syntax import Space, Variable
from tests.cuda.ptx.types import Ids, PtxError

SHIFT = 40
HALF = 1 << (SHIFT - 1)
WINDOWS: Mapping[str, int] = {"shared": 1 << 62, "local": 1 << 61, "global": 0, "const": 0}
GAP = 256
Addresses = npt.NDArray[np.uint64]


class Memory:
    """Arrays on the device. `stores` has those that are there by number; `names` those that ever were."""

    def __init__(self) -> None:
        self.stores: dict[int, Store] = {}
        self.names: dict[int, str] = {}

    def allocate(self, size: int, name: str = "", content: bytes | None = None) -> int:
        """Return the address of `size` new bytes, unwritten without `content`."""
        number = len(self.names) + 1
        self.names[number] = name or f"array {number}"
        self.stores[number] = Store(self.names[number], size, content)
        return number << SHIFT

    def free(self, address: int) -> None:
        """Give memory back; later accesses are wrong addresses."""
        del self.stores[address >> SHIFT]

    def find(self, address: int, size: int = 0) -> tuple[Store, int]:
        """Return the array that `size` bytes at an address lie in, and where in it."""
        number = (address + HALF) >> SHIFT
        offset = address - (number << SHIFT)
        store = self.stores.get(number)
        if store is None or offset < 0 or offset + size > store.size:
            raise PtxError(f"{size} bytes at {address:#x} lie in no array")
        return store, offset

    def read(self, address: int, size: int) -> bytes:
        """Return bytes as the host copies them out."""
        store, offset = self.find(address, size)
        return store.data[offset : offset + size].tobytes()

    def write(self, address: int, content: bytes) -> None:
        """Copy bytes in from the host."""
        store, offset = self.find(address, len(content))
        store.fill(offset, content)


@dataclass(frozen=True)
class Piece:
    """Accesses to one store: the bytes they start at, and which of the threads make them (None: all)."""

    store: Store
    positions: Ids
    chosen: Ids | None


class Spaces:
    """What the threads of one wave can address. Threads are numbered in the wave."""

    def __init__(
        self,
        memory: Memory,
        shared: Banks,
        local: Banks,
        symbols: Mapping[str, int],
        block: int,
        threads: int,
    ) -> None:
        self.memory, self.shared, self.local = memory, shared, local
        self.symbols = symbols
        ids = np.arange(threads, dtype=np.int64)
        self.banks: dict[str, tuple[Banks, Ids]] = {
            "shared": (shared, ids // block * shared.stride),
            "local": (local, ids * local.stride),
        }

    def address_of(self, name: str) -> tuple[Space, int]:
        """Return a variable's space and its address there."""
        if name in self.shared.starts:
            return "shared", self.shared.starts[name]
        if name in self.local.starts:
            return "local", self.local.starts[name]
        if name in self.symbols:
            return "global", self.symbols[name]
        raise PtxError(f"no variable {name!r} is known")

    def pieces(self, space: str, addresses: Addresses, ids: Ids, size: int, access: Access) -> list[Piece]:
        """Return where accesses of `size` bytes go; those that go wrong are noted and left out."""
        if space in self.banks:
            found = self._banked(space, addresses.view(np.int64), ids, size, access)
        elif space == "generic":
            return self._generic(addresses, ids, size, access)
        else:
            found = self._global(addresses, ids, size, access)
        return [self._aligned(piece, ids, size, access) for piece in found]

    def _generic(self, addresses: Addresses, ids: Ids, size: int, access: Access) -> list[Piece]:
        windows = addresses >> np.uint64(61)
        found: list[Piece] = []
        for space, window in (("global", 0), ("local", 1), ("shared", 2)):
            inside = windows == window
            if inside.all():
                return self.pieces(space, addresses - np.uint64(WINDOWS[space]), ids, size, access)
            if inside.any():
                chosen = np.nonzero(inside)[0]
                part = addresses[chosen] - np.uint64(WINDOWS[space])
                for piece in self.pieces(space, part, ids[chosen], size, access):
                    found.append(Piece(piece.store, piece.positions, _of(chosen, piece.chosen)))
        stray = windows > np.uint64(2)
        if stray.any():
            self._wrong(stray, ids, access, "no array", None)
        return found

    def _banked(self, space: str, offsets: Ids, ids: Ids, size: int, access: Access) -> list[Piece]:
        banks, starts = self.banks[space]
        outside = banks.outside(offsets, size)
        if outside is None:
            return [Piece(banks, offsets + starts[ids], None)]
        first = int(offsets[outside][0])
        array, offset = banks.part(first) if 0 <= first < banks.stride else (f"{space} memory", first)
        self._wrong(outside, ids, access, array, offset)
        chosen = np.nonzero(~outside)[0]
        return [Piece(banks, offsets[chosen] + starts[ids[chosen]], chosen)]

    def _global(self, addresses: Addresses, ids: Ids, size: int, access: Access) -> list[Piece]:
        number = (int(addresses[0]) + HALF) >> SHIFT
        store = self.memory.stores.get(number)
        if store is not None and store.size >= size:
            offsets = addresses - np.uint64(number << SHIFT)
            if offsets.max() <= store.size - size:
                return [Piece(store, offsets.view(np.int64), None)]
        return self._scattered(addresses, ids, size, access)

    def _scattered(self, addresses: Addresses, ids: Ids, size: int, access: Access) -> list[Piece]:
        numbers = ((addresses + np.uint64(HALF)) >> np.uint64(SHIFT)).astype(np.int64)
        offsets = addresses.view(np.int64) - (numbers << SHIFT)
        found = []
        for number in np.unique(numbers):
            inside = numbers == number
            store = self.memory.stores.get(int(number))
            name = self.memory.names.get(int(number), "no array")
            if store is None:
                detail = "given back before" if int(number) in self.memory.names else ""
                self._wrong(inside, ids, access, name, int(offsets[inside][0]), detail)
                continue
            wrong = inside & ((offsets < 0) | (offsets > store.size - size))
            if wrong.any():
                detail = f"of {store.size} bytes"
                self._wrong(wrong, ids, access, name, int(offsets[wrong][0]), detail)
            chosen = np.nonzero(inside & ~wrong)[0]
            if len(chosen):
                found.append(Piece(store, offsets[chosen], chosen))
        return found

    def _aligned(self, piece: Piece, ids: Ids, size: int, access: Access) -> Piece:
        odd = (piece.positions & (size - 1)) != 0
        if not odd.any():
            return piece
        here = ids if piece.chosen is None else ids[piece.chosen]
        array, offset = piece.store.part(int(piece.positions[odd][0]))
        access.log.add(
            "misaligned access",
            access.instruction,
            here[odd] + access.clock.first,
            array=array,
            offset=offset,
            detail=f"{size} bytes",
        )
        kept = np.nonzero(~odd)[0]
        return Piece(piece.store, piece.positions[kept], _of(piece.chosen, kept))

    def _wrong(
        self,
        which: npt.NDArray[np.bool_],
        ids: Ids,
        access: Access,
        array: str,
        offset: int | None,
        detail: str = "",
    ) -> None:
        access.log.add(
            "wrong address",
            access.instruction,
            ids[which] + access.clock.first,
            array=array,
            offset=offset,
            detail=detail,
        )


def _of(outer: Ids | None, inner: Ids | None) -> Ids | None:
    if outer is None or inner is None:
        return inner if outer is None else outer
    return outer[inner]


def layout_of(variables: tuple[Variable, ...], *spaces: Space) -> list[tuple[str, int, int]]:
    """Return (name, bytes, alignment) of the variables in some spaces."""
    return [(v.name, v.size, v.align) for v in variables if v.space in spaces]
