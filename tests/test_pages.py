"""The code of all pages in docs/ runs, in order, as one script a page, and prints what stands below it.

``python -m pytest tests/test_pages.py --update`` writes what is printed into the pages.
"""

from __future__ import annotations

import doctest
import functools
import re
from pathlib import Path

import pytest

import symdl as sd
from tests.pages import ROOT, blocks, run

DOCS = ROOT / "docs"
PAGES = sorted(p.relative_to(ROOT).as_posix() for p in DOCS.rglob("*.md") if p.parent != DOCS / "names")
NEEDS = {page: sorted({b.needs for b in blocks((ROOT / page).read_text("utf-8"))}) for page in PAGES}
MARKED = ("torch", "jax", "onnx")


def shows(page: str, text: str) -> bool:
    """Say whether a page shows what was printed; ``...`` there stands for what differs between machines."""
    return doctest.OutputChecker().check_output(page, text, doctest.ELLIPSIS) and bool(page) == bool(text)


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        pytest.param(page, package, marks=getattr(pytest.mark, package) if package in MARKED else ())
        for page, needs in NEEDS.items()
        for package in needs
    ],
)
def test_a_page_runs_and_prints_what_it_shows(
    name: str, needs: str, tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    if needs:
        pytest.importorskip(needs)
    monkeypatch.syspath_prepend(str(ROOT))  # a page may show what the benchmarks count
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    page = (ROOT / name).read_text("utf-8")
    code = [block for block in blocks(page) if block.needs == needs]
    found, _ = run(code, tmp_path)
    if pytestconfig.getoption("--update"):
        for block, text in reversed([*zip(code, found, strict=True)]):
            if block.text is not None and not shows(block.text, text):
                start, end = block.place
                page = page[:start] + text + page[end:]
        (ROOT / name).write_text(page, "utf-8")
        return
    for block, text in zip(code, found, strict=True):
        assert block.text is None or shows(block.text, text), (
            f"python -m pytest tests/test_pages.py --update\n{block.code}"
        )


def test_pages_show_what_they_print() -> None:
    """A page with many outputs is found, with all of them: the expression that reads pages knows its form."""
    page = (ROOT / "docs" / "from-equation-to-kernel.md").read_text("utf-8")
    assert len(blocks(page)) > 10 and sum(b.text is not None for b in blocks(page)) == page.count(
        "\n```text\n"
    )
    assert len(PAGES) > 20 and {"", *MARKED} <= {package for needs in NEEDS.values() for package in needs}


@pytest.mark.parametrize("name", ["README.md", *PAGES])
def test_names_in_a_page_are_names(name: str) -> None:
    for path in sorted(set(re.findall(r"\bsd((?:\.[a-zA-Z_]\w*)+)", (ROOT / name).read_text("utf-8")))):
        functools.reduce(getattr, path[1:].split("."), sd)
