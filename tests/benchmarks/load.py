"""Other programs' use of the cores: which cores are free, and whether a sample was disturbed.

Enters: Linux's counters. Leaves: seconds; zero where there are no such counters.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_TICK = 0.01


def busy() -> dict[int, float]:
    """Return the seconds that each core was not idle since the machine started."""
    try:
        lines = Path("/proc/stat").read_text("utf-8").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, *ticks = line.split()
        if name.startswith("cpu") and name[3:].isdigit():
            user, nice, system, _idle, _wait, irq, soft, steal = (int(t) for t in ticks[:8])
            found[int(name[3:])] = (user + nice + system + irq + soft + steal) * _TICK
    return found


def quiet_cores(count: int, *, seconds: float = 0.5) -> tuple[int, ...]:
    """Return the `count` cores of this process that are least used now."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    before = busy()
    time.sleep(seconds)
    after = busy()
    ordered = sorted(allowed, key=lambda c: (after.get(c, 0.0) - before.get(c, 0.0), c))
    return tuple(sorted(ordered[:count]))


def foreign(before: dict[int, float], after: dict[int, float], cores: tuple[int, ...], own: float) -> float:
    """Return the seconds that others used of `cores` between two readings, of which `own` were ours."""
    used = sum(after.get(c, 0.0) - before.get(c, 0.0) for c in cores)
    return max(0.0, used - own)
