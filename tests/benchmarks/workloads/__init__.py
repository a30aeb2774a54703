"""All workloads, in the order of the table."""

from __future__ import annotations

from ..problem import Workload
from . import attention, cnn, deep, mlp, pinn, recurrent, scalar, sigmoid

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
)
