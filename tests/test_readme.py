"""The README's code runs, in order, as one script."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages import ROOT, blocks, run


def test_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, names = run(blocks((ROOT / "README.md").read_text("utf-8")), tmp_path)
    assert len(names["history"].epochs) == 5
    assert names["report"].ok
    assert (tmp_path / "f.tex").exists()
