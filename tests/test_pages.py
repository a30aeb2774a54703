"""The code of pages in docs/ runs, in order, as one script a page, and prints what stands there.

``python -m pytest tests/test_pages.py --update`` writes what is printed into the pages. Tensors without a
name are numbered in the order in which a page shows them: elsewhere their numbers depend on what was made
before.
"""

from __future__ import annotations

import contextlib
import io
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("from-equation-to-kernel.md", "cuda.md", "optimizers.md", "fitting.md")
CODE = re.compile(r"^```python\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
SHOWN = re.compile(r"^```text\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
MARK = "=== next ==="


def printed(page: str, folder: Path) -> list[str]:
    """Run all code, and return what each block printed."""
    script = folder / "page.py"
    script.write_text(f"\nprint({MARK!r})\n".join(CODE.findall(page)), "utf-8")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        runpy.run_path(str(script))
    numbers: dict[str, str] = {}
    text = re.sub(r"#\d+", lambda m: numbers.setdefault(m[0], f"#{len(numbers) + 1}"), said.getvalue())
    return [re.sub(r" +$", "", block, flags=re.MULTILINE) for block in text.split(f"{MARK}\n")]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_and_prints_what_it_shows(
    name: str, tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))  # a page may show what the benchmarks count
    path = ROOT / "docs" / name
    page = path.read_text("utf-8")
    blocks = [text for text in printed(page, tmp_path) if text]
    if pytestconfig.getoption("--update"):
        new = iter(blocks)
        path.write_text(SHOWN.sub(lambda _: f"```text\n{next(new)}```\n", page), "utf-8")
        return
    assert SHOWN.findall(page) == blocks
