"""The README's code runs, in order, as one script."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    script = tmp_path / "readme.py"
    script.write_text("\n".join(b for b in blocks if not b.startswith(" ")), "utf-8")
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(script))
    assert names["grads"]["first.W"].shape == (784, 100)
    assert names["slopes"]["y"] == pytest.approx(0.639072310798, abs=1e-11)
    assert names["report"].ok
    assert (tmp_path / "f.tex").exists()
