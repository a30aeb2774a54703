"""Files that are there whole or not at all.

Enters: a path. Leaves: an open file whose content appears under that path when it is closed without
an error, so that no reader ever sees half of it and a failure leaves the old file as it was. All files that
symdl writes are written here.
"""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from symdl.errors import DataError


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
            beside.replace(target)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


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
