"""Pools of processes, subinterpreters, Python without its global lock: right, or refused in words.

Threads that call one function, and forks while another thread calls, are in `tests/kinds/test_threads.py`.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import symdl as sd
from symdl.run.cpu.cache.foundation import foundation

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)


@pytest.mark.parametrize("kind", ["fork", "spawn", "loky"])
def test_pools_of_processes(kind: str) -> None:
    if kind == "fork" and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    if kind == "loky" and importlib.util.find_spec("joblib") is None:
        pytest.skip("joblib is not installed")
    done = run("-m", "tests.hostile.pools", kind)
    assert done.stdout == "right\n" and not done.returncode, done.stderr


SUBINTERPRETERS = """
import sys
interpreters = __import__({module!r})
CODE = '''
try:
    import numpy as np
    import symdl as sd
    X = sd.tensor("X", (sd.Dim("n"), 3))
    print(sd.compile((X * X).sum())(X=np.ones((2, 3))), flush=True)
except ImportError as error:
    print("refused", flush=True)
'''
for _ in range(2):
    interpreters.run_string(interpreters.create(), CODE)
"""


def test_subinterpreters() -> None:
    """The first computes where NumPy can be imported; another is refused by NumPy, with an `ImportError`."""
    module = next(m for m in ("_interpreters", "_xxsubinterpreters") if importlib.util.find_spec(m))
    done = run("-c", SUBINTERPRETERS.format(module=module))
    assert not done.returncode, done.stderr
    assert set(done.stdout.split()) <= {"6.0", "refused"} and len(done.stdout.split()) == 2


def test_a_python_without_its_global_lock(monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    foundation.cache_clear()
    try:
        with pytest.raises(sd.SymdlError, match="without its global lock") as caught:
            foundation()
        assert "PYTHON_GIL=1" in str(caught.value)
    finally:
        foundation.cache_clear()


def test_a_python_without_numba() -> None:
    code = """
import sys
sys.modules["numba"] = None
import numpy as np
import symdl as sd
X = sd.tensor("X", (sd.Dim("n"), 3))
print(sd.compile((X * X).sum(), target="python")(X=np.ones((2, 3))))
try:
    sd.compile((X * X).sum())
except sd.SymdlError as error:
    print(error)
"""
    done = run("-c", code)
    assert done.stdout.splitlines() == [
        "6.0",
        "run: there is no Numba",
        "  cure: install numba, or use target='python'",
    ], done.stderr
