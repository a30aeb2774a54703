"""Files that are there whole or not at all.

Enters: a path. Leaves: an open file whose content appears under that path when it is closed without
an error, so that no reader ever sees half of it and a failure leaves the old file as it was. All files that
symdl writes are written here; `user_cache` says where those lie that can be made again.
"""

from __future__ import annotations

import os
import stat
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from symdl.errors import DataError

_PATIENCE = 1.0
"""Seconds to wait for somebody who holds a file open, where systems refuse to replace it meanwhile."""
_waits = os.name == "nt"


def user_cache(environ: Mapping[str, str]) -> Path:
    """Return the user's folder for what can be made again; it need not exist.

    That is ``symdl`` in ``XDG_CACHE_HOME`` on all systems, where that is an absolute path. Else it is the one
    that each system has for it: ``~/.cache/symdl``, ``~/Library/Caches/symdl`` on macOS,
    ``%LOCALAPPDATA%\\symdl\\Cache`` on Windows.

    Raises:
        DataError: nothing says where the user's folders are.
    """
    chosen = environ.get("XDG_CACHE_HOME", "")
    if Path(chosen).is_absolute():
        return Path(chosen) / "symdl"
    system: str = sys.platform  # so that checks of types, which know the one that they run on, see all ways
    if system == "linux":
        with suppress(RuntimeError):  # there is neither HOME nor such a user
            home = Path.home()
            if home.is_absolute():  # another one would be wherever the process is
                return home / ".cache" / "symdl"
        raise DataError("the user has no home folder", cure="set HOME or XDG_CACHE_HOME to a folder")
    import platformdirs  # where it is needed: it takes ten milliseconds

    return platformdirs.user_cache_path("symdl", appauthor=False)


@contextmanager
def replacing(
    path: str | os.PathLike[str], *, parents: bool = False, cache: bool = False
) -> Iterator[IO[bytes]]:
    """Open a file for writing bytes; it takes the place of `path` at the end, in one step.

    A file that is there keeps its permissions, and a symbolic link goes on pointing where it does: what it
    points at is replaced.

    Args:
        path: what to write.
        parents: whether to make the folders that are missing.
        cache: whether the content can be made again and is for this user only. Then nobody else may read it,
            whatever was there before; a link is replaced itself; and nothing waits for the disk.

    Raises:
        DataError: the folder is missing or cannot be written, the disk is full, or `path` is a folder or a
            device.
    """
    given = Path(path)
    with _told(given, "give a path in a folder that exists and can be written"):
        target = given if cache else Path(os.path.realpath(given))
        if parents:
            target.parent.mkdir(parents=True, exist_ok=True)
        kept = None if cache else _permissions(target)
        mode = 0o600 if cache else 0o666 if kept is None else kept
        beside = target.with_name(f".{target.name[:32]}.{uuid.uuid4().hex}.tmp")
        file = open(beside, "xb", opener=lambda name, flags: os.open(name, flags, mode))
    try:
        with _told(given, "see that the disk has room for it"):
            with file:
                yield file
                file.flush()
                if not cache:
                    os.fsync(file.fileno())
            if kept is not None:
                beside.chmod(kept)  # what the user's mask took away
            _replace(beside, target, patience=0.0 if cache else _PATIENCE)
    finally:
        with suppress(OSError):
            _remove(beside)


def append(path: str | os.PathLike[str], content: bytes) -> None:
    """Add to the end of a file, such as a line to a log, in one piece.

    Raises:
        DataError: the folder is missing or cannot be written, the disk is full, or `path` is a folder.
    """
    given = Path(path)
    with _told(given, "give a path in a folder that exists and can be written"):
        with open(given, "ab", buffering=0) as file:
            file.write(content)


def _replace(beside: Path, target: Path, *, patience: float) -> None:
    """Put a file in the place of another one.

    Windows refuses that while anybody has the other one open, as programs that look for viruses do for a
    moment; so it is tried again for a while.
    """
    end = time.monotonic() + patience
    while True:
        try:
            beside.replace(target)
            return
        except PermissionError:
            if not _waits or time.monotonic() >= end:
                raise
            time.sleep(0.02)


def _remove(path: Path) -> None:
    """Remove a file if it is there; Windows wants it to be writable."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        path.chmod(0o600)
        path.unlink(missing_ok=True)


def _permissions(target: Path) -> int | None:
    """Return the permissions of a file, None if there is none."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError("it is a folder or a device")
    return stat.S_IMODE(mode)


@contextmanager
def _told(path: Path, cure: str) -> Iterator[None]:
    """Say of an error of the system which file it keeps from being written."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}", cure=cure) from error
