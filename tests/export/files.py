"""Exported Python files, called as modules and run as programs, where there is neither symdl nor SymPy."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ALONE = """
import os, runpy, sys
for name in ("symdl", "sympy", "scipy", "jinja2"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""A program that runs another one which can import nothing of these."""


def run(path: Path) -> tuple[int, str]:
    """Run a file in a process of its own; return its exit code and what it prints."""
    command = [sys.executable, "-I", "-c", ALONE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def load(path: Path) -> Any:
    """Return the function of a file; see `module`."""
    return getattr(module(path), path.stem)


def module(path: Path) -> Any:
    """Import a file; its loops run as plain Python, which takes no time to compile."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "numba", _NUMBA)
        spec.loader.exec_module(found)
    return found


def _njit(**options: Any) -> Any:
    return np.errstate(all="ignore")


_NUMBA = ModuleType("numba")
_NUMBA.njit = _njit  # type: ignore[attr-defined]
