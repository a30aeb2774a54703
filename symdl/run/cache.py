"""Generated modules on disk.

Enters: source text. Leaves: the imported module. A file is named by the hash of everything that it depends
on. What Numba makes of it is kept beside it (`symdl.run.machine`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from symdl.errors import CompileError

_PREFIX = "symdl_kernels_"
_IMPORTED = (
    *(
        f"run/{name}.py"
        for name in ("entries", "factors", "frames", "lanes", "limits", "multiply", "native", "samples")
    ),
    *(
        "run/tiles.py",
        "run/vectorcode.py",
        "run/vectors.py",
        "emit/source.py",
        "express/random.py",
        "lower/ir.py",
    ),
)
"""What generated modules are built on, in this package."""


def folder() -> Path:
    """Return the folder of generated modules: ``SYMDL_CACHE``, or ``symdl/kernels`` in the user's cache.

    It is made if it is not there, for this user only.

    Raises:
        CompileError: it cannot be used, or others may write to it.
    """
    chosen = os.environ.get("SYMDL_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(chosen) if chosen else Path(base) / "symdl" / "kernels"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.stat()
    except OSError as error:
        raise CompileError(f"the folder {path} cannot be made: {error}", cure=_CURE) from error
    foreign = hasattr(os, "getuid") and status.st_uid != os.getuid()
    if foreign or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise CompileError(f"others may write to the folder {path}", cure=_CURE)
    return path


_CURE = "set SYMDL_CACHE to a folder of your own, with permissions 0700"


def load(source: str) -> ModuleType:
    """Return the module of a source, written and imported if this process does not have it yet.

    Raises:
        CompileError: the file cannot be written, is not what was written, or does not compile.
    """
    return _load(source, folder())


@cache
def _load(source: str, where: Path) -> ModuleType:
    name = name_of(source)
    path = where / f"{name}.py"
    data = source.encode()
    if not path.exists():
        write(path, data)
    if hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(data).digest():
        raise CompileError(f"{path} was changed", cure="delete it")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CompileError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise CompileError(
            f"generated code does not compile: {type(error).__name__}: {error}",
            cure=f"please report this with {path}",
        ) from error
    return module


def name_of(source: str) -> str:
    """Return the name of the module of a source: a hash of the source and of what it is built on."""
    return _PREFIX + hashlib.sha256("\0".join((source, *_foundation())).encode()).hexdigest()[:32]


@cache
def _foundation() -> tuple[str, ...]:
    """Return what generated modules are built on: the texts of ours, the versions of other ones.

    The file with Numba's version is read, because importing Numba takes longer than all that is done here.
    """
    package = Path(__file__).resolve().parents[1]
    texts = [(package / name).read_text("utf-8") for name in _IMPORTED]
    numba = importlib.util.find_spec("numba")
    if numba is None or numba.origin is None:
        raise CompileError("there is no Numba", cure="install numba, or use target='python'")
    texts.append(Path(numba.origin).with_name("_version.py").read_text("utf-8"))
    return *texts, sys.version


def write(path: Path, data: bytes) -> None:
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as error:
        raise CompileError(f"{path} cannot be written: {error}", cure=_CURE) from error
