"""PTX that is kept on disk.

Enters: a kernel of a generated module, or one of ours. Leaves: its PTX, compiled once on a machine. The name
of a generated module is a hash of its text and of `foundation`, so it says what PTX comes of it. The text of
ours belongs to `foundation`; what else they are made of is in their closures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import Any

from symdl.run import modules
from symdl.run.cuda.compiler import translate

PACKAGE = Path(__file__).resolve().parents[2]
_FILES = (
    *(f"run/cuda/{name}.py" for name in ("builtins", "choice", "compiler", "products", "samples", "teams")),
    "express/random.py",
)


@cache
def foundation() -> tuple[str, ...]:
    """Return what kernels are built on: texts of this package, the version of the compiler."""
    return *((PACKAGE / name).read_text("utf-8") for name in _FILES), version("numba-cuda")


def ptx(function: Callable[..., None], kinds: Sequence[str], architecture: str) -> str:
    """Return the PTX of a kernel, as `symdl.run.cuda.compiler.translate` makes it."""
    name = f"{function.__module__}-{function.__name__}"
    if not function.__module__.startswith(modules.PREFIX):
        name = modules.name_of("\0".join((described(function), *kinds)), foundation())
    path = modules.folder() / f"{name}-{architecture}.ptx"
    found = modules.content(path)
    if found is not None:
        return found.decode("ascii")
    text = translate(function, kinds, architecture)
    modules.write(path, text.encode("ascii"))
    return text


def described(value: Any) -> str:
    """Return which function that is and what its closure holds, or how something else is shown."""
    function = getattr(value, "py_func", value)
    if not isinstance(function, FunctionType):
        return repr(value)
    inside = (described(cell.cell_contents) for cell in function.__closure__ or ())
    return f"{function.__module__}.{function.__qualname__}({', '.join(inside)})"
