"""The folder of generated modules stays small.

Enters: the folder, and the environment (``SYMDL_CACHE_MB``, ``SYMDL_CACHE_DAYS``). Leaves: the folder without
files that were not used for so many days, and without those that were used longest ago where all of them are
too large. A file that is used is marked once a day, by its time. Processes need not wait for each other: what
is gone when somebody looks for it is made again, and who has read a file needs it no more.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PREFIX = "symdl_kernels_"
"""How the names of our files begin; no other file is removed."""
MARK = f"{PREFIX}pruned"
"""The file whose time says when the folder was last looked through."""
MEGABYTES, DAYS = 1024, 90
"""What the folder may hold and how long nobody need use it, unless the environment says something else."""
_HOUR, _DAY = 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    used: float


def mark_used(file: int | Path, status: os.stat_result) -> None:
    """Note that a file, or an open one, is used, unless that was noted within a day."""
    if time.time() - status.st_mtime > _DAY:
        with suppress(OSError):
            os.utime(file)


def prune_hourly(where: Path) -> None:
    """Look through the folder, if nobody has done so for an hour; whoever writes a file calls this."""
    mark = where / MARK
    with suppress(OSError):
        if mark.exists() and 0 <= time.time() - mark.stat().st_mtime < _HOUR:
            return
        mark.touch(mode=0o600)
        prune(where)


def prune(where: Path) -> None:
    """Remove what is too old, and of the rest the oldest that are too much.

    Raises:
        OSError: the folder cannot be read.
    """
    now = time.time()
    megabytes, days = limits()
    size, limit = 0, megabytes * 2**20
    oldest = now - days * _DAY
    for file in sorted(_files(where), key=lambda file: -file.used):
        unfinished = file.path.suffix == ".tmp"  # of a process that was stopped, if it is that old
        size += file.size
        if size > limit or file.used < (now - _DAY if unfinished else oldest):
            with suppress(OSError):
                file.path.unlink()


def limits() -> tuple[int, int]:
    """Return what the folder may hold, in megabytes, and for how many days nobody need use it."""
    return _chosen("SYMDL_CACHE_MB", MEGABYTES), _chosen("SYMDL_CACHE_DAYS", DAYS)


def usage(where: Path) -> tuple[int, int]:
    """Return how many of our files are in the folder, and how many bytes they have.

    Raises:
        OSError: the folder cannot be read.
    """
    sizes = [file.size for file in _files(where)]
    return len(sizes), sum(sizes)


def clear(where: Path) -> tuple[int, int]:
    """Remove all of our files; return how many there were, and their bytes.

    Raises:
        OSError: the folder cannot be read.
    """
    count = size = 0
    for file in _files(where):
        with suppress(OSError):
            file.path.unlink()
            count, size = count + 1, size + file.size
    return count, size


def _chosen(name: str, usual: int) -> int:
    """Return a number of the environment; the usual one where there is none."""
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else usual


def _files(where: Path) -> Iterator[_File]:
    """Yield our files in a folder."""
    with os.scandir(where) as entries:
        for entry in entries:
            if not entry.name.startswith((PREFIX, f".{PREFIX}")) or entry.name == MARK:
                continue
            with suppress(OSError):  # somebody else removed it
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield _File(Path(entry.path), status.st_size, status.st_mtime)
