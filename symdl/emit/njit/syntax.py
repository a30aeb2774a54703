"""How Python is written in files that stand alone: the loops are compiled by Numba, all else is NumPy's.

Enters: nothing. Leaves: `NJIT`, and which functions its code calls.
"""

from __future__ import annotations

from symdl.emit.python.syntax import NUMPY
from symdl.emit.spelling import NUMBA
from symdl.emit.syntax import NO_ROUTINES, SPECIAL_FUNCTIONS, Syntax

CALLED = {
    **dict.fromkeys(("larger", "plus", "minus", "times", "ratio", "remainder", "uniform"), ()),
    **dict.fromkeys(("erf", "erfc", "erfcx", "lgamma"), ()),
    "floor_divide": ("remainder",),
    **dict.fromkeys(("gamma_function", "digamma", "hurwitz_zeta", "beta_function", "inverse_of_erf"), ()),
    **dict.fromkeys(("erfinv", "erfcinv"), ("inverse_of_erf",)),
    "eliminate": (),
    "determinant": ("eliminate",),
    **dict.fromkeys(("log_determinant", "log_absolute_determinant", "determinant_sign"), ("eliminate",)),
    "invert": ("eliminate",),
    "cholesky": (),
    **dict.fromkeys(("finite", "turn", "angle", "direction", "separate"), ()),
    "normalize": ("separate",),
    "eigenvectors": ("finite", "turn", "angle", "direction"),
    "orthonormal": ("finite", "separate", "normalize"),
    **dict.fromkeys(("rank", "rank_falling", "rank_whole", "rank_whole_falling"), ()),
    "singular_vectors": ("finite", "turn", "angle", "direction", "separate", "normalize"),
}
"""The functions that kernels in a file that stands alone can call, each with those that it calls itself."""
_FILE = """OPTIONS agree at at_points check given imported integers kept matrix numbers of_state room rooms
shape start state test __name__""".split()
"""What else has a name in such a file."""

NJIT = Syntax(
    name="numba",
    template="njit/module.jinja",
    simd=None,
    forms=None,
    functions={
        **NUMPY,
        **SPECIAL_FUNCTIONS,
        "ratio": "ratio",
        "floor_divide": "floor_divide",
        "remainder": "remainder",
    },
    wholes={"add": "plus", "sub": "minus", "mul": "times"},
    near={},
    own=frozenset((*_FILE, *CALLED, "numba", "njit", "sys", "threading")),
    owners=frozenset({"math", "np", "sys", "threading"}),
    imports={
        "math": frozenset(),
        "numpy": frozenset(),
        "sys": frozenset(),
        "threading": frozenset(),
        "numba": frozenset({"njit"}),
    },
    elsewhere=NO_ROUTINES,
    spelling=NUMBA,
    attributes=frozenset(
        """shape size dtype itemsize reshape T astype copy flags c_contiguous any all items values
        rooms""".split()
    ),
)
"""Files that stand alone: plain Python calls loops that Numba compiles."""
