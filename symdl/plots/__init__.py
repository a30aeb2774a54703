"""Figures of what networks do: ``sd.plots``. Needs the extra ``train``."""

from symdl.plots.activations import activations
from symdl.plots.arrays import attention, confusion_matrix, filters
from symdl.plots.boundaries import decision_boundary
from symdl.plots.surfaces import Path, loss_surface

__all__ = [
    "Path",
    "activations",
    "attention",
    "confusion_matrix",
    "decision_boundary",
    "filters",
    "loss_surface",
]
