"""PTX that is kept on disk.

Enters: a kernel of a generated module. Leaves: its PTX, compiled once on a machine. The name of such a
module is a hash of its text and of `foundation`, so it says what PTX comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from symdl.run import modules
from symdl.run.cuda.compiler import translate

PACKAGE = Path(__file__).resolve().parents[2]
_FILES = ("run/cuda/builtins.py", "run/cuda/compiler.py", "run/cuda/teams.py", "express/random.py")


@cache
def foundation() -> tuple[str, ...]:
    """Return what generated kernels are built on: texts of this package, the version of the compiler."""
    return *((PACKAGE / name).read_text("utf-8") for name in _FILES), version("numba-cuda")


def ptx(function: Callable[..., None], kinds: Sequence[str], architecture: str) -> str:
    """Return the PTX of a kernel, as `symdl.run.cuda.compiler.translate` makes it."""
    if not function.__module__.startswith(modules.PREFIX):
        return translate(function, kinds, architecture)
    path = modules.folder() / f"{function.__module__}-{function.__name__}-{architecture}.ptx"
    found = modules.content(path)
    if found is not None:
        return found.decode("ascii")
    text = translate(function, kinds, architecture)
    modules.write(path, text.encode("ascii"))
    return text
