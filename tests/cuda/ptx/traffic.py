"""How a kernel moves data: bytes asked for, sectors of memory and passes over the banks they take.

Memory moves in sectors of 32 bytes: a warp that reads 32 neighbouring float32 takes 4 of them, one that
reads every 32nd element takes 32. Shared memory has 32 banks of 4 bytes: words of one bank take one pass
each, and a word that several lanes read takes one for all. Nothing here is known of caches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tests.cuda.ptx.types import Ids

Way: TypeAlias = Literal["read", "write", "atomic"]
SECTOR, WARP, BANKS, WORD = 32, 32, 32, 4


@dataclass
class Traffic:
    """What went over one array, or shared memory, one way.

    `requests` are instructions of a warp, `bytes` what its lanes asked for. Of global memory, `units` are
    sectors; of shared memory, passes over the banks. `fewest` is how many units would have been enough had
    every lane asked for other bytes than its neighbours, side by side.
    """

    requests: int = 0
    bytes: int = 0
    units: int = 0
    fewest: int = 0

    @property
    def efficiency(self) -> float:
        """1 where accesses are coalesced, and without conflicts of banks; above 1 where lanes share words."""
        return self.fewest / self.units if self.units else 1.0


class Meter:
    """Counts the traffic of a launch by array and way; ``shared memory`` is one array."""

    def __init__(self) -> None:
        self.traffic: dict[tuple[str, Way], Traffic] = {}

    def note(
        self, array: str, way: Way, positions: Ids, warps: Ids, lanes: Ids, size: int, *, shared: bool
    ) -> None:
        """Count accesses of `size` bytes by the lanes of some warps at `positions`, in bytes."""
        if not len(positions):
            return
        entry = self.traffic.setdefault((array, way), Traffic())
        asked = np.unique(warps, return_counts=True)[1]
        entry.requests += len(asked)
        entry.bytes += size * len(positions)
        if shared:
            entry.units += passes(positions, warps, lanes, size)
            entry.fewest += int((-(-asked * size // (BANKS * WORD))).sum())
        else:
            entry.units += len(np.unique((warps << 40) | (positions // SECTOR)))
            entry.fewest += int((-(-asked * size // SECTOR)).sum())


def passes(positions: Ids, warps: Ids, lanes: Ids, size: int) -> int:
    """Return how often the banks of shared memory are gone over, summed over the warps.

    Lanes that ask for 8 or 16 bytes are served by halves and quarters of the warp.
    """
    words = max(1, size // WORD)
    groups = warps * words + lanes * words // WARP
    asked: npt.NDArray[np.int64] = (positions // WORD)[:, None] + np.arange(words)
    pairs = np.unique(np.stack([np.repeat(groups, words), asked.ravel()]), axis=1)
    banks = pairs[0] * BANKS + pairs[1] % BANKS
    bank, count = np.unique(banks, return_counts=True)
    group, start = np.unique(bank // BANKS, return_index=True)
    return int(np.maximum.reduceat(count, start).sum()) if len(group) else 0
