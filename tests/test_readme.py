"""The README's code runs, in order, as one script."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages import ROOT, blocks, run


def test_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, names = run(blocks((ROOT / "README.md").read_text("utf-8")), tmp_path)
    assert names["grads"]["first.W"].shape == (784, 100)
    assert names["slopes"]["y"] == pytest.approx(0.639072310798, abs=1e-11)
    assert names["report"].ok
    assert (tmp_path / "f.tex").exists()
