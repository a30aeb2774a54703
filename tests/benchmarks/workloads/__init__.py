"""All workloads, in the order of the tables."""

from __future__ import annotations

from ..problem import Workload
from . import (
    attention,
    cnn,
    contractions,
    deep,
    elementwise,
    feedforward,
    fitting,
    gaussian,
    grouped,
    mlp,
    newton,
    objectives,
    pinn,
    recurrent,
    resnet,
    scalar,
    sigmoid,
    solving,
    sorting,
    volumes,
)

FAMILIES: tuple[Workload, ...] = (
    *solving.WORKLOADS,
    *volumes.WORKLOADS,
    *grouped.WORKLOADS,
    *sorting.WORKLOADS,
)
"""One or a few operations each, which should be fast by themselves; a table of their own."""

ALL: tuple[Workload, ...] = (
    *(w for w in mlp.WORKLOADS if w.name != "iris"),
    *sigmoid.WORKLOADS,
    *(w for w in mlp.WORKLOADS if w.name == "iris"),
    *deep.WORKLOADS,
    *scalar.WORKLOADS,
    *cnn.WORKLOADS,
    *recurrent.WORKLOADS,
    *pinn.WORKLOADS,
    *attention.WORKLOADS,
    *contractions.WORKLOADS,
    *gaussian.WORKLOADS,
    *feedforward.WORKLOADS,
    *resnet.WORKLOADS,
    *newton.WORKLOADS,
    *objectives.WORKLOADS,
    *fitting.WORKLOADS,
    *FAMILIES,
)

ON_DEVICES: tuple[Workload, ...] = (
    *mlp.ON_DEVICES,
    *elementwise.WORKLOADS,
    *cnn.WORKLOADS,
    *(w for w in recurrent.WORKLOADS if w.name == "lstm"),
    *(w for w in attention.WORKLOADS if w.name == "attention"),
)
"""Those for graphics processors, the most telling ones first."""


def by_name(name: str) -> Workload:
    """Return a workload."""
    return next(w for w in (*ALL, *ON_DEVICES) if w.name == name)
