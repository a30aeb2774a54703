"""What machine code is built on, besides the text of a generated module.

Enters: nothing. Leaves: `foundation`, a hash of texts and versions. Where one of them is another, so is the
key of all that is kept on disk. That holds also for what decides which kernels have the same key, and for
how users' functions are called.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from functools import cache
from pathlib import Path

from symdl.errors import CompileError

PACKAGE = Path(__file__).resolve().parents[3]
_ROOMS = ("run/cpu/cache", "run/cpu/gemm", "run/cpu/intrinsics", "run/cpu/loops", "run/elementary")
_FILES = (
    "run/loops.py",
    "run/routines.py",
    "run/cpu/limits.py",
    "run/decompositions.py",
    "emit/canonical.py",
    "emit/operations.py",
    "emit/parts.py",
    "express/random.py",
    "express/special/kinds.py",
    "express/special/own.py",
    "lower/ir/loops.py",
)


def files() -> list[str]:
    """Return the files of this package on which compiled code depends."""
    found = [path for room in _ROOMS for path in sorted((PACKAGE / room).glob("[!_]*.py"))]
    return [*(path.relative_to(PACKAGE).as_posix() for path in found), *_FILES]


@cache
def foundation() -> tuple[str, ...]:
    """Return a hash of the texts of those files and of the versions of other ones.

    The file with Numba's version is read, because importing Numba takes longer than all that is done here.

    Raises:
        CompileError: there is no Numba, or Python runs without its global lock.
    """
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise CompileError(
            "nobody has tried compiled code in a Python without its global lock",
            cure="start Python with PYTHON_GIL=1 in the environment, or use target='python'",
        )
    texts = [(PACKAGE / name).read_text("utf-8") for name in files()]
    numba = importlib.util.find_spec("numba")
    if numba is None or numba.origin is None:
        raise CompileError("there is no Numba", cure="install numba, or use target='python'")
    texts.append(Path(numba.origin).with_name("_version.py").read_text("utf-8"))
    texts.append(sys.version)
    return (hashlib.sha256("\0".join(texts).encode()).hexdigest(),)
