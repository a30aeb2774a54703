"""How code for the processor is written: Python for Numba, whose arrays are bare pointers.

Enters: nothing. Leaves: `CPU`.
"""

from __future__ import annotations

from symdl.emit.cpu.simd import SimdWriter
from symdl.emit.syntax import DIVISIONS, Syntax
from symdl.lower.ir.storage import HALVES, WHOLE

_VECTORS = ("cos", "erf", "exp", "expm1", "log", "log1p", "sin", "tanh")
_NEAR = {name: f"near_{name}" for name in ("cos", "sin", "floor_divide", "remainder")}
_MATH = {
    **{name: name for name in (*_VECTORS, *DIVISIONS)},  # forms that can be vectorised; the others are calls
    **{name: f"math.{name}" for name in ("sqrt", "atan2", "tan", "sinh", "cosh")},
    **{name: f"math.{name}" for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")},
    "abs": "abs",
    "floor": "np.floor",
    "erfc": "math.erfc",
    "erfcx": "erfcx",
    "lgamma": "math.lgamma",
}

CPU = Syntax(
    name="cpu",
    template="cpu/module.jinja",
    simd=SimdWriter,
    forms=None,
    functions=_MATH,
    wholes={"add": "plus", "sub": "minus", "mul": "times"},
    near=_NEAR,
    own=frozenset(),
    owners=frozenset({"math", "np", "types"}),
    imports={
        "math": frozenset(),
        "numpy": frozenset(),
        "numba": frozenset({"njit", "types"}),
        "symdl.run.cpu.intrinsics.kernel_call": frozenset({"by_row"}),
        "symdl.run.cpu.intrinsics.pointers": frozenset(
            {"KERNEL", "align_stack", "disjoint", "larger", "minus", "plus", "times"}
        ),
        "symdl.run.cpu.intrinsics.simd": frozenset(
            {
                "choose",
                "each",
                "each_of_two",
                "each_of_three",
                "sample_numbers",
                "put_rows",
                "put_samples",
                "rows_at",
                "spread",
            }
        )
        | {"samples_at", "total"},
        "symdl.run.cpu.intrinsics.elementary": frozenset(
            {*_VECTORS, *DIVISIONS, *_NEAR.values(), "erfcx", "reach", "reach_of_two", "uniform"}
        ),
        "symdl.run.cpu.intrinsics.halves": frozenset({"from_bfloat16", "from_float16"}),
        "symdl.run.cpu.intrinsics.linalg": frozenset(
            {"determinant", "determinant_sign", "invert", "log_absolute_determinant", "log_determinant"}
        ),
        "symdl.run.cpu.intrinsics.matrices": frozenset(
            {
                "cholesky",
                "cholesky_of",
                "determinant_of",
                "determinant_sign_of",
                "eigenvalues",
                "eigenvectors",
                "factor",
                "invert_factored",
                "log_absolute_determinant_of",
                "log_determinant_of",
                "orthonormal",
                "rank",
                "rank_falling",
                "rank_whole",
                "rank_whole_falling",
                "singular_values",
                "singular_vectors",
                "solve",
                "solve_transposed",
            }
        ),
    },
    routines="symdl.run.cpu.intrinsics.routines",
    stored={
        "whole": ("whole",),
        **dict.fromkeys(WHOLE, ("real",)),
        **{name: (f"from_{name}", "real") for name in HALVES},
    },
)
"""Compiled code."""
