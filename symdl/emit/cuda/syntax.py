"""How code for graphics processors is written: Python for numba-cuda, whose arrays are bare pointers.

Enters: nothing. Leaves: `CUDA`.
"""

from __future__ import annotations

from symdl.emit.cuda import vectors
from symdl.emit.cuda.rows import ATOMIC
from symdl.emit.cuda.teams import bodies
from symdl.emit.cuda.tiles import FUNCTIONS, FURTHER, NAMES
from symdl.emit.syntax import DIVISIONS, Syntax
from symdl.lower.cuda.tiles import SPLIT

_NAMES = ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan2")
_MATH = {
    **{name: f"math.{name}" for name in _NAMES},
    **{name: f"math.{name}" for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh")},
    **{name: f"math.{name}" for name in ("floor", "erf", "erfc", "lgamma")},
    "special_gamma": "math.gamma",
    **{name: name for name in (*DIVISIONS, "erfcx")},
    "abs": "abs",
}
_TEAMS = {f"{team}_{op}" for team in ("warp", "block", "column") for op in ("sum", "prod", "max", "argmax")}
_SCANS = {
    f"{team}_{kind}_{op}"
    for team in ("warp", "block")
    for kind in ("inclusive", "exclusive")
    for op in ("sum", "prod", "max")
}

CUDA = Syntax(
    name="cuda",
    template="cuda/module.jinja",
    simd=None,
    forms=bodies,
    functions=_MATH,
    further={f"_{form}": FURTHER for form in SPLIT},
    wholes={},
    near={},
    own=frozenset("at determinant erfcx first floor_divide invert kernels live log_determinant".split())
    | {"after", "column", "places", "room", "row", "term", "wholes"}
    | {"cholesky", "determinant_sign", "log_absolute_determinant"}
    | {"eigenvectors", "orthonormal", "singular_vectors"}
    | FUNCTIONS
    | NAMES
    | vectors.NAMES,
    owners=frozenset({"math", "np", "cuda"}),
    imports={
        "math": frozenset(),
        "numpy": frozenset(),
        "symdl.run.cuda.compiler": frozenset({"cuda"}),
        "symdl.run.cuda.builtins": frozenset(
            {
                *(ATOMIC, "functions", "larger", "ratio", "remainder", "uniform"),
                *("cholesky_of", "determinant_sign_of", "log_absolute_determinant_of"),
            }
        ),
        "symdl.run.cuda.decompositions": frozenset(
            {"eigenvectors_of", "orthonormal_of", "singular_vectors_of"}
        ),
        "symdl.run.cuda.numbers": frozenset({"block", "blocks", "thread", "threads"}),
        "symdl.run.cuda.scans": frozenset(_SCANS),
        "symdl.run.cuda.teams": frozenset(_TEAMS),
        "symdl.run.cuda.tiles": frozenset({"functions_of_tiles"}),
        "symdl.run.cuda.vectors": frozenset({"functions_of_vectors"}),
    },
)
"""Kernels whose rows are shared by threads."""
