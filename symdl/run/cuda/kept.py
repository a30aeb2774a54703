"""Kernels that are kept on disk: PTX, and the machine code that a device's assembler made of it.

Enters: a kernel of a generated module, or one of ours. Leaves: the module on a device, compiled once on a
machine. A kernel's name is a hash of what the compiler is given: the bytecode, which knows neither comments
nor names of locals, and what its global names stand for. So kernels of several programs that differ by words
of people only are one. The text of ours belongs to `foundation`; what else they are made of is in their
closures. Machine code is for one architecture and of one version of the assembler. As for the processor's
(`symdl.run.cpu.cache.objects`), a file says of what it is inside what its checksum covers; one that says
anything else is made again.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from symdl.run import modules
from symdl.run.cuda.compiler import translate
from symdl.run.cuda.device import Device
from symdl.run.pruning import PREFIX

_FORMAT = 2
"""The version of the files' form."""
PACKAGE = Path(__file__).resolve().parents[2]
_MODULES = (
    "builtins choice compiler decompositions finite numbers samples scans sorting teams tiles vectors".split()
)
_FILES = (
    *(f"run/cuda/{name}.py" for name in _MODULES),
    "run/decompositions.py",
    "lower/cuda/flat.py",
    "lower/cuda/tiles.py",
    "lower/equations/sorting.py",
    "express/random.py",
)


@cache
def foundation() -> tuple[str, ...]:
    """Return what kernels are built on: texts of this package, the version of the compiler."""
    return *((PACKAGE / name).read_text("utf-8") for name in _FILES), version("numba-cuda")


def load(function: Callable[..., None], kinds: Sequence[str], device: Device, threads: int) -> Any:
    """Return the module of a kernel, loaded: machine code where the device has an assembler, or else PTX.

    Args:
        function, kinds, threads: as `symdl.run.cuda.compiler.translate` takes them.
        device: to load it on.
    """
    kernel = name_of(function, kinds, threads)
    key = {"format": _FORMAT, "kernel": kernel, "architecture": device.architecture}
    if not device.assembler:
        return device.load(ptx(function, kinds, device.architecture, threads))
    made_of = {**key, "assembler": device.assembler}
    version = hashlib.sha256(device.assembler.encode()).hexdigest()[:16]
    path = modules.folder() / f"{kernel}-{device.architecture}-{version}.cubin"
    code = _found(path, made_of)
    if code is not None:
        return device.load(code)
    text = ptx(function, kinds, device.architecture, threads)
    code = device.assemble(text)
    if code is None:
        return device.load(text)
    modules.write(path, modules.sealed(made_of, code))
    return device.load(code)


def ptx(function: Callable[..., None], kinds: Sequence[str], architecture: str, threads: int) -> str:
    """Return the PTX of a kernel, as `symdl.run.cuda.compiler.translate` makes it."""
    kernel = name_of(function, kinds, threads)
    key = {"format": _FORMAT, "kernel": kernel, "architecture": architecture}
    path = modules.folder() / f"{kernel}-{architecture}.ptx"
    found = _found(path, key)
    if found is not None:
        return found.decode("ascii")
    text = translate(function, kinds, architecture, threads)
    modules.write(path, modules.sealed(key, text.encode("ascii")))
    return text


def _found(path: Path, key: Mapping[str, object]) -> bytes | None:
    """Return what is kept in a file, or None if it is not just that of this key."""
    data = modules.content(path)
    if data is None:
        return None
    _, body = modules.unsealed(data)
    return body if modules.sealed(key, body) == data else None


def name_of(function: Callable[..., None], kinds: Sequence[str], threads: int) -> str:
    """Return a name that tells a kernel, and all that it is made of, from others."""
    made_of = given(function) if function.__module__.startswith(PREFIX) else described(function)
    return modules.name_of("\0".join((made_of, *kinds, str(threads))), foundation())


def given(function: Callable[..., None]) -> str:
    """Return what the compiler reads of a generated kernel: bytecode, constants, what global names are."""
    code, known = function.__code__, function.__globals__
    named = [(name, described(known[name]) if name in known else "") for name in code.co_names]
    arguments = (code.co_argcount, code.co_nlocals, code.co_flags)
    return repr((code.co_code, code.co_consts, arguments, named, sys.version_info[:2]))


def described(value: Any) -> str:
    """Return which function that is and what its closure holds, or how something else is shown."""
    if isinstance(value, ModuleType):
        return value.__name__
    function = getattr(value, "py_func", value)
    if not isinstance(function, FunctionType):
        return repr(value)
    inside = (described(cell.cell_contents) for cell in function.__closure__ or ())
    return f"{function.__module__}.{function.__qualname__}({', '.join(inside)})"
