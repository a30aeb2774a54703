"""Everything that differs between targets, in one record each.

Enters: the name of a target. Leaves: its `Target`: templates, function names, how an array is passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symdl.errors import EmitError
from symdl.lower.ir.loops import TILE

_NUMPY = {
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
_VECTORS = ("cos", "erf", "exp", "expm1", "log", "log1p", "sin", "tanh")
DIVISIONS = ("floor_divide", "ratio", "remainder")
_NEAR = {name: f"near_{name}" for name in ("cos", "sin", "floor_divide", "remainder")}
NEAR = 2.0**20
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


@dataclass(frozen=True, slots=True)
class Target:
    """How one target is written.

    Attributes:
        name: the name users pass.
        template: the template of the module.
        steps: the one of the loops over calls, if they are in a module of their own.
        functions: the name of each scalar function.
        wholes: functions of int64 that wrap around, where operators do not.
        loops: the head of a loop of each kind.
        real_array: a real buffer as a kernel's argument, from the expression that finds it.
        integer_array: the same for integers.
        total_array: the same for totals over an epoch, which are float64.
        near: functions that have a faster form for arguments, or quotients of two, that are not large, and
            the names of those forms.
        imports: the modules whose names generated code may use, and the names.
    """

    name: str
    template: str
    steps: str
    functions: Mapping[str, str]
    wholes: Mapping[str, str]
    loops: Mapping[str, str]
    real_array: str
    integer_array: str
    total_array: str
    near: Mapping[str, str]
    imports: Mapping[str, frozenset[str]]


_LOOPS = {
    **dict.fromkeys(("serial", "simd"), "for {var} in range({extent}):"),
    "lanes": f"for {{var}} in range(({{extent}} + {TILE - 1}) // {TILE}):",
}

TARGETS: Mapping[str, Target] = {
    "cpu": Target(
        name="cpu",
        template="cpu/module.jinja",
        steps="cpu/steps.jinja",
        functions=_MATH,
        wholes={"add": "plus", "sub": "minus", "mul": "times"},
        loops=_LOOPS,
        real_array="real_at({place})",
        integer_array="integer_at({place})",
        total_array="total_at({place})",
        near=_NEAR,
        imports={
            "math": frozenset(),
            "numpy": frozenset(),
            "numba": frozenset({"njit", "types"}),
            "symdl.run.cpu.intrinsics.kernel_call": frozenset({"call_kernel"}),
            "symdl.run.cpu.intrinsics.pointers": frozenset(
                {"OPTIONS", "REALS", "align_stack", "claim", "disjoint", "first_of", "flush_subnormals"}
            )
            | {"integer_at", "larger", "restore", "row_of", "seen", "total_at"}
            | {"minus", "plus", "times", "until", "wait"},
            "symdl.run.cpu.gemm.multiply": frozenset({"multiply_matrices"}),
            "symdl.run.cpu.intrinsics.frames": frozenset({"numbers_at", "table_at", "vector_at"}),
            "symdl.run.cpu.intrinsics.simd": frozenset(
                {
                    "choose",
                    "each",
                    "each_of_two",
                    "each_of_three",
                    "sample_numbers",
                    "put_rows",
                    "put_tile",
                    "rows_at",
                    "spread",
                }
            )
            | {"tile_at", "total"},
            "symdl.run.cpu.intrinsics.elementary": frozenset(
                {*_VECTORS, *DIVISIONS, *_NEAR.values(), "erfcx", "reach", "reach_of_two", "uniform"}
            ),
            "symdl.run.cpu.intrinsics.batch_gather": frozenset({"copy_four", "pick_eight"}),
            "symdl.run.cpu.intrinsics.linalg": frozenset({"determinant", "invert", "log_determinant"}),
        },
    ),
    "python": Target(
        name="python",
        template="python/module.jinja",
        steps="",
        functions=_NUMPY,
        wholes={},
        loops=_LOOPS,
        real_array="{place}",
        integer_array="{place}",
        total_array="{place}",
        near={},
        imports={
            "math": frozenset(),
            "numpy": frozenset(),
            "symdl.run.python.builtins": frozenset({"erf", "erfc", "erfcx", "lgamma", "multiply_matrices"})
            | {"copy_four", "determinant", "invert", "larger", "log_determinant", "pick_eight", "row_of"}
            | {"uniform", "wait"},
        },
    ),
}
"""The targets by name."""

DTYPES = ("float32", "float64")
"""What real tensors can become."""


def find(name: str) -> Target:
    """Return a target.

    Raises:
        EmitError: there is no such target.
    """
    if name not in TARGETS:
        raise EmitError(f"there is no target {name!r}", cure=f"use one of {', '.join(TARGETS)}")
    return TARGETS[name]
