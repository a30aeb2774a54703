"""PyTorch's functions by the names of `formulas`: a module, because compiled graphs can look into one."""

from __future__ import annotations

from typing import Any

from torch import cos, exp, log, logsumexp, relu, sigmoid, sin, sqrt, stack, tanh
from torch.nn.functional import softplus

__all__ = ["cos", "exp", "log", "logsumexp", "relu", "sigmoid", "sin", "softplus", "sqrt", "stack", "tanh"]


def take(x: Any, rows: Any) -> Any:
    """Return rows."""
    return x[rows]


def swap(x: Any) -> Any:
    """Return the last two axes exchanged."""
    return x.mT
