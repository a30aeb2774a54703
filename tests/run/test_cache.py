"""Generated modules are kept on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from symdl.errors import CompileError
from symdl.run import modules as cache


def test_a_changed_file_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "own"))
    source = "value = 1\n"
    assert cache.load(source).value == 1
    assert cache.load(source) is cache.load(source)
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "other"))
    folder = cache.folder()
    (file,) = (tmp_path / "own").glob("*.py")
    (folder / file.name).write_text("value = 2\n")
    assert cache.load(source).value == 1
    assert (folder / file.name).read_text() == source


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
    assert cache.name_of("a") != cache.name_of("b")
