"""How plain Python is written: the same loops, on NumPy's arrays and functions.

Enters: nothing. Leaves: `PYTHON`, and `NUMPY`, the names of NumPy's functions.
"""

from __future__ import annotations

from symdl.emit.syntax import Syntax
from symdl.lower.ir.storage import WHOLE

NUMPY = {
    **{name: f"np.{name}" for name in ("exp", "log", "log1p", "expm1", "sqrt", "floor")},
    **{name: f"np.{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "asin": "np.arcsin",
    "acos": "np.arccos",
    "atan": "np.arctan",
    "atan2": "np.arctan2",
    "asinh": "np.arcsinh",
    "acosh": "np.arccosh",
    "atanh": "np.arctanh",
    "abs": "abs",
    "erf": "erf",
    "erfc": "erfc",
    "erfcx": "erfcx",
    "lgamma": "lgamma",
    "ratio": "np.divide",
    "floor_divide": "np.floor_divide",
    "remainder": "np.remainder",
}

PYTHON = Syntax(
    name="python",
    template="python/module.jinja",
    simd=None,
    forms=None,
    functions=NUMPY,
    wholes={},
    near={},
    own=frozenset(),
    owners=frozenset({"math", "np"}),
    imports={
        "math": frozenset(),
        "numpy": frozenset(),
        "symdl.run.python.builtins": frozenset(
            {
                "cholesky",
                "determinant",
                "determinant_sign",
                "eigenvectors",
                "erf",
                "erfc",
                "erfcx",
                "from_bfloat16",
                "invert",
                "larger",
                "lgamma",
                "log_absolute_determinant",
                "log_determinant",
                "orthonormal",
                "rank",
                "rank_falling",
                "rank_whole",
                "rank_whole_falling",
                "singular_vectors",
                "uniform",
            }
        ),
    },
    routines="symdl.run.python.routines",
    stored={
        "whole": ("int",),
        **dict.fromkeys((*WHOLE, "float16"), ("real",)),
        "bfloat16": ("from_bfloat16", "real"),
    },
)
"""Loops without a compiler."""
