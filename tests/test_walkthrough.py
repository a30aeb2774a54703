"""The walkthrough's code runs, in order, as one script, and prints what stands there.

``--update`` writes what is printed into the page. Tensors without a name are numbered in the order in which
the page shows them: elsewhere their numbers depend on what was made before.
"""

from __future__ import annotations

import contextlib
import io
import re
import runpy
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "from-equation-to-kernel.md"
CODE = re.compile(r"^```python\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
SHOWN = re.compile(r"^```text\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
MARK = "=== next ==="


def printed(page: str, folder: Path) -> list[str]:
    """Run all code, and return what each block printed."""
    script = folder / "walkthrough.py"
    script.write_text(f"\nprint({MARK!r})\n".join(CODE.findall(page)), "utf-8")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        runpy.run_path(str(script))
    numbers: dict[str, str] = {}
    text = re.sub(r"#\d+", lambda m: numbers.setdefault(m[0], f"#{len(numbers) + 1}"), said.getvalue())
    return [re.sub(r" +$", "", block, flags=re.MULTILINE) for block in text.split(f"{MARK}\n")]


def test_the_walkthrough_runs_and_prints_what_it_shows(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    page = PAGE.read_text("utf-8")
    blocks = [text for text in printed(page, tmp_path) if text]
    if pytestconfig.getoption("--update"):
        new = iter(blocks)
        PAGE.write_text(SHOWN.sub(lambda _: f"```text\n{next(new)}```\n", page), "utf-8")
        return
    assert SHOWN.findall(page) == blocks
