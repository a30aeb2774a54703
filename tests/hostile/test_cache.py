"""The folder of machine code is a boundary: nothing that others could have written is run.

The rest of this is in tests/kinds/test_kernel_cache.py: that what is read is bound to its key, no bytecode,
full disks; and in tests/run/test_pruning.py: size, age, what is left by processes that were killed.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import CompileError, DataError
from symdl.files import user_cache
from symdl.run import modules
from symdl.run.pruning import MARK

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there the system keeps users apart")


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o377])
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_made_is_for_its_user_only(
    mask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the folders around it, where somebody could put another one in its place."""
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "a" / "b" / "kernels"))
    folder = modules.folder()
    modules.write(folder / "symdl_kernels_x.py", b"x")
    made = [tmp_path / "a", tmp_path / "a" / "b", folder, *folder.iterdir()]
    assert {path.name for path in made} == {"a", "b", "kernels", "symdl_kernels_x.py", MARK}
    for path in made:
        assert not permissions(path) & 0o077, (path, oct(permissions(path)))


def test_others_may_write_to_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared folder is refused, with a cure, whoever shares it; one that others only read is used."""
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setenv("SYMDL_CACHE", str(shared))
    for mode in (0o770, 0o707, 0o777, 0o1777):
        shared.chmod(mode)
        with pytest.raises(CompileError, match="others may write") as caught:
            sd.compile(sp.Symbol("x") ** 2)
        assert "SYMDL_CACHE" in str(caught.value.cure)
    shared.chmod(0o755)
    assert modules.folder() == shared
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: 4321)  # the folder is somebody else's
        with pytest.raises(CompileError, match="others may write"):
            modules.folder()


def written(folder: Path, name: str = "symdl_kernels_a.code") -> Path:
    path = folder / name
    path.write_bytes(b"right")
    path.chmod(0o600)
    return path


def test_what_was_opened_is_what_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No second look-up by name, between which and the first one another file could take its place."""
    path, other = written(tmp_path), written(tmp_path, "other")
    other.write_bytes(b"wrong")
    other.chmod(0o666)

    def no_look(*_: object, **_more: object) -> Any:
        raise AssertionError("looked up by its name")

    with monkeypatch.context() as patch:
        for name in ("stat", "lstat"):
            patch.setattr(os, name, no_look)
        assert modules.content(path) == b"right"
    fstat = os.fstat

    def exchanged(file: int) -> os.stat_result:
        found = fstat(file)
        other.replace(path)  # just now somebody puts another one there
        return found

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", exchanged)
        assert modules.content(path) == b"right"
    assert modules.content(path) is None  # of the other one others may write


def as_link(path: Path) -> None:
    path.rename(path.with_name("target"))
    path.symlink_to("target")


def of_others(path: Path) -> None:
    path.chmod(0o620)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [as_link, of_others, pipe, folder, Path.unlink])
def test_what_is_not_read(change: Callable[[Path], None], tmp_path: Path) -> None:
    path = written(tmp_path)
    assert modules.content(path) == b"right"
    count = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    change(path)
    assert modules.content(path) is None
    assert sys.platform != "linux" or len(os.listdir("/proc/self/fd")) == count


def test_somebody_elses_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    assert modules.content(path) is None


@pytest.mark.skipif(sys.platform != "linux", reason="others have their own way to such a folder")
def test_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What compiles says what to set; nothing is written wherever the process happens to be."""
    monkeypatch.chdir(tmp_path)
    for name in ("SYMDL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for home in ("relative", None):
        if home is None:
            monkeypatch.delenv("HOME")
            monkeypatch.setattr(Path, "home", nobody)
        else:
            monkeypatch.setenv("HOME", home)
        with pytest.raises(DataError, match="no home"):
            user_cache(os.environ)
        with pytest.raises(CompileError, match="SYMDL_CACHE"):
            modules.folder()
    assert not list(tmp_path.iterdir())


def nobody() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_a_folder_that_is_read_only_serves_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a read-only file system functions are compiled for the process alone, and nothing is said."""
    monkeypatch.setenv("SYMDL_CACHE", str(tmp_path / "kernels"))
    modules.folder()
    opened = os.open

    def read_only(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(tmp_path)):
            raise OSError(30, "Read-only file system")
        return opened(path, flags, *more, **named)

    x = sp.Symbol("x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        np.testing.assert_allclose(sd.compile(x**3 + 7, target="python")(x=2.0), 15.0)
    assert not list((tmp_path / "kernels").glob("*"))
