"""What each row costs on paper, and how long that would take.

Enters: a workload, a machine. Leaves: `Paper`: the cost of a step as symdl's kernels do it, counted by
`symdl.schedule.cost`, and times that are predicted from it. No device is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from symdl.schedule.cost import CallCost, Cost, Machine, predicted, total
from symdl.targets import CUDA

from ..peers.on_symdl import kernel
from ..problem import Workload
from ..report import duration


@dataclass(frozen=True, slots=True)
class Paper:
    """A step of a workload on paper."""

    costs: tuple[CallCost, ...]

    @property
    def cost(self) -> Cost:
        """All calls together."""
        return total(self.costs)

    def predicted(self, machine: Machine) -> float:
        """Return the seconds of a step."""
        return predicted(self.costs, machine)

    def share(self, seconds: float, machine: Machine) -> tuple[float, str]:
        """Return which part of its rate a machine reaches, and of which: the larger one."""
        cost = self.cost
        copy, product = cost.moved / machine.bandwidth, cost.operations / machine.rate
        return max((copy / seconds, "copy"), (product / seconds, "product"))


@cache
def paper(workload: Workload, *, tiny: bool = False) -> Paper:
    """Return a step of a training workload on paper."""
    problem = workload.make(tiny)
    return Paper(kernel(workload, problem, CUDA).costs({"n": problem.order.shape[1]}))


def predictions(workloads: Sequence[Workload], machines: Sequence[Machine]) -> str:
    """Return a table, aligned and in Markdown, of what rows cost and of predicted times."""
    table = [["workload", "launches", "MB", "MFLOP", *(f"{m.name}, predicted" for m in machines)]]
    for workload in workloads:
        found = paper(workload)
        cost = found.cost
        counts = (str(cost.launches), f"{cost.moved / 1e6:.1f}", f"{cost.operations / 1e6:.0f}")
        times = (duration(found.predicted(machine)) for machine in machines)
        table.append([workload.title, *counts, *times])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    first, *rest = widths
    rule = [f":{'-' * (first - 1)}", *(f"{'-' * (width - 1)}:" for width in rest)]
    made = [table[0], rule, *table[1:]]
    return "\n".join(f"| {_line(cells, widths)} |" for cells in made)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    return " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])
