"""Generated modules are kept on disk, and a second process finds the compiled code there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from symdl.errors import CompileError
from symdl.run import cache

SCRIPT = """
import sys
from symdl.express.build import tensor
from symdl.express.dims import Dim
from symdl.run.compile import compile
f = compile((tensor("X", (Dim("n"), 3)) * 2).sum(0), dtype="float32")
print(f(X=[[1, 2, 3], [4, 5, 6]]))
modules = [m for name, m in sys.modules.items() if name.startswith("symdl_kernels_")]
functions = [f for m in modules for f in vars(m).values() if getattr(f, "overloads", None)]
print(len(functions), sum(sum(f.stats.cache_misses.values()) for f in functions),
      sum(sum(f.stats.cache_hits.values()) for f in functions))
"""


def run(folder: Path) -> list[str]:
    environment = {**os.environ, "SYMDL_CACHE": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split("\n")


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    value, counts, *_ = run(folder)
    functions, misses, hits = map(int, counts.split())
    assert (misses, hits) == (functions, 0)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.glob("*.py"))
    assert len(files) == 2  # the kernels, and the loop that calls them
    again, counts, *_ = run(folder)
    functions, misses, hits = map(int, counts.split())
    assert (misses, hits) == (0, functions)
    assert again == value == "[10. 14. 18.]"
    assert sorted(folder.glob("*.py")) == files


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "own"))
    source = "value = 1\n"
    assert cache.load(source).value == 1
    assert cache.load(source) is cache.load(source)
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "other"))
    folder = cache.folder()
    (file,) = (tmp_path / "own").glob("*.py")
    (folder / file.name).write_text("value = 2\n")
    with pytest.raises(CompileError, match="was changed"):
        cache.load(source)


def test_a_folder_that_others_may_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    with pytest.raises(CompileError, match="others may write"):
        cache.folder()
    tmp_path.chmod(0o700)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "file" / "sub"))
    with pytest.raises(CompileError, match="cannot be made"):
        cache.folder()


def test_the_users_cache_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYMDL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "symdl" / "kernels"


def test_broken_code_is_reported_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path))
    with pytest.raises(CompileError, match="ZeroDivisionError"):
        cache.load("value = 1 / 0\n")
    assert cache.digest("a") != cache.digest("b")
