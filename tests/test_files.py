"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DataError
from symdl.explain.documents.collection import Collection
from symdl.files import replacing

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="other permissions and devices")


def full(*_: object, **_more: object) -> None:
    raise OSError(28, "No space left on device")


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def mask() -> Iterator[None]:
    old = os.umask(0o027)
    yield
    os.umask(old)


@pytest.mark.parametrize("cache", [False, True])
def test_a_failure_leaves_the_old_file(cache: bool, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), replacing(path, cache=cache) as file:
        file.write(b"half of the new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("cache", [False, True])
def test_the_new_file_appears_at_the_end(cache: bool, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with replacing(path, cache=cache) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["open", "fsync", "chmod", "replace"])
def test_a_system_that_fails(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the system's calls fails: the old file stays, nothing is left beside it."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(DataError, match="a cannot be written: No space left on device"):
            with replacing(path) as file:
                file.write(b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@UNIX
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """What is too long for the disk fails on writing or on closing, not on opening."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "a"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DataError, match="cannot be written"), replacing(path) as file:
            file.write(bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@UNIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444, 0o755])
def test_permissions_are_kept(mode: int, mask: None, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new" and permissions(path) == mode


@UNIX
def test_permissions_of_new_files(mask: None, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with replacing(path):
        assert not path.exists()
    assert permissions(path) == 0o640


@UNIX
def test_a_cache_is_for_its_user_only(mask: None, tmp_path: Path) -> None:
    old, link = tmp_path / "old", tmp_path / "link"
    old.write_bytes(b"old")
    old.chmod(0o666)
    link.symlink_to(old)
    for path in (link, tmp_path / "new", old):
        with replacing(path, cache=True) as file:
            file.write(b"new")
        assert path.read_bytes() == b"new" and permissions(path) == 0o600 and not path.is_symlink()
        if path is link:
            assert old.read_bytes() == b"old"


@UNIX
def test_links_go_on_pointing_where_they_do(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, there in (("full", True), ("empty", False)):
        path, target = tmp_path / name, tmp_path / "folder" / name
        if there:
            target.write_bytes(b"old")
        path.symlink_to(Path("folder", name))
        with replacing(path) as file:
            file.write(b"new")
        assert path.is_symlink() and not target.is_symlink() and target.read_bytes() == b"new"
    assert len(list((tmp_path / "folder").iterdir())) == 2


def test_folders(tmp_path: Path) -> None:
    path = tmp_path / "no" / "such" / "file"
    with pytest.raises(DataError, match="cannot be written"), replacing(path):
        raise AssertionError
    with replacing(path, parents=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    for wrong in (path / "file", path.parent):
        with pytest.raises(DataError, match="cannot be written"), replacing(wrong, parents=True):
            raise AssertionError
    assert list(path.parent.iterdir()) == [path]


@UNIX
def test_a_device_is_not_replaced() -> None:
    with pytest.raises(DataError, match="a folder or a device"), replacing(os.devnull):
        raise AssertionError
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_long_names(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 100 + ".npz")
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_everything_that_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A derivation, several, and a model: after a failure each file is as it was."""
    x = sd.tensor("x", (sd.Dim("n"), 3))
    loss = (x @ sd.parameter("w", (3,), init=sd.nn.zeros())).sum()
    derivation, model = sd.derive(loss, "w"), sd.Model(loss, target="python")
    savers: dict[str, Callable[[Path], object]] = {
        "a.tex": derivation.save,
        "a.json": derivation.save,
        "b.txt": Collection("both", (derivation, derivation)).save,
        "c.npz": model.save,
    }
    for name, save in savers.items():
        path = tmp_path / name
        save(path)
        before = path.read_bytes()
        model.parameters["w"][:] = np.arange(3)
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", full)
            with pytest.raises(DataError, match="No space left"):
                save(path)
        assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == savers.keys()
