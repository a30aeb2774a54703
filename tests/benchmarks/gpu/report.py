"""The table of a run on a device.

Enters: rows, the rates of the device, costs on paper. Leaves: Markdown, and one line a library while rows are
timed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from symdl.schedule.cost import Machine

from ..peers import PEERS
from ..report import Row, duration, number
from ..session import Outcome
from .paper import Paper


def p90(outcome: Outcome) -> float:
    """Return the time below which nine of ten samples lie."""
    return float(np.quantile(outcome.samples, 0.9)) if outcome.samples else math.nan


def spread(outcome: Outcome) -> str:
    """Return median and p90."""
    return f"{duration(outcome.median)} ({duration(p90(outcome))})"


NOTE = """
Times: median (p90). Of the device: bytes, or operations, on paper over what its measured rates allow.
Goals: 0.70 of the best for 784-100-200-10 up to 1024 samples; 85% of copy where memory is the limit."""


def line(row: Row) -> str:
    """Return all that is known of a row but the paper."""
    lines = [f"\n{row.workload.name}: {row.workload.title}"]
    for outcome in row.outcomes:
        if outcome.error:
            lines.append(f"  {outcome.peer:21} {outcome.error}")
            continue
        lines.append(
            f"  {outcome.peer:21} {spread(outcome):24} least {duration(outcome.least):>9}"
            f"  ready in {outcome.start:.1f} s  off by {outcome.deviation:.0e}"
        )
    return "\n".join(lines)


def device_rates(machine: Machine) -> str:
    """Return the rates in one line."""
    return (
        f"{machine.name}: copy {machine.bandwidth / 1e12:.2f} TB/s, "
        f"matrix product {machine.rate / 1e12:.1f} TFLOP/s ({machine.source})"
    )


def table(rows: Sequence[Row], papers: Sequence[Paper], machine: Machine) -> str:
    """Return the Markdown table: ratios, the part of the device's rate, the prediction, all times.

    Times are medians, with p90. Where symdl has none, the row says why.
    """
    peers = [p for p in PEERS if any(r.of(p) for r in rows)]
    head = ["workload", "symdl / best", "best", "of the device", "predicted, not measured", *peers]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row, paper in zip(rows, papers, strict=True):
        ours = row.ours
        why = next((o.error for o in row.outcomes if o.peer == "symdl" and o.error), "–")
        share, kind = paper.share(ours.median, machine) if ours else (math.nan, "")
        cells = [
            row.workload.title,
            number(row.ratio) if ours else why,
            row.best.peer if row.best else "–",
            f"{share:.0%} of {kind}" if ours else "–",
            duration(paper.predicted(machine)),
            *(spread(outcome) if (outcome := row.of(p)) else "–" for p in peers),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
