"""``symdl bench``: every library computes the same; what fails or disagrees is said."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest

from symdl.cli import bench
from symdl.cli.peers.worker import times
from symdl.cli.peers.workloads import WORKLOADS

from .running import ran, refused

TINY = tuple(replace(w, count=64 if w.batch else 100, batch=min(w.batch, 16)) for w in WORKLOADS)


@pytest.mark.parametrize(
    "library", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("torch", "jax")]
)
def test_libraries_agree(library: str) -> None:
    pytest.importorskip(library)
    found = {name: times(name, TINY, seconds=0.001, quick=True) for name in ("symdl", library)}
    assert not bench.disagreements(found) and not bench.notes(found[library])
    table = bench.rows(found)
    assert [row[0] for row in table] == [w.title for w in WORKLOADS]
    assert all(row[-1].endswith("of the best other") for row in table)


def told(way: str, seconds: float, figure: float = 2.0) -> dict[str, Any]:
    return {"workload": "small", "way": way, "figure": figure, "first": 1.0, "seconds": seconds}


def test_the_best_way_counts_and_failures_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {
        "symdl": [told("symdl", 9.996e-4)],
        "torch": [told("torch", 5e-3), told("torch, compiled", 2e-3, 2.1)],
        "jax": [{"way": "jax", "error": "no"}],
    }
    monkeypatch.setattr(bench, "_asked", lambda name, *_: asked[name])
    monkeypatch.setattr(bench, "find_spec", lambda name: name)
    found = ran("bench")
    assert found.code == 1 and not found.err
    last = found.out.splitlines()[4:]
    assert last == [
        "a step of 4-16-3, batch 16                 1 ms   2 ms   -    0.5 of the best other",
        "small: torch, compiled 2 ms, torch 5 ms",
        "jax failed: no",
        "torch, compiled (small) found 2.1, symdl 2",
    ]
    asked["torch"].pop()
    assert ran("bench").code == 0


def test_libraries_are_named_as_they_are_called() -> None:
    assert "did you mean torch?" in refused("bench", "--libraries", "toch")
    missing = next((name for name in ("torch", "jax") if find_spec(name) is None), None)
    if missing:
        assert f"cure: pip install {missing}" in refused("bench", "--libraries", missing)


def test_what_a_process_says_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def done(*_: object, **__: object) -> Any:
        return subprocess.CompletedProcess([], 1, said, "Traceback\nImportError: no torch\n")

    monkeypatch.setattr(subprocess, "run", done)
    said = ""
    assert bench._asked("torch", 1.0, "quick") == [{"way": "torch", "error": "ImportError: no torch"}]
    said = "some noise\n" + json.dumps([told("torch", 1.0)])
    assert bench._asked("torch", 1.0, "quick") == [told("torch", 1.0)]
