"""Generated modules on disk.

Enters: source text. Leaves: the imported module. A file is named by the hash of everything that its compiled
form depends on; Numba keeps the machine code beside it, so a second process starts without compiling.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import sys
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

from symdl.errors import CompileError

_PREFIX = "symdl_kernels_"
_IMPORTED = ("entries", "factors", "lanes", "native", "samples", "tiles", "vectorcode", "vectors")


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
    name = _PREFIX + digest(source)[:32]
    path = where / f"{name}.py"
    data = source.encode()
    if not path.exists():
        _write(path, data)
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


def digest(source: str) -> str:
    """Return the hash of a source and of everything else that its machine code depends on."""
    parts = [source, *(f"{name} {_version(name)}" for name in ("numba", "llvmlite", "symdl"))]
    parts.append(sys.version)
    # Numba does not notice when something that compiled code imports has changed.
    parts += [Path(__file__).with_name(f"{name}.py").read_text("utf-8") for name in _IMPORTED]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _write(path: Path, data: bytes) -> None:
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as error:
        raise CompileError(f"{path} cannot be written: {error}", cure=_CURE) from error
