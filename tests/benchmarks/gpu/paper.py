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
    """Return a Markdown table of what rows cost and of predicted times."""
    head = ["workload", "launches", "MB moved", "MFLOP", *(f"{m.name}, predicted" for m in machines)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for workload in workloads:
        found = paper(workload)
        cost = found.cost
        cells = [
            workload.title,
            str(cost.launches),
            f"{cost.moved / 1e6:.3g}",
            f"{cost.operations / 1e6:.4g}",
            *(duration(found.predicted(machine)) for machine in machines),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
