"""Why samples of an operator differ, where PyTorch's result is not the one that is meant."""

from __future__ import annotations

_SPECIAL = "PyTorch's function is off by up to 3e-6; SciPy and mpmath have symdl's value"

WHY = {
    **{
        f"special.{name}": _SPECIAL
        for name in ("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "airy_ai")
    },
    "nn.functional.hardsigmoid": "PyTorch's slope is 1/6 in single precision",
    "cov": "PyTorch adds the samples' weights in single precision",
    "linalg.norm.subgradients_at_zero": "a norm has no slope at 0 here, and the slope 0 in PyTorch",
    "nn.functional.hinge_embedding_loss": "targets that are neither -1 nor 1",
}
"""The reason of each operator some of whose samples differ."""
