"""Generated modules on disk.

Enters: source text. Leaves: the imported module. A file is named by the hash of everything that it depends
on. It is for people: what runs is the text that entered, never what a file or a folder of bytecode says it
is. What Numba makes of it is kept beside it (`symdl.run.cpu.cache.objects`).

The folder stays small: `symdl.run.pruning`.

A file that is missing, was changed, or belongs to others is written anew. If that is not possible either, the
next process has to do the same work; the result of this one does not depend on it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
import stat
import sys
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from symdl.errors import CompileError, DataError
from symdl.files import replacing, user_cache
from symdl.run.pruning import PREFIX, mark_used, prune_hourly


def folder() -> Path:
    """Return the folder of generated modules: ``SYMDL_CACHE``, or ``kernels`` in `symdl.files.user_cache`.

    It is made if it is not there, for this user only.

    Raises:
        CompileError: it cannot be used, or others may write to it.
    """
    chosen = os.environ.get("SYMDL_CACHE")
    try:
        path = Path(chosen) if chosen else user_cache(os.environ) / "kernels"
    except DataError as error:
        raise CompileError(f"compiled code has no folder: {error.message}", cure=_CURE) from error
    try:
        status = _made(path).stat()
    except OSError as error:
        raise CompileError(f"the folder {path} cannot be made: {error}", cure=_CURE) from error
    if _foreign(status):
        raise CompileError(f"others may write to the folder {path}", cure=_CURE)
    return path


def _made(path: Path) -> Path:
    """Return a folder, made for this user only, as are those around it that are missing."""
    missing = list(itertools.takewhile(lambda each: not each.exists(), (path, *path.parents)))
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    if not path.is_dir():
        raise NotADirectoryError("it is a file")
    return path


_CURE = "set SYMDL_CACHE to a folder of your own, with permissions 0700"


def _foreign(status: os.stat_result) -> bool:
    """Say whether others can have written something; where there are no users, only the system knows."""
    others = stat.S_IWGRP | stat.S_IWOTH
    return hasattr(os, "getuid") and (status.st_uid != os.getuid() or bool(status.st_mode & others))


class _Loader(SourceFileLoader):
    """Runs a text that it was given; tracebacks find it at its path."""

    def __init__(self, name: str, path: str, data: bytes) -> None:
        super().__init__(name, path)
        self._given = data

    def get_code(self, fullname: str) -> CodeType:
        """Compile the text. No bytecode is read or written."""
        code: CodeType = self.source_to_code(self._given, self.path)
        return code


def load(source: str, foundation: tuple[str, ...] = ()) -> ModuleType:
    """Return the module of a source, written and imported if this process does not keep it.

    Args:
        foundation: what it is built on, as text: with another one it has another name.

    Raises:
        CompileError: the folder cannot be used, or the source does not compile.
    """
    return _load(source, foundation, folder()).module


@contextmanager
def loaded(source: str, foundation: tuple[str, ...] = (), *, written: bool = True) -> Iterator[ModuleType]:
    """A module that is needed for a while only, to be compiled; arguments and errors as in `load`.

    With `written` false its file is written only if it does not compile, so that it can be looked at.
    """
    found = _loaded(source, foundation, folder(), written=written)
    try:
        yield found.module
    finally:
        found.leave()


KEPT = 256
"""Modules that a process keeps although nobody may need them any more, the latest ones."""


class _Loaded:
    """A module that Python knows by its name for as long as this object is there."""

    def __init__(self, name: str, module: ModuleType) -> None:
        self.module = module
        self.leave = weakref.finalize(self, _forget, name, weakref.ref(module))
        self.leave.atexit = False


def _forget(name: str, module: weakref.ref[ModuleType]) -> None:
    if sys.modules.get(name) is module():
        sys.modules.pop(name, None)


@lru_cache(maxsize=KEPT)
def _load(source: str, foundation: tuple[str, ...], where: Path) -> _Loaded:
    return _loaded(source, foundation, where)


def keep(source: str, foundation: tuple[str, ...] = ()) -> Path:
    """Write the file of a module if it is not there; return its path. Errors as in `load`."""
    path = folder() / f"{name_of(source, foundation)}.py"
    data = source.encode()
    if content(path) != data:
        write(path, data)
    return path


def _loaded(source: str, foundation: tuple[str, ...], where: Path, *, written: bool = True) -> _Loaded:
    name = name_of(source, foundation)
    path = keep(source, foundation) if written else where / f"{name}.py"
    data = source.encode()
    spec = importlib.util.spec_from_file_location(name, path, loader=_Loader(name, str(path), data))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except CompileError:
        sys.modules.pop(name, None)
        raise
    except Exception as error:
        sys.modules.pop(name, None)
        keep(source, foundation)
        raise CompileError(
            f"generated code does not compile: {type(error).__name__}: {error}",
            cure=f"please report this with {path}",
        ) from error
    return _Loaded(name, module)


def name_of(source: str, foundation: tuple[str, ...] = ()) -> str:
    """Return the name of the module of a source: a hash of the source and of what it is built on."""
    return PREFIX + hashlib.sha256("\0".join((source, *foundation)).encode()).hexdigest()[:32]


def content(path: Path) -> bytes | None:
    """Return what is in a file of this user's, or None if there is none or others may write to it.

    What is looked at is what was opened: no link is followed, and nobody can put another file in its place
    between a look and the reading.
    """
    try:
        file = os.open(path, _READING)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or _foreign(status):
            return None
        mark_used(file if os.utime in os.supports_fd else path, status)
        with open(file, "rb", closefd=False) as opened:
            return opened.read()
    except OSError:
        return None
    finally:
        os.close(file)


_READING = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT")
)
"""A pipe of that name is not waited for."""


def sealed(head: Mapping[str, object], body: bytes) -> bytes:
    """Return the content of a file: a checksum of all that follows, a line that says what it is, its body."""
    whole = b"\n".join((json.dumps(head).encode(), body))
    return hashlib.sha256(whole).digest() + whole


def unsealed(data: bytes) -> tuple[bytes, bytes]:
    """Return the line and the body of such a file; sealed again, they are the same data, or it is none."""
    head, _, body = data[_CHECKSUM:].partition(b"\n")
    return head, body


_CHECKSUM = hashlib.sha256().digest_size


def write(path: Path, data: bytes) -> None:
    """Put a file in its place, whole or not at all; if it cannot be written, the next process works anew."""
    with suppress(DataError), replacing(path, cache=True) as file:
        file.write(data)
    prune_hourly(path.parent)
