"""Where the time goes, drawn.

Enters: a profile. Leaves: rows with bars for their shares, and the roofline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symdl.report.charts import Series, chart
from symdl.run.profiling.result import Profile

_NOTHING = 1e-9
"""A share of the time below which there is no dot in the roofline."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What is shown: the head of the table, its rows, the roofline (or nothing), what is said below."""

    head: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    roofline: str
    words: tuple[str, ...]


def timing(profile: Profile) -> Timing:
    """Return a profile as a page shows it."""
    head, *rows = profile.rows()
    shown = tuple(
        {
            "name": row[0].strip(),
            "inner": row[0].startswith(" "),
            "cells": row[1:],
            "width": f"{row[3].rstrip('%') or 0}",
        }
        for row in rows
    )
    return Timing(head[1:], shown, _roofline(profile), tuple(profile.notes()))


def _roofline(profile: Profile) -> str:
    """Return operations a second over operations a byte: the kernels, below what the machine can do."""
    parts = [p for p in profile.parts if p.operations and p.moved and p.seconds > _NOTHING * profile.measured]
    if not profile.machines or not parts:
        return ""
    dots = Series(
        "kernels and products",
        [(p.operations / p.moved, p.operations / p.seconds / 1e9) for p in parts],
        joined=False,
        names=[p.name for p in parts],
    )
    rate = max(machine.rate for machine in profile.machines)
    bandwidth = max(machine.bandwidth for machine in profile.machines)
    low = min([x for x, _ in dots.points] + [rate / bandwidth / 10])
    high = max([x for x, _ in dots.points] + [rate / bandwidth * 10])
    roof = [(x, min(rate, x * bandwidth) / 1e9) for x in (low, rate / bandwidth, high)]
    series = [Series("bound", roof), dots]
    across, up = "operations for each byte moved", "GFLOP/s"
    return chart("roofline", series, x=across, y=up, log_x=True, log_y=True)
