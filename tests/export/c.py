"""Exported C, compiled by the C compiler of this machine and called through ctypes."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

COMPILER = shutil.which("cc") or ""
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1")

BEHIND = -1
"""Stands for a function that wrote behind its workspace."""

needs_compiler = pytest.mark.skipif(not COMPILER, reason="there is no C compiler")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a shared library, as its header declares it."""

    run: Any
    workspace: Any
    dims: tuple[str, ...]

    def __call__(
        self, dims: Mapping[str, int], inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]
    ) -> int:
        """Call it with arrays in the order of the header, in a workspace that is exactly large enough."""
        sizes = [ctypes.c_int64(dims[name]) for name in self.dims]
        room = np.full(self.workspace(*sizes) // 8 + 8, -1, "int64")
        arrays = [ctypes.c_void_p(a.ctypes.data) for a in (*inputs, *outputs, room)]
        failed = int(self.run(*sizes, *arrays))
        return failed if (room[-8:] == -1).all() else BEHIND


def load(paths: Sequence[Path], *flags: str) -> dict[str, Function]:
    """Compile source files into one library; return its functions by the names of their headers."""
    library = paths[0].with_suffix(".so")
    command = [COMPILER, *FLAGS, *flags, "-shared", "-fPIC", "-o", str(library), *map(str, paths), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[:4000]
    opened = ctypes.CDLL(str(library))
    found = {}
    for path in paths:
        header = path.with_suffix(".h").read_text()
        match = re.search(r"^int (\w+)\(([^)]*)\);", header, re.MULTILINE)
        assert match, header
        run, workspace = getattr(opened, match[1]), getattr(opened, f"{match[1]}_workspace")
        workspace.restype = ctypes.c_size_t
        dims = tuple(re.findall(r"int64_t (\w+)", match[2]))
        found[path.stem] = Function(run, workspace, dims)
    return found
