"""The folder of generated modules has a limit and an age."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdl.run import modules
from symdl.run.pruning import DAYS, MARK, MEGABYTES, PREFIX, prune, prune_hourly

DAY = 86400.0
HALF = 2**19


def put(folder: Path, ages: Mapping[str, float], size: int = 10) -> None:
    """Write files that were used so many days ago."""
    for name, age in ages.items():
        (folder / name).write_bytes(bytes(size))
        os.utime(folder / name, (time.time() - age * DAY,) * 2)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SYMDL_CACHE_MB", "SYMDL_CACHE_DAYS"):
        monkeypatch.delenv(name, raising=False)


def test_what_nobody_used_for_long_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = f"{PREFIX}a.code", f"{PREFIX}b.code"
    put(tmp_path, {old: DAYS + 1, new: DAYS - 1, MARK: 400.0})
    prune(tmp_path)
    assert names(tmp_path) == {new, MARK}
    monkeypatch.setenv("SYMDL_CACHE_DAYS", "3")
    prune(tmp_path)
    assert names(tmp_path) == {MARK}


def test_of_too_much_what_was_used_longest_ago_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {f"{PREFIX}{k}.py": float(k) for k in range(6)}, HALF)
    prune(tmp_path)
    assert len(names(tmp_path)) == 6 and MEGABYTES == 1024
    monkeypatch.setenv("SYMDL_CACHE_MB", "2")
    prune(tmp_path)
    assert names(tmp_path) == {f"{PREFIX}{k}.py" for k in range(4)}
    monkeypatch.setenv("SYMDL_CACHE_MB", "0")
    prune(tmp_path)
    assert not names(tmp_path)


def test_nobody_elses_file_goes(tmp_path: Path) -> None:
    put(tmp_path, {"notes.txt": 1000.0, "symdl.code": 1000.0, ".tmp": 1000.0})
    (tmp_path / f"{PREFIX}folder").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "notes.txt")
    before = names(tmp_path)
    prune(tmp_path)
    assert names(tmp_path) == before


def test_what_a_stopped_process_left_goes_after_a_day(tmp_path: Path) -> None:
    put(tmp_path, {f".{PREFIX}a.1.tmp": 1.1, f".{PREFIX}b.2.tmp": 0.1})
    prune(tmp_path)
    assert names(tmp_path) == {f".{PREFIX}b.2.tmp"}


def test_a_file_that_is_read_is_marked_once_a_day(tmp_path: Path) -> None:
    ages = {f"{PREFIX}a.code": 80.0, f"{PREFIX}b.code": 0.5}
    put(tmp_path, ages)
    for name in ages:
        assert modules.content(tmp_path / name) == bytes(10)
    found = {name: (time.time() - (tmp_path / name).stat().st_mtime) / DAY for name in ages}
    assert found[f"{PREFIX}a.code"] < 0.1 and 0.4 < found[f"{PREFIX}b.code"] < 0.6


def test_who_writes_looks_through_the_folder_once_an_hour(tmp_path: Path) -> None:
    old, new = f"{PREFIX}old.code", tmp_path / f"{PREFIX}new.code"
    put(tmp_path, {old: 1000.0})
    modules.write(new, b"1")
    assert names(tmp_path) == {new.name, MARK}
    put(tmp_path, {old: 1000.0})
    modules.write(new, b"2")
    assert old in names(tmp_path)
    put(tmp_path, {MARK: 1 / 23})
    modules.write(new, b"3")
    assert names(tmp_path) == {new.name, MARK}
    put(tmp_path, {old: 1000.0, MARK: -10.0})  # the clock was wrong
    prune_hourly(tmp_path)
    assert old not in names(tmp_path)


def test_a_file_that_another_process_removes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, {f"{PREFIX}{k}.code": 1000.0 for k in range(3)})
    unlink = Path.unlink

    def late(path: Path) -> None:
        unlink(path)
        unlink(path)

    monkeypatch.setattr(Path, "unlink", late)
    prune(tmp_path)
    assert not names(tmp_path)
    prune_hourly(tmp_path / "nowhere")


@given(ages=st.lists(st.floats(0, 200), max_size=8, unique=True), limit=st.integers(0, 5))
def test_what_stays_is_what_was_used_last(
    tmp_path_factory: pytest.TempPathFactory, ages: list[float], limit: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    put(folder, {f"{PREFIX}{k}": age for k, age in enumerate(ages)}, HALF)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYMDL_CACHE_MB", str(limit))
        prune(folder)
    kept = sorted(ages)[: 2 * limit]
    wanted = {f"{PREFIX}{k}" for k, age in enumerate(ages) if age in kept and age < DAYS}
    assert names(folder) == wanted
