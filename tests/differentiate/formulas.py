"""Activations as formulas, each with the same function for automatic differentiation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import autograd.scipy.special as special
import sympy as sp

ACTIVATIONS: dict[str, tuple[Callable[[sp.Expr], sp.Expr], Callable[[Any], Any]]] = {
    "sigmoid": (lambda z: 1 / (1 + sp.exp(-z)), lambda z: 1 / (1 + anp.exp(-z))),
    "tanh": (sp.tanh, anp.tanh),
    "relu": (lambda z: sp.Max(z, 0), lambda z: anp.where(z > 0, z, 0.0)),
    "leaky relu": (lambda z: sp.Max(z, z / 10), lambda z: anp.where(z > 0, z, 0.1 * z)),
    "softplus": (lambda z: sp.log(1 + sp.exp(z)), lambda z: anp.log1p(anp.exp(z))),
    "elu": (
        lambda z: sp.Piecewise((z, z > 0), (sp.exp(z) - 1, True)),
        lambda z: anp.where(z > 0, z, anp.exp(z) - 1),
    ),
    "silu": (lambda z: z / (1 + sp.exp(-z)), lambda z: z / (1 + anp.exp(-z))),
    "gelu": (
        lambda z: z * (1 + sp.erf(z / sp.sqrt(2))) / 2,
        lambda z: z * (1 + special.erf(z / math.sqrt(2))) / 2,
    ),
    "gelu by tanh": (
        lambda z: z / 2 * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (z + sp.Rational(44715, 10**6) * z**3))),
        lambda z: z / 2 * (1 + anp.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))),
    ),
    "mish": (
        lambda z: z * sp.tanh(sp.log(1 + sp.exp(z))),
        lambda z: z * anp.tanh(anp.log1p(anp.exp(z))),
    ),
    "log cosh": (lambda z: sp.log(sp.cosh(z)), lambda z: anp.log(anp.cosh(z))),
    "softsign": (lambda z: z / (1 + sp.Abs(z)), lambda z: z / (1 + anp.abs(z))),
    "hard tanh": (lambda z: sp.Min(sp.Max(z, -1), 1), lambda z: anp.clip(z, -1, 1)),
    "square root": (lambda z: sp.sqrt(1 + z**2), lambda z: anp.sqrt(1 + z**2)),
    "arctan": (sp.atan, anp.arctan),
    "power": (lambda z: (1 + z**2) ** sp.Rational(-3, 2), lambda z: (1 + z**2) ** -1.5),
}


def log_softmax(z: Any) -> Any:
    peak = anp.max(z, axis=1, keepdims=True)
    return z - peak - anp.log(anp.sum(anp.exp(z - peak), axis=1, keepdims=True))
