"""The code of a section of docs/interop.md runs, as one script."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"


def test_scikit_learn(tmp_path: Path) -> None:
    section = PAGE.read_text("utf-8").split("## scikit-learn\n")[1].split("\n## ")[0]
    script = tmp_path / "section.py"
    blocks = re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    script.write_text("\n".join(blocks), "utf-8")
    names = runpy.run_path(str(script))
    assert 0 < names["found"]["roc_auc"] < 1 and len(names["trials"]) == 3
    search = names["search"].set_params(cv=2, estimator__classifier__max_iter=2)
    assert search.fit(names["data"]["x"][:50], names["data"]["t"][:50]).best_score_ > 0
