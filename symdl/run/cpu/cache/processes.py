"""Kernels compiled by several processes.

Enters: parts of a module without machine code on disk. Leaves: the same with it, as far as that went well.
Numba compiles one function at a time, for most of that time in Python, which threads cannot share. So other
processes, Python with what this one can import, compile a share of the parts each, into the same folder. A
part that did not get there, for whatever reason, is compiled by whoever looks for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import spawn
from tempfile import TemporaryFile
from typing import Any

from symdl.errors import SymdlError
from symdl.run.autotune import cores

MOST = 8
"""Processes that compile at the same time, each of which takes some 200 MB."""
WORTH = 400
"""Lines of kernels for each process: to start one takes as long as to compile some 200."""


def compile_apart(sources: Sequence[str], compile_part: Callable[[str], object]) -> None:
    """Compile parts of a module in this process and others, if there are enough for several.

    Args:
        sources: of the parts.
        compile_part: compiles one of them and keeps it on disk.
    """
    lines = [source.count("\n") for source in sources]
    count = min(allowed(), len(sources), sum(lines) // WORTH)
    if count < 2:
        return
    own, *others = shares(sources, lines, count)
    with suppress(OSError):
        started = []
        try:
            for share in others:
                started.append(_process(share))
            for source in own:
                with suppress(SymdlError):  # which is told to whoever looks for the part
                    compile_part(source)
            for process in started:
                process.wait()
        finally:
            for process in started:
                process.kill()
                process.wait()


def allowed() -> int:
    """Return how many processes may compile: ``SYMDL_COMPILE_PROCESSES``, or one for each core."""
    asked = os.environ.get("SYMDL_COMPILE_PROCESSES", "")
    if getattr(sys, "frozen", False) or not spawn.get_executable():
        return 1  # there is no Python to start
    return int(asked) if asked.isdecimal() else min(cores(), MOST)


def shares(sources: Sequence[str], sizes: Sequence[int], count: int) -> list[list[str]]:
    """Return sources in so many parts of about equal size."""
    found: list[list[str]] = [[] for _ in range(count)]
    sums = [0] * count
    for size, source in sorted(zip(sizes, sources, strict=True), reverse=True):
        least = sums.index(min(sums))
        found[least].append(source)
        sums[least] += size
    return found


def _process(share: Sequence[str]) -> subprocess.Popen[Any]:
    """Start a process that compiles what it reads."""
    path = os.pathsep.join(os.path.abspath(place) for place in sys.path)
    command = "from symdl.run.cpu.cache.objects import compile_given; compile_given()"
    with TemporaryFile() as file:
        file.write(json.dumps(share).encode())
        file.seek(0)
        return subprocess.Popen(
            [os.fsdecode(spawn.get_executable()), "-P", "-c", command],
            stdin=file,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
