"""Rates of devices, from their makers' data sheets, for predictions on paper.

Enters: nothing. Leaves: `MACHINES`. Operations are those of float32 outside tensor cores. The time of a
launch is no figure of a data sheet: from one kernel of a captured graph to the next we take 1.5 µs, which
is an estimate.
"""

from __future__ import annotations

from collections.abc import Mapping

from symdl.schedule.cost import Machine

LAUNCH = 1.5e-6
"""Seconds from the end of a kernel in a graph to the beginning of the next, estimated."""

MACHINES: Mapping[str, Machine] = {
    machine.name: machine
    for machine in (
        Machine("A100", 2.039e12, 19.5e12, LAUNCH, "NVIDIA A100 Tensor Core GPU, data sheet, 80 GB SXM"),
        Machine("H100", 3.35e12, 67e12, LAUNCH, "NVIDIA H100 Tensor Core GPU, data sheet, SXM"),
        Machine("H200", 4.8e12, 67e12, LAUNCH, "NVIDIA H200 Tensor Core GPU, data sheet, SXM"),
    )
}
"""Devices by name."""
