"""Where the routines are that generated code calls by name.

Enters: the name of a routine, such as ``special_jv``. Leaves: the address of a C function of doubles, and how
it is called. Those of SciPy are found through ``scipy.special.cython_special``, so that compiled code calls
them without Python; they are looked up when machine code is linked, so that it can be kept on disk.

A user's function and its code live as long as somebody holds the function. So whoever keeps code that calls
it also keeps what `called_in` returns.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from symdl.errors import CompileError
from symdl.express.special.kinds import SPECIAL
from symdl.express.special.own import OWN, Own, number_and_count, routine

LINKED = "symdl_routine_"
"""What the names of routines begin with in machine code."""


@dataclass(frozen=True, slots=True)
class Source:
    """How a C function is called.

    Attributes:
        name: in ``scipy.special.cython_special``; for one with several forms, that of doubles.
        arguments: how many numbers it takes.
        values: for how many values it takes addresses; 0 if it returns its value.
        which: of those that is wanted.
        flag: whether an integer follows its arguments, as where Python could call it, too.
    """

    name: str
    arguments: int
    values: int = 0
    which: int = 0
    flag: bool = True


def _of(arguments: int, form: str, names: str) -> dict[str, Source]:
    return {name: Source(f"{form}{name}", arguments) for name in names.split()}


def _one_of(values: int, name: str, members: str) -> dict[str, Source]:
    form = f"__pyx_fuse_1{name}"
    return {m: Source(form, 1, values, n, flag=False) for n, m in enumerate(members.split())}


_FIRST, _SECOND, _REAL = "__pyx_fuse_0", "__pyx_fuse_1", "__pyx_fuse_0_1"
_SCIPY: Mapping[str, Source] = {
    **_of(1, "", "zetac ellipk ellipe erfcinv"),
    **_of(2, "", "beta betaln gammainc gammaincc poch ellipkinc ellipeinc"),
    **_of(3, "", "lpmv"),
    **_of(1, _SECOND, "gamma psi exp1 expi erfi spence"),
    **_of(2, _SECOND, "jv yv iv kv"),
    **_of(3, _SECOND, "elliprd elliprf"),
    **_of(4, _SECOND, "elliprj"),
    **_of(1, _FIRST, "erfinv"),
    **_of(2, _FIRST, "expn"),
    **_of(3, _FIRST, "betainc chndtr"),
    **_of(2, _REAL, "eval_chebyt eval_chebyu eval_legendre eval_laguerre"),
    **_of(3, _REAL, "eval_genlaguerre eval_gegenbauer"),
    **_of(4, _REAL, "eval_jacobi"),
    **_one_of(2, "sici", "si ci"),
    **_one_of(2, "shichi", "shi chi"),
    **_one_of(2, "fresnel", "fresnels fresnelc"),
    **_one_of(4, "airy", "airyai airyaiprime airybi airybiprime"),
}
"""Where SciPy has the C function of a routine; others are compiled in `symdl.run.cpu.intrinsics.routines`."""


def source(name: str) -> Source | None:
    """Return how the C function of a routine is called, or None if the routine is compiled.

    Raises:
        CompileError: a user's function has no code for the processor.
    """
    if name.startswith(SPECIAL):
        return _SCIPY.get(name.removeprefix(SPECIAL))
    own = routine(name)
    if own is not None and own.c is None:
        raise CompileError(
            f"the function {own.label} has no code for the processor",
            cure="pass c= to sd.function, or compile with target='python'",
        )
    return Source(name, number_and_count(name)[1], flag=False)


def address(name: str) -> int:
    """Return where the C function of a routine is.

    Raises:
        CompileError: SciPy does not offer it, or Numba cannot compile what the user gave.
    """
    if not name.startswith(SPECIAL):
        own = routine(name)
        return _own_address(own) if own is not None else _NOWHERE
    from scipy.special import cython_special

    found = source(name)
    capsule = cython_special.__pyx_capi__.get(found.name) if found else None
    if capsule is None:
        raise CompileError(f"SciPy offers no {name}", cure="install another release of SciPy")
    return int(_POINTER(capsule, _NAME(capsule)) or 0)


_NOWHERE = 1
"""Stands for a function of another process, for which this one only compiles."""


def _own_address(own: type[Own]) -> int:
    """Return where a user's function is."""
    if isinstance(own.c, int):
        return own.c
    if hasattr(own.c, "argtypes"):
        return int(ctypes.cast(own.c, ctypes.c_void_p).value or 0)
    if own not in _compiled:
        _compiled.setdefault(own, _c_function(own))  # the first one stays, if two threads compile it
    return int(_compiled[own].address)


_compiled: WeakKeyDictionary[type[Own], Any] = WeakKeyDictionary()
"""The code of users' Python functions."""


def called_in(source: str) -> tuple[type[Own], ...]:
    """Return the users' functions that a generated module names."""
    found = map(routine, sorted(set(_OWN_NAME.findall(source))))
    return tuple(own for own in found if own is not None)


_OWN_NAME = re.compile(rf"\b{OWN}\d+_\d+_\w+")


def _c_function(own: type[Own]) -> Any:
    """Return a user's Python function as a C function."""
    from numba import cfunc, float64

    function = getattr(own.c, "py_func", own.c)
    try:
        return cfunc(float64(*[float64] * number_and_count(own.calls)[1]), error_model="numpy")(function)
    except Exception as error:  # whatever Numba raises
        raise CompileError(
            f"Numba cannot compile the function {own.label}: {str(error)[:400]}",
            cure="write it with floats and the module math, or pass the address of a C function",
        ) from error


_NAME: Any = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))
_POINTER: Any = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
